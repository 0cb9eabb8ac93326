/* Where durable consumers stand. The rows of consumer_positions are also what replicas share the work by: who holds a
 * shard's row delivers that shard, for one transaction. */
#include "libshared/bus/bus_consumer.h"

#include "gen/bus_sql.h"

static size_t expand(uint32_t shards, int32_t *ret_shards)
{
    size_t count = 0;
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        if (shards >> shard & 1) {
            ret_shards[count++] = shard;
        }
    }
    return count;
}

static struct db_params params_of(const struct bus_consumer *consumer, struct arena *arena)
{
    struct db_params params = db_params_new(arena);
    db_add_text(&params, consumer->name);
    db_add_text(&params, consumer->topic);
    return params;
}

/* Reads rows of shard and position; the bits of those that were there. */
static uint32_t copy_rows(const struct db_result *result, int64_t *positions)
{
    uint32_t found = 0;
    for (int row = 0; row < db_rows(result); row++) {
        int shard = db_get_int(result, row, 0);
        if (shard >= 0 && shard < BUS_SHARDS) {
            positions[shard] = db_get_int64(result, row, 1);
            found |= UINT32_C(1) << shard;
        }
    }
    return found;
}

static struct err *list(struct bus_consumer *consumer, struct arena *arena, uint32_t *ret_found, int64_t *positions)
{
    struct db_params params = params_of(consumer, arena);
    DB_RESULT_AUTO result = NULL;
    struct db_scope scope = db_scope_system(clock_monotonic_ms() + BUS_DB_TIMEOUT_MS);
    ERR_TRY(db_run(consumer->pool, scope, &BUS_SQL_consumer_positions_list, &params, &result));
    *ret_found = copy_rows(result, positions);
    return NULL;
}

static struct err *seed(struct bus_consumer *consumer, struct arena *arena, const int64_t *positions)
{
    int32_t shards[BUS_SHARDS];
    size_t count = expand(UINT32_MAX, shards);
    struct db_params params = params_of(consumer, arena);
    db_add_int_array(&params, shards, count);
    db_add_int64_array(&params, positions, count);
    struct db_scope scope = db_scope_system(clock_monotonic_ms() + BUS_DB_TIMEOUT_MS);
    return db_run(consumer->pool, scope, &BUS_SQL_consumer_positions_seed, &params, NULL);
}

static struct err *load_durable(struct bus_consumer *consumer, struct arena *arena, int64_t timeout_ms, int64_t *positions)
{
    uint32_t found = 0;
    ERR_TRY(list(consumer, arena, &found, positions));
    if (found == UINT32_MAX) {
        return NULL;
    }
    int64_t heads[BUS_SHARDS], retained[BUS_SHARDS];
    ERR_TRY(bus_source_heads(consumer, timeout_ms, heads, retained));
    ERR_TRY(seed(consumer, arena, consumer->start == BUS_START_NEWEST ? heads : retained));
    return list(consumer, arena, &found, positions); /* another replica may have been first */
}

struct err *bus_position_load(struct bus_consumer *consumer, int64_t timeout_ms)
{
    int64_t positions[BUS_SHARDS] = {0};
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    if (consumer->pool) {
        ERR_TRY(load_durable(consumer, arena, timeout_ms, positions));
    } else {
        ERR_TRY(bus_source_heads(consumer, timeout_ms, positions, NULL));
    }
    for (int shard = 0; shard < BUS_SHARDS; shard++) {
        consumer->positions[shard] = positions[shard];
    }
    consumer->positioned = true;
    return NULL;
}

struct err *bus_position_lock(const struct bus_consumer *consumer, struct db_tx *tx, struct arena *arena, uint32_t shards,
    uint32_t *ret_locked, int64_t *positions)
{
    int32_t wanted[BUS_SHARDS];
    size_t count = expand(shards, wanted);
    struct db_params params = params_of(consumer, arena);
    db_add_int_array(&params, wanted, count);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &BUS_SQL_consumer_positions_lock, &params, &result));
    *ret_locked = copy_rows(result, positions);
    return NULL;
}

struct err *bus_position_advance(
    const struct bus_consumer *consumer, struct db_tx *tx, struct arena *arena, uint32_t shards, const int64_t *positions)
{
    int32_t *moved = arena_calloc(arena, BUS_SHARDS, sizeof(*moved));
    int64_t *targets = arena_calloc(arena, BUS_SHARDS, sizeof(*targets));
    struct db_params *params = arena_alloc(arena, sizeof(*params));
    if (!moved || !targets || !params) {
        return err_out_of_memory();
    }
    size_t count = expand(shards, moved);
    for (size_t i = 0; i < count; i++) {
        targets[i] = positions[moved[i]];
    }
    *params = params_of(consumer, arena);
    db_add_int_array(params, moved, count);
    db_add_int64_array(params, targets, count);
    return db_send(tx, &BUS_SQL_consumer_positions_advance, params);
}

static struct err *jump_durable(struct bus_consumer *consumer, int shard, int64_t position)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(consumer->pool, db_scope_system(clock_monotonic_ms() + BUS_DB_TIMEOUT_MS), &tx));
    uint32_t bit = UINT32_C(1) << shard;
    uint32_t locked = 0;
    int64_t positions[BUS_SHARDS] = {0};
    ERR_TRY(bus_position_lock(consumer, tx, arena, bit, &locked, positions));
    if (!locked || positions[shard] >= position) {
        return NULL; /* another replica has come this far, or is about to */
    }
    positions[shard] = position;
    ERR_TRY(bus_position_advance(consumer, tx, arena, bit, positions));
    return db_commit_auto(tx);
}

struct err *bus_position_jump(struct bus_consumer *consumer, int shard, int64_t position)
{
    if (consumer->pool) {
        ERR_TRY(jump_durable(consumer, shard, position));
    }
    consumer->positions[shard] = position;
    return NULL;
}
