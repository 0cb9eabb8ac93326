/* Parameters in PostgreSQL's binary formats (their send and receive functions are the definition: src/backend/utils/adt).
 * Text goes as text, so that it fits every type: $1::date, $1::jsonb, $1::text. */
#include "libshared/db/db.h"

#include "libshared/db/db_types.h"

#include <endian.h>
#include <limits.h>
#include <string.h>

enum { FORMAT_TEXT = 0, FORMAT_BINARY = 1 };

struct db_params db_params_new(struct arena *arena)
{
    return (struct db_params){.arena = arena};
}

static void add(struct db_params *params, const void *value, size_t length, int format)
{
    if (params->count == DB_PARAMS_MAX || length > INT_MAX) {
        params->failed = true;
        return;
    }
    params->values[params->count] = value;
    params->lengths[params->count] = (int)length;
    params->formats[params->count] = format;
    params->count++;
}

static void add_copy(struct db_params *params, const void *value, size_t length)
{
    void *copy = arena_memdup(params->arena, value, length);
    if (!copy) {
        params->failed = true;
        return;
    }
    add(params, copy, length, FORMAT_BINARY);
}

void db_add_uuid(struct db_params *params, struct uuid value)
{
    add_copy(params, value.bytes, sizeof(value.bytes));
}

void db_add_uuid_or_null(struct db_params *params, const struct uuid *value)
{
    add(params, value ? value->bytes : NULL, sizeof(value->bytes), FORMAT_BINARY);
}

void db_add_text(struct db_params *params, const char *value)
{
    add(params, value, 0, FORMAT_TEXT); /* libpq takes its length by strlen */
}

void db_add_bytes(struct db_params *params, const void *value, size_t length)
{
    add(params, value ? value : "", length, FORMAT_BINARY);
}

void db_add_int(struct db_params *params, int32_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    add_copy(params, &wire, sizeof(wire));
}

void db_add_int64(struct db_params *params, int64_t value)
{
    uint64_t wire = htobe64((uint64_t)value);
    add_copy(params, &wire, sizeof(wire));
}

void db_add_bool(struct db_params *params, bool value)
{
    add(params, value ? "\1" : "\0", 1, FORMAT_BINARY);
}

void db_add_instant(struct db_params *params, struct instant value)
{
    db_add_int64(params, db_timestamp_from_instant(value));
}

void db_add_instant_or_null(struct db_params *params, const struct instant *value)
{
    if (value) {
        db_add_instant(params, *value);
    } else {
        add(params, NULL, 0, FORMAT_BINARY);
    }
}

/* --- arrays: int32 dimensions, has-null, element type, length, lower bound; then each element with its length (array_recv)
 * ------------- */

#define ARRAY_HEADER_SIZE 20

struct array {
    uint8_t *start, *end; /* NULL: out of memory */
    size_t size;
};

static void put_int(struct array *array, int32_t value)
{
    uint32_t wire = htobe32((uint32_t)value);
    memcpy(array->end, &wire, sizeof(wire));
    array->end += sizeof(wire);
}

static void put_element(struct array *array, const void *value, size_t length)
{
    put_int(array, (int32_t)length);
    if (length > 0) {
        memcpy(array->end, value, length);
        array->end += length;
    }
}

static void put_null(struct array *array)
{
    put_int(array, -1);
}

/* `data_size` is the sum of the elements' lengths. */
static struct array array_begin(
    struct db_params *params, uint32_t element_oid, size_t count, size_t data_size, bool has_null)
{
    struct array array = {.start = NULL};
    if (count > INT_MAX / 16 || data_size > (size_t)INT_MAX / 2) {
        params->failed = true;
        return array;
    }
    array.size = ARRAY_HEADER_SIZE + 4 * count + data_size;
    array.start = array.end = arena_alloc(params->arena, array.size);
    if (!array.start) {
        params->failed = true;
        return array;
    }
    put_int(&array, count > 0); /* an empty array has no dimension */
    put_int(&array, has_null);
    put_int(&array, (int32_t)element_oid);
    if (count > 0) {
        put_int(&array, (int32_t)count);
        put_int(&array, 1);
    }
    return array;
}

static void array_end(struct db_params *params, const struct array *array)
{
    add(params, array->start, (size_t)(array->end - array->start), FORMAT_BINARY);
}

void db_add_uuid_array(struct db_params *params, const struct uuid *values, size_t count)
{
    struct array array = array_begin(params, DB_OID_UUID, count, count * sizeof(values->bytes), false);
    for (size_t i = 0; array.start && i < count; i++) {
        put_element(&array, values[i].bytes, sizeof(values[i].bytes));
    }
    array_end(params, &array);
}

void db_add_text_array(struct db_params *params, const char *const *values, size_t count)
{
    size_t size = 0;
    bool has_null = false;
    for (size_t i = 0; i < count; i++) {
        size += values[i] ? strlen(values[i]) : 0;
        has_null = has_null || !values[i];
    }
    struct array array = array_begin(params, DB_OID_TEXT, count, size, has_null);
    for (size_t i = 0; array.start && i < count; i++) {
        if (values[i]) {
            put_element(&array, values[i], strlen(values[i]));
        } else {
            put_null(&array);
        }
    }
    array_end(params, &array);
}

void db_add_int64_array(struct db_params *params, const int64_t *values, size_t count)
{
    struct array array = array_begin(params, DB_OID_INT8, count, count * sizeof(*values), false);
    for (size_t i = 0; array.start && i < count; i++) {
        uint64_t wire = htobe64((uint64_t)values[i]);
        put_element(&array, &wire, sizeof(wire));
    }
    array_end(params, &array);
}

void db_add_int_array(struct db_params *params, const int32_t *values, size_t count)
{
    struct array array = array_begin(params, DB_OID_INT4, count, count * sizeof(*values), false);
    for (size_t i = 0; array.start && i < count; i++) {
        uint32_t wire = htobe32((uint32_t)values[i]);
        put_element(&array, &wire, sizeof(wire));
    }
    array_end(params, &array);
}

void db_add_bytes_array(struct db_params *params, const struct bytes *values, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size += values[i].length;
    }
    struct array array = array_begin(params, DB_OID_BYTEA, count, size, false);
    for (size_t i = 0; array.start && i < count; i++) {
        put_element(&array, values[i].data, values[i].length);
    }
    array_end(params, &array);
}

void db_add_instant_array(struct db_params *params, const struct instant *values, size_t count)
{
    struct array array = array_begin(params, DB_OID_TIMESTAMPTZ, count, count * sizeof(int64_t), false);
    for (size_t i = 0; array.start && i < count; i++) {
        uint64_t wire = htobe64((uint64_t)db_timestamp_from_instant(values[i]));
        put_element(&array, &wire, sizeof(wire));
    }
    array_end(params, &array);
}

void db_add_bool_array(struct db_params *params, const bool *values, size_t count)
{
    struct array array = array_begin(params, DB_OID_BOOL, count, count, false);
    for (size_t i = 0; array.start && i < count; i++) {
        put_element(&array, values[i] ? "\1" : "\0", 1);
    }
    array_end(params, &array);
}
