#include "libshared/db/test_db.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct db_pool *pool;
static struct arena *arena;

static int setup(void **state)
{
    test_db_setup(state);
    pool = test_db_pool(4);
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

static struct db_params note_params(struct uuid org_id, const char *author, const char *body)
{
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, org_id);
    db_add_text(&params, author);
    db_add_text(&params, body);
    return params;
}

static struct db_params text_params(const char *text)
{
    struct db_params params = db_params_new(arena);
    db_add_text(&params, text);
    return params;
}

static struct db_tx *begin(struct uuid org_id)
{
    struct db_tx *tx = NULL;
    assert_ok(db_begin(pool, db_scope_org(org_id, in_ms(10000)), &tx));
    return tx;
}

/* --- what is kept and what is not ------------------------------------------------------------------------------------ */

static void test_commit_keeps(void **state)
{
    (void)state;
    DB_TX_AUTO tx = begin(ORG_A);
    DB_RESULT_AUTO result = NULL;
    struct db_params params = note_params(ORG_A, "amy", "hello");
    assert_ok(db_query(tx, &TEST_DB_SQL_note_insert, &params, &result));
    assert_int_equal(db_rows(result), 1);
    assert_true(db_get_int64(result, 0, 0) > 0);
    assert_ok(db_commit_auto(tx));
    assert_null(tx);
    assert_int_equal(note_count(pool, ORG_A), 1);
}

static void test_rollback_forgets(void **state)
{
    (void)state;
    {
        DB_TX_AUTO tx = begin(ORG_A);
        struct db_params params = note_params(ORG_A, "amy", "hello");
        assert_ok(db_query(tx, &TEST_DB_SQL_note_add, &params, NULL));
        assert_ok(db_send(tx, &TEST_DB_SQL_note_count, NULL));
    }
    assert_int_equal(note_count(pool, ORG_A), 0);
    db_rollback(NULL);
    db_rollback(begin(ORG_A)); /* nothing was sent */
    assert_ok(db_commit(begin(ORG_A)));
}

static void test_affected(void **state)
{
    (void)state;
    assert_ok(note_add(pool, ORG_A, "amy", "1"));
    assert_ok(note_add(pool, ORG_A, "amy", "2"));
    DB_RESULT_AUTO result = NULL;
    assert_ok(db_run(pool, db_scope_org(ORG_A, 0), &TEST_DB_SQL_note_delete, NULL, &result));
    assert_int_equal(db_affected(result), 2);
    assert_int_equal(db_rows(result), 0);
}

static void test_sends_travel_with_commit(void **state)
{
    (void)state;
    struct db_tx *tx = begin(ORG_A);
    for (int i = 0; i < 1000; i++) { /* several times what one round trip takes */
        char body[20];
        snprintf(body, sizeof(body), "%d", i);
        struct db_params params = note_params(ORG_A, "amy", body);
        assert_ok(db_send(tx, &TEST_DB_SQL_note_add, &params));
        arena_reset(arena); /* values need not live longer */
    }
    assert_ok(db_commit(tx));
    assert_int_equal(note_count(pool, ORG_A), 1000);
}

static void test_failed_send_fails_commit(void **state)
{
    (void)state;
    struct db_tx *tx = begin(ORG_A);
    struct db_params good = note_params(ORG_A, "amy", "good");
    assert_ok(db_send(tx, &TEST_DB_SQL_note_add, &good));
    assert_ok(db_send(tx, &TEST_DB_SQL_note_add, &good));
    struct err *error = db_commit(tx);
    assert_string_equal(err_get_metadata(error, "constraint"), "notes_author_body_unique");
    assert_reason(error, &KONGSI_CONFLICT);
    assert_int_equal(note_count(pool, ORG_A), 0);
}

static void test_failed_send_fails_query(void **state)
{
    (void)state;
    DB_TX_AUTO tx = begin(ORG_A);
    struct db_params params = note_params(ORG_A, "amy", "twice");
    assert_ok(db_send(tx, &TEST_DB_SQL_note_add, &params));
    assert_ok(db_send(tx, &TEST_DB_SQL_note_add, &params));
    DB_RESULT_AUTO result = NULL;
    assert_reason(db_query(tx, &TEST_DB_SQL_note_count, NULL, &result), &KONGSI_CONFLICT);
    assert_null(result);
    assert_reason(db_query(tx, &TEST_DB_SQL_note_count, NULL, NULL), &KONGSI_INTERNAL);
    assert_reason(db_send(tx, &TEST_DB_SQL_note_count, NULL), &KONGSI_INTERNAL);
    assert_reason(db_commit_auto(tx), &KONGSI_INTERNAL);
    assert_int_equal(note_count(pool, ORG_A), 0);
}

