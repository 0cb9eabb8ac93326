#include "libshared/db/db_conn.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYWORDS_MAX 20

const struct db_statement DB_SQL_begin = {"kongsi_begin", "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", DB_EXEC};
const struct db_statement DB_SQL_commit = {"kongsi_commit", "COMMIT", DB_EXEC};
const struct db_statement DB_SQL_rollback = {"kongsi_rollback", "ROLLBACK", DB_EXEC};
const struct db_statement DB_SQL_scope = {"kongsi_scope",
    "SELECT set_config('app.org_id', $1::text, true), set_config('app.system', $2::text, true),"
    " set_config('statement_timeout', $3::text, true)",
    DB_ONE};

static const struct db_statement *const FRAME_STATEMENTS[] = {
    &DB_SQL_begin, &DB_SQL_scope, &DB_SQL_commit, &DB_SQL_rollback, NULL};

/* Waits until the socket is ready; false when the deadline passed first. */
static bool wait_socket(PGconn *pg, short events, int64_t deadline_ms)
{
    for (;;) {
        int64_t left_ms = deadline_left_ms(deadline_ms);
        struct pollfd descriptor = {.fd = PQsocket(pg), .events = events};
        int ready = poll(&descriptor, 1, (int)(left_ms < INT_MAX ? left_ms : INT_MAX));
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return true; /* also on POLLHUP and POLLERR: libpq finds out which */
        }
        if (left_ms == 0) {
            return false;
        }
    }
}

/* --- connecting ------------------------------------------------------------------------------------------------------ */

struct keywords {
    const char *names[KEYWORDS_MAX];
    const char *values[KEYWORDS_MAX];
    size_t count;
};

static void keyword_add(struct keywords *keywords, const char *name, const char *value)
{
    if (value && *value) {
        check(keywords->count < KEYWORDS_MAX - 1);
        keywords->names[keywords->count] = name;
        keywords->values[keywords->count++] = value;
    }
}

/* client_connection_check_interval lets us cancel without a second connection: whoever gives up closes, the server notices.
 */
static PGconn *connect_start(const struct db_options *options)
{
    char port[16], settings[256];
    snprintf(port, sizeof(port), "%d", options->port);
    snprintf(settings, sizeof(settings),
        "-c statement_timeout=%d -c idle_in_transaction_session_timeout=%d -c client_connection_check_interval=%d"
        " -c TimeZone=UTC",
        DB_STATEMENT_TIMEOUT_MS, DB_IDLE_TRANSACTION_TIMEOUT_MS, DB_CLIENT_CHECK_MS);
    struct keywords keywords = {.count = 0};
    keyword_add(&keywords, "host", options->host);
    keyword_add(&keywords, "port", options->port ? port : NULL);
    keyword_add(&keywords, "dbname", options->database);
    keyword_add(&keywords, "user", options->user);
    keyword_add(&keywords, "password", options->password);
    keyword_add(&keywords, "application_name", options->application_name);
    keyword_add(&keywords, "client_encoding", "UTF8");
    keyword_add(&keywords, "options", settings);
    keyword_add(&keywords, "gssencmode", "disable");
    keyword_add(&keywords, "keepalives_idle", "30");
    keyword_add(&keywords, "keepalives_interval", "10");
    keyword_add(&keywords, "keepalives_count", "3");
    keyword_add(&keywords, "tcp_user_timeout", "30000");
    return PQconnectStartParams(keywords.names, keywords.values, 0);
}

/* libpq's own words on one line. */
static struct err *connect_error(const PGconn *pg)
{
    char text[600];
    snprintf(text, sizeof(text), "%s", PQerrorMessage(pg));
    for (char *c = text; *c; c++) {
        *c = *c == '\n' || *c == '\t' ? ' ' : *c;
    }
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ') {
        text[--length] = '\0';
    }
    return err_new(&KONGSI_UNAVAILABLE, "cannot connect to the database: %s", text);
}

static struct err *connect_finish(PGconn *pg, int64_t deadline_ms)
{
    if (!pg) {
        return err_out_of_memory();
    }
    PostgresPollingStatusType state = PQstatus(pg) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (state == PGRES_POLLING_READING || state == PGRES_POLLING_WRITING) {
        if (!wait_socket(pg, state == PGRES_POLLING_READING ? POLLIN : POLLOUT, deadline_ms)) {
            return err_new(&KONGSI_UNAVAILABLE, "cannot connect to the database: no answer in time");
        }
        state = PQconnectPoll(pg);
    }
    if (state != PGRES_POLLING_OK) {
        return connect_error(pg);
    }
    if (PQserverVersion(pg) < DB_SERVER_VERSION_MIN) {
        return err_new(&KONGSI_CONFIG_INVALID, "PostgreSQL %d is too old: at least %d is needed",
            PQserverVersion(pg) / 10000, DB_SERVER_VERSION_MIN / 10000);
    }
    return NULL;
}

