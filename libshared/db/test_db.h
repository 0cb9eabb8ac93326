/* What the tests of libshared/db share: a database with the tables of test_sql, and short forms. */
#pragma once

#include "gen/kongsi_errors.h"
#include "gen/test_db_sql.h"
#include "libshared/db/test_pg.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST_DATABASE "test_db"
#define BACKENDS "SELECT count(*) FROM pg_stat_activity WHERE usename = 'kongsi_app'"

extern const struct uuid ORG_A, ORG_B;

/* A migrated database; for cmocka_run_group_tests. */
int test_db_setup(void **state);
/* Empties the tables, when the last test's statements have ended; a test's setup. */
int test_db_clear(void **state);
/* A pool of kongsi_app. */
struct db_pool *test_db_pool(int pool_size);
/* In so many ms, on the clock of deadlines. */
int64_t in_ms(int64_t ms);
void pause_ms(int64_t ms);

/* Succeeded, or says why not. */
#define assert_ok(expression) assert_ok_(expression, #expression, __FILE__, __LINE__)
void assert_ok_(struct err *error, const char *expression, const char *file, int line);
/* Failed for this reason; ends the error. */
#define assert_reason(expression, reason) assert_reason_(expression, reason, #expression, __FILE__, __LINE__)
void assert_reason_(struct err *error, const struct err_reason *reason, const char *expression, const char *file, int line);

/* Adds a note of the organization, in its own transaction. */
struct err *note_add(struct db_pool *pool, struct uuid org_id, const char *author, const char *body);
int64_t note_count(struct db_pool *pool, struct uuid org_id);
/* The server process of a transaction. */
int backend_of(struct db_tx *tx);

#define SLEEPERS "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = 'kongsi_app'"

/* Another thread that runs SQL as the superuser once a statement of ours sleeps. */
struct later {
    pthread_t thread;
    char sql[200];
};
void later_start(struct later *later, const char *format, ...) __attribute__((format(printf, 2, 3)));
void later_join(struct later *later);
