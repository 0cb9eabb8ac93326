/* Appending: which shard an event goes to, and the two statements that put it there. */
#include "libshared/bus/bus_log.h"

#include "gen/bus_sql.h"
#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"

#include <inttypes.h>

_Static_assert(BUS_SHARDS == 32, "shards of a topic are kept as bits of a uint32_t");

/* The events as columns, and the shards they touch. */
struct append {
    const char **topics, **types;
    int32_t *shards;
    struct uuid *ids, *keys;
    struct bytes *payloads;
    size_t count;
    uint32_t touched[BUS_TOPICS_MAX]; /* bit s: shard s of the topic */
    size_t touched_count;
};

/* What wakes the readers, once the transaction is committed. */
struct wake {
    struct bus_log *log;
    uint64_t topics;
};

static void wake_readers(void *argument)
{
    const struct wake *wake = argument;
    bus_log_wake(wake->log, wake->topics);
}

static bool append_init(struct append *append, struct arena *arena, size_t count)
{
    append->topics = arena_calloc(arena, count, sizeof(*append->topics));
    append->types = arena_calloc(arena, count, sizeof(*append->types));
    append->shards = arena_calloc(arena, count, sizeof(*append->shards));
    append->ids = arena_calloc(arena, count, sizeof(*append->ids));
    append->keys = arena_calloc(arena, count, sizeof(*append->keys));
    append->payloads = arena_calloc(arena, count, sizeof(*append->payloads));
    return append->topics && append->types && append->shards && append->ids && append->keys && append->payloads;
}

static struct err *add_event(
    struct append *append, const struct bus_log *log, struct arena *arena, struct instant now, const struct bus_event *event)
{
    const char *name = event->body->descriptor->name;
    const struct schema_message *message = schema_find_message(schema_kongsi(), name);
    check(message && message->event_topic);
    int topic = bus_log_topic(log, message->event_topic);
    check(topic >= 0); /* a service appends to its own topics only */
    size_t i = append->count++;
    ERR_TRY(rpc_pack(arena, event->body, &append->payloads[i]));
    if (append->payloads[i].length > BUS_EVENT_SIZE_MAX_BYTES) {
        return err_new(&KONGSI_INTERNAL, "the event %s has %zu bytes, at most %zu", name, append->payloads[i].length,
            BUS_EVENT_SIZE_MAX_BYTES);
    }
    int shard = (int)(uuid_hash(event->key) % BUS_SHARDS);
    append->topics[i] = log->topics[topic];
    append->types[i] = message->event_type;
    append->shards[i] = shard;
    append->ids[i] = uuid_v7(now);
    append->keys[i] = event->key;
    if (!(append->touched[topic] >> shard & 1)) {
        append->touched[topic] |= UINT32_C(1) << shard;
        append->touched_count++;
    }
    return NULL;
}

/* Takes the heads in one order. A single head needs no order: the append itself takes it. */
static struct err *lock_heads(const struct append *append, const struct bus_log *log, struct db_tx *tx, struct arena *arena)
{
    if (append->touched_count < 2) {
        return NULL;
    }
    const char **topics = arena_calloc(arena, append->touched_count, sizeof(*topics));
    int32_t *shards = arena_calloc(arena, append->touched_count, sizeof(*shards));
    if (!topics || !shards) {
        return err_out_of_memory();
    }
    size_t count = 0;
    for (size_t topic = 0; topic < log->topic_count; topic++) {
        for (int shard = 0; shard < BUS_SHARDS; shard++) {
            if (append->touched[topic] >> shard & 1) {
                topics[count] = log->topics[topic];
                shards[count++] = shard;
            }
        }
    }
    struct db_params *params = arena_alloc(arena, sizeof(*params));
    if (!params) {
        return err_out_of_memory();
    }
    *params = db_params_new(arena);
    db_add_text_array(params, topics, count);
    db_add_int_array(params, shards, count);
    return db_send(tx, &BUS_SQL_event_log_heads_lock, params);
}

static struct err *insert_events(const struct append *append, struct db_tx *tx, struct arena *arena, struct instant now,
    const char *traceparent, struct uuid org_id)
{
    struct db_params *params = arena_alloc(arena, sizeof(*params));
    if (!params) {
        return err_out_of_memory();
    }
    *params = db_params_new(arena);
    db_add_uuid(params, org_id);
    db_add_instant(params, now);
    db_add_text(params, traceparent ? traceparent : "");
    db_add_text_array(params, append->topics, append->count);
    db_add_int_array(params, append->shards, append->count);
    db_add_uuid_array(params, append->ids, append->count);
    db_add_text_array(params, append->types, append->count);
    db_add_uuid_array(params, append->keys, append->count);
    db_add_bytes_array(params, append->payloads, append->count);
    return db_send(tx, &BUS_SQL_event_log_append, params);
}

struct err *bus_append(struct bus_log *log, struct db_tx *tx, struct arena *arena, struct instant now,
    const char *traceparent, struct uuid org_id, const struct bus_event *events, size_t count)
{
    if (count == 0) {
        return NULL;
    }
    if (!atomic_load(&log->seeded)) {
        return err_new(&KONGSI_UNAVAILABLE, "the event log of %s is not ready yet; try again", log->component);
    }
    if (count > BUS_APPEND_MAX) {
        return err_new(&KONGSI_INTERNAL, "%zu events in one append, at most %d", count, BUS_APPEND_MAX);
    }
    struct append append = {.count = 0};
    struct wake *wake = arena_alloc(arena, sizeof(*wake));
    if (!wake || !append_init(&append, arena, count)) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        ERR_TRY(add_event(&append, log, arena, now, &events[i]));
    }
    ERR_TRY(lock_heads(&append, log, tx, arena));
    ERR_TRY(insert_events(&append, tx, arena, now, traceparent, org_id));
    wake->log = log;
    for (size_t topic = 0; topic < log->topic_count; topic++) {
        wake->topics |= (uint64_t)(append.touched[topic] != 0) << topic;
    }
    db_on_commit(tx, wake_readers, wake);
    bus_metric_add(log->appended, (int64_t)count);
    return NULL;
}
