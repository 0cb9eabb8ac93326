/* Single values of text on their way to the wire, for JSON strings and for path and query parameters. Private to json_*.c.
 */
#pragma once

#include "libshared/rpc/field_err.h"
#include "libshared/rpc/schema.h"

/* A whole number before its type's range is known. */
struct scalar_integer {
    bool negative;
    uint64_t magnitude;
};

/* Each gives the bits as they stand on the wire (varint or fixed), and fails with KONGSI_FIELD_INVALID; `text`, `length` are
 * what the error shows as the value. */
ERR_RESULT struct err *scalar_from_integer(
    const struct field_path *path, struct scalar_integer integer, const char *text, size_t length, uint64_t *ret_bits);
ERR_RESULT struct err *scalar_from_double(
    const struct field_path *path, double number, const char *text, size_t length, uint64_t *ret_bits);
/* Of any number, enum (by name or number) or bool type. */
ERR_RESULT struct err *scalar_from_text(const struct field_path *path, const char *text, size_t length, uint64_t *ret_bits);

/* Append tag and value; memory shows in wire->failed. */
void scalar_put_number(const struct schema_field *field, uint64_t bits, struct buf *wire);
void scalar_put_bits(const struct schema_field *field, uint64_t bits, struct buf *wire); /* without tag */
void scalar_put_string(const struct schema_field *field, const char *text, size_t length, struct buf *wire);
ERR_RESULT struct err *scalar_put_base64(const struct field_path *path, const char *text, size_t length, struct buf *wire);
ERR_RESULT struct err *scalar_put_timestamp(
    const struct field_path *path, const char *text, size_t length, struct buf *wire);

/* A length-delimited value whose length is known at its end: begin writes the tag, end puts the length before what came
 * since. */
size_t scalar_begin(const struct schema_field *field, struct buf *wire);
void scalar_end(size_t begin, struct buf *wire);
