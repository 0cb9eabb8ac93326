#!/usr/bin/python3
"""Writes the OpenAPI 3.1 document of the REST interface from the compiled schemas.

    protoc -Ischemas --include_imports --include_source_info --descriptor_set_out=kongsi.desc FILES...
    openapi.py kongsi.desc openapi.json --version 0.1.0

One operation per method with google.api.http; methods of ACCESS_SERVICE are left out. Limits, permissions and errors come
from the options in kongsi/v1/options.proto, descriptions from the comments. Routes that are not RPCs (streams) come from
hand-written raw_routes.openapi.json files beside the schemas, completed here by the same rules: in them
"x-kongsi-permission" and "x-kongsi-errors" say what MethodRules says of an RPC.
"""

import argparse
import json
import pathlib
import re
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

SCHEMAS = pathlib.Path(__file__).resolve().parent.parent
STRING_LENGTH_MAX = 1024  # of a string whose rules name no max_length
ITEM_COUNT_MAX = 1000  # of a repeated field whose rules name no max_items
ENUM_PREFIX = "ERROR_REASON_"

# google.rpc.Code to HTTP status, as google.rpc says it; a reason's meaning overrides it with "(HTTP 413)".
HTTP_STATUS = {
    1: 499, 2: 500, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400, 12: 501, 13: 500, 14: 503,
    15: 500, 16: 401,
}
HTTP_NAMES = {
    400: "The request is wrong", 401: "Not signed in", 403: "Not permitted", 404: "Not found", 408: "Too slow",
    409: "Conflict", 413: "Too large", 414: "Request target too long", 415: "Media type not supported",
    429: "Too many requests", 431: "Header fields too large", 500: "A fault of the server", 501: "Not implemented",
    503: "Unavailable", 504: "Not ready in time", 507: "Storage full",
}
RETRY_AFTER = {429, 503}

# Reasons any operation may answer, by when.
COMMON_ALWAYS = [
    "FIELD_INVALID", "FIELD_UNKNOWN", "REQUEST_MALFORMED", "HEADERS_TOO_LARGE", "URI_TOO_LONG", "RATE_LIMITED",
    "OUT_OF_MEMORY", "OVERLOADED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL",
]
COMMON_BODY = ["BODY_INVALID", "BODY_TOO_LARGE", "BODY_TOO_SLOW", "MEDIA_TYPE_UNSUPPORTED"]
COMMON_CHANGE = ["WRITE_UNCERTAIN", "CONFLICT", "STORAGE_FULL"]
COMMON_REQUEST_ID = ["REQUEST_ID_REUSED"]
COMMON_PAGES = ["PAGE_TOKEN_INVALID"]
COMMON_USER = ["TOKEN_MISSING", "TOKEN_INVALID", "TOKEN_EXPIRED"]
COMMON_PERMISSION = ["PERMISSION_MISSING"]
COMMON_PATH = ["ROUTE_NOT_FOUND", "ROW_NOT_FOUND"]

FIELD_FORMATS = {
    "FIELD_FORMAT_UUID": {"format": "uuid"},
    "FIELD_FORMAT_EMAIL": {"format": "email", "maxLength": 254},
    "FIELD_FORMAT_DATE": {"format": "date"},
    "FIELD_FORMAT_LANGUAGE": {"enum": ["zh-HK", "en", "zh-CN"]},
}
F = descriptor_pb2.FieldDescriptorProto
INT32_TYPES = {F.TYPE_INT32, F.TYPE_SINT32, F.TYPE_SFIXED32}
UINT32_TYPES = {F.TYPE_UINT32, F.TYPE_FIXED32}
INT64_TYPES = {F.TYPE_INT64, F.TYPE_SINT64, F.TYPE_SFIXED64}
UINT64_TYPES = {F.TYPE_UINT64, F.TYPE_FIXED64}

