/* Connections that break, servers that do not answer, deadlines. */
#include "libshared/db/test_db.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct db_pool *pool;
static struct arena *arena;

static int setup(void **state)
{
    test_db_setup(state);
    pool = test_db_pool(2);
    arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    db_pool_close(pool);
    return 0;
}

static struct db_tx *begin(int64_t timeout_ms)
{
    struct db_tx *tx = NULL;
    assert_ok(db_begin(pool, db_scope_org(ORG_A, in_ms(timeout_ms)), &tx));
    return tx;
}

static struct db_params seconds(const char *text)
{
    struct db_params params = db_params_new(arena);
    db_add_text(&params, text);
    return params;
}

/* A transaction that has done something, and takes `text` seconds to commit. */
static struct db_tx *begin_slow_commit(const char *text, int64_t timeout_ms, int *ret_backend)
{
    struct db_tx *tx = begin(timeout_ms);
    *ret_backend = backend_of(tx);
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, ORG_A);
    db_add_text(&params, text);
    assert_ok(db_query(tx, &TEST_DB_SQL_slow_commit_add, &params, NULL));
    return tx;
}

static int64_t slow_commits(void)
{
    return test_pg_number(TEST_DATABASE, "SELECT count(*) FROM slow_commits");
}

/* --- deadlines ------------------------------------------------------------------------------------------------------- */

static void test_deadline_cancels(void **state)
{
    (void)state;
    int64_t start_ms = clock_monotonic_ms();
    struct db_params params = seconds("60");
    assert_reason(
        db_run(pool, db_scope_org(ORG_A, in_ms(200)), &TEST_DB_SQL_sleep, &params, NULL), &KONGSI_DEADLINE_EXCEEDED);
    assert_in_range(clock_monotonic_ms() - start_ms, 190, 10000);
    assert_true(test_pg_wait_number(
        TEST_DATABASE, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = 'kongsi_app'", 0));
    assert_int_equal(note_count(pool, ORG_A), 0);
}

/* The same without the server's own limit: that we closed the connection is enough. */
static void test_closed_connection_cancels(void **state)
{
    (void)state;
    struct db_tx *tx = begin(1500);
    struct db_params params = seconds("60");
    assert_ok(db_query(tx, &TEST_DB_SQL_no_time_limit, NULL, NULL));
    assert_reason(db_query(tx, &TEST_DB_SQL_sleep, &params, NULL), &KONGSI_DEADLINE_EXCEEDED);
    db_rollback(tx);
    assert_true(test_pg_wait_number(TEST_DATABASE, SLEEPERS, 0));
}

static void test_deadline_before_commit_is_certain(void **state)
{
    (void)state;
    struct db_tx *tx = begin(1500);
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, ORG_A);
    db_add_text(&params, "0");
    assert_ok(db_query(tx, &TEST_DB_SQL_slow_commit_add, &params, NULL));
    pause_ms(1550);
    assert_reason(db_commit(tx), &KONGSI_DEADLINE_EXCEEDED);
    assert_int_equal(slow_commits(), 0);
    tx = NULL;
    assert_reason(db_begin(pool, db_scope_org(ORG_A, in_ms(-1)), &tx), &KONGSI_DEADLINE_EXCEEDED);
    assert_null(tx);
}

static void test_cancelled_by_hand(void **state)
{
    (void)state;
    struct db_tx *tx = begin(10000);
    struct later later;
    later_start(&later, "SELECT pg_cancel_backend(%d)", backend_of(tx));
    struct db_params params = seconds("60");
    assert_reason(db_query(tx, &TEST_DB_SQL_sleep, &params, NULL), &KONGSI_DEADLINE_EXCEEDED);
    db_rollback(tx);
    later_join(&later);
}

/* A server process that is stopped answers nothing, not even the rollback; the pool goes on with another. */
static void test_stopped_backend(void **state)
{
    (void)state;
    struct db_tx *tx = begin(1500);
    int backend = backend_of(tx);
    assert_int_equal(kill(backend, SIGSTOP), 0);
    int64_t start_ms = clock_monotonic_ms();
    assert_reason(db_query(tx, &TEST_DB_SQL_note_count, NULL, NULL), &KONGSI_DEADLINE_EXCEEDED);
    db_rollback(tx);
    assert_in_range(clock_monotonic_ms() - start_ms, 0, 10000);
    tx = begin(2000);
    backend_of(tx);
    db_rollback(tx);
    kill(backend, SIGCONT);
}

/* --- lost before COMMIT: certain -------------------------------------------------------------------------------------- */

static void test_lost_in_a_query(void **state)
{
    (void)state;
    struct db_tx *tx = begin(10000);
    struct later later;
    later_start(&later, "SELECT pg_terminate_backend(%d)", backend_of(tx));
    struct db_params params = seconds("60");
    assert_reason(db_query(tx, &TEST_DB_SQL_sleep, &params, NULL), &KONGSI_UNAVAILABLE);
    assert_reason(db_commit(tx), &KONGSI_INTERNAL);
    later_join(&later);
    assert_int_equal(note_count(pool, ORG_A), 0);
}

static void test_lost_between_statements(void **state)
{
    (void)state;
    for (int with_commit = 0; with_commit < 2; with_commit++) {
        int backend;
        struct db_tx *tx = begin_slow_commit("0", 10000, &backend);
        char sql[100];
        snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d)", backend);
        test_pg_exec(TEST_DATABASE, sql);
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM pg_stat_activity WHERE pid = %d", backend);
        assert_true(test_pg_wait_number(TEST_DATABASE, sql, 0));
        if (with_commit) {
            assert_reason(db_commit(tx), &KONGSI_UNAVAILABLE);
        } else {
            assert_reason(db_query(tx, &TEST_DB_SQL_note_count, NULL, NULL), &KONGSI_UNAVAILABLE);
            db_rollback(tx);
        }
        assert_int_equal(slow_commits(), 0);
    }
}

