#!/usr/bin/env python3
"""docs.py: every config key, metric, operation, error reason and event stands in the docs, in tables made from the sources.

A table stands between <!-- begin: NAME --> and <!-- end: NAME -->. `scripts/check --fix` (docs.py --fix) writes them anew.
"""
import json
import re
import sys

from common import ROOT, c_strings, files, finish, read, without_comments
from schema_set import STATUS_OF_CODE, Schemas

TABLES = {
    "config": "docs/operations.md", "metrics": "docs/operations.md",
    "operations": "docs/api.md", "reasons": "docs/api.md",
    "events": "docs/events.md",
}
RATES = {0: "general", 1: "sign-in", 2: "send", 3: "import"}
# The forms an entry of a config_field table has: FIELD(type, member, …), {FIELD(member), …}, {.key = "member", …}.
ENTRY = re.compile(r'(?:FIELD\((CONFIG_\w+),\s*(?:\w+_config,\s*)?(\w+),)|(?:\{\s*FIELD\((\w+)\),)|(?:\{\s*\.key = "(\w+)",)')


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] +
                     ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows])


def entry_end(text, begin):
    """Past the parenthesis or brace that opens at or after `begin`; strings do not count."""
    depth = 0
    for match in re.compile(r'"(?:[^"\\]|\\.)*"|[({]|[)}]').finditer(text, begin):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(match.group(0), 0)
        if depth == 0 and match.group(0) in ")}":
            return match.end()
    return len(text)


def attribute(entry, name):
    match = re.search(rf"\.{name} =\s+", entry)
    return match and (c_strings(entry[match.end():]) or re.match(r"[\w-]+", entry[match.end():]).group(0))


def config_fields(path):
    """(section, key, type, default, range, help) of every struct config_field of a file."""
    text = without_comments(read(path))
    for array in re.finditer(r"static const struct config_field (\w+)\[\] = \{(.*?)\n\};", text, re.S):
        section = path.split("/")[1] if path.startswith("services/") else array.group(1).removesuffix("_FIELDS").lower()
        for match in ENTRY.finditer(array.group(2)):
            entry = array.group(2)[match.start():entry_end(array.group(2), match.start())]
            kind = match.group(1) or attribute(entry, "type")
            limits = attribute(entry, "maximum") and f"{attribute(entry, 'minimum') or 0} to {attribute(entry, 'maximum')}"
            choices = attribute(entry, "choices")
            if choices:
                values = re.search(rf"{choices}\[\] = \{{(.*?)\}}", text, re.S).group(1)
                limits = ", ".join(re.findall(r'"(\w+)"', values))
            yield (section, next(filter(None, match.groups()[1:])), kind.removeprefix("CONFIG_").lower().replace("_", " "),
                   attribute(entry, "default_text") or "", limits or "", attribute(entry, "help") or "")


def config_table(problems):
    sources = [p for p in files(".c") if p.startswith(("libshared/service/", "services/")) and "/test_" not in p]
    rows = []
    for path in sources:
        fields = list(config_fields(path))
        if len(fields) != len(re.findall(r"\bCONFIG_(?!FIELDS)[A-Z_]+\b", without_comments(read(path)))):
            problems.append(f"{path}: has configuration fields in a form that scripts/checks/docs.py does not read")
        for section, key, kind, default, limits, text in fields:
            if not text:
                problems.append(f"{path}: the configuration key {section}.{key} has no .help")
            rows.append((f"`{section}.{key}`", kind, f"`{default}`" if default else "", limits, text))
    return table(["key", "type", "default", "values", "meaning"], sorted(rows))


