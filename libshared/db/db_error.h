/* What PostgreSQL's errors mean here: SQLSTATE to reason. Internal to libshared/db. */
#pragma once

#include "libshared/base/err.h"

#include <libpq-fe.h>
#include <stdbool.h>

struct db_failure {
    struct err *error;
    bool ends_connection; /* FATAL, or the connection is of no further use: a standby, a stale plan */
    bool is_fatal;        /* the server ended the session, or the connection broke */
    bool by_server;       /* the server said so: what came behind the statement did not run */
};

/* Of a failed result; `statement` names it in messages. */
struct db_failure db_failure_of(const PGresult *result, const char *statement);
/* The connection broke without a word. */
struct err *db_error_lost(void);
