#!/usr/bin/env python3
"""Writes the C side of the schemas: gen_c.py [--depfile FILE] SCHEMA_DIR OUT_DIR

Compiles the .proto files with protoc and protoc-c, then writes to OUT_DIR/gen what the descriptors say. For the build, which
must know its outputs beforehand, three files gather the parts: schemas_pb.c (messages), schemas_tables.c (errors, topics, the
set), schemas_clients.c; <component>_rpc.c is apart, since only the service that implements it links it.

Per package kongsi.<component>.v1:
  <component>_errors.h/.c   a `const struct err_reason` per value of ErrorReason
  <component>_types.h       the package's messages and enum values under their short names, for the service itself
  <component>_topics.h/.c   topics and event types of its domain events
  <component>_rpc.h/.c      prototypes of the handlers and the table that routes to them
  <component>_client.h/.c   typed functions that call the service
The package kongsi.v1 has errors only. schema_set.h/.c embed the descriptor set itself.

The build knows none of these headers, only schemas.h. So each of them includes it, and it changes with any of them: whoever includes
one is compiled again in the same run.
"""
import argparse
import hashlib
import re
import subprocess
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

ACCESS_SERVICE = 3
# Packages whose service is run by several components: the client takes the component as a parameter.
SHARED_PACKAGES = {"bus"}
HEADER = "/* Generated from the {source} of schemas/ by schemas/tools/gen_c.py. */\n"


def snake(name):
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def c_type(full_name):
    """kongsi.messaging.v1.Message → Kongsi__Messaging__V1__Message, as protobuf-c names it."""
    return "__".join(part[0].upper() + part[1:] for part in full_name.strip(".").split("."))


def c_prefix(full_name):
    return "__".join(snake(part) for part in full_name.strip(".").split("."))


def load_set(path):
    """The descriptor set with our options understood: parsed by classes made from the set itself."""
    raw = Path(path).read_bytes()
    plain = descriptor_pb2.FileDescriptorSet.FromString(raw)
    pool = descriptor_pool.DescriptorPool()
    for file in plain.file:
        pool.Add(file)
    descriptor = pool.FindMessageTypeByName("google.protobuf.FileDescriptorSet")
    if hasattr(message_factory, "GetMessageClass"):
        cls = message_factory.GetMessageClass(descriptor)
    else:
        cls = message_factory.MessageFactory(pool).GetPrototype(descriptor)
    extensions = {}
    for file in plain.file:
        for extension in file.extension:
            extensions[extension.name] = pool.FindExtensionByName(f"{file.package}.{extension.name}")
    return cls.FromString(raw), extensions


class Package:
    def __init__(self, name):
        self.name = name
        parts = name.split(".")
        self.component = parts[1] if len(parts) == 3 else "kongsi"
        self.files, self.messages, self.enums, self.services = [], [], [], []

    @property
    def domain(self):
        return "kongsi" if self.component == "kongsi" else f"{self.component}.kongsi"

    def includes(self):
        return "".join(f'#include "{f.name[:-6]}.pb-c.h"\n' for f in self.files)


class Folder:
    """Where the output goes. A file that would not change is left alone, what is not written again is gone."""

    def __init__(self, path):
        self.path, self.written = path, set()

    def write(self, name, text):
        path = self.path / name
        if path.suffix == ".h":
            text = text.replace("#pragma once\n", '#pragma once\n\n#include "schemas.h"\n', 1)
            text = text.replace("#include <protobuf-c/protobuf-c.h>\n", '#include <protobuf-c/protobuf-c.h>\n#include "schemas.h"\n', 1)
            assert '#include "schemas.h"' in text, name
        self.written.add(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)

    def remove_others(self, pattern):
        for path in set(self.path.glob(pattern)) - self.written:
            path.unlink()

    def headers(self):
        return [path for path in self.written if path.suffix == ".h"]


def errors(out, package, ext):
    reasons = next((e for e in package.enums if e.name == "ErrorReason"), None)
    if not reasons:
        return
    prefix, lines, body = package.component.upper(), [], []
    for value in reasons.value:
        if value.number == 0:
            continue
        rules = value.options.Extensions[ext["reason"]]
        name = value.name.removeprefix("ERROR_REASON_")
        lines.append(f"extern const struct err_reason {prefix}_{name}; /* {rules.meaning} */\n")
        body.append(f'const struct err_reason {prefix}_{name} = {{"{package.domain}", "{name}", {rules.code}}};\n')
    source = HEADER.format(source="ErrorReason enums")
    lines.append(f"/* All of them, NULL-terminated. */\nextern const struct err_reason *const {package.component}_error_reasons[];\n")
    names = [v.name.removeprefix("ERROR_REASON_") for v in reasons.value if v.number]
    table = "".join(f"    &{prefix}_{n},\n" for n in names)
    body.append(f"\nconst struct err_reason *const {package.component}_error_reasons[] = {{\n{table}    NULL,\n}};\n")
    out.write(f"{package.component}_errors.h", f'{source}#pragma once\n\n#include "libshared/base/err.h"\n\n{"".join(lines)}')
    out.write(f"{package.component}_errors.c", f'{source}#include "gen/{package.component}_errors.h"\n\n{"".join(body)}')


