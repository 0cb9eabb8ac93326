/* Inside the bus: what its consumers and relays share. */
#pragma once

#include "libshared/bus/bus.h"
#include "libshared/bus/bus_log.h"

#include <pthread.h>
#include <stdbool.h>

#define BUS_CONSUMERS_MAX 64
#define BUS_LOGS_MAX 16

struct bus_consumer;
struct bus_relay;
struct bus_dead_letter_topic;

struct bus {
    enum bus_transport transport;
    char *kafka_brokers;
    struct rpc_net *net;
    struct bus_consumer *consumers[BUS_CONSUMERS_MAX];
    size_t consumer_count;
    struct bus_log *logs[BUS_LOGS_MAX];
    size_t log_count;
    struct bus_relay *relays[BUS_LOGS_MAX];
    size_t relay_count;
    pthread_mutex_t mutex;
    pthread_cond_t stop; /* guards and tells of `stopping` */
    bool stopping;
};

bool bus_is_stopping(struct bus *bus);
/* Sleeps; true: the bus is stopping. */
bool bus_sleep(struct bus *bus, int64_t ms);

#define BUS_BACKOFF_MIN_MS 50
#define BUS_BACKOFF_MAX_MS 5000

/* The pause before try `step` + 1: doubles from 50 ms to 5 s, of which up to half is left to chance, so that many do not
 * come back at once. */
int64_t bus_backoff_ms(int step);

/* Calm logging of something that may fail for long: a word at the first failure, a warning when it lasts, then one a period,
 * and the end. */
struct bus_trouble {
    int failures;
    int64_t began_ms;
    int64_t warned_ms; /* 0: not yet */
};
#define BUS_TROUBLE_PATIENCE_MS 1000
#define BUS_TROUBLE_PERIOD_MS 30000
void bus_trouble_add(struct bus_trouble *trouble, const struct err *error, const char *what);
void bus_trouble_end(struct bus_trouble *trouble, const char *what);
