/* Counters and histograms, shown at /metrics in Prometheus' text format.
 *
 * A metric is a static value declared with its help text; registering happens at first use. Names:
 * kongsi_<service>_<thing>_<unit>_total or …_seconds. Updates are atomic and cheap. */
#pragma once

#include "libshared/base/str.h"

#include <stdatomic.h>
#include <stdint.h>

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

#define METRIC_BUCKETS 12 /* 0.5 1 2.5 5 10 25 50 100 250 500 1000 2500 ms, then +Inf */

struct metric {
    const char *name;
    const char *help;
    enum metric_kind kind;
    const char *labels; /* fixed labels as they are printed: service="messaging"; NULL: none */
    _Atomic int64_t value;
    _Atomic int64_t sum_us;
    _Atomic int64_t buckets[METRIC_BUCKETS + 1];
    _Atomic(struct metric *) next;
    atomic_flag registered;
};

#define METRIC_DEFINE(variable, metric_kind_, metric_name, metric_help)                                                     \
    struct metric variable = {                                                                                              \
        .name = (metric_name), .help = (metric_help), .kind = (metric_kind_), .registered = ATOMIC_FLAG_INIT}

void metric_add(struct metric *metric, int64_t amount);
void metric_set(struct metric *metric, int64_t value);
void metric_observe_us(struct metric *metric, int64_t duration_us);
/* All registered metrics as text. */
bool metrics_print(struct buf *out);