def types(out, package):
    text = [HEADER.format(source=f"package {package.name}"), "#pragma once\n\n", package.includes(), "\n"]
    for message in package.messages:
        if not message.name.endswith("Entry"):
            text.append(f"typedef {c_type(package.name + '.' + message.name)} {message.name};\n")
    for enum in package.enums:
        if enum.name == "ErrorReason":
            continue
        text.append(f"\n/* {enum.name} */\nenum {{\n")
        text += [f"    {v.name} = {v.number},\n" for v in enum.value]
        text.append("};\n")
    out.write(f"{package.component}_types.h", "".join(text))


def topics(out, package, ext):
    component, upper = package.component, package.component.upper()
    events = [(m, m.options.Extensions[ext["event"]]) for m in package.messages if m.options.HasExtension(ext["event"])]
    source = HEADER.format(source="events")
    head, names = [source, "#pragma once\n\n"], []
    for message, rules in events:
        if rules.topic not in names:
            names.append(rules.topic)
            short = rules.topic.removeprefix(f"kongsi.{component}.").removesuffix(".v1").upper().replace(".", "_")
            head.append(f'#define {upper}_TOPIC_{short} "{rules.topic}"\n')
        head.append(f'#define {upper}_EVENT_{snake(message.name).upper()} "{rules.type}"\n')
    if not events:
        return
    head.append(f"\n/* The topics it owns, NULL-terminated. */\nextern const char *const {component}_topics[];\n")
    out.write(f"{component}_topics.h", "".join(head))
    rows = "".join(f'    "{n}",\n' for n in names)
    out.write(f"{component}_topics.c", f'{source}#include "gen/{component}_topics.h"\n\n#include <stddef.h>\n\n'
          f"const char *const {component}_topics[] = {{\n{rows}    NULL,\n}};\n")


def rpc(out, package):
    component = package.component
    source = HEADER.format(source="services")
    head = [source, "#pragma once\n\n", f'#include "gen/{component}_types.h"\n#include "libshared/rpc/rpc.h"\n\n']
    body = [source, f'#include "gen/{component}_rpc.h"\n\n']
    for service in package.services:
        rows = []
        for method in service.method:
            handler = f"{component}_{snake(method.name)}"
            request, response = c_type(method.input_type), c_type(method.output_type)
            head.append(f"struct err *{handler}(struct rpc_ctx *ctx, const {request} *request,\n    {response} *response);\n")
            body.append(f"static struct err *call_{component}_{snake(method.name)}(struct rpc_ctx *ctx, const ProtobufCMessage *request,\n"
                        f"    ProtobufCMessage *response)\n{{\n    return {handler}(ctx, (const {request} *)request,\n"
                        f"        ({response} *)response);\n}}\n\n")
            rows.append(f'    {{"{method.name}", &{c_prefix(method.input_type)}__descriptor,\n'
                        f"        &{c_prefix(method.output_type)}__descriptor, call_{component}_{snake(method.name)}}},\n")
        table = f"{component}_rpc_{snake(service.name)}"
        head.append(f"\nextern const struct rpc_service {table};\n")
        body.append(f"static const struct rpc_method {component}_{snake(service.name)}_methods[] = {{\n{''.join(rows)}    {{NULL, NULL, NULL, NULL}},\n}};\n\n"
                    f'const struct rpc_service {table} = {{"{package.name}.{service.name}", {component}_{snake(service.name)}_methods}};\n')
    out.write(f"{component}_rpc.h", "".join(head))
    out.write(f"{component}_rpc.c", "".join(body))


def client(out, package, ext):
    component, shared = package.component, package.component in SHARED_PACKAGES
    source = HEADER.format(source="services")
    head = [source, "#pragma once\n\n", package.includes(), '#include "libshared/rpc/rpc.h"\n\n']
    if shared:
        head.append("/* `component` names whose it is. */\n")
    body = [source, f'#include "gen/{component}_client.h"\n\n']
    for service in package.services:
        for method in service.method:
            rules = method.options.Extensions[ext["method"]]
            as_self = rules.access == ACCESS_SERVICE
            name = f"{component}_client_{snake(method.name)}" + ("_as_self" if as_self else "")
            request, response = c_type(method.input_type), c_type(method.output_type)
            who = "const char *component, " if shared else ""
            signature = (f"struct err *{name}(struct rpc_ctx *ctx, {who}const {request} *request,\n    {response} **ret_response)")
            head.append(f"ERR_RESULT {signature};\n")
            target = "component" if shared else f'"{component}"'
            body.append(f"{signature}\n{{\n    ProtobufCMessage *message;\n"
                        f'    ERR_TRY(rpc_call(ctx, {target}, "{package.name}.{service.name}", "{method.name}", '
                        f"{'true' if as_self else 'false'},\n        &request->base, &{c_prefix(method.output_type)}__descriptor, &message));\n"
                        f"    *ret_response = ({response} *)message;\n    return NULL;\n}}\n\n")
    out.write(f"{component}_client.h", "".join(head))
    out.write(f"{component}_client.c", "".join(body))


