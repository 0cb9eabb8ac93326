#!/usr/bin/env python3
"""Embeds a component's .sql files into C: prepared statements and migrations.

  embed_sql.py [--lists PREFIX] [--depfile FILE] COMPONENT SQLDIR OUTDIR

reads SQLDIR/queries/*.sql and SQLDIR/migrations/NNNN_<name>.sql and writes OUTDIR/<component>_sql.c, OUTDIR/gen/<component>_sql.h and
OUTDIR/<component>_sql.h, which only includes the latter (meson declares no outputs in sub-folders, but must order by a header):

  extern const struct db_statement MESSAGING_SQL_message_insert;
  extern const struct db_statement *const messaging_sql_statements[];   (--lists bus: bus_statements, bus_migrations)
  extern const struct db_migration *const messaging_sql_migrations[];

A query file is a sequence of blocks, each one statement; comments do not reach the server:

  -- name: message_insert :one|:maybe|:many|:exec
  -- What it is for.
  INSERT INTO messages (org_id, id) VALUES ($1::uuid, $2::uuid) RETURNING seq;

Refused, with file and line: a block without name or kind, a name used twice, no or several statements in a block, a gap in the $n, more
than 24 of them, a $n that is not cast where it stands first, SELECT * and RETURNING *; migrations out of sequence or with commands
that cannot run in the one transaction they get.

Meson, in the component's own folder; its sources then say #include "gen/messaging_sql.h":

  messaging_sql = custom_target('messaging_sql', output: ['messaging_sql.h', 'messaging_sql.c'],
    command: [python, embed_sql, '--depfile', '@DEPFILE@', 'messaging', meson.current_source_dir() / 'sql', '@OUTDIR@'],
    depfile: 'messaging_sql.d')
  messaging = static_library('messaging', …, messaging_sql, dependencies: [db_dep, …])
"""

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path

PARAMS_MAX = 24  # DB_PARAMS_MAX in db.h
KINDS = {"one": "DB_ONE", "maybe": "DB_MAYBE", "many": "DB_MANY", "exec": "DB_EXEC"}
NAME_LINE = re.compile(r"^--\s*name\s*:(.*)$")
NAME = re.compile(r"^\s*([a-z][a-z0-9_]*)\s+:([a-z]+)\s*$")
MIGRATION_FILE = re.compile(r"^([0-9]{4})_[a-z0-9_]+\.sql$")

