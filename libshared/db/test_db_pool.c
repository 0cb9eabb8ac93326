#include "libshared/db/db_pool.h"
#include "libshared/db/test_db.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct db_tx *begin(struct db_pool *pool, int64_t timeout_ms)
{
    struct db_tx *tx = NULL;
    assert_ok(db_begin(pool, db_scope_org(ORG_A, in_ms(timeout_ms)), &tx));
    return tx;
}

static void test_size_is_checked(void **state)
{
    (void)state;
    static const int WRONG[] = {-1, 0, 101};
    for (size_t i = 0; i < 3; i++) {
        struct db_options options = test_pg_options(TEST_DATABASE, "kongsi_app", WRONG[i]);
        struct db_pool *pool = NULL;
        assert_reason(db_pool_open(&options, &pool), &KONGSI_CONFIG_INVALID);
    }
    db_pool_close(NULL);
}

/* --- bounds and order ------------------------------------------------------------------------------------------------ */

enum { BUSY_THREADS = 12, BUSY_ROUNDS = 20, BUSY_POOL = 3 };

static void *keep_busy(void *argument)
{
    struct db_pool *pool = argument;
    for (int i = 0; i < BUSY_ROUNDS; i++) {
        struct db_tx *tx = begin(pool, 20000);
        (void)backend_of(tx);
        pause_ms(1);
        assert_ok(db_commit(tx));
    }
    return NULL;
}

static void test_never_more_than_its_size(void **state)
{
    (void)state;
    struct db_pool *pool = test_db_pool(BUSY_POOL);
    pthread_t threads[BUSY_THREADS];
    for (size_t i = 0; i < BUSY_THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, keep_busy, pool), 0);
    }
    int64_t most = 0;
    for (int i = 0; i < 10; i++) {
        int64_t now = test_pg_number(TEST_DATABASE, BACKENDS);
        most = now > most ? now : most;
    }
    for (size_t i = 0; i < BUSY_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_in_range(most, 1, BUSY_POOL);
    assert_int_equal(test_pg_number(TEST_DATABASE, BACKENDS), BUSY_POOL);
    db_pool_close(pool);
    assert_true(test_pg_wait_number(TEST_DATABASE, BACKENDS, 0));
}

struct queuer {
    struct db_pool *pool;
    pthread_t thread;
    atomic_int *next;
    int served_as;
};

static void *queue_up(void *argument)
{
    struct queuer *queuer = argument;
    struct db_tx *tx = begin(queuer->pool, 10000);
    queuer->served_as = atomic_fetch_add(queuer->next, 1);
    db_rollback(tx);
    return NULL;
}

static void test_first_come_first_served(void **state)
{
    (void)state;
    struct db_pool *pool = test_db_pool(1);
    struct db_tx *tx = begin(pool, 10000);
    struct queuer queuers[6];
    atomic_int next = 0;
    for (int i = 0; i < 6; i++) {
        int64_t waiting = atomic_load(&db_pool_metrics(pool)->waits.value);
        queuers[i] = (struct queuer){.pool = pool, .next = &next};
        assert_int_equal(pthread_create(&queuers[i].thread, NULL, queue_up, &queuers[i]), 0);
        while (atomic_load(&db_pool_metrics(pool)->waits.value) == waiting) {
            pause_ms(1);
        }
        pause_ms(5); /* counted just before it queues */
    }
    db_rollback(tx);
    for (int i = 0; i < 6; i++) {
        pthread_join(queuers[i].thread, NULL);
        assert_int_equal(queuers[i].served_as, i);
    }
    db_pool_close(pool);
}

static void test_wait_has_a_deadline(void **state)
{
    (void)state;
    struct db_pool *pool = test_db_pool(1);
    struct db_tx *tx = begin(pool, 10000), *other = NULL;
    int64_t start_ms = clock_monotonic_ms();
    assert_reason(db_begin(pool, db_scope_org(ORG_A, in_ms(100)), &other), &KONGSI_UNAVAILABLE);
    assert_in_range(clock_monotonic_ms() - start_ms, 95, 10000);
    assert_false(db_pool_is_ready(pool));
    db_rollback(tx);
    assert_true(db_pool_is_ready(pool));
    db_pool_close(pool);
}

