/* The bus's numbers, one value per log or consumer. */
#pragma once

#include "libshared/base/metrics.h"

enum bus_metric {
    BUS_METRIC_APPENDED,
    BUS_METRIC_DELIVERED,
    BUS_METRIC_LAG,
    BUS_METRIC_FAILURES,
    BUS_METRIC_DEAD_LETTERS,
    BUS_METRIC_GAPS,
    BUS_METRIC_LOST,
    BUS_METRIC_RELAYED,
    BUS_METRIC_RELAY_LAG,
    BUS_METRIC_REWINDS,
    BUS_METRICS,
};

/* The metric of a log or consumer by its name; made at first use, lives as long as the process. NULL when out of memory,
 * which the functions below take. */
struct metric *bus_metric(enum bus_metric which, const char *name);
void bus_metric_add(struct metric *metric, int64_t amount);
void bus_metric_set(struct metric *metric, int64_t value);
