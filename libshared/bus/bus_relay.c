/* The relay's life: who publishes, to which cluster, and whether the cluster still has what it acknowledged. */
#include "libshared/bus/bus_relay.h"

#include "gen/bus_sql.h"
#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "libshared/bus/bus_kafka.h"
#include "libshared/bus/bus_relay_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDLE_WAIT_MS 1000
#define LEASE_MS 3000
#define LEASE_RENEW_MS 1500
#define LEASE_WAIT_MS 300
#define VERIFY_PERIOD_MS 30000
#define STOP_TIMEOUT_MS 3000
#define PAGE_ARENA_CAP_BYTES ((size_t)64 * 1024 * 1024)

struct bus_relay {
    struct bus *bus;
    struct bus_log *log;
    char lease[128];
    struct uuid holder;
    int64_t leased_until_ms, verified_ms;
    bool seeded;
    rd_kafka_t *client;
    char *cluster_id;
    struct bus_trouble trouble;
    int backoff;
    struct metric *relayed, *lag, *rewinds;
    pthread_t thread;
};

static const struct bus_kafka_setting SETTINGS[] = {
    {"enable.idempotence", "true"},
    {"acks", "all"},
    {"linger.ms", "1"},
    {"message.timeout.ms", "15000"},
    {"queue.buffering.max.kbytes", "32768"},
    {NULL, NULL},
};

static struct db_scope relay_scope(void)
{
    return db_scope_system(clock_monotonic_ms() + BUS_DB_TIMEOUT_MS);
}

static struct db_params topics_params(const struct bus_relay *relay, struct arena *arena)
{
    struct db_params params = db_params_new(arena);
    db_add_text_array(&params, (const char *const *)relay->log->topics, relay->log->topic_count);
    return params;
}

static void disconnect(struct bus_relay *relay)
{
    if (relay->client) {
        rd_kafka_purge(relay->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        bus_kafka_destroy(relay->client);
        relay->client = NULL;
    }
}

/* Shards with their bookmarks, as columns. */
struct shards {
    const char **topics;
    int32_t *shards;
    int64_t *positions, *offsets;
    size_t count;
};

static bool shards_init(struct shards *shards, struct arena *arena, size_t room)
{
    shards->topics = arena_calloc(arena, room, sizeof(*shards->topics));
    shards->shards = arena_calloc(arena, room, sizeof(*shards->shards));
    shards->positions = arena_calloc(arena, room, sizeof(*shards->positions));
    shards->offsets = arena_calloc(arena, room, sizeof(*shards->offsets));
    return shards->topics && shards->shards && shards->positions && shards->offsets;
}

/* Which shards the broker has lost since their bookmark was set: another cluster, or shorter than what it acknowledged. */
static void find_lost(const struct bus_relay *relay, const struct db_result *rows, const int64_t *ends, struct shards *lost)
{
    size_t strangers = 0;
    for (int row = 0; row < db_rows(rows); row++) {
        int topic = bus_log_topic(relay->log, db_get_text(rows, row, 0));
        int shard = db_get_int(rows, row, 1);
        int64_t position = db_get_int64(rows, row, 2);
        int64_t offset = db_get_int64(rows, row, 3);
        const char *cluster_id = db_get_text(rows, row, 4);
        if (topic < 0 || shard < 0 || shard >= BUS_SHARDS) {
            continue;
        }
        int64_t end = ends[topic * BUS_SHARDS + shard];
        strangers += position == 0 && end > 0;
        bool other = *cluster_id && strcmp(cluster_id, relay->cluster_id) != 0;
        if (position > 0 && (other || (offset != BUS_OFFSET_NONE && end <= offset))) {
            lost->topics[lost->count] = relay->log->topics[topic];
            lost->shards[lost->count] = shard;
            lost->positions[lost->count] = position;
            lost->offsets[lost->count++] = offset;
        }
    }
    if (strangers > 0) {
        log_warn("kafka has messages in %zu shards that this log of %s has not published; if they are of an earlier "
                 "database, delete its "
                 "topics",
            strangers, relay->log->component);
    }
}

static struct err *rewind_lost(
    struct bus_relay *relay, struct arena *arena, const struct db_result *rows, const int64_t *ends)
{
    struct shards lost = {.count = 0};
    if (!shards_init(&lost, arena, (size_t)db_rows(rows) + 1)) {
        return err_out_of_memory();
    }
    find_lost(relay, rows, ends, &lost);
    if (lost.count == 0) {
        return NULL;
    }
    struct db_params params = db_params_new(arena);
    db_add_text_array(&params, lost.topics, lost.count);
    db_add_int_array(&params, lost.shards, lost.count);
    db_add_int64_array(&params, lost.positions, lost.count);
    db_add_int64_array(&params, lost.offsets, lost.count);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(relay->log->pool, relay_scope(), &BUS_SQL_relay_positions_rewind, &params, &result));
    if (db_affected(result) > 0) {
        log_warn("kafka has lost %d shards of %s (cluster %s): publishing what the log retained", (int)db_affected(result),
            relay->log->component, relay->cluster_id);
        bus_metric_add(relay->rewinds, db_affected(result));
        disconnect(relay); /* a client keeps to the cluster id it learned first */
    }
    return NULL;
}

