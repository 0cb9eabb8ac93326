#!/usr/bin/env python3
"""Adds up JUnit XML files: prints "passed failed skipped" on standard output, the names of what failed on standard error.

    junit_sum.py FILE…
"""
import sys
import xml.etree.ElementTree as ElementTree


def outcome(case):
    tags = {child.tag for child in case}
    if tags & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in tags else "passed"


def main(paths):
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in paths:
        try:
            cases = list(ElementTree.parse(path).iter("testcase"))
        except (ElementTree.ParseError, OSError) as error:  # a runner that died while it wrote
            print(f"FAILED {path}: {error}", file=sys.stderr)
            counts["failed"] += 1
            continue
        for case in cases:
            result = outcome(case)
            counts[result] += 1
            if result == "failed":
                print(f"FAILED {case.get('classname', '')} {case.get('name', '')}", file=sys.stderr)
    print(counts["passed"], counts["failed"], counts["skipped"])


if __name__ == "__main__":
    main(sys.argv[1:])
