#include "libshared/db/db_metrics.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABELS_SIZE 128

struct described {
    size_t offset;
    enum metric_kind kind;
    const char *name;
    const char *help;
};

#define POOL(field, kind, name, help)                                                                                       \
    {                                                                                                                       \
        offsetof(struct db_metrics, field), kind, name, help                                                                \
    }
static const struct described POOL_METRICS[] = {
    POOL(connections, METRIC_GAUGE, "kongsi_db_connections", "Connections to PostgreSQL, idle ones included."),
    POOL(connects, METRIC_COUNTER, "kongsi_db_connects_total", "Connections made."),
    POOL(connect_failures, METRIC_COUNTER, "kongsi_db_connect_failures_total", "Attempts to connect that failed."),
    POOL(waits, METRIC_COUNTER, "kongsi_db_waits_total", "Transactions that waited for a free connection."),
    POOL(wait_failures, METRIC_COUNTER, "kongsi_db_wait_failures_total", "Transactions that got no connection in time."),
    POOL(wait_seconds, METRIC_HISTOGRAM, "kongsi_db_wait_seconds", "Time a transaction waited for a connection."),
    POOL(query_seconds, METRIC_HISTOGRAM, "kongsi_db_query_seconds", "Time of one round trip to PostgreSQL."),
    POOL(commits, METRIC_COUNTER, "kongsi_db_commits_total", "Transactions committed."),
    POOL(rollbacks, METRIC_COUNTER, "kongsi_db_rollbacks_total", "Transactions rolled back."),
    POOL(errors, METRIC_COUNTER, "kongsi_db_errors_total", "Statements that failed."),
    POOL(uncertain, METRIC_COUNTER, "kongsi_db_uncertain_commits_total", "Commits whose outcome is unknown."),
};

#define BATCH(field, kind, name, help)                                                                                      \
    {                                                                                                                       \
        offsetof(struct db_batch_metrics, field), kind, name, help                                                          \
    }
static const struct described BATCH_METRICS[] = {
    BATCH(items, METRIC_COUNTER, "kongsi_db_batch_items_total", "Items committed by group commit."),
    BATCH(transactions, METRIC_COUNTER, "kongsi_db_batch_transactions_total", "Transactions that committed them."),
    BATCH(retries, METRIC_COUNTER, "kongsi_db_batch_retries_total", "Batches that failed and were tried again in parts."),
    BATCH(refusals, METRIC_COUNTER, "kongsi_db_batch_refusals_total", "Items refused because the queue was full."),
    BATCH(queue_length, METRIC_GAUGE, "kongsi_db_batch_queue_length", "Items waiting for a writer."),
    BATCH(
        commit_seconds, METRIC_HISTOGRAM, "kongsi_db_batch_commit_seconds", "Time from an item's submission to its answer."),
};

/* One set of metrics with one label. */
struct entry {
    struct entry *next;
    char labels[LABELS_SIZE];
    union {
        struct db_metrics pool;
        struct db_batch_metrics batch;
    } metrics;
};

static pthread_mutex_t entries_lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *entries;

static void *find_or_make(const char *labels, const struct described *described, size_t count)
{
    for (struct entry *entry = entries; entry; entry = entry->next) {
        if (strcmp(entry->labels, labels) == 0) {
            return &entry->metrics;
        }
    }
    struct entry *entry = calloc(1, sizeof(*entry));
    if (!entry) {
        return NULL;
    }
    snprintf(entry->labels, sizeof(entry->labels), "%s", labels);
    for (size_t i = 0; i < count; i++) {
        struct metric *metric = (struct metric *)((char *)&entry->metrics + described[i].offset);
        metric->name = described[i].name;
        metric->help = described[i].help;
        metric->kind = described[i].kind;
        metric->labels = entry->labels;
        metric_add(metric, 0); /* shown from the start */
    }
    entry->next = entries;
    entries = entry;
    return &entry->metrics;
}

static void *metrics_of(const char *label, const char *value, const struct described *described, size_t count)
{
    char labels[LABELS_SIZE];
    snprintf(labels, sizeof(labels), "%s=\"%.100s\"", label, value);
    for (char *c = labels + strlen(label) + 2; *c && c[1]; c++) {
        *c = *c == '"' || *c == '\\' || *c == '\n' ? '_' : *c; /* what the text format would have to escape */
    }
    pthread_mutex_lock(&entries_lock);
    void *metrics = find_or_make(labels, described, count);
    pthread_mutex_unlock(&entries_lock);
    return metrics;
}

struct db_metrics *db_metrics_of(const char *database)
{
    return metrics_of("database", database, POOL_METRICS, sizeof(POOL_METRICS) / sizeof(POOL_METRICS[0]));
}

struct db_batch_metrics *db_batch_metrics_of(const char *batch)
{
    return metrics_of("batch", batch, BATCH_METRICS, sizeof(BATCH_METRICS) / sizeof(BATCH_METRICS[0]));
}
