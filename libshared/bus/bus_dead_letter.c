/* Events that could not be delivered: parked with their reason, replayed by an operator. */
#include "libshared/bus/bus_consumer.h"

#include "gen/bus_sql.h"
#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"

#include <inttypes.h>
#include <string.h>

#define REPLAY_MAX 1000
#define ARENA_CAP_BYTES ((size_t)64 * 1024 * 1024)

static void add_letter(struct db_params *params, const struct bus_consumer *consumer, const struct bus_delivery *event,
    const struct err *cause, int tries)
{
    db_add_uuid(params, event->org_id);
    db_add_text(params, consumer->name);
    db_add_text(params, consumer->topic);
    db_add_int(params, event->shard);
    db_add_int64(params, event->position);
    db_add_uuid(params, event->id);
    db_add_text(params, event->type);
    db_add_uuid(params, event->key);
    db_add_instant(params, event->time);
    db_add_text(params, event->traceparent ? event->traceparent : "");
    db_add_bytes(params, event->data.data ? event->data.data : (const uint8_t *)"", event->data.length);
    db_add_text(params, cause->reason);
    db_add_text(params, cause->message);
    db_add_int(params, tries);
}

static struct err *park_in(struct bus_consumer *consumer, struct db_tx *tx, struct arena *arena,
    const struct bus_delivery *event, const struct err *cause, int tries, bool *ret_parked)
{
    if (event->position > 0) {
        uint32_t bit = UINT32_C(1) << event->shard;
        uint32_t locked = 0;
        int64_t positions[BUS_SHARDS] = {0};
        ERR_TRY(bus_position_lock(consumer, tx, arena, bit, &locked, positions));
        if (!locked || positions[event->shard] != event->position - 1) {
            return NULL; /* another replica deals with it, or has */
        }
        positions[event->shard] = event->position;
        ERR_TRY(bus_position_advance(consumer, tx, arena, bit, positions));
    }
    struct db_params params = db_params_new(arena);
    add_letter(&params, consumer, event, cause, tries);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &BUS_SQL_dead_letter_park, &params, &result));
    *ret_parked = db_affected(result) > 0;
    return NULL;
}

struct err *bus_dead_letter_park(
    struct bus_consumer *consumer, const struct bus_delivery *event, const struct err *cause, int tries, bool *ret_parked)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    bool parked = false;
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(consumer->pool, db_scope_system(clock_monotonic_ms() + BUS_DB_TIMEOUT_MS), &tx));
    ERR_TRY(park_in(consumer, tx, arena, event, cause, tries, &parked));
    ERR_TRY(db_commit_auto(tx));
    *ret_parked = parked;
    return NULL;
}

/* One parked event, named by its topic, shard and position. */
struct letter {
    struct uuid org_id;
    const char *topic;
    int shard;
    int64_t position;
};

static void add_letter_key(struct db_params *params, const struct bus_consumer *consumer, const struct letter *letter)
{
    db_add_text(params, consumer->name);
    db_add_text(params, letter->topic);
    db_add_int(params, letter->shard);
    db_add_int64(params, letter->position);
}

static struct err *deliver_letter(
    struct bus_consumer *consumer, const struct letter *letter, struct arena *arena, bool *ret_delivered)
{
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(consumer->pool, db_scope_org(letter->org_id, clock_monotonic_ms() + BUS_DB_TIMEOUT_MS), &tx));
    struct db_params params = db_params_new(arena);
    add_letter_key(&params, consumer, letter);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &BUS_SQL_dead_letter_lock, &params, &result));
    if (db_rows(result) == 0) {
        return NULL;
    }
    struct bus_delivery event = {.topic = letter->topic,
        .shard = letter->shard,
        .position = letter->position,
        .id = db_get_uuid(result, 0, 0),
        .org_id = letter->org_id,
        .type = db_get_text(result, 0, 2),
        .key = db_get_uuid(result, 0, 3),
        .time = db_get_instant(result, 0, 4),
        .traceparent = db_get_text(result, 0, 5),
        .data = db_get_bytes(result, 0, 6)};
    ERR_TRY(consumer->deliver(&event, tx, arena, consumer->context));
    ERR_TRY(db_query(tx, &BUS_SQL_dead_letter_replayed, &params, NULL));
    ERR_TRY(db_commit_auto(tx));
    *ret_delivered = true;
    return NULL;
}

static struct err *note_failure(
    struct bus_consumer *consumer, const struct letter *letter, struct arena *arena, const struct err *cause)
{
    struct db_params params = db_params_new(arena);
    add_letter_key(&params, consumer, letter);
    db_add_text(&params, cause->reason);
    db_add_text(&params, cause->message);
    return db_run(consumer->pool, db_scope_system(0), &BUS_SQL_dead_letter_failed, &params, NULL);
}

static struct err *replay(struct bus_consumer *consumer, const struct letter *letter, struct bus_replay *counts)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    bool delivered = false;
    ERR_AUTO error = deliver_letter(consumer, letter, arena, &delivered);
    if (!error) {
        counts->delivered += delivered;
        return NULL;
    }
    counts->failed++;
    log_err(LOG_LEVEL_WARN, error, "event %" PRId64 " of shard %d of %s stays parked for %s", letter->position,
        letter->shard, letter->topic, consumer->name);
    return note_failure(consumer, letter, arena, error);
}

static struct bus_consumer *find_durable(const struct bus *bus, const char *name)
{
    for (size_t i = 0; i < bus->consumer_count; i++) {
        if (bus->consumers[i]->pool && strcmp(bus->consumers[i]->name, name) == 0) {
            return bus->consumers[i];
        }
    }
    return NULL;
}

struct err *bus_replay_dead_letters(struct bus *bus, const char *name, struct bus_replay *ret_replay)
{
    struct bus_consumer *consumer = find_durable(bus, name);
    if (!consumer) {
        return err_new(&KONGSI_ROW_NOT_FOUND, "no durable consumer is called %.100s", name);
    }
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    struct db_params params = db_params_new(arena);
    db_add_text(&params, name);
    db_add_int(&params, REPLAY_MAX);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(consumer->pool, db_scope_system(0), &BUS_SQL_dead_letters_list, &params, &result));
    struct bus_replay counts = {0};
    for (int row = 0; row < db_rows(result); row++) {
        struct letter letter = {.org_id = db_get_uuid(result, row, 0),
            .topic = db_get_text(result, row, 1),
            .shard = db_get_int(result, row, 2),
            .position = db_get_int64(result, row, 3)};
        ERR_TRY(replay(consumer, &letter, &counts));
    }
    *ret_replay = counts;
    return NULL;
}
