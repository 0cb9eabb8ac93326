/* protobuf on the wire ⇄ JSON by the proto3 JSON mapping, driven by the schema, without generated code.
 *
 * Reading is strict: duplicate names, unknown names, invalid UTF-8, NUL, lone surrogates, numbers out of range or with a fraction where an
 * integer is due, depth past 32, trailing bytes are refused. Names are accepted in snake_case and lowerCamelCase; null is "absent".
 * int64 is accepted as number or string. Writing uses the schema's snake_case names, int64 as string, default values left out only for
 * absent messages and oneofs (so every scalar and list is printed), enums by name, bytes as base64. */
#pragma once

#include "libshared/rpc/schema.h"

#define JSON_DEPTH_MAX 32
#define JSON_KEYS_MAX 100000

struct json_options {
    bool unknown_fields_ignored; /* only for answers of newer peers; requests are strict */
};

/* Appends the message's wire form to `wire`. Reasons: KONGSI_BODY_INVALID (with line and column), KONGSI_FIELD_UNKNOWN, KONGSI_FIELD_INVALID. */
ERR_RESULT struct err *json_to_wire(const struct schema_message *message, const char *json, size_t length, struct buf *wire);
/* Appends one field given as text (path and query parameters; repeated fields append). Reasons as above. */
ERR_RESULT struct err *json_text_to_wire(const struct schema_field *field, const char *text, size_t length, struct buf *wire);
/* Appends the JSON form to `json`. Reason: KONGSI_BODY_INVALID for wire bytes that are not of this message. */
ERR_RESULT struct err *json_from_wire(const struct schema_message *message, struct bytes wire, struct buf *json);
