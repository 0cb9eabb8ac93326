#include "libshared/db/db_batch.h"
#include "libshared/db/db_metrics.h"
#include "libshared/db/test_db.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct db_pool *pool;

static int setup(void **state)
{
    test_db_setup(state);
    pool = test_db_pool(4);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    db_pool_close(pool);
    return 0;
}

struct note {
    struct uuid org_id;
    char author[20];
    const char *body;
    int64_t id; /* result */
};

/* What the runs saw. */
struct seen {
    atomic_int entered;
    atomic_int runs;
    atomic_int largest;
    atomic_bool mixed;
    pthread_mutex_t gate; /* held by a test: runs wait here */
};

/* An author "refused" is refused by name. */
static struct err *write_notes(
    struct db_tx *tx, struct arena *arena, void *const *items, size_t count, struct err **errors, void *context)
{
    struct seen *seen = context;
    atomic_fetch_add(&seen->entered, 1);
    pthread_mutex_lock(&seen->gate);
    pthread_mutex_unlock(&seen->gate);
    atomic_fetch_add(&seen->runs, 1);
    if ((int)count > atomic_load(&seen->largest)) {
        atomic_store(&seen->largest, (int)count);
    }
    const char **authors = arena_calloc(arena, count, sizeof(*authors)),
               **bodies = arena_calloc(arena, count, sizeof(*bodies));
    struct note **accepted = arena_calloc(arena, count, sizeof(*accepted));
    size_t used = 0;
    struct uuid org_id = ((const struct note *)items[0])->org_id;
    for (size_t i = 0; i < count; i++) {
        struct note *note = items[i];
        if (!uuid_equal(note->org_id, org_id)) {
            atomic_store(&seen->mixed, true);
        }
        if (strcmp(note->author, "refused") == 0) {
            errors[i] = err_new(&KONGSI_FIELD_INVALID, "author refused");
            continue;
        }
        accepted[used] = note;
        authors[used] = note->author;
        bodies[used++] = note->body;
    }
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, org_id);
    db_add_text_array(&params, authors, used);
    db_add_text_array(&params, bodies, used);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &TEST_DB_SQL_note_insert_batch, &params, &result));
    for (size_t i = 0; i < used; i++) {
        accepted[i]->id = db_get_int64(result, (int)i, 0);
    }
    return NULL;
}

static struct db_batch *batch_open(struct seen *seen, int writers, int items_max, int queue_max)
{
    *seen = (struct seen){.gate = PTHREAD_MUTEX_INITIALIZER};
    const struct db_batch_options options = {.name = "test",
        .writers = writers,
        .items_max = items_max,
        .queue_max = queue_max,
        .run = write_notes,
        .context = seen};
    struct db_batch *batch = NULL;
    assert_ok(db_batch_open(pool, &options, &batch));
    return batch;
}

/* One thread that submits one note. */
struct submitter {
    pthread_t thread;
    struct db_batch *batch;
    struct note note;
    int64_t timeout_ms;
    struct err *error;
};

static void *submit(void *argument)
{
    struct submitter *submitter = argument;
    submitter->error =
        db_batch_submit(submitter->batch, submitter->note.org_id, &submitter->note, in_ms(submitter->timeout_ms));
    return NULL;
}

static void start(
    struct submitter *submitter, struct db_batch *batch, struct uuid org_id, const char *author, const char *body)
{
    *submitter = (struct submitter){.batch = batch, .note = {.org_id = org_id, .body = body}, .timeout_ms = 10000};
    snprintf(submitter->note.author, sizeof(submitter->note.author), "%s", author);
    assert_int_equal(pthread_create(&submitter->thread, NULL, submit, submitter), 0);
}

static struct err *join(struct submitter *submitter)
{
    pthread_join(submitter->thread, NULL);
    return submitter->error;
}

static int64_t queue_length(void)
{
    return atomic_load(&db_batch_metrics_of("test")->queue_length.value);
}

static void wait_for_queue(int64_t length)
{
    int64_t deadline_ms = in_ms(10000);
    while (queue_length() != length) {
        assert_true(deadline_left_ms(deadline_ms) > 0);
        pause_ms(1);
    }
}

