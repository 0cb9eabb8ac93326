#include "libshared/bus/test_bus.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DURABLE true
#define VOLATILE false

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

static void wait_delivered(struct worker *worker, int count)
{
    for (int i = 0; i < 1000 && atomic_load(&worker->delivered) < count; i++) {
        pause_ms(10);
    }
    pause_ms(50); /* time for one too many */
    assert_int_equal(atomic_load(&worker->delivered), count);
}

static void an_effect_happens_once(void **state)
{
    (void)state;
    struct worker worker = {0};
    append_numbers(&test, ORG_A, -1, 1, 500, 50);
    struct bus *bus = worker_start(&test, &worker, "tests.once", DURABLE);
    append_numbers(&test, ORG_A, -1, 501, 1000, 7);
    assert_effects("tests.once", 1000);
    assert_int_equal(atomic_load(&worker.delivered), 1000);
    bus_end(&test, bus);
}

/* Stopped and started again while deliveries fail by chance, after their effect. */
static void an_effect_happens_once_across_restarts(void **state)
{
    (void)state;
    struct worker worker = {0};
    atomic_store(&worker.percent, 5);
    append_numbers(&test, ORG_A, -1, 1, 300, 30);
    for (int i = 0; i < 5; i++) {
        struct bus *bus = worker_start(&test, &worker, "tests.restart", DURABLE);
        append_numbers(&test, ORG_B, -1, 301 + i * 20, 320 + i * 20, 5);
        pause_ms(60);
        bus_end(&test, bus);
    }
    atomic_store(&worker.percent, 0);
    struct bus *bus = worker_start(&test, &worker, "tests.restart", DURABLE);
    assert_effects("tests.restart", 400);
    assert_number(0, "SELECT count(*) FROM dead_letters");
    bus_end(&test, bus);
}

/* Three replicas of one consumer at once. */
static void replicas_share(void **state)
{
    (void)state;
    struct worker workers[3] = {0};
    struct bus *buses[3];
    for (int i = 0; i < 3; i++) {
        atomic_store(&workers[i].percent, 2);
        buses[i] = worker_start(&test, &workers[i], "tests.shared", DURABLE);
    }
    append_numbers(&test, ORG_A, -1, 1, 600, 3);
    assert_effects("tests.shared", 600);
    for (int i = 0; i < 3; i++) {
        bus_end(&test, buses[i]);
    }
}

static void organizations_do_not_mix(void **state)
{
    (void)state;
    struct worker worker = {0};
    for (int i = 0; i < 30; i++) {
        append_numbers(&test, i % 2 ? ORG_A : ORG_B, 7, i, i, 1);
    }
    struct bus *bus = worker_start(&test, &worker, "tests.mixed", DURABLE);
    assert_effects("tests.mixed", 30);
    assert_number(15, "SELECT count(*) FROM effects WHERE org_id = 'aa010000-0000-0000-0000-000000000000'");
    bus_end(&test, bus);
}

static void poison_is_parked_and_others_go_on(void **state)
{
    (void)state;
    struct worker worker = {.fault = {.name = "17", .reason = &KONGSI_FIELD_INVALID, .times = 1000}};
    append_numbers(&test, ORG_A, 4, 1, 40, 40);
    struct bus *bus = worker_start(&test, &worker, "tests.poison", DURABLE);
    assert_effects("tests.poison", 39);
    assert_number(1,
        "SELECT count(*) FROM dead_letters WHERE consumer = 'tests.poison' AND shard = 4 AND position = 17 AND tries = 5 "
        "AND reason = 'FIELD_INVALID' AND error = 'as told' AND replay_time IS NULL "
        "AND org_id = 'aa010000-0000-0000-0000-000000000000'");
    assert_number(40, "SELECT position FROM consumer_positions WHERE consumer = 'tests.poison' AND shard = 4");
    bus_end(&test, bus);
}

