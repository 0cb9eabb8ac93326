/* A getter that does not fit its column is a mistake in our own statement or code: check() says so at once. */
#include "libshared/db/db_result.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"
#include "libshared/db/db_types.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

struct db_result *db_result_new(PGresult *pg)
{
    struct db_result *result = calloc(1, sizeof(*result));
    if (!result) {
        PQclear(pg);
        return NULL;
    }
    result->pg = pg;
    return result;
}

void db_result_free(struct db_result *result)
{
    if (result) {
        PQclear(result->pg);
        free(result);
    }
}

struct err *db_result_check_rows(const PGresult *pg, const struct db_statement *statement)
{
    int rows = PQntuples(pg);
    if (statement->kind == DB_ONE && rows == 0) {
        return err_new(&KONGSI_ROW_NOT_FOUND, "nothing found");
    }
    int rows_max = statement->kind == DB_ONE || statement->kind == DB_MAYBE ? 1 : DB_ROWS_MAX;
    if (rows > rows_max) {
        return err_new(
            &KONGSI_INTERNAL, "statement %s returned %d rows, at most %d are allowed", statement->name, rows, rows_max);
    }
    return NULL;
}

int db_rows(const struct db_result *result)
{
    return PQntuples(result->pg);
}

int64_t db_affected(const struct db_result *result)
{
    return strtoll(PQcmdTuples(result->pg), NULL, 10); /* "" of commands that count nothing: 0 */
}

bool db_is_null(const struct db_result *result, int row, int column)
{
    check(row >= 0 && row < PQntuples(result->pg) && column >= 0 && column < PQnfields(result->pg));
    return PQgetisnull(result->pg, row, column);
}

/* The bytes of a value of type `oid`, `size` long; NULL: SQL NULL. */
static const void *value_of(const struct db_result *result, int row, int column, enum db_oid oid, int size)
{
    if (db_is_null(result, row, column)) {
        return NULL;
    }
    check(PQfformat(result->pg, column) == 1);
    check(PQftype(result->pg, column) == (Oid)oid);
    check(PQgetlength(result->pg, row, column) == size);
    return PQgetvalue(result->pg, row, column);
}

static int16_t int16_of(const void *value)
{
    uint16_t wire;
    memcpy(&wire, value, sizeof(wire));
    return (int16_t)be16toh(wire);
}

static int32_t int32_of(const void *value)
{
    uint32_t wire;
    memcpy(&wire, value, sizeof(wire));
    return (int32_t)be32toh(wire);
}

static int64_t int64_of(const void *value)
{
    uint64_t wire;
    memcpy(&wire, value, sizeof(wire));
    return (int64_t)be64toh(wire);
}

struct uuid db_get_uuid(const struct db_result *result, int row, int column)
{
    struct uuid uuid = {.bytes = {0}};
    const void *value = value_of(result, row, column, DB_OID_UUID, sizeof(uuid.bytes));
    if (value) {
        memcpy(uuid.bytes, value, sizeof(uuid.bytes));
    }
    return uuid;
}

int64_t db_get_int64(const struct db_result *result, int row, int column)
{
    const void *value;
    switch (PQftype(result->pg, column)) {
    case DB_OID_INT2:
        value = value_of(result, row, column, DB_OID_INT2, 2);
        return value ? int16_of(value) : 0;
    case DB_OID_INT4:
        value = value_of(result, row, column, DB_OID_INT4, 4);
        return value ? int32_of(value) : 0;
    default:
        value = value_of(result, row, column, DB_OID_INT8, 8);
        return value ? int64_of(value) : 0;
    }
}

int32_t db_get_int(const struct db_result *result, int row, int column)
{
    check(db_is_null(result, row, column) || PQftype(result->pg, column) != DB_OID_INT8);
    return (int32_t)db_get_int64(result, row, column);
}

bool db_get_bool(const struct db_result *result, int row, int column)
{
    const char *value = value_of(result, row, column, DB_OID_BOOL, 1);
    return value && *value;
}

struct instant db_get_instant(const struct db_result *result, int row, int column)
{
    const void *value = value_of(result, row, column, DB_OID_TIMESTAMPTZ, 8);
    return value ? db_instant_from_timestamp(int64_of(value)) : (struct instant){0};
}

static bool is_text(Oid oid)
{
    return oid == DB_OID_TEXT || oid == DB_OID_VARCHAR || oid == DB_OID_BPCHAR || oid == DB_OID_NAME || oid == DB_OID_JSON;
}

const char *db_get_text(const struct db_result *result, int row, int column)
{
    if (db_is_null(result, row, column)) {
        return "";
    }
    check(is_text(PQftype(result->pg, column))); /* others: cast, as in col::text */
    return PQgetvalue(result->pg, row, column);  /* libpq ends every value with NUL */
}

char *db_get_text_copy(const struct db_result *result, int row, int column, struct arena *arena)
{
    return arena_strdup(arena, db_get_text(result, row, column));
}

struct bytes db_get_bytes(const struct db_result *result, int row, int column)
{
    if (db_is_null(result, row, column)) {
        return (struct bytes){.data = NULL};
    }
    Oid oid = PQftype(result->pg, column);
    check(oid == DB_OID_BYTEA || is_text(oid));
    return (struct bytes){.data = (const uint8_t *)PQgetvalue(result->pg, row, column),
        .length = (size_t)PQgetlength(result->pg, row, column)};
}