static bool send_prepares(PGconn *pg, const struct db_statement *const *statements, int *count)
{
    for (; statements && *statements; statements++, (*count)++) {
        if (!PQsendPrepare(pg, (*statements)->name, (*statements)->text, 0, NULL)) {
            return false;
        }
    }
    return true;
}

static struct err *receive_prepares(struct db_conn *conn, const struct db_statement *const *statements, int64_t deadline_ms)
{
    for (; statements && *statements; statements++) {
        struct db_failure failure = {.error = NULL};
        PQclear(db_conn_receive(conn, (*statements)->name, deadline_ms, &failure));
        if (failure.error) {
            return failure.error;
        }
    }
    return NULL;
}

/* All in one round trip. */
static struct err *prepare_all(struct db_conn *conn, const struct db_options *options, int64_t deadline_ms)
{
    int count = 0;
    if (!PQenterPipelineMode(conn->pg) || !send_prepares(conn->pg, FRAME_STATEMENTS, &count) ||
        !send_prepares(conn->pg, options->statements, &count) || !PQpipelineSync(conn->pg)) {
        return db_error_lost();
    }
    ERR_TRY(receive_prepares(conn, FRAME_STATEMENTS, deadline_ms));
    ERR_TRY(receive_prepares(conn, options->statements, deadline_ms));
    return db_conn_receive_sync(conn, deadline_ms);
}

/* What the server has to say between results is nobody's business here. */
static void ignore_notice(void *argument, const PGresult *result)
{
    (void)argument;
    (void)result;
}

static struct err *open_into(
    struct db_conn *conn, const struct db_options *options, enum db_conn_mode mode, int64_t deadline_ms)
{
    conn->pg = connect_start(options);
    ERR_TRY(connect_finish(conn->pg, deadline_ms));
    PQsetNoticeReceiver(conn->pg, ignore_notice, NULL);
    if (PQsetnonblocking(conn->pg, 1) != 0) {
        return db_error_lost();
    }
    return mode == DB_CONN_PIPELINE ? prepare_all(conn, options, deadline_ms) : NULL;
}

struct err *db_conn_open(
    const struct db_options *options, enum db_conn_mode mode, int64_t deadline_ms, struct db_conn **ret_conn)
{
    struct db_conn *conn = calloc(1, sizeof(*conn));
    if (!conn) {
        return err_out_of_memory();
    }
    struct err *error = open_into(conn, options, mode, deadline_ms);
    if (error) {
        db_conn_close(conn);
        return error;
    }
    *ret_conn = conn;
    return NULL;
}

void db_conn_close(struct db_conn *conn)
{
    if (conn) {
        PQfinish(conn->pg);
        free(conn);
    }
}

/* --- traffic --------------------------------------------------------------------------------------------------------- */

bool db_conn_is_stale(struct db_conn *conn)
{
    struct pollfd descriptor = {.fd = PQsocket(conn->pg), .events = POLLIN};
    if (PQstatus(conn->pg) != CONNECTION_OK || descriptor.fd < 0) {
        return true;
    }
    if (poll(&descriptor, 1, 0) == 0) {
        return false;
    }
    /* A notice or a changed setting may arrive unasked, and is no harm; the end of the connection is. */
    return !PQconsumeInput(conn->pg) || PQisBusy(conn->pg) || PQstatus(conn->pg) != CONNECTION_OK ||
           poll(&descriptor, 1, 0) != 0;
}

bool db_conn_ping(struct db_conn *conn, int64_t deadline_ms)
{
    if (!PQpipelineSync(conn->pg)) {
        conn->broken = true;
        return false;
    }
    ERR_AUTO error = db_conn_receive_sync(conn, deadline_ms);
    return !error;
}

struct err *db_conn_send(struct db_conn *conn, const struct db_statement *statement, const struct db_params *params)
{
    if (params && params->failed) {
        return err_out_of_memory();
    }
    int sent = PQsendQueryPrepared(conn->pg, statement->name, params ? params->count : 0, params ? params->values : NULL,
        params ? params->lengths : NULL, params ? params->formats : NULL, 1);
    if (sent) {
        return NULL;
    }
    conn->broken = true;
    return PQstatus(conn->pg) == CONNECTION_OK ? err_out_of_memory() : db_error_lost();
}

