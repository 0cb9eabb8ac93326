#include "libshared/db/test_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATABASE "test_migrate"
#define APPLIED "SELECT count(*) FROM schema_migrations"

static const struct db_migration ONE = {"demo", 1, "0001_one",
                                     "CREATE TABLE one (x int);\nGRANT SELECT ON one TO kongsi_app;\n"},
                                 TWO = {"demo", 2, "0002_two", "CREATE TABLE two (x int); INSERT INTO two VALUES (1), (2)"},
                                 THREE = {"demo", 3, "0003_three", "ALTER TABLE two ADD y int"},
                                 OTHER = {"other", 1, "0001_it's", "CREATE TABLE other (x int)"},
                                 BAD = {"demo", 2, "0002_two", "CREATE TABLE bad (x int); SELECT 1 / 0"},
                                 CHANGED = {"demo", 1, "0001_one", "CREATE TABLE one (x int);"},
                                 SLOW = {"demo", 1, "0001_slow", "CREATE TABLE slow (x int); SELECT pg_sleep(0.5)"},
                                 COPY = {"demo", 1, "0001_copy", "CREATE TABLE c (x int); COPY c FROM STDIN"};

#define LIST(...) ((const struct db_migration *const[]){__VA_ARGS__, NULL})

static struct err *migrate(const struct db_migration *const *migrations, int lock_wait_ms)
{
    struct db_options options = test_pg_options(DATABASE, "kongsi_owner", 1);
    return db_migrate(&options, migrations, lock_wait_ms);
}

static int64_t number(const char *sql)
{
    return test_pg_number(DATABASE, sql);
}

static int setup(void **state)
{
    (void)state;
    test_pg_start();
    return 0;
}

static int fresh_database(void **state)
{
    (void)state;
    test_pg_exec("postgres", "DROP DATABASE IF EXISTS " DATABASE " WITH (FORCE)");
    test_pg_create_database(DATABASE);
    return 0;
}

static void test_runs_once_in_order(void **state)
{
    (void)state;
    assert_ok(migrate(LIST(&ONE, &TWO), 1000));
    assert_ok(migrate(LIST(&ONE, &TWO), 1000));
    assert_int_equal(number("SELECT count(*) FROM two"), 2);
    assert_ok(migrate(LIST(&OTHER, &ONE, &TWO, &THREE), 1000));
    assert_int_equal(number(APPLIED), 4);
    /* what `sha256sum` says of the file */
    assert_int_equal(number("SELECT count(*) FROM schema_migrations WHERE component = 'demo' AND version = 1 AND checksum ="
                            " encode(sha256(E'CREATE TABLE one (x int);\\nGRANT SELECT ON one TO kongsi_app;\\n'), 'hex')"),
        1);
    assert_int_equal(number("SELECT count(*) FROM pg_tables WHERE tableowner = 'kongsi_owner'"), 4);
    assert_int_equal(number("SELECT has_table_privilege('kongsi_app', 'schema_migrations', 'SELECT')::int"), 1);
    assert_int_equal(number("SELECT has_table_privilege('kongsi_app', 'schema_migrations', 'INSERT')::int"), 0);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    const struct db_migration *const none[] = {NULL};
    assert_ok(migrate(none, 1000));
    assert_int_equal(number(APPLIED), 0);
}

static void test_changed_is_refused(void **state)
{
    (void)state;
    assert_ok(migrate(LIST(&ONE), 1000));
    struct err *error = migrate(LIST(&CHANGED, &TWO), 1000);
    assert_non_null(strstr(error->message, "0001_one"));
    assert_reason(error, &KONGSI_CONFIG_INVALID);
    assert_int_equal(number(APPLIED), 1); /* nothing ran */
}

static void test_left_out_is_refused(void **state)
{
    (void)state;
    assert_ok(migrate(LIST(&ONE, &TWO, &THREE), 1000));
    test_pg_exec(DATABASE, "DELETE FROM schema_migrations WHERE version = 2");
    assert_reason(migrate(LIST(&ONE, &TWO, &THREE), 1000), &KONGSI_CONFIG_INVALID);
}