/* Until so many runs stand at the gate or have passed it. */
static void wait_for_runs(struct seen *seen, int runs)
{
    int64_t deadline_ms = in_ms(10000);
    while (atomic_load(&seen->entered) < runs) {
        assert_true(deadline_left_ms(deadline_ms) > 0);
        pause_ms(1);
    }
}

static int64_t notes_of(const char *author)
{
    char sql[100];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM notes WHERE author = '%s'", author);
    return test_pg_number(TEST_DATABASE, sql);
}

/* --- many ------------------------------------------------------------------------------------------------------------ */

enum { CROWD = 100, EACH = 10 };

static void *submit_many(void *argument)
{
    struct submitter *submitter = argument;
    for (int i = 0; i < EACH; i++) {
        char body[20];
        snprintf(body, sizeof(body), "%d", i);
        submitter->note.body = body;
        submitter->note.id = 0;
        assert_ok(db_batch_submit(submitter->batch, submitter->note.org_id, &submitter->note, in_ms(30000)));
        assert_true(submitter->note.id > 0);
    }
    return NULL;
}

/* The first two hold both writers at the gate until all the others are queued. */
static void test_thousand_share_few_transactions(void **state)
{
    (void)state;
    struct seen seen;
    struct db_batch *batch = batch_open(&seen, 2, 200, 2000);
    struct submitter *crowd = calloc(CROWD, sizeof(*crowd));
    pthread_mutex_lock(&seen.gate);
    for (int i = 0; i < CROWD; i++) {
        crowd[i] = (struct submitter){.batch = batch, .note = {.org_id = i % 2 ? ORG_A : ORG_B}};
        snprintf(crowd[i].note.author, sizeof(crowd[i].note.author), "author %d", i);
        assert_int_equal(pthread_create(&crowd[i].thread, NULL, submit_many, &crowd[i]), 0);
        wait_for_runs(&seen, i < 2 ? i + 1 : 2);
    }
    wait_for_queue(CROWD - 2);
    pthread_mutex_unlock(&seen.gate);
    for (int i = 0; i < CROWD; i++) {
        pthread_join(crowd[i].thread, NULL);
    }
    db_batch_close(batch);
    free(crowd);
    assert_int_equal(note_count(pool, ORG_A), CROWD * EACH / 2);
    assert_int_equal(note_count(pool, ORG_B), CROWD * EACH / 2);
    assert_false(atomic_load(&seen.mixed));
    print_message("%d items in %d transactions, at most %d together\n", CROWD * EACH, seen.runs, seen.largest);
    assert_in_range(seen.largest, CROWD / 2 - 1, CROWD / 2);
    assert_in_range(seen.runs, 2, CROWD * EACH - CROWD / 2);
}