static void a_parked_event_is_replayed(void **state)
{
    (void)state;
    struct worker worker = {.fault = {.name = "2", .reason = &KONGSI_CONFLICT, .times = 1 + BUS_TRIES_MAX + 1}};
    append_numbers(&test, ORG_A, 4, 1, 3, 3);
    struct bus *bus = worker_start(&test, &worker, "tests.replay", DURABLE);
    assert_effects("tests.replay", 2);
    assert_number(1, "SELECT count(*) FROM dead_letters WHERE replay_time IS NULL");
    struct bus_replay replay;
    assert_reason(bus_replay_dead_letters(bus, "tests.nobody", &replay), &KONGSI_ROW_NOT_FOUND);
    assert_ok(bus_replay_dead_letters(bus, "tests.replay", &replay)); /* the fault strikes once more */
    assert_int_equal(replay.failed, 1);
    assert_int_equal(replay.delivered, 0);
    assert_number(BUS_TRIES_MAX + 1, "SELECT tries FROM dead_letters WHERE replay_time IS NULL");
    assert_ok(bus_replay_dead_letters(bus, "tests.replay", &replay));
    assert_int_equal(replay.failed, 0);
    assert_int_equal(replay.delivered, 1);
    assert_number(3, "SELECT count(*) FROM effects");
    assert_number(1, "SELECT count(*) FROM dead_letters WHERE replay_time IS NOT NULL");
    assert_ok(bus_replay_dead_letters(bus, "tests.replay", &replay));
    assert_int_equal(replay.delivered, 0);
    bus_end(&test, bus);
}

static void what_is_away_is_waited_for(void **state)
{
    (void)state;
    struct worker worker = {.fault = {.name = NULL}};
    atomic_store(&worker.away, true);
    append_numbers(&test, ORG_A, -1, 1, 20, 20);
    struct bus *bus = worker_start(&test, &worker, "tests.away", DURABLE);
    for (int i = 0; i < 500 && atomic_load(&worker.calls) < BUS_TRIES_MAX + 2; i++) {
        pause_ms(10);
    }
    assert_true(atomic_load(&worker.calls) >= BUS_TRIES_MAX + 2);
    assert_number(0, "SELECT count(*) FROM effects");
    atomic_store(&worker.away, false);
    assert_effects("tests.away", 20);
    assert_number(0, "SELECT count(*) FROM dead_letters");
    bus_end(&test, bus);
}

static void a_new_consumer_begins_where_told(void **state)
{
    (void)state;
    struct worker oldest = {0}, newest = {0};
    append_numbers(&test, ORG_A, 1, 1, 10, 10);
    test_pg_exec(TEST_DATABASE, "DELETE FROM event_log WHERE position <= 4");
    struct bus *bus;
    struct bus_options options = {.transport = BUS_EMBEDDED, .net = test.net};
    assert_ok(bus_open(&options, &bus));
    bus_keep(&test, bus);
    struct bus_consumer_options consumers[] = {
        worker_options(&oldest, "tests.oldest", test.pool), worker_options(&newest, "tests.newest", test.pool)};
    consumers[1].start = BUS_START_NEWEST;
    assert_ok(bus_add_consumer(bus, &consumers[0]));
    assert_ok(bus_add_consumer(bus, &consumers[1]));
    assert_ok(bus_start(bus));
    assert_number(64, "SELECT count(*) FROM consumer_positions"); /* both have begun */
    append_numbers(&test, ORG_A, 1, 11, 12, 2);
    assert_effects("tests.oldest", 8);
    assert_effects("tests.newest", 2);
    bus_end(&test, bus);
}

/* Rows dropped before they were read: loud, but not for ever. */
static void what_is_lost_is_passed_over(void **state)
{
    (void)state;
    struct worker worker = {0};
    append_numbers(&test, ORG_A, 1, 1, 3, 3);
    struct bus *bus = worker_start(&test, &worker, "tests.lost", DURABLE);
    assert_effects("tests.lost", 3);
    bus_end(&test, bus);
    append_numbers(&test, ORG_A, 1, 4, 10, 7);
    test_pg_exec(TEST_DATABASE, "DELETE FROM event_log WHERE position BETWEEN 4 AND 8");
    bus = worker_start(&test, &worker, "tests.lost", DURABLE);
    assert_effects("tests.lost", 5);
    assert_number(10, "SELECT position FROM consumer_positions WHERE consumer = 'tests.lost' AND shard = 1");
    bus_end(&test, bus);
}

