/* The Kafka transport over librdkafka's mock cluster; over a real broker when KONGSI_TEST_KAFKA names one (host:port), whose
 * topics of messaging are deleted. */
#include "libshared/bus/test_bus.h"

#include "libshared/bus/bus_kafka.h"

#include <inttypes.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DLQ_TOPIC TEST_TOPIC ".dlq"
#define DURABLE true
#define VOLATILE false
#define READ_TIMEOUT_MS 15000
#define PRODUCE_REQUEST 0 /* Kafka's key of the request */

static struct test_bus test;

/* A mock cluster lives in a client, which is also the tests' own producer. */
struct cluster {
    rd_kafka_t *client;
    rd_kafka_mock_cluster_t *mock;
    const char *brokers;
};
static struct cluster cluster;

static rd_kafka_t *client_new(rd_kafka_type_t type, const char *brokers)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "message.max.bytes", "4000000", NULL, 0);
    rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
    if (brokers) {
        rd_kafka_conf_set(conf, "bootstrap.servers", brokers, NULL, 0);
    }
    if (type == RD_KAFKA_CONSUMER) {
        rd_kafka_conf_set(conf, "group.id", "tests.raw", NULL, 0);
        rd_kafka_conf_set(conf, "enable.auto.commit", "false", NULL, 0);
    }
    rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof(text));
    assert_non_null(client);
    return client;
}

/* On a real broker: an empty one. */
static void delete_topics(void)
{
    rd_kafka_DeleteTopic_t *topics[BUS_TOPICS_MAX + 1];
    size_t count = 0;
    for (; messaging_topics[count]; count++) {
        topics[count] = rd_kafka_DeleteTopic_new(messaging_topics[count]);
    }
    topics[count++] = rd_kafka_DeleteTopic_new(DLQ_TOPIC);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(cluster.client);
    rd_kafka_DeleteTopics(cluster.client, topics, count, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, READ_TIMEOUT_MS);
    assert_non_null(event);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteTopic_destroy_array(topics, count);
    pause_ms(500); /* the broker forgets them a little later */
}

static bool is_real(void)
{
    if (!getenv("KONGSI_TEST_KAFKA")) {
        return false;
    }
    print_message("a real broker\n");
    return true;
}

static void cluster_open(void)
{
    if (is_real()) {
        cluster = (struct cluster){.brokers = getenv("KONGSI_TEST_KAFKA")};
        cluster.client = client_new(RD_KAFKA_PRODUCER, cluster.brokers);
        delete_topics();
        return;
    }
    rd_kafka_t *host = client_new(RD_KAFKA_PRODUCER, NULL);
    cluster.client = host;
    cluster.mock = rd_kafka_mock_cluster_new(host, 1);
    assert_non_null(cluster.mock);
    for (size_t i = 0; messaging_topics[i]; i++) { /* the mock has no CreateTopics */
        assert_int_equal(rd_kafka_mock_topic_create(cluster.mock, messaging_topics[i], BUS_SHARDS, 1), 0);
    }
    assert_int_equal(rd_kafka_mock_topic_create(cluster.mock, DLQ_TOPIC, 1, 1), 0);
    cluster.brokers = rd_kafka_mock_cluster_bootstraps(cluster.mock);
}

static void cluster_close(void)
{
    if (cluster.mock) {
        rd_kafka_mock_cluster_destroy(cluster.mock);
    }
    rd_kafka_destroy(cluster.client);
}

static int open_test(void **state)
{
    (void)state;
    test_bus_clear();
    test_bus_open(&test);
    cluster_open();
    return 0;
}

static int close_test(void **state)
{
    (void)state;
    cluster_close();
    test_bus_close(&test);
    return 0;
}

/* Everything on a topic, read by a client that knows nothing of us. */
struct tape {
    rd_kafka_message_t *messages[2000];
    int count;
};

