/* A connection counts as `open` from the moment a thread sets out to make it until it is closed, so the bound holds at all
 * times. Whoever gives back a connection, or closes one, serves the first waiter: with the connection, or with the right to
 * make one. */
#include "libshared/db/db_pool.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"
#include "libshared/base/log.h"
#include "libshared/db/db_options.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <utlist.h>

enum grant { GRANT_NONE, GRANT_CONN, GRANT_SLOT, GRANT_REFUSED };

struct waiter {
    pthread_cond_t wake;
    enum grant grant;
    struct db_conn *conn; /* of GRANT_CONN */
    struct waiter *prev, *next;
};

struct db_pool {
    struct db_options options;
    struct db_metrics *metrics;
    pthread_condattr_t monotonic;

    pthread_mutex_t lock; /* guards all below */
    struct db_conn *idle; /* last used first: the others may rest */
    struct waiter *waiters;
    int waiter_count;
    int acquiring;  /* threads inside db_pool_acquire */
    int open_count; /* idle, lent, or being made */
    int failures;   /* attempts to connect in a row that failed */
    bool probing;   /* a thread tries whether PostgreSQL is back */
    int64_t retry_at_ms;
    bool closing;
    pthread_cond_t changed;
};

static struct err *error_away(void)
{
    return err_new(&KONGSI_UNAVAILABLE, "the database is away for the moment");
}

static struct err *error_none_free(void)
{
    return err_new(&KONGSI_UNAVAILABLE, "no connection to the database became free in time");
}

/* false: the deadline passed. */
static bool cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t deadline_ms)
{
    struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    return pthread_cond_timedwait(cond, lock, &until) != ETIMEDOUT;
}

/* --- opening and closing --------------------------------------------------------------------------------------------- */

struct err *db_pool_open(const struct db_options *options, struct db_pool **ret_pool)
{
    if (options->pool_size < 1 || options->pool_size > 100) {
        return err_new(&KONGSI_CONFIG_INVALID, "pool_size is %d, must be 1 to 100", options->pool_size);
    }
    struct db_pool *pool = calloc(1, sizeof(*pool));
    if (!pool) {
        return err_out_of_memory();
    }
    struct err *error = db_options_copy(options, &pool->options);
    pool->metrics = error ? NULL : db_metrics_of(options->database ? options->database : "");
    if (!pool->metrics) {
        if (!error) {
            db_options_deinit(&pool->options);
            error = err_out_of_memory();
        }
        free(pool);
        return error;
    }
    pthread_mutex_init(&pool->lock, NULL);
    pthread_condattr_init(&pool->monotonic);
    pthread_condattr_setclock(&pool->monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&pool->changed, &pool->monotonic);
    *ret_pool = pool;
    return NULL;
}

static void grant(struct db_pool *pool, struct waiter *waiter, enum grant what, struct db_conn *conn)
{
    DL_DELETE(pool->waiters, waiter);
    pool->waiter_count--;
    waiter->grant = what;
    waiter->conn = conn;
    pthread_cond_signal(&waiter->wake);
}

static void refuse_waiters(struct db_pool *pool)
{
    while (pool->waiters) {
        grant(pool, pool->waiters, GRANT_REFUSED, NULL);
    }
}

static void conn_closed(struct db_pool *pool)
{
    metric_add(&pool->metrics->connections, -1);
}

static void close_idle(struct db_pool *pool)
{
    while (pool->idle) {
        struct db_conn *conn = pool->idle;
        pool->idle = conn->next;
        pool->open_count--;
        db_conn_close(conn);
        conn_closed(pool);
    }
}

/* Transactions under way end first: each has its deadline. */
void db_pool_close(struct db_pool *pool)
{
    if (!pool) {
        return;
    }
    int64_t deadline_ms = clock_monotonic_ms() + DB_CLOSE_TIMEOUT_MS;
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    refuse_waiters(pool);
    close_idle(pool);
    while (pool->open_count + pool->acquiring > 0 && cond_wait_until(&pool->changed, &pool->lock, deadline_ms)) {
    }
    int lent = pool->open_count + pool->acquiring;
    pthread_mutex_unlock(&pool->lock);
    if (lent > 0) {
        log_error("closing database %s: %d transactions are still under way, left behind", pool->options.database, lent);
        return;
    }
    pthread_cond_destroy(&pool->changed);
    pthread_condattr_destroy(&pool->monotonic);
    pthread_mutex_destroy(&pool->lock);
    db_options_deinit(&pool->options);
    free(pool);
}