/* Both sides write more than a socket holds: neither may wait for the other. */
static void test_much_both_ways(void **state)
{
    (void)state;
    enum { SIZE = 256 * 1024, COUNT = 100 };
    char *big = malloc(SIZE + 1);
    memset(big, 'x', SIZE);
    big[SIZE] = '\0';
    DB_TX_AUTO tx = begin(ORG_A);
    struct db_params params = text_params(big);
    for (int i = 0; i < COUNT; i++) {
        assert_ok(db_send(tx, &TEST_DB_SQL_echo, &params));
    }
    DB_RESULT_AUTO result = NULL;
    assert_ok(db_query(tx, &TEST_DB_SQL_echo, &params, &result));
    assert_string_equal(db_get_text(result, 0, 0), big);
    free(big);
}

/* --- rows ------------------------------------------------------------------------------------------------------------ */

static void test_kinds(void **state)
{
    (void)state;
    DB_TX_AUTO tx = begin(ORG_A);
    struct db_params amy = text_params("amy");
    assert_reason(db_query(tx, &TEST_DB_SQL_note_get, &amy, NULL), &KONGSI_ROW_NOT_FOUND);
    DB_RESULT_AUTO none = NULL; /* and the transaction goes on */
    assert_ok(db_query(tx, &TEST_DB_SQL_note_find, &amy, &none));
    assert_int_equal(db_rows(none), 0);
    struct db_params first = note_params(ORG_A, "amy", "1"), second = note_params(ORG_A, "amy", "2");
    assert_ok(db_send(tx, &TEST_DB_SQL_note_add, &first));
    assert_ok(db_send(tx, &TEST_DB_SQL_note_add, &second));
    assert_reason(db_query(tx, &TEST_DB_SQL_note_get, &amy, NULL), &KONGSI_INTERNAL);
    DB_RESULT_AUTO list = NULL;
    assert_ok(db_query(tx, &TEST_DB_SQL_note_list, NULL, &list));
    assert_int_equal(db_rows(list), 2);
    assert_string_equal(db_get_text(list, 1, 1), "2");
}

static void test_rows_limit(void **state)
{
    (void)state;
    struct db_params params = db_params_new(arena);
    db_add_int(&params, DB_ROWS_MAX);
    assert_ok(db_run(pool, db_scope_org(ORG_A, 0), &TEST_DB_SQL_many_rows, &params, NULL));
    params = db_params_new(arena);
    db_add_int(&params, DB_ROWS_MAX + 1);
    assert_reason(db_run(pool, db_scope_org(ORG_A, 0), &TEST_DB_SQL_many_rows, &params, NULL), &KONGSI_INTERNAL);
}

static void test_params_failed(void **state)
{
    (void)state;
    ARENA_AUTO small = arena_new(1024);
    struct db_params params = db_params_new(small);
    const char *texts[1] = {"a text longer than the arena is wide"};
    struct uuid uuids[100] = {0};
    db_add_text_array(&params, texts, 1);
    assert_false(params.failed);
    db_add_uuid_array(&params, uuids, 100);
    assert_true(params.failed);
    struct err *error = db_run(pool, db_scope_org(ORG_A, 0), &TEST_DB_SQL_note_list, &params, NULL);
    assert_ptr_equal(error, err_out_of_memory());
    params = db_params_new(arena);
    for (int i = 0; i < DB_PARAMS_MAX + 1; i++) {
        assert_false(params.failed);
        db_add_bool(&params, true);
    }
    assert_true(params.failed);
    assert_int_equal(note_count(pool, ORG_A), 0); /* the connection took no harm */
}

/* --- whose rows ------------------------------------------------------------------------------------------------------ */

static int64_t count_in(struct db_scope scope)
{
    DB_RESULT_AUTO result = NULL;
    assert_ok(db_run(pool, scope, &TEST_DB_SQL_note_count, NULL, &result));
    return db_get_int64(result, 0, 0);
}

static void test_scope_isolates(void **state)
{
    (void)state;
    assert_ok(note_add(pool, ORG_A, "amy", "a1"));
    assert_ok(note_add(pool, ORG_A, "amy", "a2"));
    assert_ok(note_add(pool, ORG_B, "bob", "b1"));
    assert_int_equal(count_in(db_scope_org(ORG_A, 0)), 2);
    assert_int_equal(count_in(db_scope_org(ORG_B, 0)), 1);
    assert_int_equal(count_in(db_scope_system(0)), 3);
    assert_int_equal(count_in(db_scope_org((struct uuid){{0}}, 0)), 0);
    struct db_params foreign = note_params(ORG_B, "amy", "planted");
    assert_reason(db_run(pool, db_scope_org(ORG_A, 0), &TEST_DB_SQL_note_insert, &foreign, NULL), &KONGSI_INTERNAL);
    DB_RESULT_AUTO result = NULL;
    assert_ok(db_run(pool, db_scope_org(ORG_B, 0), &TEST_DB_SQL_note_delete, NULL, &result));
    assert_int_equal(db_affected(result), 1);
    assert_int_equal(count_in(db_scope_system(0)), 2);
}

