/* Delivering pages: what both transports have in common.
 *
 * A durable consumer delivers batches: from each shard the leading run of events of one organization, in one transaction
 * together with the new positions. The positions in memory are a guess; the rows, locked first, decide. A batch that fails
 * is tried again event by event, so that only the bad one fails. */
#include "libshared/bus/bus_consumer.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "libshared/bus/bus_kafka.h"

#include <inttypes.h>
#include <stdlib.h>

#define FILL_ARENA_CAP_BYTES ((size_t)64 * 1024 * 1024)
#define BUSY_WAIT_MIN_MS 20
#define BUSY_WAIT_SPREAD_MS 80

struct batch {
    struct uuid org_id;
    struct bus_delivery *events[BUS_BATCH_MAX];
    size_t count;
    uint32_t shards;               /* bits of those it touches */
    int64_t positions[BUS_SHARDS]; /* after it */
};

static bool is_pending(const struct bus_consumer *consumer, const struct bus_delivery *event)
{
    return event->position > consumer->positions[event->shard];
}

/* Gathers the next batch. Returns the first pending event of the page; NULL: all is done with. An empty batch: that event
 * cannot be delivered yet, because one before it is missing or its shard is busy. */
static struct bus_delivery *gather(const struct bus_consumer *consumer, struct bus_page *page, struct batch *batch)
{
    struct bus_delivery *first = NULL;
    uint32_t blocked = consumer->busy;
    *batch = (struct batch){.count = 0};
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        batch->positions[shard] = consumer->positions[shard];
    }
    size_t room = consumer->singly > 0 ? 1 : BUS_BATCH_MAX;
    for (size_t i = 0; i < page->count && batch->count < room; i++) {
        struct bus_delivery *event = &page->events[i];
        uint32_t bit = UINT32_C(1) << event->shard;
        if (!is_pending(consumer, event)) {
            continue;
        }
        if (!first || (consumer->busy >> first->shard & 1)) {
            first = event; /* prefers one that is not busy */
        }
        bool fits = event->position == batch->positions[event->shard] + 1 &&
                    (batch->count == 0 || uuid_equal(event->org_id, batch->org_id));
        if (blocked & bit || !fits) {
            blocked |= event->position > batch->positions[event->shard] ? bit : 0; /* a duplicate blocks nothing */
            continue;
        }
        batch->org_id = event->org_id;
        batch->events[batch->count++] = event;
        batch->positions[event->shard] = event->position;
        batch->shards |= bit;
    }
    return first;
}

/* Takes the rows of the batch's shards and compares: false when the batch must be gathered anew, on what was learned. */
static struct err *agree_on_positions(
    struct bus_consumer *consumer, struct db_tx *tx, const struct batch *batch, bool *ret_agreed)
{
    uint32_t locked = 0;
    int64_t stored[BUS_SHARDS] = {0};
    ERR_TRY(bus_position_lock(consumer, tx, consumer->arena, batch->shards, &locked, stored));
    bool agreed = locked == batch->shards;
    consumer->busy |= batch->shards & ~locked;
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        if (locked >> shard & 1 && stored[shard] != consumer->positions[shard]) {
            consumer->positions[shard] = stored[shard];
            agreed = false;
        }
    }
    *ret_agreed = agreed;
    return NULL;
}

static struct err *deliver_durable(struct bus_consumer *consumer, const struct batch *batch, bool *ret_agreed)
{
    arena_reset(consumer->arena);
    DB_TX_AUTO tx = NULL;
    struct db_scope scope = db_scope_org(batch->org_id, clock_monotonic_ms() + BUS_DB_TIMEOUT_MS);
    ERR_TRY(db_begin(consumer->pool, scope, &tx));
    ERR_TRY(agree_on_positions(consumer, tx, batch, ret_agreed));
    if (!*ret_agreed) {
        return NULL;
    }
    for (size_t i = 0; i < batch->count; i++) {
        bus_consumer_set_log_context(consumer, batch->events[i]);
        ERR_TRY(consumer->deliver(batch->events[i], tx, consumer->arena, consumer->context));
    }
    ERR_TRY(bus_position_advance(consumer, tx, consumer->arena, batch->shards, batch->positions));
    return db_commit_auto(tx);
}