static struct tape *tape_read(const char *topic, int partitions, int count)
{
    struct tape *tape = calloc(1, sizeof(*tape));
    rd_kafka_t *client = client_new(RD_KAFKA_CONSUMER, cluster.brokers);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; i++) {
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_poll_set_consumer(client);
    assert_int_equal(rd_kafka_assign(client, list), 0);
    rd_kafka_topic_partition_list_destroy(list);
    int64_t until_ms = clock_monotonic_ms() + READ_TIMEOUT_MS;
    int64_t patience_ms = 0; /* after the last one: time for one too many */
    while (clock_monotonic_ms() < until_ms && (tape->count < count || clock_monotonic_ms() < patience_ms)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(client, 100);
        if (message && !message->err) {
            tape->messages[tape->count++] = message;
            patience_ms = clock_monotonic_ms() + 300;
        } else if (message) {
            rd_kafka_message_destroy(message);
        }
    }
    rd_kafka_consumer_close(client);
    assert_int_equal(tape->count, count);
    /* messages hold on to their client: it is destroyed with the last of them */
    tape->messages[count] = (rd_kafka_message_t *)client;
    return tape;
}

static void tape_free(struct tape *tape)
{
    rd_kafka_t *client = (rd_kafka_t *)tape->messages[tape->count];
    for (int i = 0; i < tape->count; i++) {
        rd_kafka_message_destroy(tape->messages[i]);
    }
    rd_kafka_destroy(client);
    free(tape);
}

static const char *header(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t length;
    if (rd_kafka_message_headers(message, &headers) || rd_kafka_header_get_last(headers, name, &value, &length)) {
        return "";
    }
    return value;
}

/* A bus that only relays. */
static struct bus *relay_start(void)
{
    struct bus *bus;
    struct bus_options options = {.transport = BUS_KAFKA, .kafka_brokers = cluster.brokers, .net = test.net};
    assert_ok(bus_open(&options, &bus));
    bus_keep(&test, bus);
    assert_ok(bus_add_log(bus, test.log));
    assert_ok(bus_start(bus));
    return bus;
}