/* The same connection, before and after a transaction with a scope. */
static void test_missing_scope_is_an_error(void **state)
{
    (void)state;
    struct db_options options = test_pg_options(TEST_DATABASE, "kongsi_app", 1);
    const char *const names[] = {"host", "port", "dbname", "user", NULL};
    const char *const values[] = {options.host, "5432", options.database, options.user, NULL};
    PGconn *pg = PQconnectdbParams(names, values, 0);
    static const char *const STEPS[] = {"SELECT * FROM notes",
        ("BEGIN; SELECT set_config('app.org_id', '0a010000-0000-0000-0000-000000000000', true),"
         " set_config('app.system', 'off', true); SELECT * FROM notes; COMMIT"),
        "SELECT * FROM notes"};
    static const bool FAILS[] = {true, false, true};
    for (int i = 0; i < 3; i++) {
        PGresult *result = PQexec(pg, STEPS[i]);
        ExecStatusType status = PQresultStatus(result);
        assert_int_equal(status == PGRES_FATAL_ERROR, FAILS[i]);
        PQclear(result);
    }
    PQfinish(pg);
}

/* --- errors ---------------------------------------------------------------------------------------------------------- */

static void test_constraints(void **state)
{
    (void)state;
    assert_ok(note_add(pool, ORG_A, "amy", "same"));
    struct err *error = note_add(pool, ORG_A, "amy", "same");
    assert_string_equal(err_get_metadata(error, "constraint"), "notes_author_body_unique");
    assert_false(error->retriable);
    assert_null(strstr(error->message, "amy"));
    assert_reason(error, &KONGSI_CONFLICT);
    char body[102];
    memset(body, 'x', 101);
    body[101] = '\0';
    error = note_add(pool, ORG_A, "amy", body);
    assert_string_equal(err_get_metadata(error, "constraint"), "notes_body_short");
    assert_reason(error, &KONGSI_CONFLICT);
    assert_int_equal(note_count(pool, ORG_A), 1);
}

static void test_constraint_checked_at_commit(void **state)
{
    (void)state;
    struct db_tx *tx = begin(ORG_A);
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, ORG_A);
    db_add_int64(&params, 1234567890);
    assert_ok(db_query(tx, &TEST_DB_SQL_like_add, &params, NULL));
    struct err *error = db_commit(tx);
    assert_string_equal(err_get_metadata(error, "constraint"), "note_likes_note");
    assert_reason(error, &KONGSI_CONFLICT);
}

static void test_sqlstates(void **state)
{
    (void)state;
    static const struct {
        const char *sqlstate;
        const struct err_reason *reason;
        bool retriable;
    } CASES[] = {
        {"08006", &KONGSI_UNAVAILABLE, true},
        {"08007", &KONGSI_WRITE_UNCERTAIN, true},
        {"22P02", &KONGSI_INTERNAL, false},
        {"23505", &KONGSI_CONFLICT, false},
        {"23P01", &KONGSI_CONFLICT, false},
        {"25006", &KONGSI_UNAVAILABLE, true},
        {"40001", &KONGSI_CONFLICT, true},
        {"40P01", &KONGSI_CONFLICT, true},
        {"42P01", &KONGSI_INTERNAL, false},
        {"53100", &KONGSI_STORAGE_FULL, true},
        {"53200", &KONGSI_UNAVAILABLE, true},
        {"53300", &KONGSI_UNAVAILABLE, true},
        {"55P03", &KONGSI_CONFLICT, true},
        {"57014", &KONGSI_DEADLINE_EXCEEDED, true},
        {"57P01", &KONGSI_UNAVAILABLE, true},
        {"57P03", &KONGSI_UNAVAILABLE, true},
        {"58030", &KONGSI_UNAVAILABLE, true},
        {"XX001", &KONGSI_INTERNAL, false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        DB_TX_AUTO tx = begin(ORG_A);
        struct db_params params = text_params(CASES[i].sqlstate);
        struct err *error = db_query(tx, &TEST_DB_SQL_raise, &params, NULL);
        assert_non_null(error);
        assert_int_equal(error->retriable, CASES[i].retriable);
        bool is_internal = CASES[i].reason == &KONGSI_INTERNAL;
        assert_int_equal(strstr(error->message, "secret") != NULL, is_internal); /* what users see says nothing of ours */
        assert_int_equal(strstr(error->message, CASES[i].sqlstate) != NULL, is_internal);
        assert_reason(error, CASES[i].reason);
    }
}

static void *update_both(void *argument)
{
    const char **authors = argument; /* the order in which their rows are taken */
    struct arena *own = arena_new(ARENA_CAP_DEFAULT_BYTES);
    DB_TX_AUTO tx = begin(ORG_A);
    struct err *error = NULL;
    for (int i = 0; i < 2 && !error; i++) {
        struct db_params params = db_params_new(own);
        db_add_text(&params, authors[i]);
        db_add_text(&params, authors[1]);
        error = db_query(tx, &TEST_DB_SQL_note_update, &params, NULL);
        pause_ms(i == 0 ? 200 : 0);
    }
    arena_free(own);
    return error ? error : db_commit_auto(tx);
}

static void test_deadlock(void **state)
{
    (void)state;
    assert_ok(note_add(pool, ORG_A, "amy", "x"));
    assert_ok(note_add(pool, ORG_A, "bob", "x"));
    const char *orders[2][2] = {{"amy", "bob"}, {"bob", "amy"}};
    pthread_t threads[2];
    struct err *errors[2];
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, update_both, orders[i]), 0);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], (void **)&errors[i]);
    }
    assert_true((errors[0] == NULL) != (errors[1] == NULL));
    struct err *error = errors[0] ? errors[0] : errors[1];
    assert_true(error->retriable);
    assert_reason(error, &KONGSI_CONFLICT);
}

