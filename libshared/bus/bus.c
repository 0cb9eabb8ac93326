#include "libshared/bus/bus.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"
#include "libshared/base/log.h"
#include "libshared/bus/bus_consumer.h"
#include "libshared/bus/bus_internal.h"
#include "libshared/bus/bus_relay.h"

#include <stdlib.h>
#include <string.h>

bool bus_is_stopping(struct bus *bus)
{
    pthread_mutex_lock(&bus->mutex);
    bool stopping = bus->stopping;
    pthread_mutex_unlock(&bus->mutex);
    return stopping;
}

bool bus_sleep(struct bus *bus, int64_t ms)
{
    int64_t until_ms = clock_monotonic_ms() + ms;
    pthread_mutex_lock(&bus->mutex);
    while (!bus->stopping && clock_monotonic_ms() < until_ms) {
        bus_cond_wait_until(&bus->stop, &bus->mutex, until_ms);
    }
    bool stopping = bus->stopping;
    pthread_mutex_unlock(&bus->mutex);
    return stopping;
}

int64_t bus_backoff_ms(int step)
{
    int64_t ms = BUS_BACKOFF_MIN_MS;
    while (step-- > 0 && ms < BUS_BACKOFF_MAX_MS) {
        ms *= 2;
    }
    ms = ms < BUS_BACKOFF_MAX_MS ? ms : BUS_BACKOFF_MAX_MS;
    return ms / 2 + arc4random_uniform((uint32_t)(ms / 2 + 1));
}

void bus_trouble_add(struct bus_trouble *trouble, const struct err *error, const char *what)
{
    int64_t now_ms = clock_monotonic_ms();
    if (trouble->failures++ == 0) {
        *trouble = (struct bus_trouble){.failures = 1, .began_ms = now_ms};
        log_err(LOG_LEVEL_INFO, error, "%s fails; trying again", what);
    } else if (now_ms - trouble->began_ms >= BUS_TROUBLE_PATIENCE_MS &&
               (trouble->warned_ms == 0 || now_ms - trouble->warned_ms >= BUS_TROUBLE_PERIOD_MS)) {
        log_err(LOG_LEVEL_WARN, error, "%s fails since %d s (%d times); trying again", what,
            (int)((now_ms - trouble->began_ms) / 1000), trouble->failures);
        trouble->warned_ms = now_ms;
    }
}

void bus_trouble_end(struct bus_trouble *trouble, const char *what)
{
    if (trouble->failures > 0) {
        log_info("%s works again after %d failures", what, trouble->failures);
        trouble->failures = 0;
    }
}

struct err *bus_open(const struct bus_options *options, struct bus **ret_bus)
{
    struct bus *bus = calloc(1, sizeof(*bus));
    if (!bus) {
        return err_out_of_memory();
    }
    pthread_mutex_init(&bus->mutex, NULL);
    bus_cond_init(&bus->stop);
    bus->transport = options->transport;
    bus->net = options->net;
    bus->kafka_brokers = strdup(options->kafka_brokers ? options->kafka_brokers : "");
    if (!bus->kafka_brokers) {
        bus_close(bus);
        return err_out_of_memory();
    }
    if (bus->transport == BUS_KAFKA && !*bus->kafka_brokers) {
        bus_close(bus);
        return err_new(&KONGSI_CONFIG_INVALID, "the transport is kafka, but no brokers are named; set bus.kafka_brokers");
    }
    *ret_bus = bus;
    return NULL;
}

struct err *bus_add_log(struct bus *bus, struct bus_log *log)
{
    if (bus->log_count == BUS_LOGS_MAX) {
        return err_new(&KONGSI_INTERNAL, "more than %d logs in one process", BUS_LOGS_MAX);
    }
    bus->logs[bus->log_count++] = log;
    return NULL;
}

struct err *bus_add_consumer(struct bus *bus, const struct bus_consumer_options *options)
{
    if (bus->consumer_count == BUS_CONSUMERS_MAX) {
        return err_new(&KONGSI_INTERNAL, "more than %d consumers in one process", BUS_CONSUMERS_MAX);
    }
    ERR_TRY(bus_consumer_new(bus, options, &bus->consumers[bus->consumer_count]));
    bus->consumer_count++;
    return NULL;
}

static struct err *start_relays(struct bus *bus)
{
    while (bus->relay_count < bus->log_count) {
        ERR_TRY(bus_relay_start(bus, bus->logs[bus->relay_count], &bus->relays[bus->relay_count]));
        bus->relay_count++;
    }
    return NULL;
}

struct err *bus_start(struct bus *bus)
{
    pthread_mutex_lock(&bus->mutex);
    bus->stopping = false;
    pthread_mutex_unlock(&bus->mutex);
    for (size_t i = 0; i < bus->log_count; i++) {
        bus_log_set_draining(bus->logs[i], false);
    }
    if (bus->transport == BUS_KAFKA) {
        ERR_TRY(start_relays(bus));
    }
    for (size_t i = 0; i < bus->consumer_count; i++) {
        ERR_TRY(bus_consumer_start(bus->consumers[i]));
    }
    return NULL;
}

void bus_stop(struct bus *bus)
{
    pthread_mutex_lock(&bus->mutex);
    bus->stopping = true;
    pthread_cond_broadcast(&bus->stop);
    pthread_mutex_unlock(&bus->mutex);
    for (size_t i = 0; i < bus->log_count; i++) {
        bus_log_set_draining(bus->logs[i], true);
    }
    for (size_t i = 0; i < bus->consumer_count; i++) {
        bus_consumer_stop(bus->consumers[i]);
    }
    while (bus->relay_count > 0) {
        bus_relay_stop(bus->relays[--bus->relay_count]);
    }
}

void bus_close(struct bus *bus)
{
    if (!bus) {
        return;
    }
    bus_stop(bus);
    for (size_t i = 0; i < bus->consumer_count; i++) {
        bus_consumer_free(bus->consumers[i]);
    }
    free(bus->kafka_brokers);
    pthread_cond_destroy(&bus->stop);
    pthread_mutex_destroy(&bus->mutex);
    free(bus);
}
