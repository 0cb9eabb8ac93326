"""What the checks share: the project's files, C without its comments, and how problems are told.

common.py SUFFIX… prints the files with these endings, divided by NUL.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

# Another root is for the test of the checks themselves.
ROOT = Path(os.environ.get("KONGSI_CHECK_ROOT") or Path(__file__).resolve().parents[2])
NOT_OURS = {"var", "node_modules", "dist", ".git", "__pycache__"}


def _walk():
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in NOT_OURS and not f.startswith("build")]
        for name in names:
            yield str(Path(folder, name).relative_to(ROOT))


def files(*suffixes):
    """Paths relative to the root of all files that are or could be committed, with one of the suffixes (none: all)."""
    git = subprocess.run(["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"], capture_output=True,
                         text=True, check=False)
    names = git.stdout.split("\0") if git.returncode == 0 and git.stdout else _walk()
    return sorted({n for n in names if n and n.endswith(suffixes or ("",)) and (ROOT / n).is_file()})


def read(path):
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


def _blank(match):
    """Keeps the line breaks, so that line numbers stay right; strings keep their quotes."""
    text = match.group(0)
    if text[0] in "\"'":
        return text[0] + re.sub(r"[^\n]", " ", text[1:-1]) + text[-1]
    return re.sub(r"[^\n]", " ", text)


def without_comments(text):
    return re.sub(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|/\*.*?\*/|//[^\n]*',
                  lambda m: m.group(0) if m.group(0)[0] in "\"'" else _blank(m), text, flags=re.S)


def without_comments_and_strings(text):
    return re.sub(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|/\*.*?\*/|//[^\n]*', _blank, text, flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def c_strings(text):
    """The value of the adjacent string literals at the start of the text."""
    match = re.match(r'\s*((?:"(?:[^"\\\n]|\\.)*"\s*)+)', text)
    if not match:
        return None
    return "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', match.group(1))).replace('\\"', '"')


def finish(problems):
    """Prints the problems, one a line, and ends the program."""
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    print("".join(f"{path}\0" for path in files(*sys.argv[1:])), end="")
