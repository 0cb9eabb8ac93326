/* The pool from inside. Internal to libshared/db. */
#pragma once

#include "libshared/db/db_conn.h"
#include "libshared/db/db_metrics.h"

#define DB_CONNECT_TIMEOUT_MS 5000 /* of one attempt, statements prepared */
#define DB_WAITERS_MAX 1000        /* threads waiting for a connection of one pool; past it KONGSI_OVERLOADED */
#define DB_IDLE_CHECK_MS 30000     /* a connection unused for this long answers a ping before it is lent */
#define DB_PING_TIMEOUT_MS 1000
#define DB_BACKOFF_MIN_MS 100 /* between attempts to connect while PostgreSQL is away: doubles, with jitter */
#define DB_BACKOFF_MAX_MS 2000
#define DB_READY_TIMEOUT_MS 500
#define DB_CLOSE_TIMEOUT_MS 60000

/* A connection for one transaction: an idle one, a new one, or the next that is given back; first come, first served. While
 * PostgreSQL is away it fails at once, but for one thread per backoff period that tries. KONGSI_UNAVAILABLE,
 * KONGSI_OVERLOADED. */
ERR_RESULT struct err *db_pool_acquire(struct db_pool *pool, int64_t deadline_ms, struct db_conn **ret_conn);
/* Gives it back; closes it when broken. */
void db_pool_release(struct db_pool *pool, struct db_conn *conn);
struct db_metrics *db_pool_metrics(struct db_pool *pool);
