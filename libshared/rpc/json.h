/* protobuf on the wire ⇄ JSON by the proto3 JSON mapping, driven by the schema, without generated code.
 *
 * Reading is strict: duplicate names, unknown names, invalid UTF-8, NUL, lone surrogates, numbers out of range or with a
 * fraction where an integer is due, two members of one oneof, depth past 32, trailing bytes are refused. Names are accepted
 * in snake_case and lowerCamelCase; null is "absent". 64-bit integers are accepted as number or string, beyond int64 as
 * string only. Whether required fields are there is schema_check's business. Fields are written in order of their numbers
 * and default values left out, so equal requests have equal bytes.
 *
 * Writing uses the schema's snake_case names, 64-bit integers as string, enums by name, bytes as base64. Scalars and lists
 * are printed even when empty; absent messages and members of oneofs are left out. */
#pragma once

#include "libshared/rpc/schema.h"

#define JSON_DEPTH_MAX 32
#define JSON_VALUES_MAX 100000    /* values in one text, names counted too */
#define JSON_MAP_ENTRIES_MAX 1000 /* of a map that is written */

/* Appends the message's wire form to `wire`. Reasons: KONGSI_BODY_INVALID (with line and column where there is one),
 * KONGSI_FIELD_UNKNOWN (metadata field), KONGSI_FIELD_INVALID (metadata field, value, limit). Memory: ERR OUT_OF_MEMORY past
 * the cap of `wire`. */
ERR_RESULT struct err *json_to_wire(const struct schema_message *message, const char *json, size_t length, struct buf *wire);
/* Appends one field given as text (path and query parameters), also when it is the default value, so that it overrides what
 * stands before; repeated fields append. Messages (besides Timestamp) and maps have no text form. Reason:
 * KONGSI_FIELD_INVALID. */
ERR_RESULT struct err *json_text_to_wire(
    const struct schema_field *field, const char *text, size_t length, struct buf *wire);
/* Appends the JSON form to `json`. Reason: KONGSI_BODY_INVALID for wire bytes that are not of this message. */
ERR_RESULT struct err *json_from_wire(const struct schema_message *message, struct bytes wire, struct buf *json);
