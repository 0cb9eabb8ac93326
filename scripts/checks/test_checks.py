#!/usr/bin/env python3
"""The checks find what they are for: each runs over a small tree with one thing wrong, and over the same tree with nothing wrong."""
import os
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOUND = {
    "meson.build": "services = ['tasks']\n",
    "libshared/base/text.h": "#pragma once\n\nint text_length(const char *text);\n",
    "libshared/base/text.c": '#include "libshared/base/text.h"\n\nint text_length(const char *text)\n{\n    return text[0];\n}\n',
    "libshared/rpc/call.c": '#include "libshared/base/text.h"\n#include "gen/kongsi_errors.h"\n',
    "services/tasks/README.md": "RPCs, tables, events, known limits\n",
    "services/tasks/meson.build": "",
    "services/tasks/main.c": "int main(void)\n{\n    return 0;\n}\n",
    "services/tasks/service.c": '#include "libshared/service/service.h"\n',
    "services/tasks/task.c": '#include "libshared/base/text.h"\n',
    "services/tasks/rpc_task.c": '#include "libshared/rpc/rpc.h"\n',
    "services/tasks/store_task.c": '#include "libshared/db/db.h"\n#include "gen/tasks_sql.h"\n',
    "services/tasks/test_task.c": '#include "libshared/db/db.h"\n',
    "services/tasks/sql/migrations/0001_tasks.sql": "SELECT 1;\n",
    "services/tasks/sql/queries/task.sql": "SELECT 1;\n",
}
BODY = "int f(int a)\n{\n%s    return a;\n}\n"
# (check, file, its content or None to leave it out, what the check says)
CASES = [
    ("layers", "libshared/base/up.c", '#include "libshared/db/db.h"\n', "libshared/base may not include libshared/db/db.h"),
    ("layers", "libshared/rpc/up.c", '#include "libshared/db/db.h"\n', "libshared/rpc may not include libshared/db/db.h"),
    ("layers", "libshared/bus/gen.c", '#include "gen/tasks_client.h"\n', "libshared/bus may not include gen/tasks_client.h"),
    ("layers", "libshared/base/word.c", "int conversation_count;\n", "no domain word"),
    ("layers", "libshared/base/word.c", 'const char *name = "identity";\n', "no domain word"),
    ("layers", "libshared/other/x.c", "", "is none of them"),
    ("layers", "services/tasks/rpc_task.c", '#include "libshared/db/db.h"\n', "rpc_*.c may not include libshared/db/db.h"),
    ("layers", "services/tasks/rpc_task.c", BODY % "    db_query(a);\n", "may not call db_query"),
    ("layers", "services/tasks/rpc_task.c", '#include "gen/tasks_sql.h"\n', "only store_*.c may use SQL"),
    ("layers", "services/tasks/store_task.c", '#include "libshared/rpc/rpc.h"\n', "store_*.c may not include libshared/rpc/rpc.h"),
    ("layers", "services/tasks/store_task.c", BODY % "    identity_client_get_user(a);\n", "may not call identity_client_get_user"),
    ("layers", "services/tasks/task.c", '#include "libshared/rpc/rpc.h"\n', "may not include libshared/rpc/rpc.h"),
    ("layers", "services/tasks/task.c", '#include "services/identity/store.h"\n', "RPC and events only"),
    ("shape", "services/tasks/README.md", None, "has no README.md"),
    ("shape", "services/tasks/README.md", "nothing\n", "says nothing about"),
    ("shape", "services/tasks/test_task.c", None, "has no test_*.c"),
    ("shape", "services/tasks/sql/migrations/0001_tasks.sql", None, "needs migrations/ and queries/"),
    ("shape", "services/tasks/sql/migrations/0003_more.sql", "", "expected number 0002"),
    ("shape", "services/tasks/sql/migrations/2_More.sql", "", "is not named like"),
    ("shape", "services/tasks/main.c", "\n" * 50, "in at most 40 lines"),
    ("shape", "services/other/service.c", "", "services/other: is not in the list"),
    ("style", "libshared/base/text.h", "int x;\n", "has no #pragma once"),
    ("style", "libshared/base/text.c", '#include <stdio.h>\n#include "libshared/base/text.h"\n', "before its own header"),
    ("style", "libshared/base/long.c", "int x;\n" * 601, "has 601 lines"),
    ("style", "libshared/base/long.c", BODY % ("    a++;\n" * 100), "f has 101 lines"),
    ("style", "libshared/base/brace.c", BODY % "    if (a)\n        a++;\n", "if without braces"),
    ("style", "libshared/base/brace.c", BODY % "    if (a &&\n        (a + 1))\n        a++;\n", "if without braces"),
    ("style", "libshared/base/brace.c", BODY % "    while (a > 1) a--;\n", "while without braces"),
    ("style", "libshared/base/brace.c", BODY % "    if (a) {\n    } else\n        a++;\n", "else without braces"),
    ("texts", "notes.md", "look in /ho" "me/somebody/notes\n", "a path of one machine"),
    ("texts", ".npmrc", "registry=htt" "ps://npm.example\n", "address of a package registry"),
    ("texts", "package-lock.json", '{"packages": {"node_modules/a": {"resolved": "x"}}}', "resolved address"),
    ("texts", "libshared/base/text.c", "<" * 7 + " ours\n", "marks of a merge conflict"),
]
# Must not be taken for something wrong.
FINE = [
    ("style", "libshared/base/fine.c", BODY % "    do {\n        a++;\n    } while (a < 3);\n"),
    ("style", "libshared/base/fine.c", BODY % '    /* if (a) */\n    const char *b = "for (;;)";\n'),
    ("style", "libshared/base/fine.c", BODY % "    if (a &&\n        (a + 1)) {\n        a++;\n    } else if (a) {\n    } else {\n    }\n"),
    ("style", "libshared/base/fine.c", BODY % ("    static const int ROWS[] = {\n" + "        1,\n" * 150 + "    };\n")),
    ("layers", "libshared/base/fine.c", "/* as identity does */\n"),
    ("layers", "libshared/base/fine.c", "int clock = CLOCK_REALTIME;\n"),
    ("layers", "libshared/rpc/test_fine.c", '#include "kongsi/messaging/v1/message.pb-c.h"\n'),
]


def run(check, changes):
    with tempfile.TemporaryDirectory() as root:
        for path, content in {**SOUND, **changes}.items():
            if content is not None:
                Path(root, path).parent.mkdir(parents=True, exist_ok=True)
                Path(root, path).write_text(content, encoding="utf-8")
        environment = {**os.environ, "KONGSI_CHECK_ROOT": root, "GIT_CEILING_DIRECTORIES": str(Path(root).parent)}
        done = subprocess.run([sys.executable, HERE / f"{check}.py"], env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


class Checks(unittest.TestCase):
    def test_sound_tree(self):
        for check in ("layers", "shape", "style", "texts"):
            self.assertEqual(run(check, {}), (0, ""), check)

    def test_finds(self):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(lambda case: run(case[0], {case[1]: case[2]}), CASES))
        for (check, path, _, said), (status, output) in zip(CASES, results):
            with self.subTest(check=check, path=path, said=said):
                self.assertEqual(status, 1, output)
                self.assertIn(said, output)

    def test_leaves_alone(self):
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(lambda case: run(case[0], {case[1]: case[2]}), FINE))
        for (check, _, content), result in zip(FINE, results):
            with self.subTest(check=check, content=content[:60]):
                self.assertEqual(result, (0, ""))


if __name__ == "__main__":
    unittest.main()