static void the_relay_speaks_cloudevents(void **state)
{
    (void)state;
    struct uuid key = key_of_shard(9, 3);
    char key_text[UUID_TEXT_SIZE], org_text[UUID_TEXT_SIZE];
    assert_ok(append_one(&test, ORG_A, key, "早晨"));
    struct bus *bus = relay_start();
    struct tape *tape = tape_read(TEST_TOPIC, BUS_SHARDS, 1);
    const rd_kafka_message_t *message = tape->messages[0];
    uuid_format(key, key_text);
    assert_int_equal(message->partition, 9);
    assert_int_equal(message->key_len, UUID_TEXT_LENGTH);
    assert_memory_equal(message->key, key_text, UUID_TEXT_LENGTH);
    assert_string_equal(header(message, "ce_specversion"), "1.0");
    assert_string_equal(header(message, "ce_type"), MESSAGING_EVENT_CONVERSATION_UPDATED);
    assert_string_equal(header(message, "ce_source"), "/kongsi/messaging");
    assert_string_equal(header(message, "ce_subject"), key_text);
    assert_string_equal(header(message, "ce_orgid"), uuid_format(ORG_A, org_text));
    assert_string_equal(header(message, "ce_shard"), "9");
    assert_string_equal(header(message, "ce_position"), "1");
    assert_string_equal(header(message, "content-type"), "application/protobuf");
    assert_string_equal(header(message, "traceparent"), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_int_equal(strlen(header(message, "ce_id")), UUID_TEXT_LENGTH);
    assert_true(instant_parse(header(message, "ce_time"), strlen(header(message, "ce_time")), &(struct instant){0}));
    tape_free(tape);
    bus_end(&test, bus);
}

static void a_tape_is_in_order(const struct tape *tape)
{
    int64_t last[BUS_SHARDS] = {0};
    for (int i = 0; i < tape->count; i++) {
        int64_t position = atoll(header(tape->messages[i], "ce_position"));
        assert_int_equal(position, last[tape->messages[i]->partition] + 1);
        last[tape->messages[i]->partition] = position;
    }
}

static void the_relay_goes_on_where_it_stopped(void **state)
{
    (void)state;
    append_numbers(&test, ORG_A, -1, 1, 300, 50);
    struct bus *bus = relay_start();
    append_numbers(&test, ORG_A, -1, 301, 600, 10);
    bus_end(&test, bus);
    bus = relay_start();
    append_numbers(&test, ORG_A, -1, 601, 700, 10);
    struct tape *tape = tape_read(TEST_TOPIC, BUS_SHARDS, 700);
    a_tape_is_in_order(tape);
    tape_free(tape);
    bus_end(&test, bus);
}

/* Two relays take turns; what both publish for a moment, consumers skip. */
static void relays_take_turns(void **state)
{
    (void)state;
    struct worker worker = {0};
    struct bus *first = relay_start();
    struct bus *second = relay_start();
    struct bus *bus = worker_start_on(&test, &worker, "tests.turns", DURABLE, cluster.brokers);
    append_numbers(&test, ORG_A, -1, 1, 200, 5);
    assert_effects("tests.turns", 200);
    bus_end(&test, first);
    append_numbers(&test, ORG_A, -1, 201, 300, 5);
    assert_effects("tests.turns", 300);
    bus_end(&test, second);
    bus_end(&test, bus);
}

static void an_effect_happens_once(void **state)
{
    (void)state;
    struct worker worker = {0};
    atomic_store(&worker.percent, 3);
    append_numbers(&test, ORG_A, -1, 1, 200, 20);
    for (int i = 0; i < 3; i++) {
        struct bus *bus = worker_start_on(&test, &worker, "tests.kafka", DURABLE, cluster.brokers);
        append_numbers(&test, ORG_B, -1, 201 + i * 20, 220 + i * 20, 5);
        pause_ms(700);
        bus_end(&test, bus);
    }
    atomic_store(&worker.percent, 0);
    struct bus *bus = worker_start_on(&test, &worker, "tests.kafka", DURABLE, cluster.brokers);
    assert_effects("tests.kafka", 260);
    assert_number(0, "SELECT count(*) FROM dead_letters");
    bus_end(&test, bus);
}

static void replicas_share_partitions(void **state)
{
    (void)state;
    struct worker workers[2] = {0};
    struct bus *buses[2];
    buses[0] = worker_start_on(&test, &workers[0], "tests.group", DURABLE, cluster.brokers);
    append_numbers(&test, ORG_A, -1, 1, 100, 10);
    assert_effects("tests.group", 100);
    buses[1] = worker_start_on(&test, &workers[1], "tests.group", DURABLE, cluster.brokers);
    for (int i = 0; i < 100 && atomic_load(&workers[1].delivered) == 0; i++) { /* until both have a part */
        append_numbers(&test, ORG_A, -1, 101 + i * 32, 132 + i * 32, 32);
        pause_ms(200);
    }
    assert_true(atomic_load(&workers[1].delivered) > 0);
    assert_effects("tests.group", test_pg_number(TEST_DATABASE, "SELECT count(*) FROM event_log"));
    bus_end(&test, buses[0]);
    int64_t count = test_pg_number(TEST_DATABASE, "SELECT count(*) FROM event_log");
    append_numbers(&test, ORG_A, -1, 1, 64, 32);
    assert_effects("tests.group", count + 64);
    bus_end(&test, buses[1]);
}

static void a_volatile_consumer_begins_now(void **state)
{
    (void)state;
    struct worker worker = {0};
    append_numbers(&test, ORG_A, -1, 1, 100, 100);
    struct bus *bus = worker_start_on(&test, &worker, "tests.edge", VOLATILE, cluster.brokers);
    append_numbers(&test, ORG_A, -1, 101, 200, 10);
    for (int i = 0; i < 1500 && atomic_load(&worker.delivered) < 100; i++) {
        pause_ms(10);
    }
    pause_ms(300);
    assert_int_equal(atomic_load(&worker.delivered), 100);
    assert_int_equal(atomic_load(&worker.disorder), 0);
    bus_end(&test, bus);
}

static void produce_errors_lose_nothing(void **state)
{
    (void)state;
    if (!cluster.mock) {
        print_message("skipped: a real broker does not fail when told\n");
        skip();
    }
    struct worker worker = {0};
    static const struct {
        const char *name;
        rd_kafka_resp_err_t code;
    } CASES[] = {
        {"the leader moves", RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION},
        {"no answer of the replicas", RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT},
        {"the producer is unknown", RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID},
        {"the sequence is out of order (fatal in this version)", RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER},
        {"refused for good", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED},
        {"too large for the broker", RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE},
    };
    struct bus *bus = worker_start_on(&test, &worker, "tests.errors", DURABLE, cluster.brokers);
    int count = 0;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("%s\n", CASES[i].name);
        rd_kafka_mock_push_request_errors(cluster.mock, PRODUCE_REQUEST, 2, CASES[i].code, CASES[i].code);
        append_numbers(&test, ORG_A, -1, count + 1, count + 40, 20);
        count += 40;
        assert_effects("tests.errors", count);
        assert_number(count, "SELECT sum(position)::bigint FROM relay_positions WHERE topic = '" TEST_TOPIC "'");
    }
    bus_end(&test, bus);
}

