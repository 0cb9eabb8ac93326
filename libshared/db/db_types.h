/* PostgreSQL's types as they are on the wire. Internal to libshared/db. */
#pragma once

#include "libshared/base/clock.h"

#include <stdint.h>

/* src/include/catalog/pg_type.dat; these numbers never change. */
enum db_oid {
    DB_OID_BOOL = 16,
    DB_OID_BYTEA = 17,
    DB_OID_NAME = 19,
    DB_OID_INT8 = 20,
    DB_OID_INT2 = 21,
    DB_OID_INT4 = 23,
    DB_OID_TEXT = 25,
    DB_OID_JSON = 114,
    DB_OID_BPCHAR = 1042,
    DB_OID_VARCHAR = 1043,
    DB_OID_TIMESTAMPTZ = 1184,
    DB_OID_UUID = 2950,
};

/* timestamptz counts microseconds from 2000-01-01T00:00:00Z. */
#define DB_TIMESTAMP_EPOCH_US INT64_C(946684800000000)

/* The ends of int64 are PostgreSQL's -infinity and infinity. */
static inline int64_t db_timestamp_from_instant(struct instant instant)
{
    int64_t timestamp;
    return __builtin_sub_overflow(instant.us, DB_TIMESTAMP_EPOCH_US, &timestamp) ? INT64_MIN : timestamp;
}

static inline struct instant db_instant_from_timestamp(int64_t timestamp)
{
    struct instant instant;
    if (timestamp == INT64_MIN || __builtin_add_overflow(timestamp, DB_TIMESTAMP_EPOCH_US, &instant.us)) {
        instant.us = timestamp < 0 ? INT64_MIN : INT64_MAX;
    }
    return instant;
}