/* Without a database every event stands for itself; the batch becomes what was delivered. */
static struct err *deliver_volatile(struct bus_consumer *consumer, struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        arena_reset(consumer->arena);
        bus_consumer_set_log_context(consumer, batch->events[i]);
        struct err *error = consumer->deliver(batch->events[i], NULL, consumer->arena, consumer->context);
        if (error) {
            batch->events[0] = batch->events[i];
            batch->count = 1;
            return error;
        }
        consumer->positions[batch->events[i]->shard] = batch->events[i]->position;
        bus_metric_add(consumer->delivered, 1);
    }
    return NULL;
}

/* An event is done with, one way or the other. */
static void forget_failure(struct bus_consumer *consumer)
{
    consumer->singly -= consumer->singly > 0;
    consumer->tries = 0;
    consumer->step = 0;
}

static void settle(struct bus_consumer *consumer, const struct batch *batch)
{
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        if (batch->shards >> shard & 1) {
            consumer->positions[shard] = batch->positions[shard];
        }
    }
    if (consumer->pool) {
        bus_metric_add(consumer->delivered, (int64_t)batch->count);
    }
    forget_failure(consumer);
    bus_trouble_end(&consumer->trouble, consumer->name);
}

/* Whether trying for ever is right: something the event needs is away. What is wrong with the event itself shows again and
 * again, and so do conflicts that are not of the moment. */
static bool is_passing(const struct err *error)
{
    return error->code == ERR_UNAVAILABLE || error->code == ERR_DEADLINE_EXCEEDED ||
           (error->code == ERR_RESOURCE_EXHAUSTED && !err_is(error, &KONGSI_OUT_OF_MEMORY));
}

static int count_try(struct bus_consumer *consumer, const struct bus_delivery *event)
{
    if (consumer->failing_shard != event->shard || consumer->failing_position != event->position) {
        consumer->failing_shard = event->shard;
        consumer->failing_position = event->position;
        consumer->tries = 0;
        consumer->step = 0;
    }
    return ++consumer->tries;
}

/* Sets a bad event aside, where an operator finds it; false: could not. */
static bool park(struct bus_consumer *consumer, const struct bus_delivery *event, const struct err *cause)
{
    bool parked = false;
    ERR_AUTO error = bus_dead_letter_park(consumer, event, cause, consumer->tries, &parked);
    if (error) {
        bus_trouble_add(&consumer->trouble, error, consumer->name);
        bus_consumer_back_off(consumer);
        return false;
    }
    if (parked && consumer->kafka) {
        bus_kafka_copy_dead_letter(consumer->kafka, event, cause, consumer->tries);
    }
    return true;
}

/* The event is beyond help: parked by a durable consumer, left out by a volatile one. */
static void give_up(struct bus_consumer *consumer, const struct bus_delivery *event, const struct err *cause)
{
    if (consumer->pool && !park(consumer, event, cause)) {
        return;
    }
    log_err(LOG_LEVEL_ERROR, cause, "consumer %s gives up event %" PRId64 " of shard %d of %s after %d tries: %s",
        consumer->name, event->position, event->shard, event->topic, consumer->tries,
        consumer->pool ? "parked in dead_letters" : "left out");
    bus_metric_add(consumer->dead_letters, 1);
    consumer->positions[event->shard] = event->position;
    forget_failure(consumer);
}

static void fail(struct bus_consumer *consumer, const struct batch *batch, const struct err *error)
{
    bus_metric_add(consumer->failures, 1);
    if (is_passing(error)) {
        bus_trouble_add(&consumer->trouble, error, consumer->name);
        bus_consumer_back_off(consumer);
        return;
    }
    if (consumer->pool && batch->count > 1) {
        consumer->singly = batch->count;
        return;
    }
    const struct bus_delivery *event = batch->events[0];
    int tries = count_try(consumer, event);
    if (tries >= BUS_TRIES_MAX) {
        give_up(consumer, event, error);
        return;
    }
    log_err(LOG_LEVEL_WARN, error, "consumer %s fails on event %" PRId64 " of shard %d of %s, try %d of %d", consumer->name,
        event->position, event->shard, event->topic, tries, BUS_TRIES_MAX);
    bus_consumer_back_off(consumer);
}