def embed(out, path):
    data = Path(path).read_bytes()
    rows = [", ".join(str(b) for b in data[i:i + 32]) for i in range(0, len(data), 32)]
    note = "/* The compiled schemas (google.protobuf.FileDescriptorSet), embedded by schemas/tools/gen_c.py. */\n"
    out.write("schema_set.h", f"{note}#pragma once\n\n#include <stddef.h>\n\nextern const unsigned char kongsi_schema_set[];\n"
          "extern const size_t kongsi_schema_set_length;\n")
    out.write("schema_set.c", f'{note}#include "gen/schema_set.h"\n\nconst unsigned char kongsi_schema_set[] = {{\n'
          + ",\n".join(rows) + "};\nconst size_t kongsi_schema_set_length = sizeof(kongsi_schema_set);\n")


def compile_protos(schemas, out):
    """protoc and protoc-c over all files; returns the path of the descriptor set."""
    google = Path(subprocess.run(["pkg-config", "--variable=includedir", "protobuf"], check=True, capture_output=True,
                                 text=True).stdout.strip() or "/usr/include")
    own = sorted(str(p.relative_to(schemas)) for p in schemas.glob("**/*.proto"))
    own = [p for p in own if not p.startswith("tools/")]
    out.path.mkdir(parents=True, exist_ok=True)
    well_known = ["google/protobuf/descriptor.proto", "google/protobuf/timestamp.proto"]
    set_path = out.path / "kongsi.pb"
    includes = [f"-I{schemas}", f"-I{google}"]
    subprocess.run(["protoc", *includes, "--include_imports", "--include_source_info", f"--descriptor_set_out={set_path}", *own],
                   check=True)
    with tempfile.TemporaryDirectory(dir=out.path) as fresh:
        subprocess.run(["protoc-c", *includes, f"--c_out={fresh}", *own, *well_known], check=True)
        sources = sorted(p.relative_to(fresh) for p in Path(fresh).glob("**/*.pb-c.[ch]"))
        for path in sources:
            out.write(path, (Path(fresh) / path).read_text())
    gather(out.path, "schemas_pb.c", [p for p in sources if p.suffix == ".c"])
    return set_path


def gather(folder, name, paths):
    """Always written anew: the build does not know the parts, so this makes it compile them again."""
    (folder / name).write_text("/* Gathered by schemas/tools/gen_c.py. */\n" + "".join(f'#include "{p}"\n' for p in paths))


def stamp(top, headers):
    """schemas.h, written last: whoever includes generated headers waits for it."""
    whole = hashlib.sha256()
    for path in sorted(headers):
        whole.update(f"{path.relative_to(top)}\n".encode() + path.read_bytes())
    text = f"/* Stands for all generated headers in the build and changes with any of them: {whole.hexdigest()} */\n#pragma once\n"
    path = top / "schemas.h"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def print_depfile(output, schemas):
    # The folders too: a new file changes their time.
    inputs = sorted({p for proto in schemas.glob("**/*.proto") if "node_modules" not in proto.parts for p in (proto, proto.parent)})
    return f"{output}: {' '.join(str(p).replace(' ', chr(92) + ' ') for p in inputs)}\n"


def read_packages(files):
    packages = {}
    for file in files.file:
        if not file.package.startswith("kongsi."):
            continue
        package = packages.setdefault(file.package, Package(file.package))
        package.files.append(file)
        package.messages += file.message_type
        package.enums += file.enum_type
        package.services += file.service
    return packages.values()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--depfile", metavar="FILE", type=Path)
    parser.add_argument("schemas", metavar="SCHEMA_DIR", type=Path)
    parser.add_argument("out", metavar="OUT_DIR", type=Path)
    args = parser.parse_args()
    schemas, top = args.schemas.resolve(), args.out.resolve()
    messages, out = Folder(top), Folder(top / "gen")
    set_path = compile_protos(schemas, messages)
    files, ext = load_set(set_path)
    for package in read_packages(files):
        errors(out, package, ext)
        if package.component == "kongsi":
            continue
        types(out, package)
        topics(out, package, ext)
        if package.services:
            rpc(out, package)
            client(out, package, ext)
            gather(top, f"{package.component}_rpc.c", [f"gen/{package.component}_rpc.c"])
    embed(out, set_path)
    messages.remove_others("kongsi/**/*.pb-c.[ch]")
    out.remove_others("*.[ch]")
    made = sorted(p.name for p in out.written if p.suffix == ".c")
    gather(top, "schemas_tables.c", [f"gen/{n}" for n in made if n.endswith(("_errors.c", "_topics.c", "_set.c"))])
    gather(top, "schemas_clients.c", [f"gen/{n}" for n in made if n.endswith("_client.c")])
    if args.depfile:
        args.depfile.write_text(print_depfile(args.out / "schemas.h", schemas))
    stamp(top, messages.headers() + out.headers())


if __name__ == "__main__":
    main()