def metric_table(problems):
    rows = {}
    for path in files(".c"):
        if not path.startswith(("libshared/", "services/", "programs/")) or "/test_" in path:
            continue
        text = without_comments(read(path))
        for match in re.finditer(r'"(kongsi_[a-z0-9_]+)"', text):
            around = text[max(0, match.start() - 120):match.end() + 300]
            if not re.search(r"metric", around, re.I) or re.search(r'add_(text|number)\(headers, $', text[:match.start()]):
                continue
            helps = re.findall(r'"([^"\n]* [^"\n]*\.)"', text[match.end():match.end() + 300])
            if not helps:
                problems.append(f"{path}: the metric {match.group(1)} has no help text")
                continue
            kind = {"total": "counter", "seconds": "histogram"}.get(match.group(1).rsplit("_", 1)[1], "gauge")
            rows[match.group(1)] = (f"`{match.group(1)}`", kind, helps[0])
    return table(["metric", "kind", "meaning"], [rows[name] for name in sorted(rows)])


def raw_operations():
    for path in files(".openapi.json"):
        for route, operations in json.loads(read(path)).get("paths", {}).items():
            for verb, operation in operations.items():
                if isinstance(operation, dict) and "operationId" in operation:
                    yield f"`{verb.upper()} {route}`", operation


def operation_table(schemas):
    rows = []
    for service, name, rules, http, comment in schemas.methods():
        if http:
            verb = http.WhichOneof("pattern")
            who = f"`{rules.permission}`" if rules.permission else "anyone"
            rows.append((f"`{verb.upper()} {getattr(http, verb)}`", f"{service.split('.')[1]}: {name}", who, RATES[rules.rate],
                         " ".join(f"`{e}`" for e in rules.errors), comment))
    for route, operation in raw_operations():
        permission = operation.get("x-kongsi-permission")
        rows.append((route, operation["operationId"], f"`{permission}`" if permission else "see its description", "general", "",
                     " ".join(operation.get("summary", operation.get("description", "")).split())))
    order = re.compile(r"`(\w+) (.*)`")
    rows.sort(key=lambda row: order.match(row[0]).group(2, 1))
    return table(["operation", "RPC", "permission", "rate", "reasons of its own", "what it does"], rows)


def kit_statuses():
    """Reasons whose HTTP status differs from that of their code: said by their own meaning, "(HTTP 413)"."""
    return re.compile(r"\s*\(HTTP (\d{3})\)")


def reason_table(schemas):
    rows = []
    for domain, reason, code, meaning in schemas.reasons():
        own = kit_statuses().search(meaning)
        rows.append((f"`{reason}`", f"`{domain}`", own.group(1) if own else STATUS_OF_CODE[code], kit_statuses().sub("", meaning)))
    return table(["reason", "domain", "HTTP", "meaning"], rows)


def event_table(schemas):
    rows = [(f"`{topic}`", f"`{kind}`", f"`{message}`", ", ".join(f"`{f}`" for f in fields), comment)
            for topic, kind, message, comment, fields in schemas.events()]
    return table(["topic", "type (`ce_type`)", "message", "fields", ""], sorted(rows))


def place(text, name, content):
    """The document with the table put between its markers; None when it has no such place."""
    pattern = re.compile(rf"(<!-- begin: {name} -->\n).*?(<!-- end: {name} -->)", re.S)
    return pattern.sub(lambda m: f"{m.group(1)}{content}\n{m.group(2)}", text) if pattern.search(text) else None


def main():
    problems = []
    schemas = Schemas()
    content = {
        "config": config_table(problems), "metrics": metric_table(problems), "operations": operation_table(schemas),
        "reasons": reason_table(schemas), "events": event_table(schemas),
    }
    for name, path in TABLES.items():
        before = read(path) if (ROOT / path).is_file() else ""
        after = place(before, name, content[name])
        if after is None:
            problems.append(f"{path}: has no place for the table of {name} (<!-- begin: {name} -->, <!-- end: {name} -->)")
        elif after != before and sys.argv[1:] == ["--fix"]:
            (ROOT / path).write_text(after, encoding="utf-8")
        elif after != before:
            old = set(before.splitlines())
            missing = [line for line in content[name].splitlines() if line not in old]
            first = missing[0][:120] if missing else "a row that no source has any more"
            problems.append(f"{path}: the table of {name} is not what the sources say ({len(missing)} rows, first: {first}); "
                            "run scripts/check --fix")
    finish(problems)


if __name__ == "__main__":
    main()
