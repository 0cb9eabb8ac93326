"""embed_sql.py: what it makes of .sql files, and what it refuses."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).with_name("embed_sql.py")
sys.path.insert(0, str(TOOL.parent))
sys.dont_write_bytecode = True
import embed_sql  # noqa: E402


def statements(text):
    return embed_sql.parse_query_file(text, "q.sql")


class Queries(unittest.TestCase):
    def test_comments_do_not_reach_the_server(self):
        made = statements("-- About notes.\n\n-- name: a_b :one\n-- Why.\n-- And how.\nSELECT 1, -- one\n  /* two /* nested */ */ 2;\n")
        self.assertEqual(made[0].text, "SELECT 1,\n    2")
        self.assertEqual(made[0].comment, "Why. And how.")
        self.assertEqual((made[0].name, made[0].kind), ("a_b", "DB_ONE"))

    def test_what_looks_like_a_comment_in_a_string_stays(self):
        for literal in ("'--; $9 /*'", "'it''s --'", r"E'it\'s --; $9'", "$$--; $9 ' $$", "$a$ $$ -- $a$", '"--;"'):
            with self.subTest(literal):
                self.assertEqual(statements(f"-- name: a :many\nSELECT {literal}, $1::text")[0].text, f"SELECT {literal}, $1::text")

    def test_several_blocks_and_kinds(self):
        made = statements("".join(f"-- name: s_{kind} :{kind}\nSELECT 1;\n\n" for kind in ("one", "maybe", "many", "exec")))
        self.assertEqual([s.kind for s in made], ["DB_ONE", "DB_MAYBE", "DB_MANY", "DB_EXEC"])

    def test_refused(self):
        cases = {
            "-- name: a\nSELECT 1": "q.sql:1: expected '-- name:",
            "-- name: a :all\nSELECT 1": "q.sql:1: expected '-- name:",
            "-- name: A :one\nSELECT 1": "q.sql:1: expected '-- name:",
            "-- name: a :one\n-- nothing": "exactly one statement, this one 0",
            "-- name: a :one\nSELECT 1; SELECT 2": "exactly one statement, this one 2",
            "SELECT 1;\n-- name: a :one\nSELECT 1": "before the first",
            "-- name: a :one\nSELECT $1::int, $3::int": "$2 is missing",
            "-- name: a :one\nSELECT $0::int": "parameters are $1 to $24",
            "-- name: a :one\nSELECT " + ", ".join(f"${i}::int" for i in range(1, 26)): "parameters are $1 to $24",
            "-- name: a :one\n\nSELECT x FROM t WHERE x = $1": "q.sql:3: a: cast $1",
            "-- name: a :one\nSELECT * FROM t": "list the columns",
            "-- name: a :one\nDELETE FROM t RETURNING *": "list the columns",
            "-- name: a :one\nSELECT 'open": "never ends",
            "-- name: a :one\nSELECT /* /* */": "never ends",
            "-- name: a :one\nSELECT $x$ $y$": "never ends",
        }
        for text, message in cases.items():
            with self.subTest(text), self.assertRaises(embed_sql.SqlError) as raised:
                statements(text)
            self.assertIn(message, str(raised.exception))

    def test_count_star_and_second_use_without_cast(self):
        self.assertEqual(len(statements("-- name: a :one\nSELECT count(*) FROM t WHERE a = $1::uuid OR b = $1")), 1)


class Migrations(unittest.TestCase):
    def test_commands_that_need_no_transaction_are_refused(self):
        for text in ("BEGIN; SELECT 1; COMMIT;", "CREATE INDEX CONCURRENTLY i ON t (x);", "VACUUM t;", "-- c\nROLLBACK"):
            with self.subTest(text), self.assertRaises(embed_sql.SqlError):
                embed_sql.check_migration(text, "m.sql")

    def test_begin_inside_a_function_is_fine(self):
        embed_sql.check_migration("CREATE FUNCTION f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;", "m.sql")


class Folders(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = Path(self.temporary.name)

    def write(self, path, text):
        file = self.folder / "sql" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())

    def run_tool(self, *options):
        return subprocess.run([sys.executable, TOOL, *options, "demo", self.folder / "sql", self.folder / "out"],
                              capture_output=True, text=True, check=False)

    def test_files(self):
        self.write("queries/a.sql", "-- name: a_get :one\n-- Why */ not?\nSELECT 'a\"b\\c??/', $1::text;\n")
        self.write("migrations/0001_a.sql", "-- 早晨\nCREATE TABLE a (x text);\n")
        ran = self.run_tool("--depfile", str(self.folder / "d"), "--lists", "kit")
        self.assertEqual((ran.returncode, ran.stderr), (0, ""))
        self.assertIn("migrations/0001_a.sql", (self.folder / "d").read_text())
        (self.folder / "use.c").write_text('#include "gen/demo_sql.h"\n#include <stdio.h>\nint main(void) {\n'
                                           'printf("%s|%s|%s|%d", kit_statements[0]->name, DEMO_SQL_a_get.text,'
                                           ' kit_migrations[0]->text, kit_migrations[1] == NULL); }\n')
        root, out = TOOL.parents[2], self.folder / "out"
        subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", f"-I{root}", f"-I{out}", self.folder / "use.c", out / "demo_sql.c",
                        "-o", self.folder / "use"], check=True)
        printed = subprocess.run([self.folder / "use"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(printed, "a_get|SELECT 'a\"b\\c??/', $1::text|-- 早晨\nCREATE TABLE a (x text);\n|1")

    def test_refused(self):
        cases = [
            ({"queries/a.sql": "-- name: x :one\nSELECT 1", "queries/b.sql": "-- name: x :one\nSELECT 1"}, "stands already in"),
            ({"migrations/0002_a.sql": "SELECT 1"}, "expected number 0001"),
            ({"migrations/1_a.sql": "SELECT 1"}, "name it NNNN"),
            ({"queries/a.sql": b"-- name: x :one\nSELECT '\xff'"}, "not UTF-8"),
            ({"queries/a.sql": "-- name: x :one\nSELECT '\0'"}, "NUL"),
        ]
        for files, message in cases:
            with self.subTest(message):
                self.setUp()
                for path, text in files.items():
                    self.write(path, text)
                ran = self.run_tool()
                self.assertEqual(ran.returncode, 1)
                self.assertIn(message, ran.stderr)
                self.assertFalse((self.folder / "out").exists())

    def test_no_folder(self):
        self.assertIn("no such folder", self.run_tool().stderr)


if __name__ == "__main__":
    unittest.main()