static void test_older_program_still_starts(void **state)
{
    (void)state;
    assert_ok(migrate(LIST(&ONE, &TWO, &THREE), 1000));
    assert_ok(migrate(LIST(&ONE, &TWO), 1000));
}

static void test_failure_leaves_nothing(void **state)
{
    (void)state;
    struct err *error = migrate(LIST(&ONE, &BAD, &THREE), 1000);
    assert_non_null(strstr(error->message, "0002_two"));
    assert_non_null(strstr(error->message, "division by zero"));
    assert_reason(error, &KONGSI_INTERNAL);
    assert_int_equal(number(APPLIED), 1);
    assert_int_equal(number("SELECT count(*) FROM pg_tables WHERE tablename = 'bad'"), 0);
    assert_ok(migrate(LIST(&ONE, &TWO, &THREE), 1000)); /* repaired */
}

/* It would wait for data that never come. */
static void test_copy_from_stdin_fails(void **state)
{
    (void)state;
    struct err *error = migrate(LIST(&COPY), 1000);
    assert_non_null(error);
    err_free(error);
    assert_true(test_pg_wait_number(DATABASE, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'kongsi_owner'", 0));
    assert_int_equal(number(APPLIED), 0);
}

static void *migrate_slowly(void *argument)
{
    (void)argument;
    return migrate(LIST(&SLOW, &OTHER), 10000);
}

static void test_four_at_once(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, migrate_slowly, NULL), 0);
    }
    for (int i = 0; i < 4; i++) {
        struct err *error = NULL;
        pthread_join(threads[i], (void **)&error);
        assert_ok(error);
    }
    assert_int_equal(number(APPLIED), 2);
}

static void test_waits_only_so_long(void **state)
{
    (void)state;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, migrate_slowly, NULL), 0);
    assert_true(test_pg_wait_number(DATABASE, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", 1));
    struct err *error = migrate(LIST(&SLOW), 100);
    assert_non_null(strstr(error->message, "100 ms"));
    assert_reason(error, &KONGSI_UNAVAILABLE);
    struct err *slow_error = NULL;
    pthread_join(thread, (void **)&slow_error);
    assert_ok(slow_error);
}

static void *read_for_long(void *argument)
{
    (void)argument;
    test_pg_exec(DATABASE, "BEGIN; LOCK TABLE two IN ACCESS SHARE MODE; SELECT pg_sleep(2.5); COMMIT");
    return NULL;
}

/* It gives way in between, and takes its turn in the end. */
static void test_table_in_use(void **state)
{
    (void)state;
    assert_ok(migrate(LIST(&ONE, &TWO), 1000));
    pthread_t reader;
    assert_int_equal(pthread_create(&reader, NULL, read_for_long, NULL), 0);
    assert_true(test_pg_wait_number(DATABASE, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'", 1));
    assert_ok(migrate(LIST(&ONE, &TWO, &THREE), 1000));
    pthread_join(reader, NULL);
    assert_int_equal(number(APPLIED), 3);
}

static void test_no_server(void **state)
{
    (void)state;
    struct db_options options = test_pg_options("no_such_database", "kongsi_owner", 1);
    struct err *error = db_migrate(&options, LIST(&ONE), 100);
    assert_non_null(strstr(error->message, "no_such_database")); /* the operator sees libpq's words */
    assert_reason(error, &KONGSI_UNAVAILABLE);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, fresh_database)
    const struct CMUnitTest tests[] = {
        TEST(test_runs_once_in_order),
        TEST(test_nothing_to_do),
        TEST(test_changed_is_refused),
        TEST(test_left_out_is_refused),
        TEST(test_older_program_still_starts),
        TEST(test_failure_leaves_nothing),
        TEST(test_copy_from_stdin_fails),
        TEST(test_four_at_once),
        TEST(test_waits_only_so_long),
        TEST(test_table_in_use),
        TEST(test_no_server),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