static void a_broker_that_comes_back_finds_all(void **state)
{
    (void)state;
    if (!cluster.mock) {
        print_message("skipped: a real broker does not fail when told\n");
        skip();
    }
    struct worker worker = {0};
    struct bus *bus = worker_start_on(&test, &worker, "tests.down", DURABLE, cluster.brokers);
    append_numbers(&test, ORG_A, -1, 1, 100, 10);
    assert_effects("tests.down", 100);
    rd_kafka_mock_broker_set_down(cluster.mock, 1);
    append_numbers(&test, ORG_A, -1, 101, 200, 10); /* never waits for Kafka */
    pause_ms(2000);
    rd_kafka_mock_broker_set_up(cluster.mock, 1);
    append_numbers(&test, ORG_A, -1, 201, 300, 10);
    assert_number(300, "SELECT sum(position)::bigint FROM relay_positions WHERE topic = '" TEST_TOPIC "'");
    assert_effects("tests.down", 300);
    bus_end(&test, bus);
}

/* The bookmark says published, but Kafka never got it. */
static void gaps_are_filled_from_the_log(void **state)
{
    (void)state;
    struct worker worker = {0};
    struct bus *bus = worker_start_on(&test, &worker, "tests.gap", DURABLE, cluster.brokers);
    append_numbers(&test, ORG_A, 6, 1, 5, 5);
    assert_effects("tests.gap", 5);
    test_pg_exec(TEST_DATABASE, "UPDATE relay_positions SET position = 9 WHERE shard = 6 AND topic = '" TEST_TOPIC "'");
    append_numbers(&test, ORG_A, 6, 6, 12, 1); /* 6 to 9 are left out */
    assert_effects("tests.gap", 12);
    bus_end(&test, bus);
}

/* The same at the end of the shard: no event shows the gap, the comparison with the heads does. */
static void what_kafka_does_not_bring_is_fetched(void **state)
{
    (void)state;
    struct worker worker = {0};
    struct bus *bus = worker_start_on(&test, &worker, "tests.tail", DURABLE, cluster.brokers);
    append_numbers(&test, ORG_A, 6, 1, 5, 5);
    assert_effects("tests.tail", 5);
    test_pg_exec(TEST_DATABASE, "UPDATE relay_positions SET position = 9 WHERE shard = 6 AND topic = '" TEST_TOPIC "'");
    append_numbers(&test, ORG_A, 6, 6, 9, 4);
    for (int i = 0; i < 300 && atomic_load(&worker.delivered) < 9; i++) {
        pause_ms(100);
    }
    assert_effects("tests.tail", 9);
    bus_end(&test, bus);
}

/* Takes the headers. */
static void produce_raw(int partition, const char *value, size_t length, rd_kafka_headers_t *headers)
{
    rd_kafka_t *client = client_new(RD_KAFKA_PRODUCER, cluster.brokers);
    rd_kafka_resp_err_t code = rd_kafka_producev(client, RD_KAFKA_V_TOPIC(TEST_TOPIC), RD_KAFKA_V_PARTITION(partition),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE((void *)(uintptr_t)value, length),
        RD_KAFKA_V_HEADERS(headers ? headers : rd_kafka_headers_new(0)), RD_KAFKA_V_END);
    assert_int_equal(code, 0);
    assert_int_equal(rd_kafka_flush(client, READ_TIMEOUT_MS), 0);
    rd_kafka_destroy(client);
}

/* Good headers of an event at a position; `replaced`, if not NULL, gets another value. */
static rd_kafka_headers_t *headers_at(int shard, int64_t position, const char *replaced, const char *value)
{
    struct bus_delivery event = {.topic = TEST_TOPIC,
        .shard = shard,
        .position = position,
        .id = ORG_A,
        .org_id = ORG_A,
        .key = ORG_A,
        .type = MESSAGING_EVENT_CONVERSATION_UPDATED,
        .time = instant_now(),
        .traceparent = ""};
    rd_kafka_headers_t *headers = bus_kafka_headers_new(TEST_COMPONENT, &event);
    if (replaced) {
        rd_kafka_header_remove(headers, replaced);
        rd_kafka_header_add(headers, replaced, -1, value, -1);
    }
    return headers;
}

