#include "libshared/base/metrics.h"

#include <inttypes.h>
#include <string.h>

static const int64_t BUCKET_BOUNDS_US[METRIC_BUCKETS] = {
    500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000};

/* All metrics, the newest first; only ever grows. */
static _Atomic(struct metric *) registry;

static void register_once(struct metric *metric)
{
    if (atomic_flag_test_and_set(&metric->registered)) {
        return;
    }
    struct metric *head = atomic_load(&registry);
    do {
        atomic_store(&metric->next, head);
    } while (!atomic_compare_exchange_weak(&registry, &head, metric));
}

void metric_add(struct metric *metric, int64_t amount)
{
    register_once(metric);
    atomic_fetch_add_explicit(&metric->value, amount, memory_order_relaxed);
}

void metric_set(struct metric *metric, int64_t value)
{
    register_once(metric);
    atomic_store_explicit(&metric->value, value, memory_order_relaxed);
}

void metric_observe_us(struct metric *metric, int64_t duration_us)
{
    register_once(metric);
    size_t bucket = 0;
    while (bucket < METRIC_BUCKETS && duration_us > BUCKET_BOUNDS_US[bucket]) {
        bucket++;
    }
    atomic_fetch_add_explicit(&metric->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric->sum_us, duration_us, memory_order_relaxed);
}

static void print_plain(struct buf *out, struct metric *metric)
{
    const char *labels = metric->labels ? metric->labels : "";
    buf_printf(out, "%s%s%s%s %" PRId64 "\n", metric->name, *labels ? "{" : "", labels, *labels ? "}" : "",
        atomic_load_explicit(&metric->value, memory_order_relaxed));
}

/* Buckets are cumulative in the text; the count is their sum, so that both agree even while others observe. */
static void print_histogram(struct buf *out, struct metric *metric)
{
    const char *labels = metric->labels ? metric->labels : "";
    const char *comma = *labels ? "," : "";
    int64_t count = 0;
    for (size_t i = 0; i < METRIC_BUCKETS; i++) {
        count += atomic_load_explicit(&metric->buckets[i], memory_order_relaxed);
        buf_printf(out, "%s_bucket{%s%sle=\"%g\"} %" PRId64 "\n", metric->name, labels, comma,
            (double)BUCKET_BOUNDS_US[i] / 1e6, count);
    }
    count += atomic_load_explicit(&metric->buckets[METRIC_BUCKETS], memory_order_relaxed);
    int64_t sum_us = atomic_load_explicit(&metric->sum_us, memory_order_relaxed);
    buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRId64 "\n", metric->name, labels, comma, count);
    const char *open = *labels ? "{" : "";
    const char *close = *labels ? "}" : "";
    buf_printf(out, "%s_sum%s%s%s %.6f\n", metric->name, open, labels, close, (double)sum_us / 1e6);
    buf_printf(out, "%s_count%s%s%s %" PRId64 "\n", metric->name, open, labels, close, count);
}

static bool is_first_of_name(const struct metric *head, const struct metric *metric)
{
    for (const struct metric *other = head; other != metric; other = atomic_load(&other->next)) {
        if (strcmp(other->name, metric->name) == 0) {
            return false;
        }
    }
    return true;
}

bool metrics_print(struct buf *out)
{
    static const char *const KINDS[] = {"counter", "gauge", "histogram"};
    struct metric *head = atomic_load(&registry);
    for (struct metric *metric = head; metric; metric = atomic_load(&metric->next)) {
        if (!is_first_of_name(head, metric)) {
            continue; /* lines of one name stand together */
        }
        buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help, metric->name, KINDS[metric->kind]);
        for (struct metric *same = metric; same; same = atomic_load(&same->next)) {
            if (strcmp(same->name, metric->name) != 0) {
                continue;
            }
            if (same->kind == METRIC_HISTOGRAM) {
                print_histogram(out, same);
            } else {
                print_plain(out, same);
            }
        }
    }
    return !out->failed;
}
