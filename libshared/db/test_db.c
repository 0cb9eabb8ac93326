#include "libshared/db/test_db.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const struct uuid ORG_A = {.bytes = {0xa, 1}}, ORG_B = {.bytes = {0xb, 1}};

int test_db_setup(void **state)
{
    (void)state;
    test_pg_start();
    test_pg_create_database(TEST_DATABASE);
    struct db_options options = test_pg_options(TEST_DATABASE, "kongsi_owner", 1);
    assert_ok(db_migrate(&options, test_db_sql_migrations, 1000));
    return 0;
}

int test_db_clear(void **state)
{
    (void)state;
    assert_true(test_pg_wait_number(TEST_DATABASE, SLEEPERS, 0));
    test_pg_exec(TEST_DATABASE, "TRUNCATE notes, note_likes, slow_commits");
    return 0;
}

struct db_pool *test_db_pool(int pool_size)
{
    struct db_options options = test_pg_options(TEST_DATABASE, "kongsi_app", pool_size);
    options.statements = test_db_sql_statements;
    struct db_pool *pool = NULL;
    assert_ok(db_pool_open(&options, &pool));
    return pool;
}

int64_t in_ms(int64_t ms)
{
    return clock_monotonic_ms() + ms;
}

void pause_ms(int64_t ms)
{
    struct timespec duration = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&duration, NULL);
}

void assert_ok_(struct err *error, const char *expression, const char *file, int line)
{
    if (error) {
        print_error("%s: %s: %s\n", expression, error->reason, error->message);
        err_free(error);
        _fail(file, line);
    }
}

void assert_reason_(struct err *error, const struct err_reason *reason, const char *expression, const char *file, int line)
{
    if (!err_is(error, reason)) {
        print_error("%s: %s: %s; expected %s\n", expression, error ? error->reason : "OK", error ? error->message : "",
            reason->name);
        err_free(error);
        _fail(file, line);
    }
    err_free(error);
}

struct err *note_add(struct db_pool *pool, struct uuid org_id, const char *author, const char *body)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, org_id);
    db_add_text(&params, author);
    db_add_text(&params, body);
    return db_run(pool, db_scope_org(org_id, in_ms(5000)), &TEST_DB_SQL_note_add, &params, NULL);
}

int64_t note_count(struct db_pool *pool, struct uuid org_id)
{
    DB_RESULT_AUTO result = NULL;
    assert_ok(db_run(pool, db_scope_org(org_id, in_ms(5000)), &TEST_DB_SQL_note_count, NULL, &result));
    return db_get_int64(result, 0, 0);
}

int backend_of(struct db_tx *tx)
{
    DB_RESULT_AUTO result = NULL;
    assert_ok(db_query(tx, &TEST_DB_SQL_backend, NULL, &result));
    return db_get_int(result, 0, 0);
}

static void *later_main(void *argument)
{
    struct later *later = argument;
    if (test_pg_wait_number(TEST_DATABASE, SLEEPERS, 1)) {
        test_pg_exec(TEST_DATABASE, later->sql);
    }
    return NULL;
}

void later_start(struct later *later, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(later->sql, sizeof(later->sql), format, arguments);
    va_end(arguments);
    assert_int_equal(pthread_create(&later->thread, NULL, later_main, later), 0);
}

void later_join(struct later *later)
{
    pthread_join(later->thread, NULL);
}