static void unreadable_messages_are_parked(void **state)
{
    (void)state;
    static const struct {
        const char *name, *header, *value;
    } CASES[] = {
        {"another version", "ce_specversion", "0.3"},
        {"no type", "ce_type", ""},
        {"an id that is none", "ce_id", "17"},
        {"no organization", "ce_orgid", "harbour"},
        {"a subject that is none", "ce_subject", ""},
        {"a time that is none", "ce_time", "yesterday"},
        {"a shard that is not its partition", "ce_shard", "4"},
        {"a shard that is none", "ce_shard", "32"},
        {"position zero", "ce_position", "0"},
        {"a position past 64 bits", "ce_position", "99999999999999999999"},
        {"invalid UTF-8", "ce_type", "\xff\xfe"},
    };
    int count = (int)(sizeof(CASES) / sizeof(CASES[0]));
    struct worker worker = {0};
    struct bus *bus = worker_start_on(&test, &worker, "tests.poison", DURABLE, cluster.brokers);
    append_numbers(&test, ORG_A, 3, 1, 5, 5);
    assert_effects("tests.poison", 5);
    for (int i = 0; i < count; i++) {
        produce_raw(3, "x", 1, headers_at(3, 6, CASES[i].header, CASES[i].value));
    }
    produce_raw(3, "not ours", 8, NULL);
    char *large = calloc(1, BUS_EVENT_SIZE_MAX_BYTES + 10);
    produce_raw(3, large, BUS_EVENT_SIZE_MAX_BYTES + 1, headers_at(3, 6, NULL, NULL));
    free(large);
    append_numbers(&test, ORG_A, 3, 6, 8, 3);
    assert_effects("tests.poison", 8);
    assert_number(count + 2, "SELECT count(*) FROM dead_letters WHERE position < 0 AND reason = 'BODY_INVALID'");
    bus_end(&test, bus);
    struct tape *tape = tape_read(DLQ_TOPIC, 1, count + 2);
    assert_string_equal(header(tape->messages[0], "kongsi_consumer"), "tests.poison");
    assert_string_equal(header(tape->messages[0], "kongsi_error_reason"), "BODY_INVALID");
    assert_string_equal(header(tape->messages[0], "kongsi_partition"), "3");
    assert_string_equal(header(tape->messages[0], "ce_specversion"), "0.3");
    tape_free(tape);
}

static void poison_is_parked_and_copied(void **state)
{
    (void)state;
    struct worker worker = {.fault = {.name = "4", .reason = &KONGSI_FIELD_INVALID, .times = 1000}};
    struct bus *bus = worker_start_on(&test, &worker, "tests.copied", DURABLE, cluster.brokers);
    append_numbers(&test, ORG_A, 3, 1, 8, 8);
    assert_effects("tests.copied", 7);
    assert_number(1, "SELECT count(*) FROM dead_letters WHERE position = 4 AND tries = 5");
    bus_end(&test, bus);
    struct tape *tape = tape_read(DLQ_TOPIC, 1, 1);
    assert_string_equal(header(tape->messages[0], "kongsi_tries"), "5");
    assert_string_equal(header(tape->messages[0], "ce_position"), "4");
    tape_free(tape);
}

/* A truncated body, and a message that claims a position its owner has not given yet. */
static void forgeries_do_no_harm(void **state)
{
    (void)state;
    struct worker worker = {0};
    struct bus *bus = worker_start_on(&test, &worker, "tests.forged", DURABLE, cluster.brokers);
    append_numbers(&test, ORG_A, 3, 1, 5, 5);
    assert_effects("tests.forged", 5);
    produce_raw(3, "x", 1, headers_at(3, 1000, NULL, NULL));
    produce_raw(5, "\x1a\x7f", 2, headers_at(5, 1, NULL, NULL)); /* truncated */
    append_numbers(&test, ORG_A, 3, 6, 8, 3);
    assert_effects("tests.forged", 8);
    assert_number(1, "SELECT count(*) FROM dead_letters WHERE shard = 5 AND position = 1 AND reason = 'BODY_INVALID'");
    bus_end(&test, bus);
}

