/* Transactions over a pipeline.
 *
 * What is queued goes out together with the next statement that needs an answer, and one Sync: one round trip. BEGIN and the
 * scope travel with the first statement, COMMIT with whatever was queued before it. When a statement fails, the server skips
 * the rest up to the Sync, COMMIT included: so an answer that says "failed" is certain, and only silence after COMMIT went
 * out is not. */
#include "libshared/db/db.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"
#include "libshared/db/db_pool.h"
#include "libshared/db/db_result.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DB_DEADLINE_DEFAULT_MS 30000
#define DB_PENDING_MAX 256 /* statements in one round trip; db_send makes one when it is reached */
#define DB_ON_COMMIT_MAX 4
#define DB_ROLLBACK_TIMEOUT_MS 1000
#define DB_SERVER_GRACE_MS 500 /* the server's own limit for a statement lies this far behind our deadline */

struct db_tx {
    struct db_pool *pool;
    struct db_conn *conn;
    struct db_scope scope;
    bool begun;  /* BEGIN is queued or sent */
    bool failed; /* takes nothing but the rollback */
    int pending_count;
    const struct db_statement *pending[DB_PENDING_MAX]; /* queued since the last Sync */
    int on_commit_count;
    struct {
        void (*callback)(void *argument);
        void *argument;
    } on_commit[DB_ON_COMMIT_MAX];
};

/* --- one round trip -------------------------------------------------------------------------------------------------- */

struct reply {
    PGresult *kept; /* of the statement that was asked for */
    bool certain;   /* of a failure: surely nothing was committed */
};

static struct err *queue(struct db_tx *tx, const struct db_statement *statement, const struct db_params *params)
{
    check(tx->pending_count < DB_PENDING_MAX);
    if (tx->pending_count == 0 && db_conn_is_stale(tx->conn)) { /* found now, the loss is no uncertain commit */
        tx->conn->broken = tx->failed = true;
        return db_error_lost();
    }
    struct err *error = db_conn_send(tx->conn, statement, params);
    if (error) {
        tx->failed = true;
        return error;
    }
    tx->pending[tx->pending_count++] = statement;
    return NULL;
}

static struct err *queue_begin(struct db_tx *tx)
{
    char org_id[UUID_TEXT_SIZE], timeout[24];
    snprintf(timeout, sizeof(timeout), "%lld", (long long)deadline_left_ms(tx->scope.deadline_ms) + DB_SERVER_GRACE_MS);
    struct db_params params = db_params_new(NULL);
    db_add_text(&params, uuid_format(tx->scope.org_id, org_id));
    db_add_text(&params, tx->scope.system ? "on" : "off");
    db_add_text(&params, timeout);
    tx->begun = true;
    ERR_TRY(queue(tx, &DB_SQL_begin, NULL));
    return queue(tx, &DB_SQL_scope, &params);
}

/* COMMIT of a transaction that had failed unnoticed answers ROLLBACK, and that is no error to PostgreSQL. */
static struct err *check_committed(const struct db_statement *statement, PGresult *result)
{
    if (statement != &DB_SQL_commit || !result || strcmp(PQcmdStatus(result), "COMMIT") == 0) {
        return NULL;
    }
    return err_new(&KONGSI_INTERNAL, "the transaction was rolled back instead of committed");
}

/* Reads the answers of all that is pending; keeps the result of number `keep`, and the first failure. */
static struct err *receive_all(struct db_tx *tx, int keep, int64_t deadline_ms, struct reply *ret_reply)
{
    struct err *error = NULL;
    int last = tx->pending_count - 1;
    for (int i = 0; i <= last && !tx->conn->broken; i++) {
        struct db_failure failure;
        PGresult *result = db_conn_receive(tx->conn, tx->pending[i]->name, deadline_ms, &failure);
        if (!failure.error) {
            failure = (struct db_failure){.error = check_committed(tx->pending[i], result), .by_server = true};
        }
        if (failure.error && !error) {
            error = failure.error;
            ret_reply->certain = failure.by_server && (!failure.is_fatal || i < last);
        } else {
            err_free(failure.error);
        }
        if (i == keep && !error) {
            ret_reply->kept = result;
        } else {
            PQclear(result);
        }
    }
    return error;
}

