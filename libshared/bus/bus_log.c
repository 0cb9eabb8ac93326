#include "libshared/bus/bus_log.h"

#include "gen/bus_sql.h"
#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"
#include "libshared/base/log.h"

#include <stdlib.h>
#include <string.h>

#define MAINTAIN_PERIOD_MS 3600000
#define MAINTAIN_RETRY_MIN_MS 1000
#define MAINTAIN_RETRY_MAX_MS 60000

int bus_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int result = pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
    return result;
}

void bus_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_ms)
{
    struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    pthread_cond_timedwait(cond, mutex, &until);
}

int bus_log_topic(const struct bus_log *log, const char *topic)
{
    for (size_t i = 0; i < log->topic_count; i++) {
        if (strcmp(log->topics[i], topic) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static uint64_t commits_of(const struct bus_log *log, int topic)
{
    return topic == BUS_TOPIC_ANY ? log->commits_total : log->commits[topic];
}

uint64_t bus_log_commits(struct bus_log *log, int topic)
{
    pthread_mutex_lock(&log->mutex);
    uint64_t commits = commits_of(log, topic);
    pthread_mutex_unlock(&log->mutex);
    return commits;
}

bool bus_log_wait(struct bus_log *log, int topic, uint64_t commits, int64_t deadline_ms)
{
    int64_t now_ms = clock_monotonic_ms();
    int64_t poll_ms = now_ms + BUS_POLL_MS;
    int64_t until_ms = poll_ms < deadline_ms ? poll_ms : deadline_ms;
    pthread_mutex_lock(&log->mutex);
    while (!log->draining && commits_of(log, topic) == commits && clock_monotonic_ms() < until_ms) {
        bus_cond_wait_until(&log->changed, &log->mutex, until_ms);
    }
    bool again = !log->draining && (commits_of(log, topic) != commits || clock_monotonic_ms() < deadline_ms);
    pthread_mutex_unlock(&log->mutex);
    return again;
}

void bus_log_wake(struct bus_log *log, uint64_t topics)
{
    pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->topic_count; i++) {
        if (topics >> i & 1) {
            log->commits[i]++;
        }
    }
    log->commits_total++;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->mutex);
}

void bus_log_set_draining(struct bus_log *log, bool draining)
{
    pthread_mutex_lock(&log->mutex);
    log->draining = draining;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->mutex);
}

bool bus_log_is_draining(struct bus_log *log)
{
    pthread_mutex_lock(&log->mutex);
    bool draining = log->draining;
    pthread_mutex_unlock(&log->mutex);
    return draining;
}

static struct err *seed(struct bus_log *log, struct arena *arena, struct db_scope scope)
{
    if (atomic_load(&log->seeded)) {
        return NULL;
    }
    struct db_params params = db_params_new(arena);
    db_add_text_array(&params, (const char *const *)log->topics, log->topic_count);
    db_add_int(&params, BUS_SHARDS);
    ERR_TRY(db_run(log->pool, scope, &BUS_SQL_event_log_heads_seed, &params, NULL));
    atomic_store(&log->seeded, true);
    return NULL;
}

/* Heads for every shard, partitions for the coming days, none for those past. */
static struct err *maintain(struct bus_log *log)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    struct db_scope scope = db_scope_system(clock_monotonic_ms() + BUS_DB_TIMEOUT_MS);
    ERR_TRY(seed(log, arena, scope));
    struct db_params params = db_params_new(arena);
    db_add_int(&params, log->retention_days);
    return db_run(log->pool, scope, &BUS_SQL_event_log_maintain, &params, NULL);
}

/* Waits; true: the log is being closed. */
static bool maintainer_wait(struct bus_log *log, int64_t ms)
{
    int64_t until_ms = clock_monotonic_ms() + ms;
    pthread_mutex_lock(&log->mutex);
    while (!log->closing && clock_monotonic_ms() < until_ms) {
        bus_cond_wait_until(&log->changed, &log->mutex, until_ms);
    }
    bool closing = log->closing;
    pthread_mutex_unlock(&log->mutex);
    return closing;
}