/* Held back until all are queued, they are one transaction for each organization, and no more than items_max. */
static void test_oldest_first_by_organization(void **state)
{
    (void)state;
    static const char *const BODIES[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
    struct seen seen;
    struct db_batch *batch = batch_open(&seen, 1, 3, 100);
    pthread_mutex_lock(&seen.gate);
    struct submitter first, rest[8];
    start(&first, batch, ORG_A, "first", "x");
    wait_for_runs(&seen, 1);
    for (int i = 0; i < 8; i++) {
        start(&rest[i], batch, i % 2 ? ORG_A : ORG_B, "rest", BODIES[i]);
        wait_for_queue(i + 1);
    }
    pthread_mutex_unlock(&seen.gate);
    assert_ok(join(&first));
    for (int i = 0; i < 8; i++) {
        assert_ok(join(&rest[i]));
    }
    db_batch_close(batch);
    assert_int_equal(seen.runs, 5); /* first; B B B; A A A; B; A */
    assert_int_equal(seen.largest, 3);
    for (int i = 2; i < 6; i++) {
        assert_true(rest[i].note.id > rest[i - 2].note.id);
    }
    assert_true(rest[1].note.id > rest[4].note.id);
    assert_false(atomic_load(&seen.mixed));
}

/* --- items that spoil it ---------------------------------------------------------------------------------------------- */

static void test_bad_items_fail_alone(void **state)
{
    (void)state;
    enum { COUNT = 40 };
    struct seen seen;
    struct db_batch *batch = batch_open(&seen, 1, 100, 100);
    pthread_mutex_lock(&seen.gate);
    struct submitter first, rest[COUNT];
    start(&first, batch, ORG_A, "first", "x");
    wait_for_runs(&seen, 1);
    char long_body[102] = {0};
    memset(long_body, 'x', 101);
    for (int i = 0; i < COUNT; i++) {
        char author[20];
        snprintf(author, sizeof(author), i % 10 == 7 ? "refused" : "author %d", i);
        start(&rest[i], batch, ORG_A, author, i == 13 || i == 31 ? long_body : "body");
    }
    wait_for_queue(COUNT);
    pthread_mutex_unlock(&seen.gate);
    assert_ok(join(&first));
    for (int i = 0; i < COUNT; i++) {
        struct err *error = join(&rest[i]);
        if (i % 10 == 7) {
            assert_reason(error, &KONGSI_FIELD_INVALID);
        } else if (i == 13 || i == 31) {
            assert_string_equal(err_get_metadata(error, "constraint"), "notes_body_short");
            assert_reason(error, &KONGSI_CONFLICT);
        } else {
            assert_ok(error);
            assert_true(rest[i].note.id > 0);
        }
    }
    db_batch_close(batch);
    assert_int_equal(note_count(pool, ORG_A), 1 + COUNT - 4 - 2);
    assert_in_range(seen.runs, 4, 30); /* far fewer than one by one */
}

/* --- limits and deadlines --------------------------------------------------------------------------------------------- */

static void test_queue_limit_and_deadline(void **state)
{
    (void)state;
    struct seen seen;
    struct db_batch *batch = batch_open(&seen, 1, 10, 3);
    pthread_mutex_lock(&seen.gate);
    struct submitter first, rest[3];
    start(&first, batch, ORG_A, "first", "x");
    wait_for_runs(&seen, 1);
    for (int i = 0; i < 3; i++) {
        start(&rest[i], batch, ORG_A, i ? "patient" : "impatient", i == 2 ? "2" : "1");
    }
    wait_for_queue(3);
    struct note surplus = {.org_id = ORG_A, .author = "surplus", .body = "x"};
    assert_reason(db_batch_submit(batch, ORG_A, &surplus, in_ms(5000)), &KONGSI_OVERLOADED);
    assert_reason(db_batch_submit(batch, ORG_A, &surplus, in_ms(-5)), &KONGSI_DEADLINE_EXCEEDED);
    pthread_mutex_unlock(&seen.gate);
    assert_ok(join(&first));
    for (int i = 0; i < 3; i++) {
        assert_ok(join(&rest[i]));
    }
    pthread_mutex_lock(&seen.gate);
    start(&first, batch, ORG_A, "second", "x");
    wait_for_runs(&seen, atomic_load(&seen.runs) + 1);
    assert_reason(db_batch_submit(batch, ORG_A, &surplus, in_ms(100)), &KONGSI_DEADLINE_EXCEEDED);
    assert_int_equal(queue_length(), 0); /* taken back */
    pthread_mutex_unlock(&seen.gate);
    assert_ok(join(&first));
    db_batch_close(batch);
    assert_int_equal(notes_of("surplus"), 0);
}

static void *close_batch(void *argument)
{
    db_batch_close(argument);
    return NULL;
}

static void test_close_drains(void **state)
{
    (void)state;
    struct seen seen;
    struct db_batch *batch = batch_open(&seen, 1, 4, 100);
    pthread_mutex_lock(&seen.gate);
    struct submitter submitters[30];
    for (int i = 0; i < 30; i++) {
        char author[20];
        snprintf(author, sizeof(author), "author %d", i);
        start(&submitters[i], batch, ORG_A, author, "x");
        wait_for_runs(&seen, 1);
    }
    wait_for_queue(29);
    pthread_t closer;
    assert_int_equal(pthread_create(&closer, NULL, close_batch, batch), 0);
    pause_ms(50);
    struct note late = {.org_id = ORG_A, .author = "late", .body = "x"};
    assert_reason(db_batch_submit(batch, ORG_A, &late, in_ms(5000)), &KONGSI_UNAVAILABLE);
    pthread_mutex_unlock(&seen.gate);
    for (int i = 0; i < 30; i++) {
        assert_ok(join(&submitters[i]));
    }
    pthread_join(closer, NULL);
    assert_int_equal(note_count(pool, ORG_A), 30);
    db_batch_close(NULL);
}

/* --- the surroundings fail -------------------------------------------------------------------------------------------- */

static struct err *fail_of_surroundings(
    struct db_tx *tx, struct arena *arena, void *const *items, size_t count, struct err **errors, void *context)
{
    (void)tx, (void)arena, (void)items, (void)count, (void)errors;
    struct seen *seen = context;
    atomic_fetch_add(&seen->entered, 1);
    pthread_mutex_lock(&seen->gate);
    pthread_mutex_unlock(&seen->gate);
    int run = atomic_fetch_add(&seen->runs, 1);
    return run == 0 ? NULL : err_with(err_new(&KONGSI_WRITE_UNCERTAIN, "lost"), "key", "%d", run);
}

static void test_uncertain_is_not_repeated(void **state)
{
    (void)state;
    struct seen seen = {.gate = PTHREAD_MUTEX_INITIALIZER};
    const struct db_batch_options options = {
        .name = "test", .writers = 1, .items_max = 100, .queue_max = 100, .run = fail_of_surroundings, .context = &seen};
    struct db_batch *batch = NULL;
    assert_ok(db_batch_open(pool, &options, &batch));
    pthread_mutex_lock(&seen.gate);
    struct submitter first, rest[10];
    start(&first, batch, ORG_A, "first", "x");
    wait_for_runs(&seen, 1);
    for (int i = 0; i < 10; i++) {
        start(&rest[i], batch, ORG_A, "rest", "x");
    }
    wait_for_queue(10);
    pthread_mutex_unlock(&seen.gate);
    assert_ok(join(&first));
    for (int i = 0; i < 10; i++) {
        struct err *error = join(&rest[i]);
        assert_true(error && error->retriable);
        assert_string_equal(err_get_metadata(error, "key"), "1"); /* each has its own copy */
        assert_reason(error, &KONGSI_WRITE_UNCERTAIN);
    }
    db_batch_close(batch);
    assert_int_equal(seen.runs, 2);
}

static void test_database_away(void **state)
{
    (void)state;
    struct seen seen;
    struct db_batch *batch = batch_open(&seen, 2, 10, 100);
    test_pg_end_server(SIGINT);
    struct submitter submitters[20];
    for (int i = 0; i < 20; i++) {
        start(&submitters[i], batch, ORG_A, "away", "x");
    }
    for (int i = 0; i < 20; i++) {
        assert_reason(join(&submitters[i]), &KONGSI_UNAVAILABLE);
    }
    test_pg_begin_server();
    int64_t deadline_ms = in_ms(5000);
    struct note note = {.org_id = ORG_A, .author = "back", .body = "x"};
    struct err *error;
    while ((error = db_batch_submit(batch, ORG_A, &note, in_ms(1000)))) {
        assert_true(deadline_left_ms(deadline_ms) > 0);
        assert_reason(error, &KONGSI_UNAVAILABLE);
        pause_ms(20);
    }
    db_batch_close(batch);
    assert_int_equal(notes_of("away"), 0);
    assert_int_equal(notes_of("back"), 1);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup(function, test_db_clear)
    const struct CMUnitTest tests[] = {
        TEST(test_thousand_share_few_transactions),
        TEST(test_oldest_first_by_organization),
        TEST(test_bad_items_fail_alone),
        TEST(test_queue_limit_and_deadline),
        TEST(test_close_drains),
        TEST(test_uncertain_is_not_repeated),
        TEST(test_database_away),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