static struct err *round_trip(struct db_tx *tx, int keep, int64_t deadline_ms, struct reply *ret_reply)
{
    *ret_reply = (struct reply){.kept = NULL};
    int64_t start_us = clock_monotonic_us();
    struct err *error = NULL;
    if (PQpipelineSync(tx->conn->pg)) {
        error = receive_all(tx, keep, deadline_ms, ret_reply);
    } else {
        tx->conn->broken = true;
        error = db_error_lost();
    }
    tx->pending_count = 0;
    if (!tx->conn->broken) {
        err_free(
            db_conn_receive_sync(tx->conn, deadline_ms)); /* lost now: what was answered stays true, the next one notices */
    }
    if (error) {
        PQclear(ret_reply->kept);
        ret_reply->kept = NULL;
        tx->failed = true;
        metric_add(&db_pool_metrics(tx->pool)->errors, 1);
    }
    metric_observe_us(&db_pool_metrics(tx->pool)->query_seconds, clock_monotonic_us() - start_us);
    return error;
}

/* Nothing goes out once the deadline has passed: then nothing is uncertain. */
static struct err *check_usable(struct db_tx *tx)
{
    if (tx->failed) {
        return err_new(&KONGSI_INTERNAL, "the transaction has failed before: only db_rollback is left");
    }
    if (deadline_left_ms(tx->scope.deadline_ms) == 0) {
        tx->failed = true;
        return err_new(&KONGSI_DEADLINE_EXCEEDED, "the time for this is over");
    }
    return NULL;
}

/* Checks the rows of a statement and hands them out. */
static struct err *take_rows(PGresult *rows, const struct db_statement *statement, struct db_result **ret_result)
{
    struct err *error = db_result_check_rows(rows, statement);
    if (error || !ret_result) {
        PQclear(rows);
        return error;
    }
    struct db_result *result = db_result_new(rows);
    if (!result) {
        return err_out_of_memory();
    }
    *ret_result = result;
    return NULL;
}

/* --- the interface --------------------------------------------------------------------------------------------------- */

struct err *db_begin(struct db_pool *pool, struct db_scope scope, struct db_tx **ret_tx)
{
    if (scope.deadline_ms == 0) {
        scope.deadline_ms = clock_monotonic_ms() + DB_DEADLINE_DEFAULT_MS;
    }
    struct db_tx *tx = calloc(1, sizeof(*tx));
    if (!tx) {
        return err_out_of_memory();
    }
    tx->pool = pool;
    tx->scope = scope;
    struct err *error = check_usable(tx);
    if (!error) {
        error = db_pool_acquire(pool, scope.deadline_ms, &tx->conn);
    }
    if (error) {
        free(tx);
        return error;
    }
    *ret_tx = tx;
    return NULL;
}

/* Gives back the connection and frees. */
static void end(struct db_tx *tx)
{
    if (PQtransactionStatus(tx->conn->pg) != PQTRANS_IDLE) {
        tx->conn->broken = true;
    }
    db_pool_release(tx->pool, tx->conn);
    free(tx);
}

static struct err *queue_statement(struct db_tx *tx, const struct db_statement *statement, const struct db_params *params)
{
    ERR_TRY(check_usable(tx));
    if (!tx->begun) {
        ERR_TRY(queue_begin(tx));
    }
    return queue(tx, statement, params);
}

struct err *db_query(
    struct db_tx *tx, const struct db_statement *statement, const struct db_params *params, struct db_result **ret_result)
{
    ERR_TRY(queue_statement(tx, statement, params));
    struct reply reply;
    ERR_TRY(round_trip(tx, tx->pending_count - 1, tx->scope.deadline_ms, &reply));
    return take_rows(reply.kept, statement, ret_result);
}

