#include "libshared/bus/test_bus.h"

#include "libshared/bus/bus_log.h"

#include "gen/bus_client.h"
#include "kongsi/messaging/v1/events.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 16
#define APPENDS 40

static struct test_bus test;

static int open_test(void **state)
{
    (void)state;
    test_bus_clear();
    test_bus_open(&test);
    return 0;
}

static int close_test(void **state)
{
    (void)state;
    test_bus_close(&test);
    return 0;
}

static struct err *read_events(struct arena *arena, const char *topic, const int64_t *after, int page_size, int wait_ms,
    Kongsi__Bus__V1__ReadEventsResponse **ret_response)
{
    Kongsi__Bus__V1__ShardPosition rows[BUS_SHARDS];
    Kongsi__Bus__V1__ShardPosition *list[BUS_SHARDS];
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        kongsi__bus__v1__shard_position__init(&rows[shard]);
        rows[shard].shard = shard;
        rows[shard].position = after[shard];
        list[shard] = &rows[shard];
    }
    Kongsi__Bus__V1__ReadEventsRequest request = KONGSI__BUS__V1__READ_EVENTS_REQUEST__INIT;
    request.topic = (char *)(uintptr_t)topic;
    request.after = list;
    request.n_after = BUS_SHARDS;
    request.page_size = page_size;
    request.wait_ms = wait_ms;
    struct rpc_ctx ctx;
    rpc_ctx_init_self(&ctx, test.net, arena, 20000);
    return bus_client_read_events_as_self(&ctx, TEST_COMPONENT, &request, ret_response);
}

/* One of many who append at once: one to five events, over several shards and both topics; every seventh transaction is
 * rolled back. */
static struct err *append_mixed(unsigned seed, bool commit)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    Kongsi__Messaging__V1__ConversationUpdated updated = KONGSI__MESSAGING__V1__CONVERSATION_UPDATED__INIT;
    Kongsi__Messaging__V1__MessageSent sent = KONGSI__MESSAGING__V1__MESSAGE_SENT__INIT;
    struct bus_event events[5];
    size_t count = 1 + seed % 5;
    for (size_t i = 0; i < count; i++) {
        unsigned mix = (seed * 31 + (unsigned)i * 17) % 9;
        events[i].key = key_of_shard((int)(mix % 4) * 7, (int)mix);
        events[i].body = mix % 2 ? &updated.base : &sent.base;
    }
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(test.pool, db_scope_org(ORG_A, 0), &tx));
    ERR_TRY(bus_append(test.log, tx, arena, instant_now(), "", ORG_A, events, count));
    if (!commit) {
        return NULL;
    }
    return db_commit_auto(tx);
}

struct appender {
    pthread_t thread;
    unsigned seed;
    struct err *error;
};

static void *append_many(void *argument)
{
    struct appender *appender = argument;
    for (unsigned i = 0; i < APPENDS && !appender->error; i++) {
        appender->error = append_mixed(appender->seed * APPENDS + i, i % 7 != 6);
    }
    return NULL;
}

/* Reads behind the appenders: whatever it sees follows what it saw. That is what "in commit order" means to a reader. */
struct follower {
    pthread_t thread;
    atomic_bool done;
    int seen, holes;
    struct err *error;
};

static void *follow(void *argument)
{
    struct follower *follower = argument;
    int64_t positions[BUS_SHARDS] = {0};
    bool last = false;
    while (!last && !follower->error) {
        last = atomic_load(&follower->done);
        ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        Kongsi__Bus__V1__ReadEventsResponse *response;
        follower->error = read_events(arena, TEST_TOPIC, positions, 0, 0, &response);
        for (size_t i = 0; !follower->error && i < response->n_events; i++) {
            const Kongsi__Bus__V1__LoggedEvent *event = response->events[i];
            follower->holes += event->position != positions[event->shard] + 1;
            positions[event->shard] = event->position;
            follower->seen++;
            last = false;
        }
    }
    return NULL;
}