static void *maintainer_run(void *argument)
{
    struct bus_log *log = argument;
    log_set_context(log->component, NULL);
    int64_t retry_ms = MAINTAIN_RETRY_MIN_MS;
    int64_t wait_ms = atomic_load(&log->seeded) ? MAINTAIN_PERIOD_MS : retry_ms;
    while (!maintainer_wait(log, wait_ms)) {
        ERR_AUTO error = maintain(log);
        if (error) {
            log_err(LOG_LEVEL_WARN, error, "cannot maintain the event log's partitions; trying again in %d s",
                (int)(retry_ms / 1000));
            wait_ms = retry_ms;
            retry_ms = retry_ms * 2 < MAINTAIN_RETRY_MAX_MS ? retry_ms * 2 : MAINTAIN_RETRY_MAX_MS;
        } else {
            wait_ms = MAINTAIN_PERIOD_MS;
            retry_ms = MAINTAIN_RETRY_MIN_MS;
        }
    }
    return NULL;
}

static struct bus_log *log_new(const struct bus_log_options *options)
{
    struct bus_log *log = calloc(1, sizeof(*log));
    if (!log) {
        return NULL;
    }
    pthread_mutex_init(&log->mutex, NULL);
    bus_cond_init(&log->changed);
    log->pool = options->pool;
    log->retention_days = options->retention_days > 0 ? options->retention_days : BUS_RETENTION_DAYS_DEFAULT;
    log->component = strdup(options->component);
    log->topics = calloc(BUS_TOPICS_MAX + 1, sizeof(*log->topics));
    for (; log->topics && options->topics[log->topic_count]; log->topic_count++) {
        check(log->topic_count < BUS_TOPICS_MAX);
        log->topics[log->topic_count] = strdup(options->topics[log->topic_count]);
        if (!log->topics[log->topic_count]) {
            break;
        }
    }
    if (!log->component || !log->topics || options->topics[log->topic_count]) {
        bus_log_close(log);
        return NULL;
    }
    log->appended = bus_metric(BUS_METRIC_APPENDED, log->component);
    return log;
}

struct err *bus_log_open(const struct bus_log_options *options, struct bus_log **ret_log)
{
    struct bus_log *log = log_new(options);
    if (!log) {
        return err_out_of_memory();
    }
    /* PostgreSQL may be away for now; anything else is a fault of the installation. */
    struct err *error = maintain(log);
    if (error && error->code != ERR_UNAVAILABLE && error->code != ERR_DEADLINE_EXCEEDED && !atomic_load(&log->seeded)) {
        bus_log_close(log);
        return error;
    }
    if (error) {
        log_err(LOG_LEVEL_WARN, error, "the event log of %s is not ready yet", log->component);
        err_free(error);
    }
    if (pthread_create(&log->maintainer, NULL, maintainer_run, log) != 0) {
        bus_log_close(log);
        return err_new(&KONGSI_UNAVAILABLE, "cannot start a thread for the event log of %s", options->component);
    }
    log->maintained = true;
    *ret_log = log;
    return NULL;
}

void bus_log_close(struct bus_log *log)
{
    if (!log) {
        return;
    }
    pthread_mutex_lock(&log->mutex);
    log->draining = true;
    log->closing = true;
    pthread_cond_broadcast(&log->changed);
    pthread_mutex_unlock(&log->mutex);
    if (log->maintained) {
        pthread_join(log->maintainer, NULL);
    }
    for (size_t i = 0; log->topics && i < log->topic_count; i++) {
        free(log->topics[i]);
    }
    free(log->topics);
    free(log->component);
    pthread_cond_destroy(&log->changed);
    pthread_mutex_destroy(&log->mutex);
    free(log);
}