enum { CROWD = DB_WAITERS_MAX + 20 };

struct crowd {
    struct db_pool *pool;
    atomic_int overloaded, served;
};

static void *join_crowd(void *argument)
{
    struct crowd *crowd = argument;
    struct db_tx *tx = NULL;
    struct err *error = db_begin(crowd->pool, db_scope_org(ORG_A, in_ms(30000)), &tx);
    if (error) {
        assert_reason(error, &KONGSI_OVERLOADED);
        atomic_fetch_add(&crowd->overloaded, 1);
        return NULL;
    }
    atomic_fetch_add(&crowd->served, 1);
    db_rollback(tx);
    return NULL;
}

static void test_too_many_wait(void **state)
{
    (void)state;
    struct crowd crowd = {.pool = test_db_pool(1)};
    struct db_tx *tx = begin(crowd.pool, 30000);
    pthread_t *threads = calloc(CROWD, sizeof(*threads));
    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 256 * 1024);
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(pthread_create(&threads[i], &small, join_crowd, &crowd), 0);
    }
    int64_t deadline_ms = in_ms(20000);
    while (atomic_load(&crowd.overloaded) < CROWD - DB_WAITERS_MAX && deadline_left_ms(deadline_ms) > 0) {
        pause_ms(5);
    }
    db_rollback(tx);
    for (int i = 0; i < CROWD; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(crowd.overloaded, CROWD - DB_WAITERS_MAX);
    assert_int_equal(crowd.served, DB_WAITERS_MAX);
    pthread_attr_destroy(&small);
    free(threads);
    db_pool_close(crowd.pool);
}

static void *close_pool(void *argument)
{
    db_pool_close(argument);
    return NULL;
}

static void test_close_waits_for_transactions(void **state)
{
    (void)state;
    struct db_pool *pool = test_db_pool(2);
    struct db_tx *tx = begin(pool, 10000);
    assert_true(db_pool_is_ready(pool)); /* an idle one beside it */
    pthread_t closer;
    assert_int_equal(pthread_create(&closer, NULL, close_pool, pool), 0);
    pause_ms(50);
    struct db_tx *late = NULL;
    assert_reason(db_begin(pool, db_scope_org(ORG_A, in_ms(1000)), &late), &KONGSI_UNAVAILABLE);
    (void)backend_of(tx);
    assert_ok(db_commit(tx));
    pthread_join(closer, NULL);
    assert_true(test_pg_wait_number(TEST_DATABASE, BACKENDS, 0));
}

/* --- statements ------------------------------------------------------------------------------------------------------ */

static void test_statement_that_does_not_fit(void **state)
{
    (void)state;
    static const struct db_statement WRONG = {"wrong_one", "SELECT no_such_column FROM notes", DB_ONE};
    static const struct db_statement *const STATEMENTS[] = {&TEST_DB_SQL_note_count, &WRONG, NULL};
    struct db_options options = test_pg_options(TEST_DATABASE, "kongsi_app", 1);
    options.statements = STATEMENTS;
    struct db_pool *pool = NULL;
    assert_ok(db_pool_open(&options, &pool));
    struct err *error = db_pool_check_statements(pool);
    assert_non_null(strstr(error->message, "wrong_one"));
    assert_non_null(strstr(error->message, "no_such_column"));
    assert_reason(error, &KONGSI_INTERNAL);
    struct db_tx *tx = NULL;
    assert_reason(db_begin(pool, db_scope_org(ORG_A, 0), &tx), &KONGSI_UNAVAILABLE);
    db_pool_close(pool);
    pool = test_db_pool(1);
    assert_ok(db_pool_check_statements(pool));
    db_pool_close(pool);
}

/* --- PostgreSQL comes and goes --------------------------------------------------------------------------------------- */

static void test_restart_goes_unnoticed(void **state)
{
    (void)state;
    struct db_pool *pool = test_db_pool(3);
    struct db_tx *tx[3];
    for (int i = 0; i < 3; i++) {
        tx[i] = begin(pool, 10000);
    }
    for (int i = 0; i < 3; i++) {
        db_rollback(tx[i]);
    }
    test_pg_end_server(SIGINT);
    test_pg_begin_server();
    for (int i = 0; i < 3; i++) { /* each idle connection is dead */
        tx[i] = begin(pool, 10000);
        (void)backend_of(tx[i]);
    }
    for (int i = 0; i < 3; i++) {
        db_rollback(tx[i]);
    }
    db_pool_close(pool);
}

