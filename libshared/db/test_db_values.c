#include "libshared/db/test_db.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct db_pool *pool;
static struct arena *arena;

static int setup(void **state)
{
    test_db_setup(state);
    pool = test_db_pool(1);
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

static struct db_result *run(const struct db_statement *statement, const struct db_params *params)
{
    struct db_result *result = NULL;
    assert_ok(db_run(pool, db_scope_org(ORG_A, 0), statement, params, &result));
    return result;
}

static const struct scalars {
    const char *name;
    struct uuid uuid;
    const char *text;
    const char *bytes;
    int32_t number;
    int64_t big;
    bool yes;
    struct instant instant;
    int16_t small;
    const char *day;
} SCALARS[] = {
    {"zeros", {{0}}, "", "", 0, 0, false, {0}, 0, "1970-01-01"},
    {"ordinary", {{1, 2, 3}}, "早晨 'x'; --", "\1\2\xff", 42, INT64_C(1) << 40, true, {1790000000123456}, 7, "2026-11-22"},
    {"smallest", {{255}}, "\t\n\\", "\\", INT32_MIN, INT64_MIN, false, {-62135596800000000}, INT16_MIN, "0001-01-01"},
    {"largest", {{255}}, "x", "x", INT32_MAX, INT64_MAX, true, {253402300799999999}, INT16_MAX, "9999-12-31"},
};

static struct db_params scalar_params(const struct scalars *s)
{
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, s->uuid);
    db_add_text(&params, s->text);
    db_add_bytes(&params, *s->bytes ? s->bytes : NULL, strlen(s->bytes));
    db_add_int(&params, s->number);
    db_add_int64(&params, s->big);
    db_add_bool(&params, s->yes);
    db_add_instant(&params, s->instant);
    char small[8];
    snprintf(small, sizeof(small), "%d", s->small);
    db_add_text(&params, arena_strdup(arena, small));
    db_add_text(&params, s->day);
    return params;
}

static void test_scalars(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(SCALARS) / sizeof(SCALARS[0]); i++) {
        const struct scalars *s = &SCALARS[i];
        struct db_params params = scalar_params(s);
        DB_RESULT_AUTO result = run(&TEST_DB_SQL_scalars, &params);
        for (int column = 0; column < 9; column++) {
            assert_false(db_is_null(result, 0, column));
        }
        assert_true(uuid_equal(db_get_uuid(result, 0, 0), s->uuid));
        assert_string_equal(db_get_text(result, 0, 1), s->text);
        assert_string_equal(db_get_text_copy(result, 0, 1, arena), s->text);
        struct bytes bytes = db_get_bytes(result, 0, 2);
        assert_int_equal(bytes.length, strlen(s->bytes));
        assert_memory_equal(bytes.data, s->bytes, bytes.length);
        assert_int_equal(db_get_int(result, 0, 3), s->number);
        assert_int_equal(db_get_int64(result, 0, 3), s->number);
        assert_true(db_get_int64(result, 0, 4) == s->big);
        assert_int_equal(db_get_bool(result, 0, 5), s->yes);
        assert_true(db_get_instant(result, 0, 6).us == s->instant.us);
        assert_int_equal(db_get_int(result, 0, 7), s->small);
        assert_string_equal(db_get_text(result, 0, 8), s->day);
    }
}

static void test_nulls(void **state)
{
    (void)state;
    struct db_params params = db_params_new(arena);
    db_add_uuid_or_null(&params, NULL);
    for (int i = 0; i < 5; i++) {
        db_add_text(&params, NULL);
    }
    db_add_instant_or_null(&params, NULL);
    db_add_text(&params, NULL);
    db_add_text(&params, NULL);
    DB_RESULT_AUTO result = run(&TEST_DB_SQL_scalars, &params);
    for (int column = 0; column < 9; column++) {
        assert_true(db_is_null(result, 0, column));
    }
    assert_true(uuid_is_nil(db_get_uuid(result, 0, 0)));
    assert_string_equal(db_get_text(result, 0, 1), "");
    assert_int_equal(db_get_bytes(result, 0, 2).length, 0);
    assert_int_equal(db_get_int(result, 0, 3), 0);
    assert_int_equal(db_get_int64(result, 0, 4), 0);
    assert_false(db_get_bool(result, 0, 5));
    assert_int_equal(db_get_instant(result, 0, 6).us, 0);
    const struct uuid uuid = {{9}};
    const struct instant instant = {5};
    params = scalar_params(&SCALARS[0]);
    params.count = 0;
    db_add_uuid_or_null(&params, &uuid);
    params.count = 6;
    db_add_instant_or_null(&params, &instant);
    params.count = 9;
    DB_RESULT_AUTO set = run(&TEST_DB_SQL_scalars, &params);
    assert_true(uuid_equal(db_get_uuid(set, 0, 0), uuid));
    assert_int_equal(db_get_instant(set, 0, 6).us, 5);
}