static void a_lost_cluster_is_filled_again(void **state)
{
    (void)state;
    struct worker worker = {0}, other = {0};
    struct bus *bus = worker_start_on(&test, &worker, "tests.lost", DURABLE, cluster.brokers);
    append_numbers(&test, ORG_A, -1, 1, 100, 10);
    assert_effects("tests.lost", 100);
    bus_end(&test, bus);
    cluster_close();
    cluster_open();
    append_numbers(&test, ORG_A, -1, 101, 120, 10);
    bus = worker_start_on(&test, &worker, "tests.lost", DURABLE, cluster.brokers);
    struct bus *another = worker_start_on(&test, &other, "tests.found", DURABLE, cluster.brokers);
    assert_effects("tests.found", 120);
    assert_effects("tests.lost", 120);
    bus_end(&test, another);
    bus_end(&test, bus);
    struct tape *tape = tape_read(TEST_TOPIC, BUS_SHARDS, 120);
    a_tape_is_in_order(tape);
    tape_free(tape);
}

static void what_was_is_said_again_on_request(void **state)
{
    (void)state;
    struct worker worker = {0};
    struct bus *bus = worker_start_on(&test, &worker, "tests.again", DURABLE, cluster.brokers);
    append_numbers(&test, ORG_A, -1, 1, 64, 32);
    assert_effects("tests.again", 64);
    struct instant from = instant_now();
    pause_ms(20);
    append_numbers(&test, ORG_A, -1, 65, 100, 12);
    assert_effects("tests.again", 100);
    assert_ok(bus_republish(test.log, from));
    struct tape *tape = tape_read(TEST_TOPIC, BUS_SHARDS, 136);
    tape_free(tape);
    assert_effects("tests.again", 100);
    bus_end(&test, bus);
}

static void what_is_away_is_waited_for(void **state)
{
    (void)state;
    struct worker worker = {0};
    atomic_store(&worker.away, true);
    append_numbers(&test, ORG_A, -1, 1, 64, 32);
    struct bus *bus = worker_start_on(&test, &worker, "tests.away", DURABLE, cluster.brokers);
    for (int i = 0; i < 1500 && atomic_load(&worker.calls) < BUS_TRIES_MAX + 2; i++) {
        pause_ms(10);
    }
    append_numbers(&test, ORG_A, -1, 65, 128, 32);
    pause_ms(500);
    atomic_store(&worker.away, false);
    assert_effects("tests.away", 128);
    assert_number(0, "SELECT count(*) FROM dead_letters");
    bus_end(&test, bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_relay_speaks_cloudevents, open_test, close_test),
        cmocka_unit_test_setup_teardown(the_relay_goes_on_where_it_stopped, open_test, close_test),
        cmocka_unit_test_setup_teardown(relays_take_turns, open_test, close_test),
        cmocka_unit_test_setup_teardown(an_effect_happens_once, open_test, close_test),
        cmocka_unit_test_setup_teardown(replicas_share_partitions, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_volatile_consumer_begins_now, open_test, close_test),
        cmocka_unit_test_setup_teardown(produce_errors_lose_nothing, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_broker_that_comes_back_finds_all, open_test, close_test),
        cmocka_unit_test_setup_teardown(gaps_are_filled_from_the_log, open_test, close_test),
        cmocka_unit_test_setup_teardown(what_kafka_does_not_bring_is_fetched, open_test, close_test),
        cmocka_unit_test_setup_teardown(unreadable_messages_are_parked, open_test, close_test),
        cmocka_unit_test_setup_teardown(poison_is_parked_and_copied, open_test, close_test),
        cmocka_unit_test_setup_teardown(forgeries_do_no_harm, open_test, close_test),
        cmocka_unit_test_setup_teardown(a_lost_cluster_is_filled_again, open_test, close_test),
        cmocka_unit_test_setup_teardown(what_was_is_said_again_on_request, open_test, close_test),
        cmocka_unit_test_setup_teardown(what_is_away_is_waited_for, open_test, close_test),
    };
    return cmocka_run_group_tests(tests, test_bus_setup, NULL);
}
