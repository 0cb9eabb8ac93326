#!/usr/bin/env python3
"""style.py: what clang-format does not see: lengths, braces, #pragma once, own header first (CONTRIBUTING.md).

style.py --lengths prints the longest functions and files instead.
"""
import re
import sys

from common import ROOT, files, finish, read, without_comments_and_strings

FILE_LINES_MAX, FILE_LINES_GOOD = 600, 400
FUNCTION_LINES_MAX, FUNCTION_LINES_GOOD = 100, 60
CODE = (".c", ".h", ".py", ".sh", ".ts", ".tsx", ".sql", ".proto")
CONTROL = re.compile(r"^\s*(?:\}\s*)?(?:else\s+)?(if|for|while|switch|HASH_ITER|DL_FOREACH|LL_FOREACH|json_object_foreach)\s*\(")
ELSE = re.compile(r"^\s*(?:\}\s*)?else\b(?!\s+if\b)\s*(.*)$")


def functions(text):
    """(name, line, length) of each function. A table inside one does not count: it is read row by row, not as code."""
    name = begin = table_end = None
    table_lines, last_head, lines = 0, "", text.splitlines()
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin, table_lines, table_end, name = number, 0, None, last_head
        elif line.startswith("}") and begin:
            yield name, begin, number - begin - 1 - table_lines
            begin = None
        elif begin and table_end is None and re.search(r"=\s*\{\s*$|^\s*static const struct \{\s*$", line):
            table_end = re.match(r"\s*", line).group(0) + "}"
            table_lines += 1
        elif begin and table_end is not None:
            table_lines += 1
            if line.startswith(table_end) and line.rstrip().endswith(";"):
                table_end = None
        if not begin and re.match(r"[a-zA-Z_].*\(", line):
            names = [n for n in re.findall(r"(\w+)\s*\(", line) if n not in ("__attribute__", "format", "cleanup")]
            last_head = names[0] if names else last_head


def brace_problems(path, text):
    """A body without braces: the condition's parentheses close, and no brace follows."""
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        bare_else = ELSE.match(line)
        if bare_else and bare_else.group(1) != "{" and not line.lstrip().startswith("#"):
            yield f"{path}:{number}: else without braces"
        if not CONTROL.match(line) or line.rstrip().endswith("\\"):
            continue
        depth, at, rest = 0, number - 1, line[line.index("("):]
        while True:
            end = 0
            for end, char in enumerate(rest):
                depth += (char == "(") - (char == ")")
                if depth == 0 and char == ")":
                    break
            if depth == 0 or at + 1 >= len(lines):
                break
            at += 1
            rest = lines[at]
        tail = rest[end + 1:].strip()
        follows = tail or (lines[at + 1].strip() if at + 1 < len(lines) else "")
        do_while = tail in (";", "") and re.match(r"^\s*\}\s*while", line)
        if not follows.startswith("{") and not do_while:
            yield f"{path}:{number}: {CONTROL.match(line).group(1)} without braces"


def include_problems(path, text):
    if path.endswith(".h") and "#pragma once" not in text:
        yield f"{path}: has no #pragma once"
    own = path[:-2] + ".h"
    first = re.search(r'^#include ["<]([^">]+)[">]', text, re.M)
    if path.endswith(".c") and (ROOT / own).is_file() and first and first.group(1) != own:
        yield f"{path}: includes {first.group(1)} before its own header, which shows that {own} stands alone"


def length_problems(path, text, lengths):
    lines = text.count("\n")
    lengths.append((lines, FILE_LINES_GOOD, path))
    if lines > FILE_LINES_MAX:
        yield f"{path}: has {lines} lines, at most {FILE_LINES_MAX}; divide it by topic"
    if path.endswith(".c"):
        for name, line, length in functions(without_comments_and_strings(text)):
            lengths.append((length, FUNCTION_LINES_GOOD, f"{path}:{line} {name}"))
            if length > FUNCTION_LINES_MAX:
                yield f"{path}:{line}: {name} has {length} lines, at most {FUNCTION_LINES_MAX}"


def main():
    problems, lengths = [], []
    for path in files(*CODE):
        if path.startswith("examples/") or "/corpus/" in path:
            continue
        text = read(path)
        problems += length_problems(path, text, lengths)
        if path.endswith((".c", ".h")):
            problems += brace_problems(path, without_comments_and_strings(text))
            problems += include_problems(path, text)
    if sys.argv[1:] == ["--lengths"]:
        for length, good, what in sorted(lengths, reverse=True):
            if length > good:
                print(f"{length:5d} lines, past {good}: {what}")
        return
    finish(problems)


if __name__ == "__main__":
    main()
