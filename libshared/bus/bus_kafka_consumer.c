/* A consumer on Kafka. Positions decide what is delivered; Kafka's offsets only say where to read on, and are committed
 * after the database has. A durable consumer is a member of the group of its name; a volatile one reads all partitions.
 *
 * What the broker lost or never got is noticed: by a gap before the next event, or, when no event comes, by comparing with
 * the owner's heads. */
#include "libshared/bus/bus_consumer.h"
#include "libshared/bus/bus_kafka.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"

#include <inttypes.h>
#include <stdlib.h>

#define POLL_WAIT_MS 200
#define COMMIT_PERIOD_MS 500
#define OFFSET_NONE INT64_C(-1)

struct bus_kafka_reader {
    struct bus_consumer *consumer;
    rd_kafka_t *client;
    struct bus_kafka_copier *copier;
    uint32_t assigned; /* bits of the partitions we read */
    bool holding;      /* nothing is fetched while a delivery waits for its next try */
    rd_kafka_message_t *messages[BUS_BATCH_MAX];
    size_t count;
    struct bus_delivery events[BUS_BATCH_MAX];
    int64_t offsets[BUS_SHARDS]; /* to commit */
    int64_t committed_ms;
    struct bus_reconciler reconciler;
};

static const struct bus_kafka_setting SETTINGS[] = {
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"auto.offset.reset", "earliest"},
    {"session.timeout.ms", "6000"},
    {"heartbeat.interval.ms", "2000"},
    {"max.poll.interval.ms", "120000"},
    {"queued.max.messages.kbytes", "4096"},
    {"topic.metadata.refresh.interval.ms", "2000"}, /* how soon a topic that was made again is noticed */
    {"fetch.error.backoff.ms", "200"},
    {"allow.auto.create.topics", "false"},
    {NULL, NULL},
};

static rd_kafka_topic_partition_list_t *partitions_new(const struct bus_kafka_reader *reader, uint32_t shards)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(BUS_SHARDS);
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        if (shards >> shard & 1) {
            rd_kafka_topic_partition_list_add(list, reader->consumer->topic, shard);
        }
    }
    return list;
}

static void commit_offsets(struct bus_kafka_reader *reader, bool wait)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(BUS_SHARDS);
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        if (reader->offsets[shard] != OFFSET_NONE) {
            rd_kafka_topic_partition_list_add(list, reader->consumer->topic, shard)->offset = reader->offsets[shard];
            reader->offsets[shard] = OFFSET_NONE;
        }
    }
    if (list->cnt > 0 && reader->consumer->pool) {
        rd_kafka_resp_err_t code = rd_kafka_commit(reader->client, list, !wait);
        if (code) { /* what is read again is skipped by its position */
            log_info("consumer %s: kafka does not take its offsets: %s", reader->consumer->name, rd_kafka_err2str(code));
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    reader->committed_ms = clock_monotonic_ms();
}

/* Runs inside polls, on the consumer's thread. */
static void rebalance(
    rd_kafka_t *client, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions, void *opaque)
{
    struct bus_kafka_reader *reader = opaque;
    if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        commit_offsets(reader, true);
        reader->assigned = 0;
        rd_kafka_assign(client, NULL);
        return;
    }
    rd_kafka_assign(client, partitions);
    for (int i = 0; i < partitions->cnt; i++) {
        reader->assigned |= UINT32_C(1) << (partitions->elems[i].partition % BUS_SHARDS);
    }
    reader->consumer->positioned = false; /* others may have delivered these shards since we last did */
    if (reader->holding) {
        rd_kafka_pause_partitions(client, partitions);
    }
}

