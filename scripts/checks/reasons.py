#!/usr/bin/env python3
"""reasons.py: every error reason a method declares is provoked by some test, and every declared reason is raised by some code."""
import re

from common import files, finish, read, without_comments
from schema_set import Schemas

TEST_FILE = re.compile(r"(^tests/.*\.(py|c|ts)$)|(/test_[^/]*\.(c|py)$)|(\.(test|spec)\.tsx?$)")


def main():
    schemas = Schemas()
    declared = {(domain.split(".")[0], reason) for domain, reason, _, _ in schemas.reasons()}
    tests = "\n".join(read(p) for p in files(".c", ".py", ".ts", ".tsx") if TEST_FILE.search(p))
    code = "\n".join(without_comments(read(p)) for p in files(".c", ".h")
                     if p.startswith(("libshared/", "services/", "programs/")) and "/test_" not in p)
    tested = set(re.findall(r"[A-Z][A-Z0-9_]+", tests))
    raised = set(re.findall(r"[A-Z][A-Z0-9_]+", code))
    problems = []
    for service, method, rules, _, _ in schemas.methods():
        component = service.split(".")[1]
        for reason in rules.errors:
            if not {(component, reason), ("kongsi", reason)} & declared:
                problems.append(f"{service}.{method}: declares {reason}, which no errors.proto has")
            elif not {reason, f"{component.upper()}_{reason}"} & tested:
                problems.append(f"{service}.{method}: no test provokes {reason}")
    for domain, reason in sorted(declared):
        constant = f"{domain.upper()}_{reason}"
        if constant not in raised:
            problems.append(f"{domain}: nothing raises {constant}; take it out of errors.proto or use it")
        elif not {reason, constant} & tested:
            problems.append(f"{domain}: no test provokes {reason}")
    finish(sorted(set(problems)))


if __name__ == "__main__":
    main()