/* Compares what Kafka has with what it acknowledged. The bookmarks are read before the ends: another relay may be moving
 * both on. */
static struct err *verify(struct bus_relay *relay, struct arena *arena)
{
    const char *const *topics = (const char *const *)relay->log->topics;
    size_t count = relay->log->topic_count;
    struct db_params params = topics_params(relay, arena);
    DB_RESULT_AUTO rows = NULL;
    ERR_TRY(db_run(relay->log->pool, relay_scope(), &BUS_SQL_relay_positions_list, &params, &rows));
    rd_kafka_mem_free(NULL, relay->cluster_id);
    relay->cluster_id = rd_kafka_clusterid(relay->client, BUS_KAFKA_TIMEOUT_MS);
    if (!relay->cluster_id) {
        return err_new(
            &KONGSI_UNAVAILABLE, "kafka: the cluster does not tell its id within %d s", BUS_KAFKA_TIMEOUT_MS / 1000);
    }
    int64_t *ends = arena_calloc(arena, count * BUS_SHARDS, sizeof(*ends));
    if (!ends) {
        return err_out_of_memory();
    }
    ERR_TRY(bus_kafka_ensure_topics(relay->client, topics, count, BUS_SHARDS));
    ERR_TRY(bus_kafka_end_offsets(relay->client, topics, count, ends));
    ERR_TRY(rewind_lost(relay, arena, rows, ends));
    relay->verified_ms = clock_monotonic_ms();
    return NULL;
}

static struct err *connect_kafka(struct bus_relay *relay)
{
    rd_kafka_conf_t *conf;
    ERR_TRY(bus_kafka_conf(relay->bus, SETTINGS, &conf));
    rd_kafka_conf_set_dr_msg_cb(conf, bus_relay_acknowledged);
    relay->verified_ms = 0;
    return bus_kafka_client(RD_KAFKA_PRODUCER, conf, &relay->client);
}

static struct err *seed(struct bus_relay *relay, struct arena *arena)
{
    struct db_params params = topics_params(relay, arena);
    db_add_int(&params, BUS_SHARDS);
    ERR_TRY(db_run(relay->log->pool, relay_scope(), &BUS_SQL_relay_positions_seed, &params, NULL));
    relay->seeded = true;
    return NULL;
}

/* Whether this replica is the one that publishes, now and for the next moment. */
static struct err *take_lease(struct bus_relay *relay, struct arena *arena, bool *ret_taken)
{
    int64_t now_ms = clock_monotonic_ms();
    if (relay->leased_until_ms - now_ms > LEASE_RENEW_MS) {
        *ret_taken = true;
        return NULL;
    }
    struct db_params params = db_params_new(arena);
    db_add_text(&params, relay->lease);
    db_add_uuid(&params, relay->holder);
    db_add_int(&params, LEASE_MS);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(relay->log->pool, relay_scope(), &BUS_SQL_relay_lease_take, &params, &result));
    *ret_taken = db_rows(result) > 0;
    relay->leased_until_ms = *ret_taken ? now_ms + LEASE_MS : 0;
    return NULL;
}

static void release_lease(struct bus_relay *relay)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    if (!arena || relay->leased_until_ms == 0) {
        return;
    }
    struct db_params params = db_params_new(arena);
    db_add_text(&params, relay->lease);
    db_add_uuid(&params, relay->holder);
    struct db_scope scope = db_scope_system(clock_monotonic_ms() + STOP_TIMEOUT_MS);
    err_free(db_run(relay->log->pool, scope, &BUS_SQL_relay_lease_release, &params, NULL)); /* it expires anyway */
}

static struct err *publish(struct bus_relay *relay, struct arena *arena)
{
    struct bus_relay_page page = {.count = 0};
    struct err *error = bus_relay_page_read(&page, relay->log, arena);
    error = error ? error : bus_relay_page_produce(&page, relay->bus, relay->log, relay->client);
    if (!error && bus_relay_page_is_overwritten(&page)) {
        relay->verified_ms = 0; /* offsets we know of are given again: the topic was made anew */
    } else if (!error) {
        size_t published = 0;
        error = bus_relay_page_advance(&page, relay->log, arena, relay->cluster_id, &published);
        bus_metric_add(relay->relayed, (int64_t)published);
    }
    if (!error && page.failure) {
        error = bus_kafka_err(page.failure, "cannot publish");
    }
    if (error) {
        disconnect(relay); /* whatever is under way is read again; the items must outlive it */
    }
    db_result_free(page.rows);
    return error;
}