enum readiness { READY, LOST, LATE };

/* Sends what is queued and reads until a result is complete. Both at once: the server may wait for us to read before it
 * reads on. */
static enum readiness pump(PGconn *pg, int64_t deadline_ms)
{
    for (;;) {
        int unsent = PQflush(pg);
        if (unsent < 0) {
            return LOST;
        }
        if (!PQisBusy(pg)) {
            return READY;
        }
        if (!wait_socket(pg, (short)(POLLIN | (unsent ? POLLOUT : 0)), deadline_ms)) {
            return LATE;
        }
        if (!PQconsumeInput(pg)) {
            return PQisBusy(pg) ? LOST : READY; /* the server's last words may have come with the end */
        }
    }
}

static PGresult *next_result(struct db_conn *conn, int64_t deadline_ms, struct db_failure *ret_failure)
{
    enum readiness readiness = pump(conn->pg, deadline_ms);
    if (readiness == READY) {
        return PQgetResult(conn->pg);
    }
    conn->broken = true;
    ret_failure->is_fatal = ret_failure->ends_connection = true;
    ret_failure->error =
        readiness == LOST ? db_error_lost() : err_new(&KONGSI_DEADLINE_EXCEEDED, "the database did not answer in time");
    return NULL;
}

static bool result_is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* The NULL that ends each statement's results. */
static struct err *receive_end(struct db_conn *conn, const char *statement, int64_t deadline_ms)
{
    struct db_failure failure = {.error = NULL};
    PGresult *extra = next_result(conn, deadline_ms, &failure);
    if (extra) {
        PQclear(extra);
        conn->broken = true;
        return err_new(&KONGSI_INTERNAL, "statement %s has two results", statement);
    }
    return failure.error;
}

PGresult *db_conn_receive(struct db_conn *conn, const char *statement, int64_t deadline_ms, struct db_failure *ret_failure)
{
    *ret_failure = (struct db_failure){.error = NULL};
    PGresult *result = next_result(conn, deadline_ms, ret_failure);
    if (ret_failure->error) {
        return NULL;
    }
    if (!result_is_good(result)) {
        *ret_failure = db_failure_of(result, statement);
        conn->broken = conn->broken || ret_failure->ends_connection;
        PQclear(result);
        result = NULL;
    }
    if (ret_failure->is_fatal) {
        return NULL;
    }
    struct err *error = receive_end(conn, statement, deadline_ms);
    if (!error) {
        return result;
    }
    PQclear(result);
    if (ret_failure->error) {
        err_free(error);
    } else {
        *ret_failure = (struct db_failure){.error = error, .ends_connection = true, .is_fatal = true};
    }
    return NULL;
}

struct err *db_conn_receive_sync(struct db_conn *conn, int64_t deadline_ms)
{
    struct db_failure failure = {.error = NULL};
    PGresult *result = next_result(conn, deadline_ms, &failure);
    if (!failure.error && PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
        conn->broken = true;
        failure.error = db_error_lost();
    }
    PQclear(result);
    return failure.error;
}

/* The failure of one of several results; the first one counts. */
static void note_failure(struct db_conn *conn, struct db_failure found, struct db_failure *failure)
{
    conn->broken = conn->broken || found.ends_connection;
    if (failure->error) {
        err_free(found.error);
    } else {
        *failure = found;
    }
}

struct err *db_conn_exec(struct db_conn *conn, const char *name, const char *sql, int64_t deadline_ms, PGresult **ret_result)
{
    if (!PQsendQuery(conn->pg, sql)) {
        conn->broken = true;
        return db_error_lost();
    }
    PGresult *last = NULL;
    struct db_failure failure = {.error = NULL}, late = {.error = NULL};
    while (!conn->broken) { /* COPY, which would wait for data for ever, breaks it too */
        PGresult *result = next_result(conn, deadline_ms, &late);
        if (!result) {
            break;
        }
        if (!result_is_good(result)) {
            note_failure(conn, db_failure_of(result, name), &failure);
        }
        PQclear(last);
        last = result;
    }
    if (late.error) {
        note_failure(conn, late, &failure);
    }
    if (failure.error || !ret_result) {
        PQclear(last);
        return failure.error;
    }
    *ret_result = last;
    return NULL;
}