static void positions_have_no_gap(void **state)
{
    (void)state;
    static struct appender appenders[THREADS];
    struct follower follower = {.seen = 0};
    assert_int_equal(pthread_create(&follower.thread, NULL, follow, &follower), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        appenders[i] = (struct appender){.seed = i};
        assert_int_equal(pthread_create(&appenders[i].thread, NULL, append_many, &appenders[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(appenders[i].thread, NULL);
        assert_ok(appenders[i].error);
    }
    atomic_store(&follower.done, true);
    pthread_join(follower.thread, NULL);
    assert_ok(follower.error);
    assert_int_equal(follower.holes, 0);
    assert_number(follower.seen, "SELECT count(*) FROM event_log WHERE topic = '" TEST_TOPIC "'");
    assert_true(follower.seen > THREADS * APPENDS / 2);
    assert_number(0,
        "SELECT count(*) FROM (SELECT topic, shard, count(*) AS count, max(position) AS last, min(position) AS first "
        "FROM event_log GROUP BY topic, shard) s JOIN event_log_heads h USING (topic, shard) "
        "WHERE count <> last OR first <> 1 OR h.position <> last");
    assert_number(0,
        "SELECT count(*) FROM (SELECT create_time, lag(create_time) OVER (PARTITION BY topic, shard ORDER BY position) AS "
        "before FROM event_log) e WHERE before > create_time");
    assert_number(0, "SELECT count(*) FROM event_log_default");
}

static void a_rollback_leaves_no_gap(void **state)
{
    (void)state;
    assert_ok(append_mixed(4, true));
    assert_ok(append_mixed(4, false));
    assert_ok(append_mixed(4, true));
    assert_number(10, "SELECT count(*) FROM event_log");
    assert_number(10, "SELECT sum(position)::bigint FROM event_log_heads");
    assert_number(0, "SELECT count(*) FROM event_log WHERE position > 10");
}

static void an_event_carries_what_was_said(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    int64_t after[BUS_SHARDS] = {0};
    struct uuid key = key_of_shard(5, 1);
    char key_text[UUID_TEXT_SIZE], org_text[UUID_TEXT_SIZE];
    struct instant before = instant_now();
    assert_ok(append_one(&test, ORG_A, key, "早晨"));
    Kongsi__Bus__V1__ReadEventsResponse *response;
    assert_ok(read_events(arena, TEST_TOPIC, after, 0, 0, &response));
    assert_int_equal(response->n_events, 1);
    const Kongsi__Bus__V1__LoggedEvent *event = response->events[0];
    assert_int_equal(event->shard, 5);
    assert_int_equal(event->position, 1);
    assert_string_equal(event->topic, TEST_TOPIC);
    assert_string_equal(event->type, MESSAGING_EVENT_CONVERSATION_UPDATED);
    assert_string_equal(event->subject, uuid_format(key, key_text));
    assert_string_equal(event->org_id, uuid_format(ORG_A, org_text));
    assert_string_equal(event->traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_int_equal(strlen(event->id), UUID_TEXT_LENGTH);
    assert_in_range(event->time->seconds, before.us / 1000000, before.us / 1000000 + 5);
    Kongsi__Messaging__V1__ConversationUpdated *body =
        kongsi__messaging__v1__conversation_updated__unpack(NULL, event->data.len, event->data.data);
    assert_non_null(body);
    assert_string_equal(body->name, "早晨");
    kongsi__messaging__v1__conversation_updated__free_unpacked(body, NULL);
}

static void an_append_stays_in_its_organization(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    Kongsi__Messaging__V1__ConversationUpdated body = KONGSI__MESSAGING__V1__CONVERSATION_UPDATED__INIT;
    struct bus_event event = {.key = key_of_shard(0, 0), .body = &body.base};
    struct db_tx *tx;
    assert_ok(db_begin(test.pool, db_scope_org(ORG_A, 0), &tx));
    assert_ok(bus_append(test.log, tx, arena, instant_now(), "", ORG_B, &event, 1));
    assert_reason(db_commit(tx), &KONGSI_INTERNAL); /* row-level security is the second lock */
    assert_number(0, "SELECT count(*) FROM event_log");
}

static void too_large_an_event_is_refused(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    Kongsi__Messaging__V1__ConversationUpdated body = KONGSI__MESSAGING__V1__CONVERSATION_UPDATED__INIT;
    body.name = arena_alloc(arena, BUS_EVENT_SIZE_MAX_BYTES + 1);
    memset(body.name, 'x', BUS_EVENT_SIZE_MAX_BYTES);
    struct bus_event event = {.key = key_of_shard(0, 0), .body = &body.base};
    DB_TX_AUTO tx = NULL;
    assert_ok(db_begin(test.pool, db_scope_org(ORG_A, 0), &tx));
    assert_reason(bus_append(test.log, tx, arena, instant_now(), "", ORG_A, &event, 1), &KONGSI_INTERNAL);
}

static void pages_are_fair_and_limited(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    int64_t after[BUS_SHARDS] = {0};
    append_numbers(&test, ORG_A, 3, 1, 300, 100);
    append_numbers(&test, ORG_A, 9, 1, 300, 100);
    Kongsi__Bus__V1__ReadEventsResponse *response;
    assert_ok(read_events(arena, TEST_TOPIC, after, 100, 0, &response));
    int of_third = 0;
    for (size_t i = 0; i < response->n_events; i++) {
        of_third += response->events[i]->shard == 3;
    }
    assert_int_equal(response->n_events, 100);
    assert_int_equal(of_third, 50); /* each shard that has news gets its part */
    after[3] = after[9] = 300;
    assert_ok(read_events(arena, TEST_TOPIC, after, 100, 0, &response));
    assert_int_equal(response->n_events, 0);
}

static void pages_end_at_their_bytes(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    int64_t after[BUS_SHARDS] = {0};
    for (int i = 0; i < 8; i++) {
        test_pg_exec(TEST_DATABASE,
            "INSERT INTO event_log SELECT '" /* a large event, as an append would write it */
            "aa010000-0000-0000-0000-000000000000', '" TEST_TOPIC
            "', 0, position + 1, gen_random_uuid(), 'type', gen_random_uuid(), "
            "now(), '', convert_to(repeat('x', 900000), 'UTF8'), now() FROM event_log_heads WHERE topic = '" TEST_TOPIC
            "' AND shard = 0; UPDATE event_log_heads SET position = position + 1 WHERE topic = '" TEST_TOPIC
            "' AND shard = 0");
    }
    Kongsi__Bus__V1__ReadEventsResponse *response;
    assert_ok(read_events(arena, TEST_TOPIC, after, 100, 0, &response));
    assert_int_equal(response->n_events, 5); /* the row that passes 4 MiB is the last */
}

static void bad_requests_are_refused(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    int64_t after[BUS_SHARDS] = {0};
    Kongsi__Bus__V1__ReadEventsResponse *response;
    assert_reason(read_events(arena, "kongsi.nothing.v1", after, 0, 0, &response), &KONGSI_FIELD_INVALID);
    static const struct {
        const char *name;
        int32_t shards[2];
    } CASES[] = {{"a shard twice", {4, 4}}, {"a shard that is not", {0, BUS_SHARDS}}};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        Kongsi__Bus__V1__ShardPosition rows[2] = {
            KONGSI__BUS__V1__SHARD_POSITION__INIT, KONGSI__BUS__V1__SHARD_POSITION__INIT};
        Kongsi__Bus__V1__ShardPosition *list[2] = {&rows[0], &rows[1]};
        rows[0].shard = CASES[i].shards[0];
        rows[1].shard = CASES[i].shards[1];
        Kongsi__Bus__V1__ReadEventsRequest request = KONGSI__BUS__V1__READ_EVENTS_REQUEST__INIT;
        request.topic = (char *)(uintptr_t)TEST_TOPIC;
        request.after = list;
        request.n_after = 2;
        struct rpc_ctx ctx;
        rpc_ctx_init_self(&ctx, test.net, arena, 5000);
        assert_reason(bus_client_read_events_as_self(&ctx, TEST_COMPONENT, &request, &response), &KONGSI_FIELD_INVALID);
    }
}

struct later_append {
    pthread_t thread;
    int64_t append_ms;
    bool drain;
};

static void *append_later(void *argument)
{
    struct later_append *later = argument;
    pause_ms(300);
    later->append_ms = clock_monotonic_ms();
    if (later->drain) {
        bus_log_set_draining(test.log, true);
    } else {
        err_free(append_one(&test, ORG_A, key_of_shard(1, 0), "news"));
    }
    return NULL;
}

static void a_long_poll_hears_at_once(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    int64_t after[BUS_SHARDS] = {0};
    struct later_append later = {.drain = false};
    assert_int_equal(pthread_create(&later.thread, NULL, append_later, &later), 0);
    Kongsi__Bus__V1__ReadEventsResponse *response;
    assert_ok(read_events(arena, TEST_TOPIC, after, 0, 5000, &response));
    int64_t answer_ms = clock_monotonic_ms();
    pthread_join(later.thread, NULL);
    assert_int_equal(response->n_events, 1);
    assert_in_range(answer_ms - later.append_ms, 0, 150);
}

static void a_long_poll_ends_in_time(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    int64_t after[BUS_SHARDS] = {0};
    int64_t start_ms = clock_monotonic_ms();
    Kongsi__Bus__V1__ReadEventsResponse *response;
    assert_ok(read_events(arena, TEST_TOPIC, after, 0, 400, &response));
    assert_int_equal(response->n_events, 0);
    assert_in_range(clock_monotonic_ms() - start_ms, 390, 900);
}

static void a_drain_sends_readers_away(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    int64_t after[BUS_SHARDS] = {0};
    struct later_append later = {.drain = true};
    assert_int_equal(pthread_create(&later.thread, NULL, append_later, &later), 0);
    Kongsi__Bus__V1__ReadEventsResponse *response;
    assert_ok(read_events(arena, TEST_TOPIC, after, 0, 10000, &response)); /* who waits, gets an empty page */
    assert_int_equal(response->n_events, 0);
    assert_in_range(clock_monotonic_ms() - later.append_ms, 0, 200);
    pthread_join(later.thread, NULL);
    assert_reason(read_events(arena, TEST_TOPIC, after, 0, 10000, &response),
        &KONGSI_UNAVAILABLE); /* who comes back, is told to wait */
}

static void heads_tell_what_is_retained(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    append_numbers(&test, ORG_A, 2, 1, 10, 10);
    append_numbers(&test, ORG_A, 4, 1, 3, 3);
    test_pg_exec(
        TEST_DATABASE, "DELETE FROM event_log WHERE shard = 2 AND position <= 6; DELETE FROM event_log WHERE shard = 4");
    Kongsi__Bus__V1__ListHeadsRequest request = KONGSI__BUS__V1__LIST_HEADS_REQUEST__INIT;
    request.topic = (char *)(uintptr_t)TEST_TOPIC;
    Kongsi__Bus__V1__ListHeadsResponse *response;
    struct rpc_ctx ctx;
    rpc_ctx_init_self(&ctx, test.net, arena, 5000);
    assert_ok(bus_client_list_heads_as_self(&ctx, TEST_COMPONENT, &request, &response));
    assert_int_equal(response->n_heads, 2);
    assert_int_equal(response->heads[0]->position, 10);
    assert_int_equal(response->retained[0]->position, 6);
    assert_int_equal(response->heads[1]->position, 3);
    assert_int_equal(response->retained[1]->position, 3);
}

/* Days are made ahead and dropped whole; the application's role can do it and nothing else to the log. */
static void old_days_are_dropped(void **state)
{
    (void)state;
    append_numbers(&test, ORG_A, 0, 1, 4, 4);
    test_pg_exec(TEST_DATABASE, "SET app.system = 'on'; SET app.org_id = '00000000-0000-0000-0000-000000000000'; SELECT "
                                "event_log_add_day(current_date - 8), "
                                "event_log_add_day(current_date - 7)");
    test_pg_exec(TEST_DATABASE,
        "UPDATE event_log SET create_time = now() - interval '8 days' WHERE position <= 2;"
        "UPDATE event_log SET create_time = now() - interval '7 days' WHERE position = 3;"
        "INSERT INTO event_log SELECT org_id, topic, 1, 1, id, type, subject, time, traceparent, payload, "
        "now() - interval '30 days' FROM event_log WHERE position = 4");
    assert_number(5, "SELECT count(*) FROM event_log");
    assert_number(1, "SELECT count(*) FROM event_log_default");
    test_bus_close(&test);
    test_bus_open(&test); /* maintains */
    assert_number(2, "SELECT count(*) FROM event_log");
    assert_number(5, "SELECT count(*) FROM pg_inherits WHERE inhparent = 'event_log'::regclass AND inhrelid <> "
                     "'event_log_default'::regclass"); /* 7 days ago, today, and three ahead */
    assert_number(0,
        "SELECT count(*) FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace AND "
        "c.relname NOT IN ('schema_migrations') AND NOT (c.relrowsecurity AND c.relforcerowsecurity)");
    assert_number(0,
        "SELECT count(*) FROM unnest(ARRAY['event_log', 'event_log_default']) t, unnest(ARRAY['UPDATE', 'DELETE', "
        "'TRUNCATE']) p WHERE has_table_privilege('kongsi_app', t, p)");
}

static void statements_fit_the_tables(void **state)
{
    (void)state;
    assert_ok(db_pool_check_statements(test.pool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(statements_fit_the_tables, open_test, close_test),
        cmocka_unit_test_setup_teardown(positions_have_no_gap, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_rollback_leaves_no_gap, open_test, close_test),
        cmocka_unit_test_setup_teardown(an_event_carries_what_was_said, open_test, close_test),
        cmocka_unit_test_setup_teardown(an_append_stays_in_its_organization, open_test, close_test),
        cmocka_unit_test_setup_teardown(too_large_an_event_is_refused, open_test, close_test),
        cmocka_unit_test_setup_teardown(pages_are_fair_and_limited, open_test, close_test),
        cmocka_unit_test_setup_teardown(pages_end_at_their_bytes, open_test, close_test),
        cmocka_unit_test_setup_teardown(bad_requests_are_refused, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_long_poll_hears_at_once, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_long_poll_ends_in_time, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_drain_sends_readers_away, open_test, close_test),
        cmocka_unit_test_setup_teardown(heads_tell_what_is_retained, open_test, close_test),
        cmocka_unit_test_setup_teardown(old_days_are_dropped, open_test, close_test),
    };
    return cmocka_run_group_tests(tests, test_bus_setup, NULL);
}
