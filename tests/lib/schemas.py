"""The published schemas as Python messages: compiled by protoc when first asked for, nothing generated is kept."""
import functools
import subprocess
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


@functools.cache
def _pool():
    files = sorted(str(path.relative_to(SCHEMAS)) for path in SCHEMAS.glob("kongsi/**/*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "kongsi.desc"
        subprocess.run(["protoc", f"-I{SCHEMAS}", "--include_imports", f"--descriptor_set_out={compiled}", *files],
                       check=True, capture_output=True)
        descriptors = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in descriptors.file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


@functools.cache
def message_class(full_name):
    """message_class("kongsi.messaging.v1.MessageSent")"""
    return message_factory.GetMessageClass(_pool().FindMessageTypeByName(full_name))


def encode(full_name, fields):
    """The protobuf bytes of a message given as proto3 JSON."""
    return json_format.ParseDict(fields, message_class(full_name)()).SerializeToString()


def decode(full_name, data):
    """A message as proto3 JSON with the schema's field names; fields of default value are left out."""
    return json_format.MessageToDict(message_class(full_name).FromString(data), preserving_proto_field_name=True)
