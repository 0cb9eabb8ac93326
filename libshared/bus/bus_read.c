/* The RPC service of a log: pages of events by position, with a long poll, and the heads. */
#include "libshared/bus/bus_log.h"

#include "gen/bus_rpc.h"
#include "gen/bus_sql.h"
#include "gen/kongsi_errors.h"

#include <inttypes.h>

#define ANSWER_MARGIN_MS 500 /* a long poll answers this long before the caller gives up */

/* A request, checked, as columns. */
struct reading {
    const char *topic;
    int topic_index;
    int32_t shards[BUS_SHARDS];
    int64_t positions[BUS_SHARDS];
    size_t count;
    int page_size;
};

static struct err *check_topic(const struct bus_log *log, const char *topic, int *ret_index)
{
    int index = bus_log_topic(log, topic);
    if (index < 0) {
        struct err *error = err_new(
            &KONGSI_FIELD_INVALID, "topic %.100s is not one of %s; ask the service that owns it", topic, log->component);
        return err_with(error, "field", "topic");
    }
    *ret_index = index;
    return NULL;
}

static struct err *check_request(const struct bus_log *log, const ReadEventsRequest *request, struct reading *reading)
{
    uint32_t seen = 0;
    reading->topic = request->topic;
    ERR_TRY(check_topic(log, request->topic, &reading->topic_index));
    for (size_t i = 0; i < request->n_after; i++) {
        int32_t shard = request->after[i]->shard;
        if (shard < 0 || shard >= BUS_SHARDS || seen >> shard & 1) {
            struct err *error = err_new(
                &KONGSI_FIELD_INVALID, "shard %" PRId32 " is not one of 0 to %d, or asked for twice", shard, BUS_SHARDS - 1);
            return err_with(error, "field", "after.shard");
        }
        seen |= UINT32_C(1) << shard;
        reading->shards[i] = shard;
        reading->positions[i] = request->after[i]->position;
        reading->count++;
    }
    reading->page_size = request->page_size > 0 ? request->page_size : BUS_PAGE_SIZE_DEFAULT;
    if (reading->page_size > BUS_PAGE_SIZE_MAX) {
        reading->page_size = BUS_PAGE_SIZE_MAX;
    }
    return NULL;
}

static Kongsi__Bus__V1__LoggedEvent *event_from_row(
    const struct db_result *result, int row, const char *topic, struct arena *arena)
{
    Kongsi__Bus__V1__LoggedEvent *event = arena_alloc(arena, sizeof(*event));
    Google__Protobuf__Timestamp *time = arena_alloc(arena, sizeof(*time));
    char *id = arena_alloc(arena, (size_t)3 * UUID_TEXT_SIZE);
    char *type = db_get_text_copy(result, row, 4, arena);
    char *traceparent = db_get_text_copy(result, row, 7, arena);
    struct bytes payload = db_get_bytes(result, row, 8);
    uint8_t *data = arena_memdup(arena, payload.data, payload.length);
    if (!event || !time || !id || !type || !traceparent || (payload.length > 0 && !data)) {
        return NULL;
    }
    kongsi__bus__v1__logged_event__init(event);
    google__protobuf__timestamp__init(time);
    int64_t us = db_get_instant(result, row, 6).us;
    time->seconds = us / 1000000 - (us % 1000000 < 0);
    time->nanos = (int32_t)((us - time->seconds * 1000000) * 1000);
    event->topic = (char *)(uintptr_t)topic;
    event->shard = db_get_int(result, row, 0);
    event->position = db_get_int64(result, row, 1);
    event->id = (char *)(uintptr_t)uuid_format(db_get_uuid(result, row, 2), id);
    event->org_id = (char *)(uintptr_t)uuid_format(db_get_uuid(result, row, 3), id + UUID_TEXT_SIZE);
    event->subject = (char *)(uintptr_t)uuid_format(db_get_uuid(result, row, 5), id + 2 * UUID_TEXT_SIZE);
    event->type = type;
    event->time = time;
    event->traceparent = traceparent;
    event->data = (ProtobufCBinaryData){.data = data, .len = payload.length};
    return event;
}

