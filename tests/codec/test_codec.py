#!/usr/bin/env python3
"""The codec against an oracle nobody here wrote: python's google.protobuf json_format, on random messages of every type.

test_codec.py CODEC_TOOL DESCRIPTOR_SET... (CODEC_SEED repeats a run, CODEC_ROUNDS lengthens it)
"""
import json
import os
import random
import re
import struct
import subprocess
import sys
import unittest
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

SEED = int(os.environ.get("CODEC_SEED", random.randrange(1 << 32)))
ROUNDS = int(os.environ.get("CODEC_ROUNDS", 100))
INT_RANGES = {"INT32": (-2**31, 2**31 - 1), "SINT32": (-2**31, 2**31 - 1), "SFIXED32": (-2**31, 2**31 - 1), "UINT32": (0, 2**32 - 1),
              "FIXED32": (0, 2**32 - 1), "INT64": (-2**63, 2**63 - 1), "SINT64": (-2**63, 2**63 - 1), "SFIXED64": (-2**63, 2**63 - 1),
              "UINT64": (0, 2**64 - 1), "FIXED64": (0, 2**64 - 1)}
CHARACTERS = ["a", "Z", " ", "\"", "\\", "/", "\n", "\t", "\x01", "\x7f", "é", "早", "\u2028", "\ufffd", "😀", "\U0010ffff"]
OPTION_MESSAGES = re.compile(r"^(google\.|kongsi\.v1\.)")


