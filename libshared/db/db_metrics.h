/* Metrics by database and by batch. Made at first use, kept for ever: /metrics may read them at any time. Internal to
 * libshared/db. */
#pragma once

#include "libshared/base/metrics.h"

struct db_metrics {
    struct metric connections; /* gauge */
    struct metric connects;    /* counters */
    struct metric connect_failures;
    struct metric waits;
    struct metric wait_failures;
    struct metric wait_seconds;
    struct metric query_seconds;
    struct metric commits;
    struct metric rollbacks;
    struct metric errors;
    struct metric uncertain;
};

struct db_batch_metrics {
    struct metric items;
    struct metric transactions;
    struct metric retries;
    struct metric refusals;
    struct metric queue_length;
    struct metric commit_seconds;
};

/* NULL only when out of memory. */
struct db_metrics *db_metrics_of(const char *database);
struct db_batch_metrics *db_batch_metrics_of(const char *batch);
