/* The owner's log, read by RPC: in this process or over HTTP. */
#include "libshared/bus/bus_consumer.h"

#include "gen/bus_client.h"
#include "gen/kongsi_errors.h"

#define CALL_TIMEOUT_MS 10000
#define PAGE_SIZE 500
#define ARENA_CAP_BYTES ((size_t)8 * 1024 * 1024)

static bool delivery_from_event(
    const struct bus_consumer *consumer, const Kongsi__Bus__V1__LoggedEvent *event, struct bus_delivery *ret_delivery)
{
    struct bus_delivery delivery = {.topic = consumer->topic,
        .shard = event->shard,
        .position = event->position,
        .type = event->type,
        .traceparent = event->traceparent,
        .data = {.data = event->data.data, .length = event->data.len}};
    if (event->shard < 0 || event->shard >= BUS_SHARDS || event->position < 1 || !event->time ||
        !uuid_parse(event->id, &delivery.id) || !uuid_parse(event->org_id, &delivery.org_id) ||
        !uuid_parse(event->subject, &delivery.key)) {
        return false;
    }
    delivery.time.us = event->time->seconds * 1000000 + event->time->nanos / 1000;
    *ret_delivery = delivery;
    return true;
}

/* Pages are in order of shard and position; what is not would upset those who take them. */
static bool is_behind(const struct bus_delivery *before, const struct bus_delivery *event)
{
    return event->shard > before->shard || (event->shard == before->shard && event->position > before->position);
}

static struct err *page_from_response(const struct bus_consumer *consumer,
    const Kongsi__Bus__V1__ReadEventsResponse *response, struct arena *arena, struct bus_page *ret_page)
{
    struct bus_page page = {
        .events = arena_calloc(arena, response->n_events + 1, sizeof(*page.events)), .count = response->n_events};
    if (!page.events) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < page.count; i++) {
        if (!delivery_from_event(consumer, response->events[i], &page.events[i]) ||
            (i > 0 && !is_behind(&page.events[i - 1], &page.events[i]))) {
            return err_new(
                &KONGSI_INTERNAL, "the log of %s answered an event that is malformed or out of order", consumer->component);
        }
    }
    *ret_page = page;
    return NULL;
}

struct err *bus_source_read(struct bus_consumer *consumer, struct arena *arena, uint32_t shards, const int64_t *positions,
    int wait_ms, struct bus_page *ret_page)
{
    Kongsi__Bus__V1__ShardPosition rows[BUS_SHARDS];
    Kongsi__Bus__V1__ShardPosition *after[BUS_SHARDS];
    Kongsi__Bus__V1__ReadEventsRequest request = KONGSI__BUS__V1__READ_EVENTS_REQUEST__INIT;
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        if (shards >> shard & 1) {
            Kongsi__Bus__V1__ShardPosition *row = &rows[request.n_after];
            kongsi__bus__v1__shard_position__init(row);
            row->shard = shard;
            row->position = positions[shard];
            after[request.n_after++] = row;
        }
    }
    request.topic = consumer->topic;
    request.after = after;
    request.page_size = PAGE_SIZE;
    request.wait_ms = wait_ms;
    struct rpc_ctx ctx;
    rpc_ctx_init_self(&ctx, consumer->bus->net, arena, CALL_TIMEOUT_MS + wait_ms);
    Kongsi__Bus__V1__ReadEventsResponse *response;
    struct err *error = bus_client_read_events_as_self(&ctx, consumer->component, &request, &response);
    bus_consumer_set_log_context(consumer, NULL); /* a call within the process leaves its own */
    ERR_TRY(error);
    return page_from_response(consumer, response, arena, ret_page);
}

static void copy_positions(Kongsi__Bus__V1__ShardPosition *const *rows, size_t count, int64_t *positions)
{
    for (int shard = 0; positions && shard < BUS_SHARDS; shard++) {
        positions[shard] = 0;
    }
    for (size_t i = 0; positions && i < count; i++) {
        if (rows[i]->shard >= 0 && rows[i]->shard < BUS_SHARDS) {
            positions[rows[i]->shard] = rows[i]->position;
        }
    }
}

struct err *bus_source_heads(struct bus_consumer *consumer, int64_t timeout_ms, int64_t *heads, int64_t *retained)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    Kongsi__Bus__V1__ListHeadsRequest request = KONGSI__BUS__V1__LIST_HEADS_REQUEST__INIT;
    request.topic = consumer->topic;
    struct rpc_ctx ctx;
    rpc_ctx_init_self(&ctx, consumer->bus->net, arena, timeout_ms > 0 ? timeout_ms : CALL_TIMEOUT_MS);
    Kongsi__Bus__V1__ListHeadsResponse *response;
    struct err *error = bus_client_list_heads_as_self(&ctx, consumer->component, &request, &response);
    bus_consumer_set_log_context(consumer, NULL);
    ERR_TRY(error);
    copy_positions(response->heads, response->n_heads, heads);
    copy_positions(response->retained, response->n_retained, retained);
    return NULL;
}

void bus_source_measure_lag(struct bus_consumer *consumer)
{
    int64_t heads[BUS_SHARDS];
    ERR_AUTO unknown = bus_source_heads(consumer, 0, heads, NULL);
    if (unknown) {
        return; /* the metric keeps its last value; whoever reads the log tells of the trouble */
    }
    int64_t lag = 0;
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        lag += heads[shard] > consumer->positions[shard] ? heads[shard] - consumer->positions[shard] : 0;
    }
    bus_metric_set(consumer->lag, lag);
}