static struct err *measure_lag(const struct bus_relay *relay, struct arena *arena, int64_t *ret_lag)
{
    struct db_params params = topics_params(relay, arena);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(relay->log->pool, relay_scope(), &BUS_SQL_relay_lag, &params, &result));
    *ret_lag = db_get_int64(result, 0, 0);
    bus_metric_set(relay->lag, *ret_lag);
    return NULL;
}

static struct err *prepare(struct bus_relay *relay, struct arena *arena)
{
    if (!relay->seeded) {
        ERR_TRY(seed(relay, arena));
    }
    if (!relay->client) {
        ERR_TRY(connect_kafka(relay));
    }
    if (relay->verified_ms == 0 || clock_monotonic_ms() - relay->verified_ms >= VERIFY_PERIOD_MS) {
        ERR_TRY(verify(relay, arena));
    }
    return NULL;
}

static struct err *step(struct bus_relay *relay, struct arena *arena)
{
    ERR_TRY(prepare(relay, arena));
    if (!relay->client) {
        return NULL; /* the cluster is another: begins anew */
    }
    uint64_t commits = bus_log_commits(relay->log, BUS_TOPIC_ANY);
    int64_t lag = 0;
    ERR_TRY(measure_lag(relay, arena, &lag));
    if (lag == 0) {
        rd_kafka_poll(relay->client, 0);
        bus_log_wait(relay->log, BUS_TOPIC_ANY, commits, clock_monotonic_ms() + BUS_POLL_MS);
        return NULL;
    }
    bool leased = false;
    ERR_TRY(take_lease(relay, arena, &leased));
    if (!leased) {
        bus_sleep(relay->bus, LEASE_WAIT_MS);
        return NULL;
    }
    return publish(relay, arena);
}

static void *relay_run(void *argument)
{
    struct bus_relay *relay = argument;
    char what[160];
    snprintf(what, sizeof(what), "the relay of %s", relay->log->component);
    log_set_context(relay->log->component, NULL);
    ARENA_AUTO arena = arena_new(PAGE_ARENA_CAP_BYTES);
    while (!bus_is_stopping(relay->bus)) {
        ERR_AUTO error = arena ? step(relay, arena) : err_out_of_memory();
        if (arena) {
            arena_reset(arena);
        }
        if (error) {
            bus_trouble_add(&relay->trouble, error, what);
            relay->verified_ms = 0; /* who knows what became of the broker */
            bus_sleep(relay->bus, bus_backoff_ms(relay->backoff++));
        } else {
            bus_trouble_end(&relay->trouble, what);
            relay->backoff = 0;
        }
    }
    release_lease(relay);
    return NULL;
}

static void relay_free(struct bus_relay *relay)
{
    disconnect(relay);
    rd_kafka_mem_free(NULL, relay->cluster_id);
    free(relay);
}

struct err *bus_relay_start(struct bus *bus, struct bus_log *log, struct bus_relay **ret_relay)
{
    struct bus_relay *relay = calloc(1, sizeof(*relay));
    if (!relay) {
        return err_out_of_memory();
    }
    relay->bus = bus;
    relay->log = log;
    relay->holder = uuid_v7(instant_now());
    snprintf(relay->lease, sizeof(relay->lease), "relay.%.100s", log->component);
    relay->relayed = bus_metric(BUS_METRIC_RELAYED, log->component);
    relay->lag = bus_metric(BUS_METRIC_RELAY_LAG, log->component);
    relay->rewinds = bus_metric(BUS_METRIC_REWINDS, log->component);
    if (pthread_create(&relay->thread, NULL, relay_run, relay) != 0) {
        relay_free(relay);
        return err_new(&KONGSI_UNAVAILABLE, "cannot start a thread for the relay of %s", log->component);
    }
    *ret_relay = relay;
    return NULL;
}

void bus_relay_stop(struct bus_relay *relay)
{
    pthread_join(relay->thread, NULL);
    relay_free(relay);
}

struct err *bus_republish(struct bus_log *log, struct instant from)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    struct db_params params = db_params_new(arena);
    db_add_text_array(&params, (const char *const *)log->topics, log->topic_count);
    db_add_instant(&params, from);
    return db_run(log->pool, relay_scope(), &BUS_SQL_relay_republish, &params, NULL);
}