static void test_away_fails_fast_and_comes_back(void **state)
{
    (void)state;
    struct db_pool *pool = test_db_pool(2);
    assert_ok(note_add(pool, ORG_A, "amy", "before"));
    test_pg_end_server(SIGINT);
    int64_t start_ms = clock_monotonic_ms();
    int64_t failures = atomic_load(&db_pool_metrics(pool)->connect_failures.value);
    for (int i = 0; i < 2000; i++) {
        assert_reason(note_add(pool, ORG_A, "amy", "away"), &KONGSI_UNAVAILABLE);
    }
    int64_t elapsed_ms = clock_monotonic_ms() - start_ms;
    failures = atomic_load(&db_pool_metrics(pool)->connect_failures.value) - failures;
    assert_in_range(elapsed_ms, 0, 20000);
    assert_in_range(failures, 1, 3 + elapsed_ms / (DB_BACKOFF_MIN_MS / 2));
    test_pg_begin_server();
    int64_t deadline_ms = in_ms(DB_BACKOFF_MAX_MS + 1000);
    struct err *error;
    while ((error = note_add(pool, ORG_A, "amy", "back"))) {
        assert_true(deadline_left_ms(deadline_ms) > 0);
        assert_reason(error, &KONGSI_UNAVAILABLE);
        pause_ms(10);
    }
    assert_int_equal(note_count(pool, ORG_A), 2);
    db_pool_close(pool);
}

static void test_crashed_backend(void **state)
{
    (void)state;
    struct db_pool *pool = test_db_pool(2);
    struct db_tx *tx = begin(pool, 10000);
    assert_int_equal(kill(backend_of(tx), SIGKILL), 0); /* the server restarts all of its processes */
    assert_reason(db_query(tx, &TEST_DB_SQL_note_count, NULL, NULL), &KONGSI_UNAVAILABLE);
    db_rollback(tx);
    int64_t deadline_ms = in_ms(10000);
    while (!db_pool_is_ready(pool)) {
        assert_true(deadline_left_ms(deadline_ms) > 0);
        pause_ms(20);
    }
    (void)note_count(pool, ORG_A);
    db_pool_close(pool);
}

/* A host that takes connections and never says a word. */
static void test_silent_server(void **state)
{
    (void)state;
    char folder[] = "/tmp/kongsi-silent-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/.s.PGSQL.5432", folder);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(listener, 10), 0);
    struct db_options options = test_pg_options(TEST_DATABASE, "kongsi_app", 1);
    options.host = folder;
    struct db_pool *pool = NULL;
    assert_ok(db_pool_open(&options, &pool));
    struct db_tx *tx = NULL;
    int64_t start_ms = clock_monotonic_ms();
    assert_reason(db_begin(pool, db_scope_org(ORG_A, in_ms(200)), &tx), &KONGSI_UNAVAILABLE);
    assert_in_range(clock_monotonic_ms() - start_ms, 190, 4000);
    start_ms = clock_monotonic_ms();
    assert_reason(db_begin(pool, db_scope_org(ORG_A, in_ms(60000)), &tx), &KONGSI_UNAVAILABLE);
    assert_in_range(clock_monotonic_ms() - start_ms, DB_CONNECT_TIMEOUT_MS - 10, DB_CONNECT_TIMEOUT_MS + 10000);
    db_pool_close(pool);
    close(listener);
    unlink(address.sun_path);
    rmdir(folder);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, test_db_clear)
    const struct CMUnitTest tests[] = {
        TEST(test_size_is_checked),
        TEST(test_never_more_than_its_size),
        TEST(test_first_come_first_served),
        TEST(test_wait_has_a_deadline),
        TEST(test_too_many_wait),
        TEST(test_close_waits_for_transactions),
        TEST(test_statement_that_does_not_fit),
        TEST(test_restart_goes_unnoticed),
        TEST(test_away_fails_fast_and_comes_back),
        TEST(test_crashed_backend),
        TEST(test_silent_server),
    };
    return cmocka_run_group_tests(tests, test_db_setup, NULL);
}