static struct err *read_page(
    const struct bus_log *log, const struct reading *reading, struct rpc_ctx *ctx, ReadEventsResponse *response)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_text(&params, reading->topic);
    db_add_int_array(&params, reading->shards, reading->count);
    db_add_int64_array(&params, reading->positions, reading->count);
    db_add_int(&params, reading->page_size);
    db_add_int64(&params, BUS_PAGE_MAX_BYTES);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(log->pool, db_scope_system(ctx->deadline_ms), &BUS_SQL_event_log_read, &params, &result));
    size_t count = (size_t)db_rows(result);
    if (count == 0) {
        return NULL;
    }
    response->events = arena_calloc(ctx->arena, count, sizeof(*response->events));
    for (size_t i = 0; response->events && i < count; i++) {
        response->events[i] = event_from_row(result, (int)i, reading->topic, ctx->arena);
        if (!response->events[i]) {
            return err_out_of_memory();
        }
        response->n_events = i + 1;
    }
    return response->events ? NULL : err_out_of_memory();
}

struct err *bus_read_events(
    struct rpc_ctx *ctx, const Kongsi__Bus__V1__ReadEventsRequest *request, Kongsi__Bus__V1__ReadEventsResponse *response)
{
    struct bus_log *log = ctx->service;
    struct reading reading = {.count = 0};
    ERR_TRY(check_request(log, request, &reading));
    int64_t until_ms = clock_monotonic_ms() + request->wait_ms;
    if (until_ms > ctx->deadline_ms - ANSWER_MARGIN_MS) {
        until_ms = ctx->deadline_ms - ANSWER_MARGIN_MS;
    }
    while (reading.count > 0) {
        uint64_t commits = bus_log_commits(log, reading.topic_index);
        ERR_TRY(read_page(log, &reading, ctx, response));
        if (response->n_events > 0 || request->wait_ms == 0) {
            break;
        }
        if (bus_log_is_draining(log)) {
            return err_new(&KONGSI_UNAVAILABLE, "the event log of %s is shutting down; try again", log->component);
        }
        if (!bus_log_wait(log, reading.topic_index, commits, until_ms)) {
            break;
        }
    }
    return NULL;
}

static struct err *fill_positions(const struct db_result *result, int column, struct arena *arena, size_t *ret_count,
    Kongsi__Bus__V1__ShardPosition ***ret_positions)
{
    size_t count = (size_t)db_rows(result);
    Kongsi__Bus__V1__ShardPosition *rows = arena_calloc(arena, count + 1, sizeof(*rows));
    Kongsi__Bus__V1__ShardPosition **positions = arena_calloc(arena, count + 1, sizeof(*positions));
    if (!rows || !positions) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        kongsi__bus__v1__shard_position__init(&rows[i]);
        rows[i].shard = db_get_int(result, (int)i, 0);
        rows[i].position = db_get_int64(result, (int)i, column);
        positions[i] = &rows[i];
    }
    *ret_count = count;
    *ret_positions = positions;
    return NULL;
}

struct err *bus_list_heads(
    struct rpc_ctx *ctx, const Kongsi__Bus__V1__ListHeadsRequest *request, Kongsi__Bus__V1__ListHeadsResponse *response)
{
    struct bus_log *log = ctx->service;
    int topic;
    ERR_TRY(check_topic(log, request->topic, &topic));
    struct db_params params = db_params_new(ctx->arena);
    db_add_text(&params, log->topics[topic]);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(log->pool, db_scope_system(ctx->deadline_ms), &BUS_SQL_event_log_heads_list, &params, &result));
    ERR_TRY(fill_positions(result, 1, ctx->arena, &response->n_heads, &response->heads));
    return fill_positions(result, 2, ctx->arena, &response->n_retained, &response->retained);
}
