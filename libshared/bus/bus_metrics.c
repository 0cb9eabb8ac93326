#include "libshared/bus/bus_metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_LENGTH_MAX 100

struct family {
    const char *name, *label, *help;
    enum metric_kind kind;
};

static const struct family FAMILIES[BUS_METRICS] = {
    [BUS_METRIC_APPENDED] = {"kongsi_bus_appended_total", "log", "Events handed to the log, committed or not.",
        METRIC_COUNTER},
    [BUS_METRIC_DELIVERED] = {"kongsi_bus_delivered_total", "consumer", "Events whose effect is done.", METRIC_COUNTER},
    [BUS_METRIC_LAG] = {"kongsi_bus_lag_events", "consumer", "Events in the log that the consumer has not had yet.",
        METRIC_GAUGE},
    [BUS_METRIC_FAILURES] = {"kongsi_bus_delivery_failures_total", "consumer", "Tries of a delivery that failed.",
        METRIC_COUNTER},
    [BUS_METRIC_DEAD_LETTERS] = {"kongsi_bus_dead_letters_total", "consumer", "Events given up and parked.", METRIC_COUNTER},
    [BUS_METRIC_GAPS] = {"kongsi_bus_gaps_total", "consumer", "Gaps of the transport, filled from the owner's log.",
        METRIC_COUNTER},
    [BUS_METRIC_LOST] = {"kongsi_bus_lost_total", "consumer", "Events that were gone from the log before they were read.",
        METRIC_COUNTER},
    [BUS_METRIC_RELAYED] = {"kongsi_bus_relayed_total", "log", "Events Kafka has acknowledged.", METRIC_COUNTER},
    [BUS_METRIC_RELAY_LAG] = {"kongsi_bus_relay_lag_events", "log", "Events in the log that Kafka does not have yet.",
        METRIC_GAUGE},
    [BUS_METRIC_REWINDS] = {"kongsi_bus_relay_rewinds_total", "log", "Shards published again because Kafka had lost them.",
        METRIC_COUNTER},
};

/* A metric that is registered once is printed for ever, so entries are never freed. */
struct entry {
    struct metric metric;
    enum bus_metric which;
    struct entry *next;
    char name[NAME_LENGTH_MAX + 1];
    char labels[NAME_LENGTH_MAX + 20];
};

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct entry *entries; /* guarded by mutex */

static struct entry *entry_new(enum bus_metric which, const char *name)
{
    struct entry *entry = calloc(1, sizeof(*entry));
    if (!entry) {
        return NULL;
    }
    const struct family *family = &FAMILIES[which];
    entry->which = which;
    snprintf(entry->name, sizeof(entry->name), "%s", name);
    snprintf(entry->labels, sizeof(entry->labels), "%s=\"%s\"", family->label, entry->name);
    entry->metric.name = family->name;
    entry->metric.help = family->help;
    entry->metric.kind = family->kind;
    entry->metric.labels = entry->labels;
    atomic_flag_clear(&entry->metric.registered);
    return entry;
}

struct metric *bus_metric(enum bus_metric which, const char *name)
{
    pthread_mutex_lock(&mutex);
    struct entry *entry = entries;
    while (entry && (entry->which != which || strncmp(entry->name, name, NAME_LENGTH_MAX) != 0)) {
        entry = entry->next;
    }
    if (!entry) {
        entry = entry_new(which, name);
        if (entry) {
            entry->next = entries;
            entries = entry;
        }
    }
    pthread_mutex_unlock(&mutex);
    if (!entry) {
        return NULL;
    }
    metric_add(&entry->metric, 0); /* shown from the start, as 0 */
    return &entry->metric;
}

void bus_metric_add(struct metric *metric, int64_t amount)
{
    if (metric) {
        metric_add(metric, amount);
    }
}

void bus_metric_set(struct metric *metric, int64_t value)
{
    if (metric) {
        metric_set(metric, value);
    }
}
