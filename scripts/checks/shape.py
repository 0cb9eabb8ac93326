#!/usr/bin/env python3
"""shape.py: every service folder has the same shape (ARCHITECTURE.md, section 3), and the build names what is there."""
import re

from common import ROOT, files, finish, read

REQUIRED = ["README.md", "meson.build", "main.c", "service.c"]
README_SECTIONS = ["RPC", "Table", "Event", "limit"]  # words its README must have something to say about
MAIN_LINES_MAX = 40
MIGRATION = re.compile(r"^\d{4}_[a-z0-9_]+\.sql$")
QUERY_FILE = re.compile(r"^[a-z0-9_]+\.sql$")


def check_sql(service, sql):
    migrations = sorted(p.name for p in sql.glob("migrations/*"))
    queries = sorted(p.name for p in sql.glob("queries/*"))
    if not migrations or not queries:
        yield f"services/{service}/sql: needs migrations/ and queries/ with something in them"
    for name in migrations:
        if not MIGRATION.match(name):
            yield f"services/{service}/sql/migrations/{name}: is not named like 0001_what_it_does.sql"
    for number, name in enumerate(migrations, 1):
        if not name.startswith(f"{number:04d}_"):
            yield f"services/{service}/sql/migrations/{name}: expected number {number:04d}: without gaps, each once"
    for name in queries:
        if not QUERY_FILE.match(name):
            yield f"services/{service}/sql/queries/{name}: is not named like message.sql"


def check_service(service, root_build):
    folder = ROOT / "services" / service
    for name in REQUIRED:
        if not (folder / name).is_file():
            yield f"services/{service}: has no {name}"
    if not any(folder.glob("test_*.c")):
        yield f"services/{service}: has no test_*.c beside its modules"
    if (folder / "main.c").is_file() and len(read(f"services/{service}/main.c").splitlines()) > MAIN_LINES_MAX:
        yield f"services/{service}/main.c: names the service and calls service_main, in at most {MAIN_LINES_MAX} lines"
    if (folder / "sql").is_dir():
        yield from check_sql(service, folder / "sql")
    elif any(folder.glob("store_*.c")):
        yield f"services/{service}: has store_*.c and no sql/"
    if (folder / "README.md").is_file():
        text = read(f"services/{service}/README.md").lower()
        for word in README_SECTIONS if (folder / "sql").is_dir() else ["limit"]:
            if word.lower() not in text:
                yield f"services/{service}/README.md: says nothing about: {word}"
    if f"'{service}'" not in root_build:
        yield f"services/{service}: is not in the list of services in meson.build"


def main():
    names = sorted({path.split("/")[1] for path in files() if path.startswith("services/") and path.count("/") >= 2})
    root_build = read("meson.build")
    problems = [problem for name in names for problem in check_service(name, root_build)]
    finish(problems if names else ["services/: nothing there"])


if __name__ == "__main__":
    main()
