/* Inside the relay: one page of events on its way to Kafka. */
#pragma once

#include "libshared/bus/bus_kafka.h"
#include "libshared/bus/bus_log.h"

#define BUS_OFFSET_NONE INT64_C(-1)

struct bus_relay_item;

struct bus_relay_page {
    struct bus_relay_item *items; /* in order of topic, shard, position */
    size_t count;
    size_t waiting;              /* items without an answer */
    rd_kafka_resp_err_t failure; /* of the first item that failed */
    struct db_result *rows;      /* holds the texts and payloads; the caller frees it, after the client is done with them */
};

/* What is not published yet. */
ERR_RESULT struct err *bus_relay_page_read(struct bus_relay_page *page, const struct bus_log *log, struct arena *arena);
/* Produces all of it and waits for the answers, at most 20 s. What has no good answer then shows in `failure`. */
ERR_RESULT struct err *bus_relay_page_produce(
    struct bus_relay_page *page, struct bus *bus, const struct bus_log *log, rd_kafka_t *client);
/* Whether Kafka answered with offsets that it had given before. */
bool bus_relay_page_is_overwritten(const struct bus_relay_page *page);
/* Moves the bookmarks over what was acknowledged without a hole. */
ERR_RESULT struct err *bus_relay_page_advance(const struct bus_relay_page *page, const struct bus_log *log,
    struct arena *arena, const char *cluster_id, size_t *ret_published);
/* librdkafka's delivery report callback. */
void bus_relay_acknowledged(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque);
