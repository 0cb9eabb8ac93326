/* Comparing a consumer on Kafka with the owner's log: what Kafka does not bring is read from there. */
#include "libshared/bus/bus_consumer.h"

#include "libshared/base/log.h"

#include <inttypes.h>

#define RECONCILE_PERIOD_MS 10000
#define FILL_ARENA_CAP_BYTES ((size_t)64 * 1024 * 1024)

struct err *bus_catch_up(struct bus_consumer *consumer, uint32_t shards)
{
    ARENA_AUTO arena = arena_new(FILL_ARENA_CAP_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    while (shards && !bus_is_stopping(consumer->bus)) {
        struct bus_page page;
        ERR_TRY(bus_source_read(consumer, arena, shards, consumer->positions, 0, &page));
        if (page.count == 0) {
            break;
        }
        bus_consumer_take(consumer, &page, true);
        arena_reset(arena);
    }
    return NULL;
}

/* The shards that are behind their heads and have not moved since the last look. */
static uint32_t find_stuck(
    const struct bus_consumer *consumer, struct bus_reconciler *reconciler, const int64_t *heads, int64_t *ret_lag)
{
    uint32_t behind = 0, stuck = 0;
    *ret_lag = 0;
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        int64_t position = consumer->positions[shard];
        if (heads[shard] > position) {
            bool moved = !(reconciler->seen_behind >> shard & 1) || reconciler->seen_positions[shard] != position;
            behind |= UINT32_C(1) << shard;
            stuck |= moved ? 0 : UINT32_C(1) << shard;
            *ret_lag += heads[shard] - position;
        }
        reconciler->seen_positions[shard] = position;
    }
    reconciler->seen_behind = behind;
    return stuck;
}

struct err *bus_reconcile(struct bus_consumer *consumer, struct bus_reconciler *reconciler)
{
    int64_t heads[BUS_SHARDS];
    int64_t lag = 0;
    if (clock_monotonic_ms() - reconciler->reconciled_ms < RECONCILE_PERIOD_MS) {
        return NULL;
    }
    reconciler->reconciled_ms = clock_monotonic_ms();
    if (consumer->pool || !consumer->positioned) {
        ERR_TRY(bus_position_load(consumer, 0)); /* of a durable one always: other replicas deliver too */
    }
    ERR_TRY(bus_source_heads(consumer, 0, heads, NULL));
    uint32_t stuck = find_stuck(consumer, reconciler, heads, &lag);
    bus_metric_set(consumer->lag, lag);
    if (stuck) {
        log_warn("consumer %s: kafka has not brought %" PRId64 " events of %s; reading them from the log", consumer->name,
            lag, consumer->topic);
        bus_metric_add(consumer->gaps, 1);
    }
    return bus_catch_up(consumer, stuck);
}
