/* Events on Kafka: CloudEvents 1.0, Kafka protocol binding, binary content mode. */
#include "libshared/bus/bus_kafka.h"

#include "gen/kongsi_errors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_LENGTH_MAX 200

static bool add(rd_kafka_headers_t *headers, const char *name, const char *value)
{
    return rd_kafka_header_add(headers, name, -1, value, -1) == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static bool add_number(rd_kafka_headers_t *headers, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    return add(headers, name, text);
}

static bool add_uuid(rd_kafka_headers_t *headers, const char *name, struct uuid value)
{
    char text[UUID_TEXT_SIZE];
    return add(headers, name, uuid_format(value, text));
}

rd_kafka_headers_t *bus_kafka_headers_new(const char *component, const struct bus_delivery *event)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(11);
    char source[BUS_TOPIC_LENGTH_MAX + 16];
    char time[INSTANT_TEXT_SIZE];
    snprintf(source, sizeof(source), "/kongsi/%.*s", BUS_TOPIC_LENGTH_MAX, component);
    bool done = headers && add(headers, "ce_specversion", "1.0") && add_uuid(headers, "ce_id", event->id) &&
                add(headers, "ce_type", event->type) && add(headers, "ce_source", source) &&
                add_uuid(headers, "ce_subject", event->key) && add(headers, "ce_time", instant_format(event->time, time)) &&
                add_number(headers, "ce_shard", event->shard) && add_number(headers, "ce_position", event->position) &&
                add_uuid(headers, "ce_orgid", event->org_id) && add(headers, "content-type", "application/protobuf");
    if (done && event->traceparent && *event->traceparent) {
        done = add(headers, "traceparent", event->traceparent);
    }
    if (!done && headers) {
        rd_kafka_headers_destroy(headers);
        headers = NULL;
    }
    return headers;
}

/* The header's text; NULL when it is missing, too long, or not plain UTF-8. */
static const char *get(const rd_kafka_headers_t *headers, const char *name)
{
    const void *value;
    size_t length;
    if (rd_kafka_header_get_last(headers, name, &value, &length) != RD_KAFKA_RESP_ERR_NO_ERROR || !value) {
        return NULL;
    }
    return length <= TEXT_LENGTH_MAX && !memchr(value, '\0', length) && utf8_valid(value, length) ? value : NULL;
}

static bool get_uuid(const rd_kafka_headers_t *headers, const char *name, struct uuid *ret_uuid)
{
    const char *text = get(headers, name);
    return text && uuid_parse(text, ret_uuid);
}

static bool get_number(
    const rd_kafka_headers_t *headers, const char *name, int64_t minimum, int64_t maximum, int64_t *ret_number)
{
    const char *text = get(headers, name);
    int64_t number;
    if (!text || !str_to_int64(text, &number) || number < minimum || number > maximum) {
        return false;
    }
    *ret_number = number;
    return true;
}

static struct err *invalid(const rd_kafka_message_t *message, const char *name)
{
    return err_new(&KONGSI_BODY_INVALID, "the message at offset %" PRId64 " of partition %" PRId32 " has no valid %s",
        message->offset, message->partition, name);
}

/* The first header that is missing or wrong; NULL: all are there. */
static const char *read_headers(const rd_kafka_headers_t *headers, struct bus_delivery *event)
{
    int64_t shard;
    const char *version = get(headers, "ce_specversion");
    const char *time = get(headers, "ce_time");
    const char *traceparent = get(headers, "traceparent");
    event->type = get(headers, "ce_type");
    if (!version || strcmp(version, "1.0") != 0) {
        return "ce_specversion";
    }
    if (!event->type || !*event->type) {
        return "ce_type";
    }
    if (!get_uuid(headers, "ce_id", &event->id)) {
        return "ce_id";
    }
    if (!get_uuid(headers, "ce_subject", &event->key)) {
        return "ce_subject";
    }
    if (!get_uuid(headers, "ce_orgid", &event->org_id)) {
        return "ce_orgid";
    }
    if (!time || !instant_parse(time, strlen(time), &event->time)) {
        return "ce_time";
    }
    if (!get_number(headers, "ce_shard", 0, BUS_SHARDS - 1, &shard)) {
        return "ce_shard";
    }
    if (!get_number(headers, "ce_position", 1, INT64_MAX - 1, &event->position)) {
        return "ce_position";
    }
    event->shard = (int)shard;
    event->traceparent = traceparent ? traceparent : "";
    return NULL;
}

struct err *bus_kafka_parse(const rd_kafka_message_t *message, const char *topic, struct bus_delivery *ret_event)
{
    struct bus_delivery event = {.topic = topic, .data = {.data = message->payload, .length = message->len}};
    rd_kafka_headers_t *headers;
    if (message->len > BUS_EVENT_SIZE_MAX_BYTES) {
        return err_new(&KONGSI_BODY_INVALID,
            "the message at offset %" PRId64 " of partition %" PRId32 " has %zu bytes, at most %zu", message->offset,
            message->partition, message->len, BUS_EVENT_SIZE_MAX_BYTES);
    }
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return invalid(message, "headers");
    }
    const char *wrong = read_headers(headers, &event);
    if (wrong) {
        return invalid(message, wrong);
    }
    if (event.shard != message->partition) {
        return invalid(message, "ce_shard (it is not the partition)");
    }
    *ret_event = event;
    return NULL;
}
