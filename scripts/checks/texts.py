#!/usr/bin/env python3
"""texts.py: what no file of the project may hold: paths of one machine, addresses of package registries, merge conflicts."""
import json
import re

from common import ROOT, files, finish, read

BINARY = (".png", ".jpg", ".jpeg", ".webp", ".ico", ".gz", ".pb", ".woff2", ".pdf", ".xlsx")
# Assembled from parts, so that this file passes its own check.
MACHINE_PATH = re.compile(r"(?<![\w.:])/(?:wo" r"rk|ho" r"me/[a-z]+|Users/[A-Za-z]+|ro" r"ot/[a-z.]+)/[\w.-]+")
REGISTRY = re.compile(r"\b(?:registry\.np" r"mjs\.org|registry\.yarn" r"pkg\.com|files\.python" r"hosted\.org)|"
                      r"(?:index-url|extra-index-url|registry)\s*=\s*http")
CONFLICT = re.compile(r"^(?:<{7} |>{7} |={7}$)", re.M)


def lockfile_problems(path):
    packages = json.loads(read(path)).get("packages", {})
    addressed = [name for name, package in packages.items() if "resolved" in package and not package.get("link")]
    if addressed:
        yield f"{path}: {len(addressed)} packages have a resolved address ({addressed[0]}); write it with omit-lockfile-registry-resolved"


def main():
    problems = []
    for path in files():
        if path.endswith(BINARY) or "/corpus/" in path or (ROOT / path).stat().st_size > 4_000_000:
            continue
        text = read(path)
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATH.search(line):
                problems.append(f"{path}:{number}: a path of one machine: {MACHINE_PATH.search(line).group(0)}")
            if REGISTRY.search(line) and not path.startswith("examples/"):
                problems.append(f"{path}:{number}: the address of a package registry; leave it to each machine's own settings")
        if CONFLICT.search(text) and path.endswith((".c", ".h", ".py", ".ts", ".tsx", ".proto", ".sql")):
            problems.append(f"{path}: has marks of a merge conflict")
        if path.endswith("package-lock.json"):
            problems += lockfile_problems(path)
    finish(problems)


if __name__ == "__main__":
    main()