static void test_arrays(void **state)
{
    (void)state;
    const struct uuid uuids[] = {{{1}}, {{2}}};
    const char *const texts[] = {"a", NULL, "", "早晨 {\"x\"}", NULL};
    const int64_t bigs[] = {INT64_MIN, 0, INT64_MAX};
    const int32_t numbers[] = {INT32_MIN, -1, INT32_MAX};
    const struct bytes bytes[] = {{(const uint8_t *)"\0\1", 2}, {NULL, 0}};
    const struct instant instants[] = {{0}, {1790000000123456}};
    const bool bools[] = {true, false};
    struct db_params params = db_params_new(arena);
    db_add_uuid_array(&params, uuids, 2);
    db_add_text_array(&params, texts, 5);
    db_add_int64_array(&params, bigs, 3);
    db_add_int_array(&params, numbers, 3);
    db_add_bytes_array(&params, bytes, 2);
    db_add_instant_array(&params, instants, 2);
    db_add_bool_array(&params, bools, 2);
    assert_false(params.failed);
    static const char *const WANT[] = {"01000000-0000-0000-0000-000000000000,02000000-0000-0000-0000-000000000000",
        "a,NULL,,早晨 {\"x\"},NULL", "-9223372036854775808,0,9223372036854775807", "-2147483648,-1,2147483647",
        "\\x0001,\\x", "1970-01-01 00:00:00+00,2026-09-21 14:13:20.123456+00", "t,f"};
    DB_RESULT_AUTO result = run(&TEST_DB_SQL_arrays, &params);
    for (int column = 0; column < 7; column++) {
        assert_string_equal(db_get_text(result, 0, column), WANT[column]);
    }
    assert_int_equal(db_get_int(result, 0, 7), 2);
}

static void test_empty_arrays(void **state)
{
    (void)state;
    struct db_params params = db_params_new(arena);
    db_add_uuid_array(&params, NULL, 0);
    db_add_text_array(&params, NULL, 0);
    db_add_int64_array(&params, NULL, 0);
    db_add_int_array(&params, NULL, 0);
    db_add_bytes_array(&params, NULL, 0);
    db_add_instant_array(&params, NULL, 0);
    db_add_bool_array(&params, NULL, 0);
    DB_RESULT_AUTO result = run(&TEST_DB_SQL_arrays, &params);
    for (int column = 0; column < 7; column++) {
        assert_false(db_is_null(result, 0, column));
        assert_string_equal(db_get_text(result, 0, column), "");
    }
    assert_int_equal(db_get_int(result, 0, 7), 0);
}

static void wrong_int(struct db_result *result)
{
    db_get_int(result, 0, 4);
}
static void wrong_uuid(struct db_result *result)
{
    db_get_uuid(result, 0, 1);
}
static void wrong_text(struct db_result *result)
{
    db_get_text(result, 0, 6);
}
static void wrong_instant(struct db_result *result)
{
    db_get_instant(result, 0, 4);
}
static void wrong_row(struct db_result *result)
{
    db_get_bool(result, 1, 5);
}
static void wrong_column(struct db_result *result)
{
    db_is_null(result, 0, 9);
}

/* A getter that does not fit stops the program, in a child here. */
static void test_wrong_getters(void **state)
{
    (void)state;
    static void (*const WRONG[])(struct db_result *) = {
        wrong_int, wrong_uuid, wrong_text, wrong_instant, wrong_row, wrong_column};
    struct db_params params = scalar_params(&SCALARS[1]);
    DB_RESULT_AUTO result = run(&TEST_DB_SQL_scalars, &params);
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        pid_t child = fork();
        if (child == 0) {
            signal(SIGABRT, SIG_DFL);
            if (!freopen("/dev/null", "w", stderr)) {
                _exit(1);
            }
            WRONG[i](result);
            _exit(0);
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        assert_int_equal(WTERMSIG(status), SIGABRT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_nulls),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_empty_arrays),
        cmocka_unit_test(test_wrong_getters),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