SECURITY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The access_token of a session (POST /v1/sessions), good for about ten minutes; renew it with its refresh_token.",
}
ERROR_SCHEMA = {
    "type": "object",
    "description": "What every operation answers when it fails.",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "status", "message", "details"],
            "properties": {
                "code": {"type": "integer", "description": "The HTTP status."},
                "status": {"type": "string", "description": "Name of the google.rpc.Code, as in NOT_FOUND."},
                "message": {"type": "string", "description": "For developers, in English."},
                "details": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["reason", "domain"],
                        "properties": {
                            "reason": {"type": "string", "description": "What happened: one of the reasons the operation lists."},
                            "domain": {"type": "string", "description": "Whose reason it is, as in messaging.kongsi."},
                            "metadata": {"type": "object", "additionalProperties": {"type": "string"}},
                        },
                    },
                },
            },
        }
    },
    "examples": [
        {
            "error": {
                "code": 404,
                "status": "NOT_FOUND",
                "message": "no conversation you are in has this id",
                "details": [{"reason": "CONVERSATION_NOT_FOUND", "domain": "messaging.kongsi", "metadata": {}}],
            }
        }
    ],
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Another place for the body's request_id; given both, they must be equal. A repeat with the same key "
    "returns the first answer. Without either the server makes one up, and a repeat is a new request.",
    "schema": {"type": "string", "format": "uuid"},
}


class SchemaError(Exception):
    """The schemas say something this tool cannot express."""


class Schemas:
    """The descriptor set, with our options readable and comments at hand."""

    def __init__(self, data):
        plain = descriptor_pb2.FileDescriptorSet.FromString(data)
        self.pool = descriptor_pool.DescriptorPool()
        for file in plain.file:
            self.pool.Add(file) if hasattr(self.pool, "Add") else self.pool.AddSerializedFile(file.SerializeToString())
        self.factory = message_factory.MessageFactory(self.pool) if hasattr(message_factory, "MessageFactory") else None
        # Parsed again with the set's own descriptor.proto: there the options' extensions are known.
        self.files = self.message_class("google.protobuf.FileDescriptorSet").FromString(data).file
        self.messages, self.enums, self.comments = {}, {}, {}
        for file in self.files:
            self._index(file)

    def message_class(self, name):
        descriptor = self.pool.FindMessageTypeByName(name)
        return self.factory.GetPrototype(descriptor) if self.factory else message_factory.GetMessageClass(descriptor)

    def option(self, options, name):
        """The extension `name` of an options message, or None."""
        extension = self.pool.FindExtensionByName(name)
        return options.Extensions[extension] if options.HasExtension(extension) else None

    def comment(self, full_name):
        return self.comments.get(full_name, "")

    def _index(self, file):
        by_path = {tuple(l.path): clean_comment(l) for l in file.source_code_info.location}
        prefix = "." + file.package
        for i, message in enumerate(file.message_type):
            self._index_message(message, prefix, (4, i), by_path, file)
        for i, enum in enumerate(file.enum_type):
            self._index_enum(enum, prefix, (5, i), by_path)
        for i, service in enumerate(file.service):
            name = f"{prefix}.{service.name}"
            self.comments[name] = by_path.get((6, i), "")
            for j, method in enumerate(service.method):
                self.comments[f"{name}.{method.name}"] = by_path.get((6, i, 2, j), "")

    def _index_message(self, message, prefix, path, by_path, file):
        name = f"{prefix}.{message.name}"
        self.messages[name] = message
        self.comments[name] = by_path.get(path, "")
        for i, field in enumerate(message.field):
            self.comments[f"{name}.{field.name}"] = by_path.get(path + (2, i), "")
        for i, nested in enumerate(message.nested_type):
            self._index_message(nested, name, path + (3, i), by_path, file)
        for i, enum in enumerate(message.enum_type):
            self._index_enum(enum, name, path + (4, i), by_path)

    def _index_enum(self, enum, prefix, path, by_path):
        name = f"{prefix}.{enum.name}"
        self.enums[name] = enum
        self.comments[name] = by_path.get(path, "")
        for i, value in enumerate(enum.value):
            self.comments[f"{name}.{value.name}"] = by_path.get(path + (2, i), "")


