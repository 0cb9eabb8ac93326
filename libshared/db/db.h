/* PostgreSQL: pool, prepared statements, transactions in pipeline mode.
 *
 * Thread rule: a pool may be used by any thread; a transaction and its results belong to the thread that began it.
 * Every transaction has a scope (whose data it may see, enforced by row-level security) and a deadline.
 *
 * Errors of every function here:
 *   KONGSI_UNAVAILABLE        no connection in time, connection lost before commit, server starting or stopping; retriable
 *   KONGSI_OVERLOADED         too many wait for a connection already; retriable
 *   KONGSI_WRITE_UNCERTAIN    the connection died during COMMIT: repeat with the same request_id
 *   KONGSI_CONFLICT           not retriable: a unique, exclusion, check or foreign-key violation (metadata "constraint"
 *                             names it); retriable: serialization failure, deadlock, lock timeout
 *   KONGSI_DEADLINE_EXCEEDED  the statement was cancelled at the deadline
 *   KONGSI_STORAGE_FULL       PostgreSQL's disk is full; retriable
 *   KONGSI_ROW_NOT_FOUND      a :one statement had no row; the transaction may go on
 *   KONGSI_INTERNAL           anything else PostgreSQL says: a fault of ours; names statement and SQLSTATE
 * The messages of all but the last may reach API users; what is said of hosts and users goes to the log only.
 *
 * Cancelling needs no second connection: whoever gives up closes its own, and the server notices within a second
 * (client_connection_check_interval). Each statement also carries the deadline as the server's own statement_timeout.
 *
 * TLS: libpq's environment variables PGSSLMODE, PGSSLROOTCERT and their like are honoured. A pooler between us and
 * PostgreSQL must work by session. Host names are resolved by libpq without a deadline: give addresses or sockets where the
 * resolver may hang. */
#pragma once

#include "libshared/base/arena.h"
#include "libshared/base/clock.h"
#include "libshared/base/err.h"
#include "libshared/base/str.h"
#include "libshared/base/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a statement returns, declared behind its name in the .sql file. */
enum db_kind {
    DB_ONE,   /* exactly one row; none: KONGSI_ROW_NOT_FOUND */
    DB_MAYBE, /* no row or one (":maybe") */
    DB_MANY,  /* any number of rows, at most DB_ROWS_MAX */
    DB_EXEC,  /* rows, if any, are of no interest; db_affected tells how many it touched */
};

#define DB_ROWS_MAX 100000
#define DB_PARAMS_MAX 24

/* Generated from the .sql files at build: <service>_sql.h has one constant per `-- name:` block, as in
 * `extern const struct db_statement MESSAGING_SQL_message_insert;` and the list `messaging_sql_statements`. */
struct db_statement {
    const char *name; /* unique in the service */
    const char *text; /* $1, $2, …; every parameter is cast ($1::uuid), so that its type is plain */
    enum db_kind kind;
};

struct db_options {
    const char *host;
    int port;
    const char *database;
    const char *user;
    const char *password;
    int pool_size; /* 1..100 */
    const char *application_name;
    const struct db_statement *const *statements; /* NULL-terminated; prepared on every connection when it is made */
};

struct db_pool;

/* Opens the pool; connections are made when first needed (so it succeeds while PostgreSQL is away) and again, with jittered
 * backoff, when lost. */
ERR_RESULT struct err *db_pool_open(const struct db_options *options, struct db_pool **ret_pool);
/* Waits for transactions under way. NULL is fine. */
void db_pool_close(struct db_pool *pool);
/* Whether a connection can be had within 500 ms: for readiness. */
bool db_pool_is_ready(struct db_pool *pool);
/* Prepares each statement on a fresh connection: the test of the .sql files. */
ERR_RESULT struct err *db_pool_check_statements(struct db_pool *pool);

/* Whose rows a transaction sees: app.org_id and app.system, set for the transaction. */
struct db_scope {
    struct uuid org_id;  /* nil with `system` */
    bool system;         /* the kit's own tables and look-ups that come before the organization is known */
    int64_t deadline_ms; /* monotonic; 0: 30 s from now */
};

static inline struct db_scope db_scope_org(struct uuid org_id, int64_t deadline_ms)
{
    return (struct db_scope){.org_id = org_id, .deadline_ms = deadline_ms};
}
static inline struct db_scope db_scope_system(int64_t deadline_ms)
{
    return (struct db_scope){.system = true, .deadline_ms = deadline_ms};
}

/* Parameters, in order of $n. Values are not copied: they must live until the call that runs or queues the statement
 * returns. */
struct db_params {
    int count;
    const char *values[DB_PARAMS_MAX];
    int lengths[DB_PARAMS_MAX];
    int formats[DB_PARAMS_MAX];
    struct arena *arena; /* holds the encoded forms */
    bool failed;         /* out of memory or too many: the statement answers err_out_of_memory */
};

