/* One connection in pipeline mode: every wait has a deadline. Internal to libshared/db. */
#pragma once

#include "libshared/db/db.h"
#include "libshared/db/db_error.h"

#include <libpq-fe.h>

#define DB_SERVER_VERSION_MIN 150000
#define DB_STATEMENT_TIMEOUT_MS 60000        /* the server's own limit where a transaction sets none */
#define DB_IDLE_TRANSACTION_TIMEOUT_MS 60000 /* between two statements of a transaction */
#define DB_CLIENT_CHECK_MS 1000              /* the server cancels a statement this soon after its connection was closed */

struct db_conn {
    PGconn *pg;
    bool broken; /* to be closed, not lent again */
    int64_t idle_since_ms;
    struct db_conn *next; /* in the pool's list of idle ones */
};

enum db_conn_mode { DB_CONN_PIPELINE, DB_CONN_SIMPLE };

/* The statements that frame transactions, prepared on every pipelined connection besides the options' own. */
extern const struct db_statement DB_SQL_begin, DB_SQL_scope, DB_SQL_commit, DB_SQL_rollback;

/* Connects and prepares all statements. KONGSI_UNAVAILABLE with libpq's words, which name hosts and users: for the log.
 * KONGSI_CONFIG_INVALID: the server is too old. KONGSI_INTERNAL: a statement does not fit the database. */
ERR_RESULT struct err *db_conn_open(
    const struct db_options *options, enum db_conn_mode mode, int64_t deadline_ms, struct db_conn **ret_conn);
void db_conn_close(struct db_conn *conn);

/* Whether something arrived that nobody asked for: the server closed, or is about to. Costs one system call. */
bool db_conn_is_stale(struct db_conn *conn);
/* A round trip to the server and back, in pipeline mode. */
bool db_conn_ping(struct db_conn *conn, int64_t deadline_ms);

/* Queues a statement into the pipeline. `params` may be NULL. */
ERR_RESULT struct err *db_conn_send(
    struct db_conn *conn, const struct db_statement *statement, const struct db_params *params);
/* Waits for the next result, a complete one; its failure goes to ret_failure->error. A passed deadline is
 * KONGSI_DEADLINE_EXCEEDED and breaks the connection. The result is NULL after a failure. */
PGresult *db_conn_receive(struct db_conn *conn, const char *statement, int64_t deadline_ms, struct db_failure *ret_failure);
/* Waits for the end of the pipeline that PQpipelineSync marked; breaks the connection if it does not come. */
ERR_RESULT struct err *db_conn_receive_sync(struct db_conn *conn, int64_t deadline_ms);
/* Runs SQL text, several statements at once, in DB_CONN_SIMPLE mode. ret_result (may be NULL) gets the last one's, to be
 * PQcleared. */
ERR_RESULT struct err *db_conn_exec(
    struct db_conn *conn, const char *name, const char *sql, int64_t deadline_ms, PGresult **ret_result);