class Tool:
    """codec_tool as a process; ask() returns the bytes or raises Refused."""

    class Refused(Exception):
        pass

    def __init__(self, path, descriptor_set):
        self.process = subprocess.Popen([path, descriptor_set], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command, message, data):
        self.process.stdin.write(f"{command} {message} {data.hex()}\n")
        self.process.stdin.flush()
        verdict, _, rest = self.process.stdout.readline().rstrip("\n").partition(" ")
        if verdict == "ok":
            return bytes.fromhex(rest)
        if verdict == "err":
            raise self.Refused(rest)
        raise AssertionError(f"the tool ended at: {command} {message} {data.hex()}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


def type_name(field):
    return next(name[5:] for name, number in descriptor_pb2.FieldDescriptorProto.Type.items() if number == field.type)


def is_repeated(field):
    return field.label == field.LABEL_REPEATED if not hasattr(type(field), "is_repeated") else field.is_repeated


def is_map(field):
    return field.message_type is not None and field.message_type.GetOptions().map_entry


class Maker:
    """Random messages: a mix of absent, default, extreme and ordinary values."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def scalar(self, field):
        r, name = self.random, type_name(field)
        if name in INT_RANGES:
            low, high = INT_RANGES[name]
            return r.choice([0, low, high, r.randint(low, high), r.randint(max(low, -300), 300)])
        if name == "BOOL":
            return r.random() < 0.5
        if name == "ENUM":
            return r.choice(field.enum_type.values).number
        if name == "STRING":
            return "".join(r.choice(CHARACTERS) for _ in range(r.choice([0, 1, 5, 40, 130])))
        if name == "BYTES":
            return r.randbytes(r.choice([0, 1, 2, 3, 7, 200, 1000, 3000]))
        value = r.choice([0.0, -0.0, 1.0, -1.5, 0.1, 1e300, 5e-324, float("inf"), float("-inf"), float("nan"), r.uniform(-1e9, 1e9),
                          struct.unpack("<d", r.randbytes(8))[0]])
        if name == "FLOAT" and abs(value) > 3e38:
            value = struct.unpack("<f", r.randbytes(4))[0]
        return value if value == value else float("nan")  # JSON has one NaN only

    def fill(self, message):
        r = self.random
        if message.DESCRIPTOR.full_name == "google.protobuf.Timestamp":
            message.seconds = r.choice([0, -1, 1, -62135596800, 253402300799, r.randint(-62135596800, 253402300799)])
            message.nanos = r.choice([0, 0, 1, 1000, 120000000, 999999999, r.randint(0, 999999999)])
            return message
        density = r.choice([0.1, 0.5, 0.9])
        for field in message.DESCRIPTOR.fields:
            if r.random() > density:
                continue
            if is_map(field):
                self.fill_map(field, getattr(message, field.name))
            elif is_repeated(field):
                self.fill_list(field, getattr(message, field.name))
            elif field.message_type:
                getattr(message, field.name).SetInParent()
                self.fill(getattr(message, field.name))
            else:
                setattr(message, field.name, self.scalar(field))
        return message

    def fill_list(self, field, values):
        for _ in range(self.random.choice([0, 1, 2, 30])):
            if field.message_type:
                self.fill(values.add())
            else:
                values.append(self.scalar(field))

    def fill_map(self, field, values):
        key_field, value_field = (field.message_type.fields_by_name[n] for n in ("key", "value"))
        for _ in range(self.random.choice([0, 1, 2, 8])):
            key = self.scalar(key_field)
            if value_field.message_type:
                self.fill(values[key])
            else:
                values[key] = self.scalar(value_field)


def comparable(message):
    """NaN is not equal to itself; the deterministic bytes are."""
    return message.SerializeToString(deterministic=True)


def shuffled(wire, r):
    """The same message with its top-level fields in another order, that of each repeated field kept."""
    pieces, at = [], 0

    def varint(position):
        value = shift = 0
        while True:
            byte = wire[position]
            position += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value, position

    while at < len(wire):
        tag, end = varint(at)
        if tag & 7 == 0:
            _, end = varint(end)
        elif tag & 7 == 2:
            length, end = varint(end)
            end += length
        else:
            end += 8 if tag & 7 == 1 else 4
        pieces.append((tag >> 3, wire[at:end]))
        at = end
    by_number = {}
    for number, piece in pieces:
        by_number.setdefault(number, []).append(piece)
    order = [number for number, _ in pieces]
    r.shuffle(order)
    return b"".join(by_number[number].pop(0) for number in order)


def to_dict(message):
    options = {"preserving_proto_field_name": True}
    try:
        text = json_format.MessageToJson(message, always_print_fields_with_no_presence=True, **options)
    except TypeError:  # before protobuf 26
        text = json_format.MessageToJson(message, including_default_value_fields=True, **options)
    return json.loads(text)


def same_json(ours, theirs):
    """Equal but for numbers written differently (1 and 1.0) and -0."""
    if isinstance(theirs, dict):
        return isinstance(ours, dict) and ours.keys() == theirs.keys() and all(same_json(ours[k], theirs[k]) for k in theirs)
    if isinstance(theirs, list):
        return isinstance(ours, list) and len(ours) == len(theirs) and all(map(same_json, ours, theirs))
    if isinstance(theirs, bool) or isinstance(ours, bool):
        return ours is theirs
    return ours == theirs


class CodecTest(unittest.TestCase):
    tool_path, sets = None, []

    def each_type(self):
        for path in self.sets:
            files = descriptor_pb2.FileDescriptorSet.FromString(Path(path).read_bytes()).file
            pool = descriptor_pool.DescriptorPool()
            for file in files:
                pool.AddSerializedFile(file.SerializeToString())
            tool = Tool(self.tool_path, path)
            self.addCleanup(tool.close)
            names = [f"{file.package}.{message.name}" for file in files for message in file.message_type]
            for name in names:
                if OPTION_MESSAGES.match(name):
                    continue
                descriptor = pool.FindMessageTypeByName(name)
                if hasattr(message_factory, "GetMessageClass"):
                    yield tool, name, message_factory.GetMessageClass(descriptor)
                else:
                    yield tool, name, message_factory.MessageFactory(pool).GetPrototype(descriptor)

    def rounds(self, name):
        return ROUNDS * (10 if name.endswith("Everything") else 1) // 5

    def test_writes_what_the_oracle_reads(self):
        """wire → JSON (ours) → message (oracle) is the message; and our JSON has the fields of the oracle's."""
        maker = Maker(SEED)
        for tool, name, cls in self.each_type():
            for i in range(self.rounds(name)):
                message = maker.fill(cls())
                wire = message.SerializeToString(deterministic=True)
                if i % 2:
                    wire = shuffled(wire, maker.random)
                text = tool.ask("from_wire", name, wire)
                back = json_format.Parse(text, cls())
                self.assertEqual(comparable(back), comparable(message), (SEED, name, wire.hex(), text))
                self.assertTrue(same_json(json.loads(text), to_dict(message)), (SEED, name, wire.hex(), text))

    def test_reads_what_the_oracle_writes(self):
        """message → JSON (oracle) → wire (ours) is the message, with both forms of the names, with and without defaults."""
        maker = Maker(SEED + 1)
        for tool, name, cls in self.each_type():
            for i in range(self.rounds(name)):
                message = maker.fill(cls())
                text = json_format.MessageToJson(message, preserving_proto_field_name=i % 2 == 0, ensure_ascii=i % 3 == 0,
                                                 use_integers_for_enums=i % 5 == 0)
                wire = tool.ask("to_wire", name, text.encode())
                self.assertEqual(comparable(cls.FromString(wire)), comparable(message), (SEED, name, text))
                if i % 2:
                    wire = tool.ask("to_wire", name, json.dumps(to_dict(message)).encode())
                    self.assertEqual(comparable(cls.FromString(wire)), comparable(message), (SEED, name, text))

    def test_refuses_what_the_oracle_refuses(self):
        """Broken JSON, made by small changes: whatever the oracle refuses, we refuse; what we accept means the same to both."""
        maker = Maker(SEED + 2)
        r = maker.random
        for tool, name, cls in self.each_type():
            for _ in range(self.rounds(name)):
                text = json_format.MessageToJson(maker.fill(cls()), preserving_proto_field_name=True, indent=None).encode()
                at = r.randrange(len(text))
                change = r.choice([b"", b"0", b"-", b".", b"e", b"\"", b"{", b"}", b"[", b"]", b",", b":", b"n", b"\\", b"\xff", b"true", b"null"])
                text = text[:at] + change + text[at + r.choice([0, 1, 1, 5]):]
                try:
                    wire = tool.ask("to_wire", name, text)
                except Tool.Refused:
                    continue
                try:
                    theirs = json_format.Parse(text, cls())
                except json_format.ParseError as error:
                    self.fail((SEED, name, text, wire.hex(), str(error)))
                self.assertEqual(comparable(cls.FromString(wire)), comparable(theirs), (SEED, name, text))


if __name__ == "__main__":
    CodecTest.tool_path, CodecTest.sets = sys.argv[1], sys.argv[2:]
    print(f"CODEC_SEED={SEED} CODEC_ROUNDS={ROUNDS}", flush=True)
    unittest.main(argv=sys.argv[:1], verbosity=2)