struct db_params db_params_new(struct arena *arena);
void db_add_uuid(struct db_params *params, struct uuid value);
void db_add_uuid_or_null(struct db_params *params, const struct uuid *value); /* NULL pointer: SQL NULL */
/* NULL pointer: SQL NULL. Goes as text, so it fits any type that the statement casts it to: date, jsonb, inet. */
void db_add_text(struct db_params *params, const char *value);
void db_add_bytes(struct db_params *params, const void *value, size_t length); /* never SQL NULL: of length 0 it is empty */
void db_add_int(struct db_params *params, int32_t value);
void db_add_int64(struct db_params *params, int64_t value);
void db_add_bool(struct db_params *params, bool value);
void db_add_instant(struct db_params *params, struct instant value);
void db_add_instant_or_null(struct db_params *params, const struct instant *value);
void db_add_uuid_array(struct db_params *params, const struct uuid *values, size_t count);
void db_add_text_array(struct db_params *params, const char *const *values, size_t count); /* NULL elements: SQL NULL */
void db_add_int64_array(struct db_params *params, const int64_t *values, size_t count);
void db_add_int_array(struct db_params *params, const int32_t *values, size_t count);
void db_add_bytes_array(struct db_params *params, const struct bytes *values, size_t count);
void db_add_instant_array(struct db_params *params, const struct instant *values, size_t count);
void db_add_bool_array(struct db_params *params, const bool *values, size_t count);

/* A result, in binary; freed with db_result_free or DB_RESULT_AUTO. Columns are counted from 0 in the order of the
 * statement. A getter of another type than its column's is a mistake of ours, and stops the program. */
struct db_result;
int db_rows(const struct db_result *result);
int64_t db_affected(const struct db_result *result);
bool db_is_null(const struct db_result *result, int row, int column);
struct uuid db_get_uuid(const struct db_result *result, int row, int column); /* NULL: nil */
int32_t db_get_int(const struct db_result *result, int row, int column);      /* of int2, int4; NULL: 0 */
int64_t db_get_int64(const struct db_result *result, int row, int column);    /* of int2, int4, int8; NULL: 0 */
bool db_get_bool(const struct db_result *result, int row, int column);
struct instant db_get_instant(const struct db_result *result, int row, int column);
/* Of text, varchar, char, name, json; cast others (::text). Valid as long as the result. NULL: "". */
const char *db_get_text(const struct db_result *result, int row, int column);
struct bytes db_get_bytes(const struct db_result *result, int row, int column);
/* Copies into the arena; NULL only when out of memory. */
char *db_get_text_copy(const struct db_result *result, int row, int column, struct arena *arena);
void db_result_free(struct db_result *result);
static inline void db_result_cleanup(struct db_result **result)
{
    db_result_free(*result);
}
#define DB_RESULT_AUTO __attribute__((cleanup(db_result_cleanup))) struct db_result *

struct db_tx;

/* Begins a transaction (READ COMMITTED); BEGIN and the scope travel with the first statement. */
ERR_RESULT struct err *db_begin(struct db_pool *pool, struct db_scope scope, struct db_tx **ret_tx);
/* Runs a statement and waits for its result. After an error the transaction only accepts db_rollback. ret_result may be
 * NULL. */
ERR_RESULT struct err *db_query(
    struct db_tx *tx, const struct db_statement *statement, const struct db_params *params, struct db_result **ret_result);
/* Queues a statement without waiting; it is sent with the next db_query or db_commit, its result is dropped (rows are
 * not counted, whatever its kind), its failure fails those. */
ERR_RESULT struct err *db_send(struct db_tx *tx, const struct db_statement *statement, const struct db_params *params);
/* Called after a successful commit, in the committing thread: wakes readers. At most 4 a transaction. */
void db_on_commit(struct db_tx *tx, void (*callback)(void *argument), void *argument);
/* Commits together with all queued statements; frees the transaction whatever comes. */
ERR_RESULT struct err *db_commit(struct db_tx *tx);
/* Rolls back and frees. NULL is fine. */
void db_rollback(struct db_tx *tx);
static inline void db_tx_cleanup(struct db_tx **tx)
{
    db_rollback(*tx);
}
/* A transaction that rolls back unless it was handed to db_commit_auto. */
#define DB_TX_AUTO __attribute__((cleanup(db_tx_cleanup))) struct db_tx *
#define db_commit_auto(tx)                                                                                                  \
    __extension__({                                                                                                         \
        struct db_tx *db_commit_tx_ = (tx);                                                                                 \
        (tx) = NULL;                                                                                                        \
        db_commit(db_commit_tx_);                                                                                           \
    })
/* One statement in its own transaction, one round trip. */
ERR_RESULT struct err *db_run(struct db_pool *pool, struct db_scope scope, const struct db_statement *statement,
    const struct db_params *params, struct db_result **ret_result);
