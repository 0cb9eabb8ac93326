#!/usr/bin/env python3
"""Compiles test_types.proto for the tests: test_types.py PROTO SCHEMA_DIR OUT_DIR

Writes test_types.pb (the descriptor set), test_types_set.h (the same, embedded) and protoc-c's test_types.pb-c.[ch].
"""
import subprocess
import sys
from pathlib import Path


def main():
    proto, schemas, out = (Path(argument) for argument in sys.argv[1:])
    google = subprocess.run(["pkg-config", "--variable=includedir", "protobuf"], check=True, capture_output=True, text=True)
    includes = [f"-I{proto.parent}", f"-I{schemas}", f"-I{google.stdout.strip() or '/usr/include'}"]
    subprocess.run(["protoc", *includes, "--include_imports", f"--descriptor_set_out={out / 'test_types.pb'}", proto.name], check=True)
    subprocess.run(["protoc-c", *includes, f"--c_out={out}", proto.name], check=True)
    data = (out / "test_types.pb").read_bytes()
    rows = "".join(f"    {', '.join(str(byte) for byte in data[i:i + 32])},\n" for i in range(0, len(data), 32))
    (out / "test_types_set.h").write_text(f"#pragma once\n\nstatic const unsigned char test_types_set[] = {{\n{rows}}};\n")


if __name__ == "__main__":
    main()
