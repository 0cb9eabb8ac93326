#include "libshared/bus/bus_consumer.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "libshared/bus/bus_kafka.h"

#include <stdlib.h>
#include <string.h>

#define START_TIMEOUT_MS 1000
#define ARENA_CAP_BYTES ((size_t)128 * 1024 * 1024)

static void find_metrics(struct bus_consumer *consumer)
{
    consumer->delivered = bus_metric(BUS_METRIC_DELIVERED, consumer->name);
    consumer->lag = bus_metric(BUS_METRIC_LAG, consumer->name);
    consumer->failures = bus_metric(BUS_METRIC_FAILURES, consumer->name);
    consumer->dead_letters = bus_metric(BUS_METRIC_DEAD_LETTERS, consumer->name);
    consumer->gaps = bus_metric(BUS_METRIC_GAPS, consumer->name);
    consumer->lost = bus_metric(BUS_METRIC_LOST, consumer->name);
}

struct err *bus_consumer_new(struct bus *bus, const struct bus_consumer_options *options, struct bus_consumer **ret_consumer)
{
    struct bus_consumer *consumer = calloc(1, sizeof(*consumer));
    if (!consumer) {
        return err_out_of_memory();
    }
    consumer->bus = bus;
    consumer->start = options->start;
    consumer->pool = options->pool;
    consumer->deliver = options->deliver;
    consumer->context = options->context;
    consumer->name = strdup(options->name);
    consumer->component = strdup(options->component);
    consumer->topic = strdup(options->topic);
    consumer->service = strndup(options->name, strcspn(options->name, "."));
    consumer->arena = arena_new(ARENA_CAP_BYTES);
    if (!consumer->name || !consumer->component || !consumer->topic || !consumer->service || !consumer->arena) {
        bus_consumer_free(consumer);
        return err_out_of_memory();
    }
    find_metrics(consumer);
    *ret_consumer = consumer;
    return NULL;
}

void bus_consumer_free(struct bus_consumer *consumer)
{
    if (!consumer) {
        return;
    }
    arena_free(consumer->arena);
    free(consumer->name);
    free(consumer->component);
    free(consumer->topic);
    free(consumer->service);
    free(consumer);
}

static void *consumer_run(void *argument)
{
    struct bus_consumer *consumer = argument;
    bus_consumer_set_log_context(consumer, NULL);
    if (consumer->bus->transport == BUS_KAFKA) {
        bus_kafka_consumer_run(consumer);
    } else {
        bus_embedded_run(consumer);
    }
    return NULL;
}

struct err *bus_consumer_start(struct bus_consumer *consumer)
{
    consumer->positioned = false;
    if (!consumer->pool) {
        ERR_AUTO later = bus_position_load(consumer, START_TIMEOUT_MS);
        if (later) {
            log_err(LOG_LEVEL_INFO, later, "consumer %s will begin when %s answers", consumer->name, consumer->component);
        }
        log_set_context(NULL, NULL);
    }
    if (pthread_create(&consumer->thread, NULL, consumer_run, consumer) != 0) {
        return err_new(&KONGSI_UNAVAILABLE, "cannot start a thread for the consumer %s", consumer->name);
    }
    consumer->running = true;
    return NULL;
}

void bus_consumer_stop(struct bus_consumer *consumer)
{
    if (consumer->running) {
        pthread_join(consumer->thread, NULL);
        consumer->running = false;
    }
}

void bus_consumer_back_off(struct bus_consumer *consumer)
{
    int64_t ms = bus_backoff_ms(consumer->step++);
    if (consumer->kafka) {
        bus_kafka_wait(consumer->kafka, ms);
    } else {
        bus_sleep(consumer->bus, ms);
    }
}

void bus_consumer_set_log_context(const struct bus_consumer *consumer, const struct bus_delivery *event)
{
    char trace_id[33] = "";
    if (event && event->traceparent && strlen(event->traceparent) >= 35) { /* "00-", 32 digits, … */
        memcpy(trace_id, event->traceparent + 3, 32);
    }
    log_set_context(consumer->service, trace_id);
}