def clean_comment(location):
    text = location.leading_comments or location.trailing_comments
    return " ".join(line.strip() for line in text.strip().splitlines())


class Reasons:
    """Error reasons by package, and what they become on HTTP."""

    def __init__(self, schemas):
        self.by_package = {}
        for name, enum in schemas.enums.items():
            if name.endswith(".ErrorReason"):
                rules = {v.name[len(ENUM_PREFIX):]: schemas.option(v.options, "kongsi.v1.reason") for v in enum.value}
                self.by_package[name[1:-len(".ErrorReason")]] = {k: r for k, r in rules.items() if r}

    def find(self, reason, package):
        for place in (package, "kongsi.v1"):
            rules = self.by_package.get(place, {}).get(reason)
            if rules:
                return rules
        raise SchemaError(f"{package}: no ErrorReason is called {reason}")

    def responses(self, names, package):
        """OpenAPI responses of these reasons, by status."""
        by_status = {}
        for name in dict.fromkeys(names):
            rules = self.find(name, package)
            by_status.setdefault(http_status(rules), []).append((name, rules.meaning))
        return {str(status): error_response(status, by_status[status]) for status in sorted(by_status)}


def http_status(rules):
    special = re.search(r"\(HTTP (\d{3})\)", rules.meaning)
    return int(special.group(1)) if special else HTTP_STATUS[rules.code]