void bus_kafka_wait(struct bus_kafka_reader *reader, int64_t ms)
{
    int64_t until_ms = clock_monotonic_ms() + ms;
    rd_kafka_topic_partition_list_t *list = partitions_new(reader, reader->assigned);
    rd_kafka_pause_partitions(reader->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    reader->holding = true;
    while (deadline_left_ms(until_ms) > 0 && !bus_is_stopping(reader->consumer->bus)) {
        int64_t left_ms = deadline_left_ms(until_ms);
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(reader->client, (int)(left_ms < POLL_WAIT_MS ? left_ms : POLL_WAIT_MS));
        if (message) { /* an error, or an event that slipped through: the gap it leaves is filled from the log */
            rd_kafka_message_destroy(message);
        }
    }
    reader->holding = false;
    list = partitions_new(reader, reader->assigned); /* it may have changed meanwhile */
    rd_kafka_resume_partitions(reader->client, list);
    rd_kafka_topic_partition_list_destroy(list);
}

void bus_kafka_copy_dead_letter(
    struct bus_kafka_reader *reader, const struct bus_delivery *event, const struct err *cause, int tries)
{
    bus_kafka_copy(reader->consumer, &reader->copier, event, NULL, cause, tries);
}

/* A message that cannot be read has no place in the order of events: parked at once, under its offset. */
static void park_unreadable(struct bus_kafka_reader *reader, const rd_kafka_message_t *message, const struct err *cause)
{
    struct bus_consumer *consumer = reader->consumer;
    struct bus_delivery event = {.topic = consumer->topic,
        .shard = message->partition,
        .position = -1 - message->offset,
        .type = "",
        .time = instant_now(),
        .data = {.data = message->payload, .length = message->len}};
    log_err(LOG_LEVEL_ERROR, cause, "consumer %s cannot read a message of %s", consumer->name, consumer->topic);
    bus_metric_add(consumer->dead_letters, 1);
    while (consumer->pool && !bus_is_stopping(consumer->bus)) {
        bool parked = false;
        ERR_AUTO error = bus_dead_letter_park(consumer, &event, cause, 1, &parked);
        if (parked) {
            bus_kafka_copy(consumer, &reader->copier, &event, message, cause, 1);
        }
        if (!error) {
            return;
        }
        bus_trouble_add(&consumer->trouble, error, consumer->name);
        bus_consumer_back_off(consumer);
    }
}

/* Errors come as messages. Only a fatal one needs a fresh client; librdkafka gets over the rest by itself, a topic that is
 * gone and comes back included. */
static struct err *take_error(struct bus_kafka_reader *reader, const rd_kafka_message_t *message)
{
    if (message->err == RD_KAFKA_RESP_ERR__FATAL) {
        return bus_kafka_err(message->err, reader->consumer->topic);
    }
    log_debug("consumer %s: kafka says: %s", reader->consumer->name, rd_kafka_message_errstr(message));
    return NULL;
}

/* Gathers what has arrived, waiting for the first message only. */
static struct err *gather(struct bus_kafka_reader *reader)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->client, POLL_WAIT_MS);
    while (message) {
        if (message->err) {
            struct err *error = take_error(reader, message);
            rd_kafka_message_destroy(message);
            ERR_TRY(error);
        } else {
            reader->messages[reader->count++] = message;
        }
        message = reader->count < BUS_BATCH_MAX ? rd_kafka_consumer_poll(reader->client, 0) : NULL;
    }
    return NULL;
}

/* False: the bus is stopping. */
static bool find_positions(struct bus_consumer *consumer)
{
    while (!consumer->positioned && !bus_is_stopping(consumer->bus)) {
        ERR_AUTO error = bus_position_load(consumer, 0);
        if (error) {
            bus_trouble_add(&consumer->trouble, error, consumer->name);
            bus_consumer_back_off(consumer);
        }
    }
    return consumer->positioned;
}

static void deliver_messages(struct bus_kafka_reader *reader)
{
    if (!find_positions(reader->consumer)) {
        return;
    }
    struct bus_page page = {.events = reader->events, .count = 0};
    for (size_t i = 0; i < reader->count; i++) {
        const rd_kafka_message_t *message = reader->messages[i];
        ERR_AUTO unreadable = bus_kafka_parse(message, reader->consumer->topic, &page.events[page.count]);
        if (unreadable) {
            park_unreadable(reader, message, unreadable);
        } else {
            page.count++;
        }
    }
    bus_consumer_take(reader->consumer, &page, false);
    for (size_t i = 0; i < reader->count && !bus_is_stopping(reader->consumer->bus); i++) {
        const rd_kafka_message_t *message = reader->messages[i];
        if (message->partition >= 0 && message->partition < BUS_SHARDS) {
            reader->offsets[message->partition] = message->offset + 1;
        }
    }
}

static void drop_messages(struct bus_kafka_reader *reader)
{
    while (reader->count > 0) {
        rd_kafka_message_destroy(reader->messages[--reader->count]);
    }
}

