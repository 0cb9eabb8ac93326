/* Copies of parked events on <topic>.dlq, where Kafka's own tools see them. */
#include "libshared/bus/bus_consumer.h"
#include "libshared/bus/bus_kafka.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct bus_kafka_copier {
    rd_kafka_t *client;
    char topic[BUS_TOPIC_LENGTH_MAX + sizeof(BUS_KAFKA_DEAD_LETTER_SUFFIX)];
};

static const struct bus_kafka_setting SETTINGS[] = {
    {"enable.idempotence", "true"},
    {"message.timeout.ms", "5000"},
    {NULL, NULL},
};

void bus_kafka_copier_free(struct bus_kafka_copier *copier)
{
    if (copier) {
        bus_kafka_destroy(copier->client);
        free(copier);
    }
}

static struct err *copier_new(const struct bus_consumer *consumer, struct bus_kafka_copier **ret_copier)
{
    struct bus_kafka_copier *copier = calloc(1, sizeof(*copier));
    if (!copier) {
        return err_out_of_memory();
    }
    snprintf(copier->topic, sizeof(copier->topic), "%s" BUS_KAFKA_DEAD_LETTER_SUFFIX, consumer->topic);
    rd_kafka_conf_t *conf;
    struct err *error = bus_kafka_conf(consumer->bus, SETTINGS, &conf);
    error = error ? error : bus_kafka_client(RD_KAFKA_PRODUCER, conf, &copier->client);
    if (error) {
        free(copier);
        return error;
    }
    const char *topic = copier->topic;
    error = bus_kafka_ensure_topics(copier->client, &topic, 1, 1);
    if (error) {
        bus_kafka_copier_free(copier);
        return error;
    }
    *ret_copier = copier;
    return NULL;
}

static void add_text(rd_kafka_headers_t *headers, const char *name, const char *value)
{
    rd_kafka_header_add(headers, name, -1, value, -1);
}

static void add_number(rd_kafka_headers_t *headers, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    add_text(headers, name, text);
}

static rd_kafka_headers_t *make_headers(const struct bus_consumer *consumer, const struct bus_delivery *event,
    const rd_kafka_message_t *original, const struct err *cause, int tries)
{
    rd_kafka_headers_t *headers = NULL;
    rd_kafka_headers_t *given;
    if (!original) {
        headers = bus_kafka_headers_new(consumer->component, event);
    } else if (rd_kafka_message_headers(original, &given) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        headers = rd_kafka_headers_copy(given);
    }
    headers = headers ? headers : rd_kafka_headers_new(8);
    add_text(headers, "kongsi_consumer", consumer->name);
    add_text(headers, "kongsi_topic", consumer->topic);
    add_number(headers, "kongsi_partition", event->shard);
    add_number(headers, "kongsi_position", event->position);
    if (original) {
        add_number(headers, "kongsi_offset", original->offset);
    }
    add_text(headers, "kongsi_error_reason", cause->reason);
    add_text(headers, "kongsi_error_message", cause->message);
    add_number(headers, "kongsi_tries", tries);
    return headers;
}

static struct err *produce(struct bus_kafka_copier *copier, const struct bus_delivery *event, rd_kafka_headers_t *headers)
{
    char key[UUID_TEXT_SIZE];
    uuid_format(event->key, key);
    rd_kafka_resp_err_t code = rd_kafka_producev(copier->client, RD_KAFKA_V_TOPIC(copier->topic), RD_KAFKA_V_PARTITION(0),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, UUID_TEXT_LENGTH),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)event->data.data, event->data.length), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_END);
    if (code) {
        rd_kafka_headers_destroy(headers);
        return bus_kafka_err(code, "cannot produce");
    }
    code = rd_kafka_flush(copier->client, BUS_KAFKA_TIMEOUT_MS);
    return code ? bus_kafka_err(code, "no acknowledgement") : NULL;
}

void bus_kafka_copy(struct bus_consumer *consumer, struct bus_kafka_copier **copier, const struct bus_delivery *event,
    const rd_kafka_message_t *original, const struct err *cause, int tries)
{
    struct err *error = *copier ? NULL : copier_new(consumer, copier);
    if (!error) {
        error = produce(*copier, event, make_headers(consumer, event, original, cause, tries));
    }
    if (error) {
        log_err(LOG_LEVEL_WARN, error, "a parked event of %s is not copied to Kafka", consumer->name);
        err_free(error);
        bus_kafka_copier_free(*copier);
        *copier = NULL;
    }
}
