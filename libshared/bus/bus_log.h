/* Inside the bus: a log's state, and how its readers wait for news. */
#pragma once

#include "libshared/bus/bus.h"
#include "libshared/bus/bus_metrics.h"

#include <pthread.h>
#include <stdatomic.h>

#define BUS_POLL_MS 250 /* how late a reader hears of another process's append */
#define BUS_PAGE_SIZE_DEFAULT 500
#define BUS_PAGE_SIZE_MAX 5000
#define BUS_PAGE_MAX_BYTES ((int64_t)4 * 1024 * 1024)
#define BUS_DB_TIMEOUT_MS 30000

struct bus_log {
    char *component;
    struct db_pool *pool;
    char **topics; /* topic_count of them, then NULL */
    size_t topic_count;
    int retention_days;
    atomic_bool seeded; /* every shard has its head */
    struct metric *appended;

    pthread_mutex_t mutex;
    pthread_cond_t changed;           /* guards and tells of what follows */
    uint64_t commits[BUS_TOPICS_MAX]; /* of this process, per topic */
    uint64_t commits_total;
    bool draining, closing;
    pthread_t maintainer;
    bool maintained;
};

/* The topic's place in the log; -1: not one of its topics. */
int bus_log_topic(const struct bus_log *log, const char *topic);
/* For every topic. */
#define BUS_TOPIC_ANY (-1)
/* How many appends this process has committed. Taken before a read, it tells bus_log_wait what the read may have missed. */
uint64_t bus_log_commits(struct bus_log *log, int topic);
/* Waits until there may be news since `commits`: an append of this process, or BUS_POLL_MS. False: the deadline has passed,
 * or readers are sent away. */
bool bus_log_wait(struct bus_log *log, int topic, uint64_t commits, int64_t deadline_ms);
/* Tells the readers of the topics (bit i: topic i). */
void bus_log_wake(struct bus_log *log, uint64_t topics);
/* Sends readers away, or lets them wait again. */
void bus_log_set_draining(struct bus_log *log, bool draining);
bool bus_log_is_draining(struct bus_log *log);

/* Monotonic condition variables: their waits take deadlines of clock_monotonic_ms. */
int bus_cond_init(pthread_cond_t *cond);
void bus_cond_wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t deadline_ms);