/* A migration under a running service: the prepared statement no longer fits, a new connection's does. */
static void test_column_type_changes(void **state)
{
    (void)state;
    struct db_pool *own = test_db_pool(1);
    assert_ok(note_add(own, ORG_A, "amy", "x"));
    DB_RESULT_AUTO before = NULL;
    assert_ok(db_run(own, db_scope_org(ORG_A, 0), &TEST_DB_SQL_note_list, NULL, &before));
    test_pg_exec(TEST_DATABASE, "ALTER TABLE notes ALTER body TYPE varchar");
    struct err *error = db_run(own, db_scope_org(ORG_A, 0), &TEST_DB_SQL_note_list, NULL, NULL);
    assert_true(error->retriable);
    assert_reason(error, &KONGSI_UNAVAILABLE);
    DB_RESULT_AUTO after = NULL;
    assert_ok(db_run(own, db_scope_org(ORG_A, 0), &TEST_DB_SQL_note_list, NULL, &after));
    assert_string_equal(db_get_text(after, 0, 1), "x");
    test_pg_exec(TEST_DATABASE, "ALTER TABLE notes ALTER body TYPE text");
    db_pool_close(own);
}

/* --- callbacks ------------------------------------------------------------------------------------------------------- */

static void count_up(void *argument)
{
    ++*(int *)argument;
}

static void test_on_commit(void **state)
{
    (void)state;
    int called = 0;
    struct db_tx *tx = begin(ORG_A);
    struct db_params params = note_params(ORG_A, "amy", "x");
    assert_ok(db_send(tx, &TEST_DB_SQL_note_add, &params));
    for (int i = 0; i < 4; i++) {
        db_on_commit(tx, count_up, &called);
    }
    assert_int_equal(called, 0);
    assert_ok(db_commit(tx));
    assert_int_equal(called, 4);
    tx = begin(ORG_A);
    db_on_commit(tx, count_up, &called);
    assert_ok(db_send(tx, &TEST_DB_SQL_note_add, &params));
    assert_reason(db_commit(tx), &KONGSI_CONFLICT);
    tx = begin(ORG_A);
    db_on_commit(tx, count_up, &called);
    db_rollback(tx);
    assert_int_equal(called, 4);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, test_db_clear)
    const struct CMUnitTest tests[] = {
        TEST(test_commit_keeps),
        TEST(test_rollback_forgets),
        TEST(test_affected),
        TEST(test_sends_travel_with_commit),
        TEST(test_failed_send_fails_commit),
        TEST(test_failed_send_fails_query),
        TEST(test_much_both_ways),
        TEST(test_kinds),
        TEST(test_rows_limit),
        TEST(test_params_failed),
        TEST(test_scope_isolates),
        TEST(test_missing_scope_is_an_error),
        TEST(test_constraints),
        TEST(test_constraint_checked_at_commit),
        TEST(test_sqlstates),
        TEST(test_deadlock),
        TEST(test_column_type_changes),
        TEST(test_on_commit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