static void a_crash_of_the_database_is_survived(void **state)
{
    (void)state;
    struct worker worker = {0}, edge = {0};
    struct bus *durable = worker_start(&test, &worker, "tests.crash", DURABLE);
    struct bus *fleeting = worker_start(&test, &edge, "tests.edge", VOLATILE);
    append_numbers(&test, ORG_A, -1, 1, 200, 10);
    test_pg_end_server(SIGKILL);
    pause_ms(300);
    test_pg_begin_server();
    for (int i = 0; i < 100 && !db_pool_is_ready(test.pool); i++) {
        pause_ms(100);
    }
    append_numbers(&test, ORG_A, -1, 201, 300, 10);
    int64_t count = test_pg_number(TEST_DATABASE, "SELECT count(*) FROM event_log");
    assert_int_equal(count, 300);
    assert_effects("tests.crash", 300);
    wait_delivered(&edge, 300);
    assert_int_equal(atomic_load(&edge.disorder), 0);
    bus_end(&test, durable);
    bus_end(&test, fleeting);
}

static void a_volatile_consumer_begins_now(void **state)
{
    (void)state;
    struct worker worker = {.fault = {.name = "15", .reason = &KONGSI_INTERNAL, .times = 2}};
    append_numbers(&test, ORG_A, 1, 1, 10, 10);
    struct bus *bus = worker_start(&test, &worker, "tests.now", VOLATILE);
    append_numbers(&test, ORG_A, 1, 11, 20, 2);
    wait_delivered(&worker, 10);
    assert_int_equal(worker.positions[1], 20);
    assert_int_equal(atomic_load(&worker.disorder), 0);
    bus_end(&test, bus);
}

static void a_volatile_consumer_leaves_out_poison(void **state)
{
    (void)state;
    struct worker worker = {.fault = {.name = "3", .reason = &KONGSI_INTERNAL, .times = 1000}};
    struct bus *bus = worker_start(&test, &worker, "tests.fleeting", VOLATILE);
    append_numbers(&test, ORG_A, 1, 1, 6, 6);
    wait_delivered(&worker, 5);
    assert_int_equal(worker.positions[1], 6);
    assert_number(0, "SELECT count(*) FROM dead_letters");
    bus_end(&test, bus);
}

static void a_stop_is_quick(void **state)
{
    (void)state;
    struct worker worker = {0}, edge = {0};
    atomic_store(&worker.away, true);
    append_numbers(&test, ORG_A, -1, 1, 20, 20);
    struct bus *failing = worker_start(&test, &worker, "tests.stop", DURABLE);
    struct bus *idle = worker_start(&test, &edge, "tests.idle", VOLATILE);
    pause_ms(500);
    int64_t start_ms = clock_monotonic_ms();
    bus_end(&test, failing);
    bus_end(&test, idle);
    assert_in_range(clock_monotonic_ms() - start_ms, 0, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_effect_happens_once, open_test, close_test),
        cmocka_unit_test_setup_teardown(an_effect_happens_once_across_restarts, open_test, close_test),
        cmocka_unit_test_setup_teardown(replicas_share, open_test, close_test),
        cmocka_unit_test_setup_teardown(organizations_do_not_mix, open_test, close_test),
        cmocka_unit_test_setup_teardown(poison_is_parked_and_others_go_on, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_parked_event_is_replayed, open_test, close_test),
        cmocka_unit_test_setup_teardown(what_is_away_is_waited_for, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_new_consumer_begins_where_told, open_test, close_test),
        cmocka_unit_test_setup_teardown(what_is_lost_is_passed_over, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_crash_of_the_database_is_survived, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_volatile_consumer_begins_now, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_volatile_consumer_leaves_out_poison, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_stop_is_quick, open_test, close_test),
    };
    return cmocka_run_group_tests(tests, test_bus_setup, NULL);
}