# One lexical element of SQL, as PostgreSQL's scanner sees it (chapter 4.1 of its manual). Dollar quotes and nesting comments are apart.
TOKEN = re.compile(
    r"""
    (?P<line_comment>--[^\n]*)
  | (?P<escape_string>[eE]'(?:[^'\\]|''|\\.)*')
  | (?P<string>'(?:[^']|'')*')
  | (?P<identifier>"(?:[^"]|"")*")
  | (?P<param>\$[0-9]+)
  | (?P<semicolon>;)
  | (?P<word>[A-Za-z_\x80-\U0010ffff][A-Za-z0-9_$\x80-\U0010ffff]*)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
DOLLAR_QUOTE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)?\$")


class SqlError(Exception):
    """A fault in a .sql file; says where."""


@dataclass
class Token:
    kind: str
    text: str
    line: int


@dataclass
class Statement:
    name: str
    kind: str
    text: str
    source: str
    comment: str


@dataclass
class Migration:
    version: int
    name: str
    text: str
    source: str


def fail(source, line, message):
    raise SqlError(f"{source}:{line}: {message}")


def block_comment_end(text, start):
    """The index behind the (nesting) comment that begins at `start`; -1: it never ends."""
    depth = 0
    for match in re.finditer(r"/\*|\*/", text[start:]):
        depth += 1 if match.group() == "/*" else -1
        if depth == 0:
            return start + match.end()
    return -1


def dollar_string_end(text, match):
    end = text.find(match.group(), match.end())
    return -1 if end < 0 else end + len(match.group())


def tokenize(text, source, first_line):
    """The lexical elements of SQL; `first_line` is the line of its first character."""
    at = 0
    while at < len(text):
        line = first_line + text.count("\n", 0, at)
        dollar = DOLLAR_QUOTE.match(text, at)
        if dollar:
            kind, end = "string", dollar_string_end(text, dollar)
        elif text.startswith("/*", at):
            kind, end = "comment", block_comment_end(text, at)
        else:
            match = TOKEN.match(text, at)
            kind, end = match.lastgroup, match.end()
            if kind == "other" and match.group() in "'\"":
                end = -1
        if end < 0:
            fail(source, line, f"{text[at:at + 10].splitlines()[0]!r} begins something that never ends")
        kind = {"line_comment": "comment", "escape_string": "string"}.get(kind, kind)
        yield Token(kind, text[at:end], line)
        at = end


def split_statements(tokens):
    """Lists of the tokens of each statement, comments dropped."""
    statements, current = [], []
    for token in tokens:
        if token.kind == "semicolon":
            statements.append(current)
            current = []
        elif token.kind == "comment":
            current.append(Token("other", " ", token.line))
        else:
            current.append(token)
    statements.append(current)
    return [s for s in statements if any(not t.text.isspace() for t in s)]


def is_cast(tokens, index):
    return "".join(t.text for t in tokens[index + 1:index + 8]).lstrip().startswith("::")


def check_params(tokens, source, name):
    seen = set()
    for index, token in enumerate(tokens):
        if token.kind != "param":
            continue
        number = int(token.text[1:])
        if number not in seen and not is_cast(tokens, index):
            fail(source, token.line, f"{name}: cast {token.text} where it stands first, as in {token.text}::uuid")
        seen.add(number)
    for number in range(1, max(seen, default=0) + 1):
        if number not in seen:
            fail(source, tokens[0].line, f"{name}: ${number} is missing, but ${max(seen)} is used")
    if 0 in seen or len(seen) > PARAMS_MAX:
        fail(source, tokens[0].line, f"{name}: parameters are $1 to ${PARAMS_MAX}")


def check_columns(tokens, source, name):
    words = [t for t in tokens if not t.text.isspace()]
    for before, after in zip(words, words[1:]):
        if before.text.lower() in ("select", "returning") and after.text == "*":
            fail(source, after.line, f"{name}: list the columns instead of *")


def statement_text(tokens):
    lines = [line.rstrip() for line in "".join(t.text for t in tokens).splitlines()]
    return "\n".join(line for line in lines if line.strip()).strip()


def parse_block(header, header_line, body, source):
    match = NAME.match(header)
    if not match or match.group(2) not in KINDS:
        fail(source, header_line, "expected '-- name: <snake_case> :one|:maybe|:many|:exec'")
    name, kind = match.groups()
    tokens = list(tokenize(body, source, header_line + 1))
    statements = split_statements(tokens)
    if len(statements) != 1:
        fail(source, header_line, f"{name}: a block holds exactly one statement, this one {len(statements)}")
    statement = statements[0]
    check_params(statement, source, name)
    check_columns(statement, source, name)
    return Statement(name, KINDS[kind], statement_text(statement), f"{source}:{header_line}", leading_comment(body))


def leading_comment(body):
    lines = []
    for line in body.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line[2:].strip())
    return " ".join(lines)


def parse_query_file(text, source):
    """The statements of one file of blocks."""
    blocks, preamble = [], []
    for number, line in enumerate(text.splitlines(), 1):
        match = NAME_LINE.match(line)
        if match:
            blocks.append((match.group(1), number, []))
        elif blocks:
            blocks[-1][2].append(line)
        else:
            preamble.append(line)
    if split_statements(tokenize("\n".join(preamble), source, 1)):
        fail(source, 1, "a statement stands before the first '-- name:' line")
    return [parse_block(header, number, "\n".join(body), source) for header, number, body in blocks]


def check_migration(text, source):
    for statement in split_statements(tokenize(text, source, 1)):
        words = [t.text.lower() for t in statement if t.kind == "word"]
        first = next(t for t in statement if not t.text.isspace())
        if words and words[0] in ("begin", "start", "commit", "end", "rollback", "abort", "vacuum"):
            fail(source, first.line, f"{words[0].upper()}: a migration runs in one transaction of its own")
        if "concurrently" in words:
            fail(source, first.line, "CONCURRENTLY does not run in a transaction")


def read_text(path):
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SqlError(f"{path}: not UTF-8 at byte {error.start}") from error
    if "\0" in text or "\r" in text:
        raise SqlError(f"{path}: holds NUL or carriage return characters")
    return text


def read_statements(folder):
    statements, places = [], {}
    for path in sorted((folder / "queries").glob("*.sql")):
        for statement in parse_query_file(read_text(path), str(path.relative_to(folder.parent))):
            if statement.name in places:
                raise SqlError(f"{statement.source}: {statement.name} stands already in {places[statement.name]}")
            places[statement.name] = statement.source
            statements.append(statement)
    return statements


def read_migrations(folder):
    migrations = []
    for path in sorted((folder / "migrations").glob("*.sql")):
        source = str(path.relative_to(folder.parent))
        match = MIGRATION_FILE.match(path.name)
        if not match:
            raise SqlError(f"{source}: name it NNNN_<snake_case>.sql")
        version, text = int(match.group(1)), read_text(path)
        if version != len(migrations) + 1:
            raise SqlError(f"{source}: expected number {len(migrations) + 1:04d} here: versions are 0001, 0002, … without gaps")
        check_migration(text, source)
        migrations.append(Migration(version, path.stem, text, source))
    return migrations


def c_string(text, indent="    "):
    """A C string literal, one source line per line of text."""
    def escape(line):
        line = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?").replace("\t", "\\t")
        return line.replace("\n", "\\n")
    lines = [f'{indent}"{escape(line)}"' for line in text.splitlines(keepends=True)]
    return "\n".join(lines) if lines else f'{indent}""'


def print_header(component, lists, statements, migrations):
    out = [f"/* Generated from the .sql files of {component} by embed_sql.py. */", "#pragma once", "",
           '#include "libshared/db/db.h"', '#include "libshared/db/db_migrate.h"', ""]
    for s in statements:
        comment = s.comment.replace("*/", "* /").replace("/*", "/ *")
        out.append(f"/* {s.source}{': ' + comment if comment else ''} */")
        out.append(f"extern const struct db_statement {component.upper()}_SQL_{s.name};")
    out += ["", "/* All of them; NULL-terminated. */", f"extern const struct db_statement *const {lists}_statements[];",
            f"/* In order; NULL-terminated; {len(migrations)} of them. */",
            f"extern const struct db_migration *const {lists}_migrations[];", ""]
    return "\n".join(out)


def print_source(component, lists, statements, migrations):
    upper = component.upper()
    out = [f"/* Generated from the .sql files of {component} by embed_sql.py. */", f'#include "gen/{component}_sql.h"', "",
           "#include <stddef.h>", ""]
    for s in statements:
        out += [f"const struct db_statement {upper}_SQL_{s.name} = {{", f'    .name = "{s.name}",', f"    .kind = {s.kind},",
                "    .text =", c_string(s.text, "        ") + ",", "};", ""]
    out += [f"const struct db_statement *const {lists}_statements[] = {{"]
    out += [f"    &{upper}_SQL_{s.name}," for s in statements] + ["    NULL,", "};", ""]
    for m in migrations:
        out += [f"static const struct db_migration migration_{m.version:04d} = {{", f'    .component = "{component}",',
                f"    .version = {m.version},", f'    .name = "{m.name}",', "    .text =", c_string(m.text, "        ") + ",", "};", ""]
    out += [f"const struct db_migration *const {lists}_migrations[] = {{"]
    out += [f"    &migration_{m.version:04d}," for m in migrations] + ["    NULL,", "};", ""]
    return "\n".join(out)


def print_depfile(outputs, folder):
    # The folders too: a new file changes their time.
    inputs = [p for p in (folder / "queries", folder / "migrations") if p.is_dir()]
    inputs += sorted(folder.glob("queries/*.sql")) + sorted(folder.glob("migrations/*.sql"))
    return f"{' '.join(map(str, outputs))}: {' '.join(str(p).replace(' ', chr(92) + ' ') for p in inputs)}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", metavar="PREFIX", help="names the lists PREFIX_statements and PREFIX_migrations")
    parser.add_argument("--depfile", metavar="FILE")
    parser.add_argument("component")
    parser.add_argument("sqldir", type=Path)
    parser.add_argument("outdir", type=Path)
    args = parser.parse_args()
    lists = args.lists or f"{args.component}_sql"
    try:
        if not args.sqldir.is_dir():
            raise SqlError(f"{args.sqldir}: no such folder")
        statements, migrations = read_statements(args.sqldir), read_migrations(args.sqldir)
    except SqlError as error:
        print(error, file=sys.stderr)
        return 1
    (args.outdir / "gen").mkdir(parents=True, exist_ok=True)
    name = f"{args.component}_sql"
    header = print_header(args.component, lists, statements, migrations)
    source = print_source(args.component, lists, statements, migrations)
    (args.outdir / "gen" / f"{name}.h").write_text(header, encoding="utf-8")
    (args.outdir / f"{name}.h").write_text(f'#include "gen/{name}.h"\n', encoding="utf-8")
    (args.outdir / f"{name}.c").write_text(source, encoding="utf-8")
    outputs = [args.outdir / f"{name}.h", args.outdir / f"{name}.c"]
    if args.depfile:
        Path(args.depfile).write_text(print_depfile(outputs, args.sqldir), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