struct err *db_send(struct db_tx *tx, const struct db_statement *statement, const struct db_params *params)
{
    ERR_TRY(queue_statement(tx, statement, params));
    if (tx->pending_count < DB_PENDING_MAX - 1) { /* room for COMMIT */
        return NULL;
    }
    struct reply reply;
    return round_trip(tx, -1, tx->scope.deadline_ms, &reply);
}

void db_on_commit(struct db_tx *tx, void (*callback)(void *argument), void *argument)
{
    check(tx->on_commit_count < DB_ON_COMMIT_MAX);
    tx->on_commit[tx->on_commit_count].callback = callback;
    tx->on_commit[tx->on_commit_count++].argument = argument;
}

/* Sends COMMIT behind all that is queued. `keep`: whose result to keep, -1 for none. */
static struct err *commit(struct db_tx *tx, int keep, struct reply *ret_reply)
{
    *ret_reply = (struct reply){.certain = true};
    ERR_TRY(check_usable(tx));
    ret_reply->certain = tx->pending_count == 0; /* else a full buffer may have been sent before it fails */
    ERR_TRY(queue(tx, &DB_SQL_commit, NULL));
    ERR_TRY(round_trip(tx, keep, tx->scope.deadline_ms, ret_reply));
    metric_add(&db_pool_metrics(tx->pool)->commits, 1);
    return NULL;
}

static struct err *uncertain(struct db_tx *tx, struct err *cause)
{
    err_free(cause);
    metric_add(&db_pool_metrics(tx->pool)->uncertain, 1);
    return err_new(&KONGSI_WRITE_UNCERTAIN, "the connection was lost during commit: repeat with the same request_id");
}

static void run_callbacks(const struct db_tx *tx)
{
    for (int i = 0; i < tx->on_commit_count; i++) {
        tx->on_commit[i].callback(tx->on_commit[i].argument);
    }
}

struct err *db_commit(struct db_tx *tx)
{
    if (!tx->begun && !tx->failed) { /* nothing was asked of it */
        run_callbacks(tx);
        end(tx);
        return NULL;
    }
    struct reply reply;
    struct err *error = commit(tx, -1, &reply);
    if (error) {
        error = reply.certain ? error : uncertain(tx, error);
        db_rollback(tx);
        return error;
    }
    run_callbacks(tx);
    end(tx);
    return NULL;
}

/* Ends the server's transaction, whatever is still in the pipeline. */
static void roll_back(struct db_tx *tx)
{
    int64_t deadline_ms = clock_monotonic_ms() + DB_ROLLBACK_TIMEOUT_MS;
    struct reply reply;
    if (tx->pending_count > 0) {
        err_free(round_trip(tx, -1, deadline_ms, &reply));
    }
    if (tx->conn->broken || PQtransactionStatus(tx->conn->pg) == PQTRANS_IDLE) {
        return;
    }
    struct err *error = queue(tx, &DB_SQL_rollback, NULL);
    if (!error) {
        error = round_trip(tx, -1, deadline_ms, &reply);
    }
    if (error) {
        tx->conn->broken = true;
        err_free(error);
    }
}

void db_rollback(struct db_tx *tx)
{
    if (!tx) {
        return;
    }
    if (tx->begun && !tx->conn->broken) {
        roll_back(tx);
        metric_add(&db_pool_metrics(tx->pool)->rollbacks, 1);
    }
    end(tx);
}

/* A read has nothing that could be uncertain. */
static bool is_read(const struct db_statement *statement)
{
    return strncasecmp(statement->text, "SELECT", 6) == 0;
}

struct err *db_run(struct db_pool *pool, struct db_scope scope, const struct db_statement *statement,
    const struct db_params *params, struct db_result **ret_result)
{
    struct db_tx *tx = NULL;
    ERR_TRY(db_begin(pool, scope, &tx));
    struct reply reply = {.certain = true};
    struct err *error = queue_statement(tx, statement, params);
    if (!error) {
        error = commit(tx, tx->pending_count - 1, &reply);
    }
    if (error) {
        error = reply.certain || is_read(statement) ? error : uncertain(tx, error);
        db_rollback(tx);
        return error;
    }
    end(tx);
    return take_rows(reply.kept, statement, ret_result);
}
