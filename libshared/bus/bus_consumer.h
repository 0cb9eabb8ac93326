/* Inside the bus: a consumer. A transport reads pages of events and hands them to bus_consumer_take, which is the same above
 * both: order, duplicates, gaps, retries, parking.
 *
 * Everything here belongs to the consumer's own thread, besides new, start, stop and free. */
#pragma once

#include "libshared/bus/bus_internal.h"

#define BUS_BATCH_MAX 100 /* events delivered in one transaction */

struct bus_kafka_reader;

struct bus_consumer {
    struct bus *bus;
    char *name, *component, *topic;
    char *service; /* the part of the name before the dot: whose log lines these are */
    enum bus_start start;
    struct db_pool *pool; /* NULL: volatile */
    struct err *(*deliver)(const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *context);
    void *context;

    int64_t positions[BUS_SHARDS]; /* where it stands; for a durable one a guess that its table corrects */
    bool positioned;
    uint32_t busy;       /* shards another replica was delivering when last tried */
    struct arena *arena; /* of the batch under way */

    size_t singly;     /* so many events go one by one, because a batch of them failed */
    int failing_shard; /* the event that failed last, and how often */
    int64_t failing_position;
    int tries;
    int step; /* of the backoff */
    struct bus_trouble trouble;

    struct bus_kafka_reader *kafka; /* NULL: embedded */
    struct metric *delivered, *lag, *failures, *dead_letters, *gaps, *lost;
    pthread_t thread;
    bool running;
};

ERR_RESULT struct err *bus_consumer_new(
    struct bus *bus, const struct bus_consumer_options *options, struct bus_consumer **ret_consumer);
void bus_consumer_free(struct bus_consumer *consumer);
/* A volatile consumer stands at the heads when this returns, if its owner answers within a second. */
ERR_RESULT struct err *bus_consumer_start(struct bus_consumer *consumer);
void bus_consumer_stop(struct bus_consumer *consumer);

/* Events in order of shard, then position. One whose position is 0 is done with. */
struct bus_page {
    struct bus_delivery *events;
    size_t count;
};

/* Delivers the page's events, skips what the consumer has had, parks what cannot be delivered; returns when all are done
 * with, or the bus is stopping. `from_log`: the page came from the owner's log, so what is missing in it is gone; otherwise
 * gaps are filled from there. */
void bus_consumer_take(struct bus_consumer *consumer, struct bus_page *page, bool from_log);
/* Waits before the next try, longer each time; a Kafka reader stays in its group meanwhile. */
void bus_consumer_back_off(struct bus_consumer *consumer);
/* The log's context for what this event makes the thread do. */
void bus_consumer_set_log_context(const struct bus_consumer *consumer, const struct bus_delivery *event);

/* bus_position.c: where consumers stand, in the database. */

/* Finds where the consumer stands, or where it begins: stored positions, else by `start`. */
ERR_RESULT struct err *bus_position_load(struct bus_consumer *consumer, int64_t timeout_ms);
/* Takes those of the shards (bits) no other replica is delivering: ret_locked; positions[shard] is filled for them. */
ERR_RESULT struct err *bus_position_lock(const struct bus_consumer *consumer, struct db_tx *tx, struct arena *arena,
    uint32_t shards, uint32_t *ret_locked, int64_t *positions);
/* Queues the new positions of the shards, which the transaction has locked. */
ERR_RESULT struct err *bus_position_advance(
    const struct bus_consumer *consumer, struct db_tx *tx, struct arena *arena, uint32_t shards, const int64_t *positions);
/* Moves one shard from where the consumer stands to `position` without delivering. */
ERR_RESULT struct err *bus_position_jump(struct bus_consumer *consumer, int shard, int64_t position);

/* bus_source.c: the owner's log by RPC. */

/* Events after `positions` of the shards (bits), waiting up to wait_ms for the first. */
ERR_RESULT struct err *bus_source_read(struct bus_consumer *consumer, struct arena *arena, uint32_t shards,
    const int64_t *positions, int wait_ms, struct bus_page *ret_page);
/* Heads and retained positions of all shards; 0 for shards never written. Either array may be NULL. */
ERR_RESULT struct err *bus_source_heads(
    struct bus_consumer *consumer, int64_t timeout_ms, int64_t *heads, int64_t *retained);
/* Refreshes the lag metric. */
void bus_source_measure_lag(struct bus_consumer *consumer);

/* bus_dead_letter.c */

/* Parks an event in one transaction with its position. Not parked: another replica deals with it, or it is parked already.
 * An event without a position (below 1) moves none. */
ERR_RESULT struct err *bus_dead_letter_park(
    struct bus_consumer *consumer, const struct bus_delivery *event, const struct err *cause, int tries, bool *ret_parked);

/* bus_reconcile.c: what a broker does not bring. */

struct bus_reconciler {
    int64_t reconciled_ms;
    int64_t seen_positions[BUS_SHARDS]; /* at the last comparison */
    uint32_t seen_behind;
};
/* Compares with the owner's heads, every 10 s however often it is called. Shards that stay behind and do not move are read
 * from the log, whichever replica the broker meant them for: so a broker that is away delays events by some seconds, and
 * stops none. */
ERR_RESULT struct err *bus_reconcile(struct bus_consumer *consumer, struct bus_reconciler *reconciler);
/* Delivers what the owner's log has beyond our positions in the shards (bits), until there is no more. */
ERR_RESULT struct err *bus_catch_up(struct bus_consumer *consumer, uint32_t shards);

/* bus_embedded.c: the loop of a consumer that reads by RPC. */
void bus_embedded_run(struct bus_consumer *consumer);
