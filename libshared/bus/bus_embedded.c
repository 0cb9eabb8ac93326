/* The embedded transport: no broker, the owner's log is read by RPC with a long poll. */
#include "libshared/bus/bus_consumer.h"

#define WAIT_MS 2000 /* short, so that a drain need not wait for a poll on another machine */
#define PAGE_ARENA_CAP_BYTES ((size_t)64 * 1024 * 1024)
#define LAG_PERIOD_MS 5000

static struct err *step(struct bus_consumer *consumer, struct arena *arena, int64_t *lag_ms)
{
    if (!consumer->positioned) {
        ERR_TRY(bus_position_load(consumer, 0));
    }
    struct bus_page page;
    ERR_TRY(bus_source_read(consumer, arena, UINT32_MAX, consumer->positions, WAIT_MS, &page));
    if (page.count == 0) {
        bus_metric_set(consumer->lag, 0);
        return NULL;
    }
    if (clock_monotonic_ms() - *lag_ms >= LAG_PERIOD_MS) {
        bus_source_measure_lag(consumer);
        *lag_ms = clock_monotonic_ms();
    }
    bus_consumer_take(consumer, &page, true);
    return NULL;
}

void bus_embedded_run(struct bus_consumer *consumer)
{
    ARENA_AUTO arena = arena_new(PAGE_ARENA_CAP_BYTES);
    int64_t lag_ms = 0;
    while (!bus_is_stopping(consumer->bus)) {
        ERR_AUTO error = arena ? step(consumer, arena, &lag_ms) : err_out_of_memory();
        if (arena) {
            arena_reset(arena);
        }
        if (bus_is_stopping(consumer->bus)) {
            return;
        }
        if (error) {
            bus_trouble_add(&consumer->trouble, error, consumer->name);
            bus_consumer_back_off(consumer);
        } else {
            consumer->step = 0;
            bus_trouble_end(&consumer->trouble, consumer->name);
        }
    }
}
