/* Inside the bus: Kafka, by librdkafka. Its batch-consume API is never used (it loses offsets before 2.1.0); a producer that
 * fails is thrown away and the log read again from the bookmark. */
#pragma once

#include "libshared/bus/bus_internal.h"

#include <librdkafka/rdkafka.h>

#define BUS_KAFKA_TIMEOUT_MS 5000
#define BUS_KAFKA_HEADERS_SIZE_BYTES 4096 /* room for headers and key above an event's own size */
#define BUS_KAFKA_DEAD_LETTER_SUFFIX ".dlq"
#define BUS_TOPIC_LENGTH_MAX 200

/* bus_kafka_client.c */

struct bus_kafka_setting {
    const char *key, *value;
};
/* Settings of every client, then the given ones, which end with key = NULL. */
ERR_RESULT struct err *bus_kafka_conf(
    const struct bus *bus, const struct bus_kafka_setting *settings, rd_kafka_conf_t **ret_conf);
/* Takes the conf. */
ERR_RESULT struct err *bus_kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **ret_client);
/* Destroys the client, as far as it lets itself: librdkafka 2.0 may wait for ever for a thread of its own after its broker
 * lost a topic. What does not end within 5 s is left behind. */
void bus_kafka_destroy(rd_kafka_t *client);
/* KONGSI_UNAVAILABLE with what was attempted and Kafka's own words. */
struct err *bus_kafka_err(rd_kafka_resp_err_t code, const char *attempt);
/* Makes the topics that are missing; refuses those that have another number of partitions. */
ERR_RESULT struct err *bus_kafka_ensure_topics(rd_kafka_t *client, const char *const *topics, size_t count, int partitions);
/* The offset behind the last message of each shard; `ends` has BUS_SHARDS places for each topic. */
ERR_RESULT struct err *bus_kafka_end_offsets(rd_kafka_t *client, const char *const *topics, size_t count, int64_t *ends);

/* bus_kafka_headers.c: CloudEvents 1.0 in binary mode. */

/* NULL when out of memory. */
rd_kafka_headers_t *bus_kafka_headers_new(const char *component, const struct bus_delivery *event);
/* Reads a message; texts and data stay in it. Reason: KONGSI_BODY_INVALID with what is wrong. */
ERR_RESULT struct err *bus_kafka_parse(const rd_kafka_message_t *message, const char *topic, struct bus_delivery *ret_event);

/* bus_kafka_consumer.c */

struct bus_consumer;
struct bus_kafka_reader;
/* The loop of a consumer on Kafka. */
void bus_kafka_consumer_run(struct bus_consumer *consumer);
/* Waits, staying in the consumer group: nothing is fetched meanwhile. */
void bus_kafka_wait(struct bus_kafka_reader *reader, int64_t ms);

/* bus_kafka_dead_letter.c */

struct bus_kafka_copier;
/* Copies to <topic>.dlq. `original`, if there is one, gives the headers. A failure is logged only: the event is parked
 * already. */
void bus_kafka_copy(struct bus_consumer *consumer, struct bus_kafka_copier **copier, const struct bus_delivery *event,
    const rd_kafka_message_t *original, const struct err *cause, int tries);
void bus_kafka_copier_free(struct bus_kafka_copier *copier);
/* The same from where only the reader is known. */
void bus_kafka_copy_dead_letter(
    struct bus_kafka_reader *reader, const struct bus_delivery *event, const struct err *cause, int tries);