static void test_read_that_is_lost_is_not_uncertain(void **state)
{
    (void)state;
    struct later later;
    later_start(&later,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = 'kongsi_app'");
    struct db_params params = seconds("60");
    assert_reason(db_run(pool, db_scope_org(ORG_A, in_ms(10000)), &TEST_DB_SQL_sleep, &params, NULL), &KONGSI_UNAVAILABLE);
    later_join(&later);
}

/* --- lost during COMMIT: uncertain ------------------------------------------------------------------------------------ */

static void called(void *argument)
{
    *(bool *)argument = true;
}

static void test_terminated_in_commit(void **state)
{
    (void)state;
    int backend;
    bool committed = false;
    struct db_tx *tx = begin_slow_commit("60", 10000, &backend);
    db_on_commit(tx, called, &committed);
    struct later later;
    later_start(&later, "SELECT pg_terminate_backend(%d)", backend);
    struct err *error = db_commit(tx);
    assert_true(error && error->retriable);
    assert_reason(error, &KONGSI_WRITE_UNCERTAIN);
    assert_false(committed);
    later_join(&later);
    assert_int_equal(note_count(pool, ORG_A), 0);
}

static void test_deadline_in_commit(void **state)
{
    (void)state;
    int backend;
    struct db_tx *tx = begin_slow_commit("60", 2000, &backend);
    int64_t start_ms = clock_monotonic_ms();
    assert_reason(db_commit(tx), &KONGSI_WRITE_UNCERTAIN);
    assert_in_range(clock_monotonic_ms() - start_ms, 0, 10000);
}

/* One statement whose COMMIT is lost in the same round trip. */
static void test_run_lost_in_commit(void **state)
{
    (void)state;
    struct later later;
    later_start(&later,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND usename = 'kongsi_app'");
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, ORG_A);
    db_add_text(&params, "60");
    assert_reason(db_run(pool, db_scope_org(ORG_A, in_ms(10000)), &TEST_DB_SQL_slow_commit_add, &params, NULL),
        &KONGSI_WRITE_UNCERTAIN);
    later_join(&later);
}

/* The whole server falls while it commits, and comes back: the pool with it. */
static void *crash_server(void *argument)
{
    (void)argument;
    assert_true(test_pg_wait_number(TEST_DATABASE, SLEEPERS, 1));
    test_pg_end_server(SIGKILL);
    return NULL;
}

static void test_server_crash_in_commit(void **state)
{
    (void)state;
    int backend;
    struct db_tx *tx = begin_slow_commit("60", 20000, &backend);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, crash_server, NULL), 0);
    assert_reason(db_commit(tx), &KONGSI_WRITE_UNCERTAIN);
    pthread_join(thread, NULL);
    assert_reason(note_add(pool, ORG_A, "amy", "meanwhile"), &KONGSI_UNAVAILABLE);
    test_pg_begin_server();
    int64_t deadline_ms = in_ms(5000);
    while (!db_pool_is_ready(pool)) {
        assert_true(deadline_left_ms(deadline_ms) > 0);
        pause_ms(50);
    }
    assert_ok(note_add(pool, ORG_A, "amy", "after"));
    assert_int_equal(slow_commits(), 0);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, test_db_clear)
    const struct CMUnitTest tests[] = {
        TEST(test_deadline_cancels),
        TEST(test_closed_connection_cancels),
        TEST(test_deadline_before_commit_is_certain),
        TEST(test_cancelled_by_hand),
        TEST(test_stopped_backend),
        TEST(test_lost_in_a_query),
        TEST(test_lost_between_statements),
        TEST(test_read_that_is_lost_is_not_uncertain),
        TEST(test_terminated_in_commit),
        TEST(test_deadline_in_commit),
        TEST(test_run_lost_in_commit),
        TEST(test_server_crash_in_commit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
