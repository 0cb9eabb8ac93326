/* Errors that name a field: its path, what stands there, and the limit. Private to the codec and the schema checks. */
#pragma once

#include "libshared/rpc/schema.h"

#define FIELD_VALUE_LENGTH_MAX 100 /* code points of a value that an error repeats */

/* Where a walk through a message is: a chain on the stack from the leaf to the root, written out only when there is an
 * error. */
struct field_path {
    const struct field_path *parent; /* NULL: the field is the request's own */
    const struct schema_field *field;
    int64_t index;   /* of the element of a repeated field; -1: none */
    const char *key; /* of the entry of a map; NULL: none */
    size_t key_length;
};

/* "page_size is 5000, must be at most 200": `must` is the whole end of the sentence. */
struct err *field_err_value(
    const struct field_path *path, const char *value, size_t length, const char *limit, const char *must);
/* "text.body has 20001 characters, at most 20000" */
struct err *field_err_count(const struct field_path *path, size_t count, int64_t limit, bool too_many, const char *unit);
/* "text is required" */
struct err *field_err_missing(const struct field_path *parent, const struct schema_field *field);
/* "text occurs twice" */
struct err *field_err_repeated(const struct field_path *path);
/* "card and text are both given" */
struct err *field_err_conflict(const struct field_path *path, const struct schema_field *other);
/* "colour is not a field of kongsi.v1.X"; `parent` is the path of the message. */
struct err *field_err_unknown(const struct field_path *parent, const struct schema_message *message, const char *name);