static void reconcile(struct bus_kafka_reader *reader)
{
    ERR_AUTO unknown = bus_reconcile(reader->consumer, &reader->reconciler);
    if (unknown) {
        log_err(LOG_LEVEL_INFO, unknown, "consumer %s cannot compare with the log of %s", reader->consumer->name,
            reader->consumer->component);
    }
}

static struct err *step(struct bus_kafka_reader *reader)
{
    struct err *error = gather(reader);
    deliver_messages(reader);
    drop_messages(reader);
    ERR_TRY(error);
    if (clock_monotonic_ms() - reader->committed_ms >= COMMIT_PERIOD_MS) {
        commit_offsets(reader, false);
    }
    reconcile(reader);
    return NULL;
}

static struct err *assign_at(struct bus_kafka_reader *reader, const int64_t *ends)
{
    rd_kafka_topic_partition_list_t *list = partitions_new(reader, UINT32_MAX);
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = ends[list->elems[i].partition];
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(reader->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    reader->assigned = UINT32_MAX;
    return code ? bus_kafka_err(code, "cannot assign partitions") : NULL;
}

static struct err *subscribe(struct bus_kafka_reader *reader)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, reader->consumer->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(reader->client, list);
    rd_kafka_topic_partition_list_destroy(list);
    return code ? bus_kafka_err(code, "cannot subscribe") : NULL;
}

static struct err *open_client(struct bus_kafka_reader *reader)
{
    struct bus_consumer *consumer = reader->consumer;
    rd_kafka_conf_t *conf;
    ERR_TRY(bus_kafka_conf(consumer->bus, SETTINGS, &conf));
    rd_kafka_conf_set(conf, "group.id", consumer->name, NULL, 0);
    rd_kafka_conf_set_opaque(conf, reader);
    rd_kafka_conf_set_rebalance_cb(conf, rebalance);
    ERR_TRY(bus_kafka_client(RD_KAFKA_CONSUMER, conf, &reader->client));
    rd_kafka_poll_set_consumer(reader->client);
    const char *topic = consumer->topic;
    return bus_kafka_ensure_topics(reader->client, &topic, 1, BUS_SHARDS);
}

/* From the first connection until the bus stops, or something that only a fresh client gets over. */
static struct err *run_session(struct bus_kafka_reader *reader)
{
    struct bus_consumer *consumer = reader->consumer;
    const char *topic = consumer->topic;
    int64_t ends[BUS_SHARDS] = {0};
    ERR_TRY(open_client(reader));
    ERR_TRY(
        bus_kafka_end_offsets(reader->client, &topic, 1, ends)); /* of a durable one: waits until the partitions are there */
    if (consumer->pool) {
        ERR_TRY(subscribe(reader));
    } else {
        ERR_TRY(assign_at(reader, ends));
    }
    if (!consumer->positioned) {
        ERR_TRY(bus_position_load(consumer, 0));
    }
    if (!consumer->pool) {
        ERR_TRY(bus_catch_up(consumer, UINT32_MAX)); /* what was said between the positions and the ends */
    }
    consumer->kafka = reader;
    while (!bus_is_stopping(consumer->bus)) {
        ERR_TRY(step(reader));
        consumer->step = 0;
        bus_trouble_end(&consumer->trouble, consumer->name);
    }
    return NULL;
}

static void end_session(struct bus_kafka_reader *reader)
{
    reader->consumer->kafka = NULL;
    drop_messages(reader);
    if (reader->client) {
        commit_offsets(reader, true);
        rd_kafka_consumer_close(reader->client);
        bus_kafka_destroy(reader->client);
        reader->client = NULL;
    }
    reader->assigned = 0;
}

void bus_kafka_consumer_run(struct bus_consumer *consumer)
{
    struct bus_kafka_reader *reader = calloc(1, sizeof(*reader));
    if (!reader) {
        log_error("consumer %s does not run: out of memory", consumer->name);
        return;
    }
    reader->consumer = consumer;
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        reader->offsets[shard] = OFFSET_NONE;
    }
    while (!bus_is_stopping(consumer->bus)) {
        ERR_AUTO error = run_session(reader);
        end_session(reader);
        if (error && !bus_is_stopping(consumer->bus)) {
            bus_trouble_add(&consumer->trouble, error, consumer->name);
            reconcile(reader);
            bus_consumer_back_off(consumer);
        }
    }
    bus_kafka_copier_free(reader->copier);
    free(reader);
}