static void deliver(struct bus_consumer *consumer, struct batch *batch)
{
    bool agreed = true;
    ERR_AUTO error = consumer->pool ? deliver_durable(consumer, batch, &agreed) : deliver_volatile(consumer, batch);
    bus_consumer_set_log_context(consumer, NULL);
    if (error) {
        fail(consumer, batch, error);
    } else if (agreed) {
        settle(consumer, batch);
    }
}

/* What the owner's log does not have between where we stand and `next` is gone: it was older than the log's retention. */
static void skip_lost(struct bus_consumer *consumer, const struct bus_delivery *next)
{
    int64_t from = consumer->positions[next->shard];
    ERR_AUTO error = bus_position_jump(consumer, next->shard, next->position - 1);
    if (error) {
        bus_trouble_add(&consumer->trouble, error, consumer->name);
        bus_consumer_back_off(consumer);
        return;
    }
    int64_t lost = next->position - 1 - from;
    bus_metric_add(consumer->lost, lost);
    log_write(consumer->pool ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
        "consumer %s: %" PRId64 " events of shard %d of %s behind position %" PRId64
        " are gone from the log; going on with %" PRId64,
        consumer->name, lost, next->shard, next->topic, from, next->position);
}

/* An event beyond the log's head was never said by its owner: a forgery on the broker, or what is left of a database since
 * restored. */
static void refuse_unheard(struct bus_consumer *consumer, struct bus_delivery *event)
{
    ERR_AUTO refusal = err_new(&KONGSI_BODY_INVALID, "position %" PRId64 " of shard %d of %s is beyond the log's head",
        event->position, event->shard, event->topic);
    log_err(LOG_LEVEL_ERROR, refusal, "consumer %s refuses an event its owner has not said", consumer->name);
    event->position = 0;
    bus_metric_add(consumer->dead_letters, 1);
}

/* The transport left out what lies before `next`: it comes from the owner's log. */
static void fill_gap(struct bus_consumer *consumer, struct bus_delivery *next)
{
    ARENA_AUTO arena = arena_new(FILL_ARENA_CAP_BYTES);
    struct bus_page page = {.count = 0};
    ERR_AUTO error = arena ? bus_source_read(consumer, arena, UINT32_C(1) << next->shard, consumer->positions, 0, &page)
                           : err_out_of_memory();
    if (error) {
        bus_trouble_add(&consumer->trouble, error, consumer->name);
        bus_consumer_back_off(consumer);
        return;
    }
    if (page.count == 0) {
        refuse_unheard(consumer, next);
        return;
    }
    log_info("consumer %s fills a gap of shard %d of %s before position %" PRId64 " from the log", consumer->name,
        next->shard, next->topic, next->position);
    bus_metric_add(consumer->gaps, 1);
    bus_consumer_take(consumer, &page, true);
}

/* Other replicas deliver the shards that are left: looks again in a moment. */
static void wait_for_busy(struct bus_consumer *consumer)
{
    consumer->busy = 0;
    if (bus_sleep(consumer->bus, BUSY_WAIT_MIN_MS + arc4random_uniform(BUSY_WAIT_SPREAD_MS))) {
        return;
    }
    ERR_AUTO error = bus_position_load(consumer, 0);
    if (error) {
        bus_trouble_add(&consumer->trouble, error, consumer->name);
        bus_consumer_back_off(consumer);
    }
}

void bus_consumer_take(struct bus_consumer *consumer, struct bus_page *page, bool from_log)
{
    while (!bus_is_stopping(consumer->bus)) {
        struct batch batch;
        struct bus_delivery *first = gather(consumer, page, &batch);
        if (!first) {
            return;
        }
        if (batch.count > 0) {
            deliver(consumer, &batch);
        } else if (consumer->busy >> first->shard & 1) {
            wait_for_busy(consumer);
        } else if (from_log) {
            skip_lost(consumer, first);
        } else {
            fill_gap(consumer, first);
        }
    }
}
