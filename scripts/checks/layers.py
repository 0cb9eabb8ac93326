#!/usr/bin/env python3
"""layers.py: who may include whom (ARCHITECTURE.md), told by folder and by the prefix of the file's name."""
import re

from common import ROOT, files, finish, line_of, read, without_comments, without_comments_and_strings

# Parts of libshared, each with those below it that it may use.
PARTS = {
    "base": {"base"},
    "config": {"base", "config"},
    "db": {"base", "config", "db"},
    "rpc": {"base", "config", "rpc"},
    "bus": {"base", "config", "db", "rpc", "bus"},
    "service": {"base", "config", "db", "rpc", "bus", "service"},
}
# What is generated for the kit itself, by the first part that may use it.
GENERATED = {
    "gen/kongsi_errors.h": set(PARTS) - {"base"},
    "gen/schema_set.h": {"rpc", "bus", "service"},
    "gen/bus_": {"bus", "service"},
    "kongsi/v1/": set(PARTS) - {"base"},
    "kongsi/bus/v1/": {"rpc", "bus", "service"},
    "google/": set(PARTS) - {"base"},
}
# No part of the kit may say any of these in code.
DOMAIN_WORDS = re.compile(
    r"\b\w*(identity|messaging|(?<!clock_)realtime|gateway|workflow|attendance|calendar|storage_service|integrations|conversation|department|"
    r"employee|avatar|read_cursor|invitation|meeting|leave_request|shift_|approval|webhook)\w*", re.I)
# Headers of the kit without network or database in them: fine for every layer.
PURE = {"libshared/rpc/fill.h", "libshared/rpc/page_token.h", "libshared/rpc/schema.h"}
# Of a service with tables, by prefix: parts its files may not include, and calls they may not make.
RULES = {
    "rpc_": ({"db", "bus", "service"}, re.compile(r"\b(db|bus)_\w+\s*\(")),
    "store_": ({"rpc", "service"}, re.compile(r"\b(rpc_call|rpc_dispatch|http_\w+)\s*\(|\b\w+_client_\w+\s*\(")),
    "event_": ({"service"}, None),
    "client_": ({"db", "bus", "service"}, re.compile(r"\b(db|bus)_\w+\s*\(")),
    "http_": ({"db", "bus"}, re.compile(r"\b(db|bus)_\w+\s*\(")),
    "": ({"db", "bus", "rpc", "service"}, re.compile(r"\b(db|bus)_\w+\s*\(|\brpc_call\w*\s*\(|\b\w+_client_\w+\s*\(")),
}
# Files that hold a service together see all of it: the value, its state, and the one place that decides who may see what.
GLUE = re.compile(r"^(main|service|access|test_\w+|%s)\.[ch]$")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">]', re.M)


def includes(path):
    text = read(path)
    for match in INCLUDE.finditer(text):
        yield line_of(text, match.start()), match.group(1)


def kit_may_include(part, target):
    if target.startswith("libshared/"):
        return target.split("/")[1] in PARTS[part]
    if target.startswith(("services/", "programs/", "tests/")):
        return False
    if target.startswith(("gen/", "kongsi/", "google/")):
        return any(target.startswith(prefix) and part in parts for prefix, parts in GENERATED.items())
    return True


def check_kit(path):
    part, name = path.split("/")[1], path.split("/")[-1]
    if part not in PARTS:
        yield f"{path}: libshared has the parts {', '.join(PARTS)}; {part} is none of them"
        return
    if name.startswith("test_"):
        return  # a test may take any schema as its example
    for line, target in includes(path):
        if not kit_may_include(part, target):
            yield f"{path}:{line}: libshared/{part} may not include {target}"
    text = without_comments(read(path))
    for match in DOMAIN_WORDS.finditer(text):
        yield f"{path}:{line_of(text, match.start())}: the kit knows no domain word, and this says {match.group(0)}"


def check_service(path, has_tables):
    _, service, name = path.split("/")
    for line, target in includes(path):
        other = re.match(r"services/([^/]+)/", target)
        own_data = re.match(r"gen/([a-z0-9]+)_sql\.h$", target)
        if other and other.group(1) != service:
            yield f"{path}:{line}: {service} may not include {target}: services meet by RPC and events only"
        if own_data and not name.startswith(("store_", "test_", "service")):
            yield f"{path}:{line}: only store_*.c may use SQL, and service.c may list it"
    if not has_tables or re.match(GLUE.pattern % service, name):
        return
    prefix = next((p for p in RULES if p and name.startswith(p)), "store_" if name.startswith("store.") else "")
    parts, calls = RULES[prefix]
    for line, target in includes(path):
        if target.startswith("libshared/") and target not in PURE and target.split("/")[1] in parts:
            yield f"{path}:{line}: {prefix or 'a domain file '}{'*.c ' if prefix else ''}may not include {target}"
    text = without_comments_and_strings(read(path))
    for match in calls.finditer(text) if calls and name.endswith(".c") else ():
        yield f"{path}:{line_of(text, match.start())}: {prefix or 'a domain file'}{'*.c' if prefix else ''} may not call {match.group(0).strip('( ')}"


def main():
    problems = []
    for path in files(".c", ".h"):
        if path.startswith("libshared/"):
            problems += check_kit(path)
        elif re.match(r"services/[^/]+/[^/]+$", path):
            problems += check_service(path, (ROOT / path).parent.joinpath("sql").is_dir())
    finish(problems)


if __name__ == "__main__":
    main()