def error_response(status, reasons):
    lines = [f"{HTTP_NAMES.get(status, 'Failed')}."] + [f"* `{name}`: {meaning}" for name, meaning in reasons]
    response = {
        "description": "\n".join(lines),
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        "x-kongsi-reasons": [name for name, _ in reasons],
    }
    if status in RETRY_AFTER:
        response["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
    return response


class Components:
    """Schemas of messages and enums, made when first named. A message in a request and the same in an answer differ: a
    request names no unknown field and no UNSPECIFIED value, an answer may grow."""

    def __init__(self, schemas):
        self.schemas = schemas
        self.made = {}
        self.owners = {}

    def ref(self, full_name, request, without=()):
        """A $ref to the message's schema; `without` fields (those in the path) are left out."""
        short = full_name.split(".")[-1] + ("Input" if request and not without and not full_name.endswith("Request") else "")
        if self.owners.setdefault(short, full_name) != full_name:
            short = full_name[1:].replace(".", "_")
            self.owners[short] = full_name
        if short not in self.made:
            self.made[short] = {}  # named before its fields, which may name it
            self.made[short] = self.message(full_name, request, without)
        return {"$ref": f"#/components/schemas/{short}"}

    def message(self, full_name, request, without):
        message = self.schemas.messages[full_name]
        schema = {"type": "object", "properties": {}}
        if self.schemas.comment(full_name):
            schema["description"] = self.schemas.comment(full_name)
        required = []
        for field in message.field:
            if field.name in without:
                continue
            schema["properties"][field.name] = self.field(full_name, field, request)
            rules = self.schemas.option(field.options, "kongsi.v1.field")
            if request and rules and rules.required and field.name != "request_id":
                required.append(field.name)
        if required:
            schema["required"] = required
        if request:
            schema["additionalProperties"] = False
        add_oneofs(message, schema, request)
        return schema

    def field(self, full_name, field, request):
        schema = self.value(field, request)
        comment = self.schemas.comment(f"{full_name}.{field.name}")
        if field.label == F.LABEL_REPEATED and "additionalProperties" not in schema:
            rules = self.schemas.option(field.options, "kongsi.v1.field")
            schema = {"type": "array", "items": schema}
            if request:
                schema["maxItems"] = (rules and rules.max_items) or ITEM_COUNT_MAX
                if rules and rules.required:
                    schema["minItems"] = 1
        if comment:
            schema = {**schema, "description": comment}
        return schema

    def value(self, field, request):
        """Schema of one value of the field."""
        rules = self.schemas.option(field.options, "kongsi.v1.field")
        if field.type == F.TYPE_MESSAGE:
            return self.message_value(field, request)
        if field.type == F.TYPE_ENUM:
            return self.enum_value(field, request)
        if field.type == F.TYPE_STRING:
            return string_value(rules, request, field)
        if field.type == F.TYPE_BYTES:
            return bytes_value(rules, request)
        if field.type == F.TYPE_BOOL:
            return {"type": "boolean"}
        if field.type in (F.TYPE_DOUBLE, F.TYPE_FLOAT):
            return {"type": "number"}
        return number_value(field, rules, request)

    def message_value(self, field, request):
        if field.type_name == ".google.protobuf.Timestamp":
            return {"type": "string", "format": "date-time"}
        message = self.schemas.messages[field.type_name]
        if message.options.map_entry:
            return {"type": "object", "additionalProperties": self.value(message.field[1], request)}
        return self.ref(field.type_name, request)

    def enum_value(self, field, request):
        enum = self.schemas.enums[field.type_name]
        if request:
            return {"type": "string", "enum": [v.name for v in enum.value if v.number != 0]}
        short = field.type_name.split(".")[-1]
        if self.owners.setdefault(short, field.type_name) != field.type_name:
            short = field.type_name[1:].replace(".", "_")
        if short not in self.made:
            lines = [self.schemas.comment(field.type_name)]
            for v in enum.value:
                comment = self.schemas.comment(f"{field.type_name}.{v.name}")
                lines += [f"* `{v.name}`: {comment}"] if comment else []
            self.made[short] = {"type": "string", "enum": [v.name for v in enum.value]}
            if any(lines):
                self.made[short]["description"] = "\n".join(line for line in lines if line)
        return {"$ref": f"#/components/schemas/{short}"}


def add_oneofs(message, schema, request):
    for index, oneof in enumerate(message.oneof_decl):
        names = [f.name for f in message.field if f.HasField("oneof_index") and f.oneof_index == index]
        said = f"At most one of {', '.join(f'`{n}`' for n in names)} is present ({oneof.name})."
        schema["description"] = " ".join(filter(None, [schema.get("description"), said]))
        pairs = [{"not": {"required": [a, b]}} for i, a in enumerate(names) for b in names[i + 1:]]
        if request and pairs:
            schema.setdefault("allOf", []).extend(pairs)


def string_value(rules, request, field):
    schema = {"type": "string"}
    if not request:
        if rules and rules.format:
            schema.update(FIELD_FORMATS[format_name(rules)])
        return schema
    schema["maxLength"] = (rules and rules.max_length) or STRING_LENGTH_MAX
    if rules and rules.format:
        del schema["maxLength"]
        schema.update(FIELD_FORMATS[format_name(rules)])
    length_min = max(rules.min_length, int(rules.required and field.label != F.LABEL_REPEATED)) if rules else 0
    if length_min and not (rules and rules.format):
        schema["minLength"] = length_min
    if rules and rules.secret:
        schema["writeOnly"] = True
    return schema


def format_name(rules):
    return rules.DESCRIPTOR.fields_by_name["format"].enum_type.values_by_number[rules.format].name


def bytes_value(rules, request):
    schema = {"type": "string", "contentEncoding": "base64"}
    if request:
        schema["maxLength"] = -(-((rules and rules.max_length) or STRING_LENGTH_MAX) // 3) * 4
    return schema


def number_value(field, rules, request):
    minimum = rules.minimum if rules and rules.HasField("minimum") else None
    maximum = rules.maximum if rules and rules.HasField("maximum") else None
    if field.type in INT64_TYPES | UINT64_TYPES:
        unsigned = field.type in UINT64_TYPES or (minimum is not None and minimum >= 0)
        digits = "[1-9][0-9]{0,17}" if unsigned and minimum and minimum > 0 else "(0|[1-9][0-9]{0,17})"
        schema = {"type": "string", "format": "int64", "pattern": f"^{'' if unsigned else '-?'}{digits}$"}
        return schema if request else {"type": "string", "format": "int64"}
    low, high = (0, 2**32 - 1) if field.type in UINT32_TYPES else (-(2**31), 2**31 - 1)
    schema = {"type": "integer", "format": "int32"}
    if request:
        schema["minimum"] = low if minimum is None else minimum
        schema["maximum"] = high if maximum is None else maximum
    return schema


class Document:
    """The OpenAPI document, built method by method."""

    def __init__(self, schemas, version):
        self.schemas = schemas
        self.reasons = Reasons(schemas)
        self.components = Components(schemas)
        self.operation_ids = set()
        self.value = {
            "openapi": "3.1.0",
            "info": {
                "title": "Kongsi API",
                "version": version,
                "description": "REST interface of Kongsi, an open office platform. Field names are snake_case; 64-bit integers are "
                "strings of digits; instants are RFC 3339; bytes are base64. Fields that have their default value may be "
                "absent from an answer. Lists go by page_token.",
            },
            "servers": [{"url": "/"}],
            "tags": [],
            "paths": {},
            "components": {"securitySchemes": {"bearerAuth": SECURITY_SCHEME}, "schemas": {}},
        }

    def finish(self):
        self.value["components"]["schemas"].update(
            {name: self.components.made[name] for name in sorted(self.components.made)}, Error=ERROR_SCHEMA
        )
        self.value["paths"] = {path: self.value["paths"][path] for path in sorted(self.value["paths"])}
        return self.value

    def add_file(self, file):
        for service in file.service:
            tag = re.sub("Service$", "", service.name)
            count = len(self.operation_ids)
            for method in service.method:
                rules = self.schemas.option(method.options, "kongsi.v1.method")
                http = self.schemas.option(method.options, "google.api.http")
                if http and rules and access_name(rules) != "ACCESS_SERVICE":
                    self.add_method(file, service, method, http, rules, tag)
            if len(self.operation_ids) > count:
                comment = self.schemas.comment(f".{file.package}.{service.name}")
                self.value["tags"].append({"name": tag, **({"description": comment} if comment else {})})

    def add_method(self, file, service, method, http, rules, tag):
        if access_name(rules) == "ACCESS_UNSPECIFIED":
            raise SchemaError(f"{method.name}: the method does not say who may call it (access)")
        verb = http.WhichOneof("pattern")
        path = getattr(http, verb)
        comment = self.schemas.comment(f".{file.package}.{service.name}.{method.name}")
        operation = {"operationId": method.name[0].lower() + method.name[1:], "tags": [tag]}
        if comment:
            operation["summary"] = comment.split(". ")[0].rstrip(".")
            operation["description"] = comment
        request = self.schemas.messages[method.input_type]
        in_path = re.findall(r"{([a-z0-9_]+)}", path)
        operation["parameters"] = self.parameters(method.input_type, request, in_path, http.body == "")
        if http.body not in ("", "*"):
            raise SchemaError(f"{method.name}: body must be * or empty")
        if http.body == "*":
            ref = self.components.ref(method.input_type, True, tuple(in_path))
            operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": ref}}}
        answer = self.components.ref(method.output_type, False)
        operation["responses"] = {
            "200": {"description": "Done.", "content": {"application/json": {"schema": answer}}}
        }
        if rules.body_size_max_bytes:
            operation["x-kongsi-body-size-max-bytes"] = rules.body_size_max_bytes
        names = {f.name for f in request.field}
        extra = COMMON_REQUEST_ID if "request_id" in names else []
        extra = extra + (COMMON_PAGES if "page_token" in names else [])
        permission = rules.permission if access_name(rules) == "ACCESS_USER" else None
        self.complete(operation, file.package, path, verb, permission, list(rules.errors) + extra)

    def parameters(self, type_name, request, in_path, with_query):
        fields = {f.name: f for f in request.field}
        parameters = []
        for name in in_path:
            if name not in fields:
                raise SchemaError(f"{type_name}: the path names {name}, the message does not")
            parameters.append(self.parameter(type_name, fields[name], "path", True))
        if with_query:
            for name, field in fields.items():
                if name not in in_path:
                    rules = self.schemas.option(field.options, "kongsi.v1.field")
                    parameters.append(self.parameter(type_name, field, "query", bool(rules and rules.required)))
        if "request_id" in fields:
            parameters.append(IDEMPOTENCY_KEY)
        return parameters

    def parameter(self, type_name, field, place, required):
        if field.type == F.TYPE_MESSAGE:
            raise SchemaError(f"{type_name}.{field.name}: a message cannot be in the {place}")
        schema = self.components.field(type_name, field, True)
        description = schema.pop("description", None)
        parameter = {"name": field.name, "in": place, "required": required, "schema": schema}
        if description:
            parameter["description"] = description
        return parameter

    def complete(self, operation, package, path, verb, permission, errors):
        """Adds what every operation has: security and the errors that can come; then files it."""
        names = list(errors) + COMMON_ALWAYS
        names += COMMON_BODY if "requestBody" in operation else []
        names += COMMON_CHANGE if verb != "get" else []
        names += COMMON_PATH if "{" in path else []
        if permission is None:
            operation["security"] = []
        else:
            operation["security"] = [{"bearerAuth": []}]
            operation["x-kongsi-permission"] = permission
            names += COMMON_USER + (COMMON_PERMISSION if permission else [])
        operation["responses"].update(self.reasons.responses(names, package))
        if not operation.get("parameters"):
            operation.pop("parameters", None)
        if operation["operationId"] in self.operation_ids:
            raise SchemaError(f"two methods are called {operation['operationId']}")
        self.operation_ids.add(operation["operationId"])
        if verb in self.value["paths"].setdefault(path, {}):
            raise SchemaError(f"two methods have {verb} {path}")
        self.value["paths"][path][verb] = operation

    def add_raw_routes(self, raw, package):
        for path, item in raw["paths"].items():
            for verb, operation in item.items():
                errors = operation.pop("x-kongsi-errors", [])
                permission = operation.pop("x-kongsi-permission")  # null: public; must be said
                operation["x-kongsi-raw"] = package.split(".")[1]  # the component that streams it
                self.complete(operation, package, path, verb, permission, errors)
        self.components.made.update(raw.get("components", {}).get("schemas", {}))


def access_name(rules):
    return rules.DESCRIPTOR.fields_by_name["access"].enum_type.values_by_number[rules.access].name


def build(data, version, raw_files):
    schemas = Schemas(data)
    document = Document(schemas, version)
    for file in schemas.files:
        document.add_file(file)
    for name in raw_files:
        # .../kongsi/identity/v1/raw_routes.openapi.json belongs to the package kongsi.identity.v1
        package = ".".join(pathlib.Path(name).resolve().parts[-4:-1])
        document.add_raw_routes(json.loads(pathlib.Path(name).read_text(encoding="utf-8")), package)
    return document.finish()


def main():
    parser = argparse.ArgumentParser(description="Writes the OpenAPI document of a compiled descriptor set.")
    parser.add_argument("descriptor_set", help="protoc --include_imports --include_source_info --descriptor_set_out")
    parser.add_argument("out", help="the JSON file to write")
    parser.add_argument("--version", default="0.0.0", help="version of the document (default: %(default)s)")
    parser.add_argument("--raw", nargs="*", help="raw route files (default: raw_routes.openapi.json beside the schemas)")
    args = parser.parse_args()
    raw = args.raw if args.raw is not None else sorted(SCHEMAS.glob("kongsi/*/v*/raw_routes.openapi.json"))
    try:
        document = build(pathlib.Path(args.descriptor_set).read_bytes(), args.version, raw)
    except (OSError, ValueError, KeyError, SchemaError) as err:
        print(f"openapi.py: {err}", file=sys.stderr)
        return 1
    pathlib.Path(args.out).write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