/* --- giving back ----------------------------------------------------------------------------------------------------- */

/* A connection fewer: the first waiter may make another. */
static void free_slot(struct db_pool *pool)
{
    if (pool->waiters) {
        grant(pool, pool->waiters, GRANT_SLOT, NULL);
        return;
    }
    pool->open_count--;
    pthread_cond_signal(&pool->changed);
}

void db_pool_release(struct db_pool *pool, struct db_conn *conn)
{
    pthread_mutex_lock(&pool->lock);
    bool keep = !conn->broken && !pool->closing;
    pthread_mutex_unlock(&pool->lock);
    if (!keep) {
        db_conn_close(conn); /* not under the lock: it may say good-bye to the server */
        conn_closed(pool);
    }
    pthread_mutex_lock(&pool->lock);
    if (!keep) {
        free_slot(pool);
    } else if (pool->waiters) {
        grant(pool, pool->waiters, GRANT_CONN, conn);
    } else {
        conn->idle_since_ms = clock_monotonic_ms();
        conn->next = pool->idle;
        pool->idle = conn;
        if (pool->closing) { /* began meanwhile */
            close_idle(pool);
            pthread_cond_signal(&pool->changed);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

/* --- connecting ------------------------------------------------------------------------------------------------------ */

/* Half of the step fixed, half by chance, so that many processes do not come back at the same moment. */
static int64_t backoff_ms(int failures)
{
    int64_t step_ms = DB_BACKOFF_MIN_MS;
    for (int i = 1; i < failures && step_ms < DB_BACKOFF_MAX_MS; i++) {
        step_ms *= 2;
    }
    step_ms = step_ms < DB_BACKOFF_MAX_MS ? step_ms : DB_BACKOFF_MAX_MS;
    uint32_t chance = 0;
    if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != (ssize_t)sizeof(chance)) {
        chance = (uint32_t)clock_monotonic_us();
    }
    return step_ms / 2 + chance % (step_ms / 2 + 1);
}

static void note_success(struct db_pool *pool)
{
    if (pool->failures > 0) {
        log_info("database %s is back after %d attempts", pool->options.database, pool->failures);
    }
    pool->failures = 0;
    pool->probing = false;
}

/* Says so once, not at each attempt: the requests that fail are logged where they end. */
static void note_failure(struct db_pool *pool, const struct err *error)
{
    if (pool->failures == 0) {
        log_err(LOG_LEVEL_ERROR, error, "database %s cannot be used", pool->options.database);
    }
    pool->failures++;
    pool->retry_at_ms = clock_monotonic_ms() + backoff_ms(pool->failures);
    pool->probing = false;
    metric_add(&pool->metrics->connect_failures, 1);
    refuse_waiters(pool);
}

/* Whether this thread may try to connect: while PostgreSQL is away one at a time does, and not at once. */
static bool may_connect(struct db_pool *pool)
{
    if (pool->closing) {
        return false;
    }
    if (pool->failures > 0) {
        if (pool->probing || clock_monotonic_ms() < pool->retry_at_ms) {
            return false;
        }
        pool->probing = true;
    }
    return true;
}

/* Makes the connection this thread has the right to make. */
static struct err *connect_in_slot(struct db_pool *pool, int64_t deadline_ms, struct db_conn **ret_conn)
{
    pthread_mutex_lock(&pool->lock);
    bool may = may_connect(pool);
    if (!may) {
        refuse_waiters(pool);
        free_slot(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!may) {
        return error_away();
    }
    int64_t own_deadline_ms = clock_monotonic_ms() + DB_CONNECT_TIMEOUT_MS;
    bool hurried = deadline_ms < own_deadline_ms;
    struct db_conn *conn = NULL;
    struct err *error = db_conn_open(&pool->options, DB_CONN_PIPELINE, hurried ? deadline_ms : own_deadline_ms, &conn);
    pthread_mutex_lock(&pool->lock);
    if (!error) {
        note_success(pool);
    } else if (hurried && deadline_left_ms(deadline_ms) == 0) {
        pool->probing = false; /* the caller had no time: that says nothing about PostgreSQL */
    } else {
        note_failure(pool, error);
    }
    if (error) {
        free_slot(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    if (error) {
        err_free(error);
        return error_away();
    }
    metric_add(&pool->metrics->connects, 1);
    metric_add(&pool->metrics->connections, 1);
    *ret_conn = conn;
    return NULL;
}

/* --- borrowing ------------------------------------------------------------------------------------------------------- */

static struct err *wait_in_line(struct db_pool *pool, int64_t deadline_ms, struct db_conn **ret_conn)
{
    if (pool->waiter_count == DB_WAITERS_MAX) {
        return err_new(&KONGSI_OVERLOADED, "%d requests already wait for the database", DB_WAITERS_MAX);
    }
    struct waiter waiter = {.grant = GRANT_NONE};
    pthread_cond_init(&waiter.wake, &pool->monotonic);
    DL_APPEND(pool->waiters, &waiter);
    pool->waiter_count++;
    while (waiter.grant == GRANT_NONE && cond_wait_until(&waiter.wake, &pool->lock, deadline_ms)) {
    }
    if (waiter.grant == GRANT_NONE) {
        DL_DELETE(pool->waiters, &waiter);
        pool->waiter_count--;
    }
    pthread_cond_destroy(&waiter.wake);
    switch (waiter.grant) {
    case GRANT_CONN:
        *ret_conn = waiter.conn;
        return NULL;
    case GRANT_SLOT:
        return NULL;
    case GRANT_REFUSED:
        return error_away();
    default:
        return error_none_free();
    }
}

/* A connection, or NULL and the right to make one. Called with the lock. */
static struct err *take(struct db_pool *pool, int64_t deadline_ms, struct db_conn **ret_conn)
{
    if (pool->closing) {
        return error_away();
    }
    if (!pool->waiters && pool->idle) {
        *ret_conn = pool->idle;
        pool->idle = pool->idle->next;
        return NULL;
    }
    if (!pool->waiters && pool->open_count < pool->options.pool_size) {
        pool->open_count++;
        return NULL;
    }
    metric_add(&pool->metrics->waits, 1);
    return wait_in_line(pool, deadline_ms, ret_conn);
}

static bool conn_is_healthy(struct db_conn *conn)
{
    if (db_conn_is_stale(conn)) {
        return false;
    }
    int64_t now_ms = clock_monotonic_ms();
    return now_ms - conn->idle_since_ms < DB_IDLE_CHECK_MS || db_conn_ping(conn, now_ms + DB_PING_TIMEOUT_MS);
}

/* `conn` as take() left it. */
static struct err *make_usable(struct db_pool *pool, int64_t deadline_ms, struct db_conn *conn, struct db_conn **ret_conn)
{
    if (conn && conn_is_healthy(conn)) {
        *ret_conn = conn;
        return NULL;
    }
    if (conn) {
        db_conn_close(conn); /* its place is ours */
        conn_closed(pool);
    }
    return connect_in_slot(pool, deadline_ms, ret_conn);
}

struct err *db_pool_acquire(struct db_pool *pool, int64_t deadline_ms, struct db_conn **ret_conn)
{
    int64_t start_us = clock_monotonic_us();
    struct db_conn *conn = NULL;
    pthread_mutex_lock(&pool->lock);
    pool->acquiring++;
    struct err *error = take(pool, deadline_ms, &conn);
    pthread_mutex_unlock(&pool->lock);
    if (!error) {
        error = make_usable(pool, deadline_ms, conn, ret_conn);
    }
    metric_observe_us(&pool->metrics->wait_seconds, clock_monotonic_us() - start_us);
    metric_add(&pool->metrics->wait_failures, error ? 1 : 0);
    pthread_mutex_lock(&pool->lock);
    pool->acquiring--;
    pthread_cond_signal(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
    return error;
}

bool db_pool_is_ready(struct db_pool *pool)
{
    struct db_conn *conn = NULL;
    ERR_AUTO error = db_pool_acquire(pool, clock_monotonic_ms() + DB_READY_TIMEOUT_MS, &conn);
    if (error) {
        return false;
    }
    db_pool_release(pool, conn);
    return true;
}

struct err *db_pool_check_statements(struct db_pool *pool)
{
    struct db_conn *conn = NULL;
    ERR_TRY(db_conn_open(&pool->options, DB_CONN_PIPELINE, clock_monotonic_ms() + DB_CONNECT_TIMEOUT_MS, &conn));
    db_conn_close(conn);
    return NULL;
}

struct db_metrics *db_pool_metrics(struct db_pool *pool)
{
    return pool->metrics;
}
