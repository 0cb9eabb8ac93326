#include "libshared/bus/test_bus.h"

#include "gen/bus_rpc.h"
#include "gen/test_bus_sql.h"
#include "kongsi/messaging/v1/events.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STATEMENTS_MAX 64
#define PATIENCE 4 /* times 10 s: joining a group of the mock cluster takes 3 s, and the machine may be busy */

const struct uuid ORG_A = {{0xaa, 1}};
const struct uuid ORG_B = {{0xbb, 2}};

static const struct db_statement *statements[STATEMENTS_MAX];

void assert_ok_(struct err *error, const char *expression, const char *file, int line)
{
    if (error) {
        print_error(
            "%s:%d: %s: %s %s: %s\n", file, line, expression, err_code_name(error->code), error->reason, error->message);
        err_free(error);
        _fail(file, line);
    }
}

void assert_reason_(struct err *error, const struct err_reason *reason, const char *expression, const char *file, int line)
{
    if (!err_is(error, reason)) {
        print_error("%s:%d: %s: %s instead of %s: %s\n", file, line, expression, error ? error->reason : "success",
            reason->name, error ? error->message : "");
        err_free(error);
        _fail(file, line);
    }
    err_free(error);
}

void assert_number_(int64_t want, const char *file, int line, const char *format, ...)
{
    char sql[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sql, sizeof(sql), format, arguments);
    va_end(arguments);
    bool reached = false;
    for (int i = 0; i < PATIENCE && !reached; i++) {
        reached = test_pg_wait_number(TEST_DATABASE, sql, want);
    }
    if (!reached) {
        print_error("%s:%d: %s: %lld instead of %lld\n", file, line, sql, (long long)test_pg_number(TEST_DATABASE, sql),
            (long long)want);
        _fail(file, line);
    }
}

void pause_ms(int64_t ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    while (nanosleep(&time, &time) != 0) {
    }
}

int test_bus_setup(void **state)
{
    (void)state;
    test_pg_start();
    test_pg_create_database(TEST_DATABASE);
    const struct db_migration *migrations[16];
    size_t count = 0;
    for (size_t i = 0; bus_migrations[i]; i++) {
        migrations[count++] = bus_migrations[i];
    }
    for (size_t i = 0; test_bus_sql_migrations[i]; i++) {
        migrations[count++] = test_bus_sql_migrations[i];
    }
    migrations[count] = NULL;
    struct db_options owner = test_pg_options(TEST_DATABASE, "kongsi_owner", 1);
    assert_ok(db_migrate(&owner, migrations, 5000));
    count = 0;
    for (size_t i = 0; bus_statements[i]; i++) {
        statements[count++] = bus_statements[i];
    }
    for (size_t i = 0; test_bus_sql_statements[i]; i++) {
        statements[count++] = test_bus_sql_statements[i];
    }
    return 0;
}

void test_bus_clear(void)
{
    test_pg_exec(TEST_DATABASE,
        "TRUNCATE event_log, event_log_heads, consumer_positions, dead_letters, relay_positions, bus_leases, effects");
}

void test_bus_open(struct test_bus *test)
{
    test->bus_count = 0;
    struct db_options options = test_pg_options(TEST_DATABASE, "kongsi_app", 24);
    options.statements = statements;
    assert_ok(db_pool_open(&options, &test->pool));
    struct bus_log_options log_options = {
        .component = TEST_COMPONENT, .pool = test->pool, .topics = messaging_topics, .retention_days = 7};
    assert_ok(bus_log_open(&log_options, &test->log));
    const char *const none[] = {NULL};
    struct rpc_net_options net_options = {.self = "test",
        .service_key = "a key of the tests, 32 bytes long",
        .peer_names = none,
        .peer_urls = none,
        .connections_per_peer_max = 4};
    assert_ok(rpc_net_new(&net_options, &test->net));
    rpc_net_add_local(test->net, TEST_COMPONENT, &bus_rpc_event_log_service, test->log);
}

void test_bus_close(struct test_bus *test)
{
    while (test->bus_count > 0) { /* of a test that failed */
        bus_close(test->buses[--test->bus_count]);
    }
    bus_log_close(test->log);
    rpc_net_free(test->net);
    db_pool_close(test->pool);
}

struct uuid key_of_shard(int shard, int salt)
{
    struct uuid key = {{0}};
    for (uint32_t i = 0;; i++) {
        memcpy(key.bytes, &i, sizeof(i));
        memcpy(key.bytes + 8, &salt, sizeof(salt));
        if (uuid_hash(key) % BUS_SHARDS == (uint64_t)shard) {
            return key;
        }
    }
}

/* A batch of events on its way into the log. */
struct event_batch {
    Kongsi__Messaging__V1__ConversationUpdated bodies[100];
    char names[100][24];
    struct bus_event events[100];
    int count;
};

static void add_body(struct event_batch *batch, struct uuid key, const char *name)
{
    Kongsi__Messaging__V1__ConversationUpdated *body = &batch->bodies[batch->count];
    kongsi__messaging__v1__conversation_updated__init(body);
    snprintf(batch->names[batch->count], sizeof(batch->names[0]), "%s", name);
    body->name = batch->names[batch->count];
    batch->events[batch->count++] = (struct bus_event){.key = key, .body = &body->base};
}

static struct err *append_batch(struct test_bus *test, struct uuid org_id, const struct event_batch *batch)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(test->pool, db_scope_org(org_id, 0), &tx));
    ERR_TRY(bus_append(test->log, tx, arena, instant_now(), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        org_id, batch->events, (size_t)batch->count));
    return db_commit_auto(tx);
}

struct err *append_one(struct test_bus *test, struct uuid org_id, struct uuid key, const char *name)
{
    struct event_batch *batch = calloc(1, sizeof(*batch));
    add_body(batch, key, name);
    struct err *error = append_batch(test, org_id, batch);
    free(batch);
    return error;
}

void append_numbers(struct test_bus *test, struct uuid org_id, int shard, int first, int last, int batch_size)
{
    struct event_batch *batch = calloc(1, sizeof(*batch));
    for (int number = first; number <= last;) {
        batch->count = 0;
        for (; batch->count < batch_size && number <= last; number++) {
            char name[24];
            snprintf(name, sizeof(name), "%d", number);
            add_body(batch, key_of_shard(shard < 0 ? number % BUS_SHARDS : shard, 0), name);
        }
        assert_ok(append_batch(test, org_id, batch));
    }
    free(batch);
}

static bool fault_strikes(struct fault *fault, const char *name)
{
    return fault->name && strcmp(fault->name, name) == 0 && atomic_fetch_sub(&fault->times, 1) > 0;
}

static struct err *write_effect(
    const struct worker *worker, const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, const char *name)
{
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, event->org_id);
    db_add_text(&params, worker->consumer);
    db_add_text(&params, event->topic);
    db_add_int(&params, event->shard);
    db_add_int64(&params, event->position);
    db_add_text(&params, name);
    return db_query(tx, &TEST_BUS_SQL_effect_insert, &params, NULL);
}

static void count_volatile(struct worker *worker, const struct bus_delivery *event)
{
    int64_t *last = &worker->positions[event->shard];
    if (*last != 0 && event->position != *last + 1) {
        atomic_fetch_add(&worker->disorder, 1);
    }
    *last = event->position;
}

static struct err *work(const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *context)
{
    struct worker *worker = context;
    atomic_fetch_add(&worker->calls, 1);
    if (atomic_load(&worker->away)) {
        return err_new(&KONGSI_UNAVAILABLE, "away");
    }
    ProtobufCMessage *message;
    ERR_TRY(rpc_unpack(arena, &kongsi__messaging__v1__conversation_updated__descriptor, event->data, &message));
    const char *name = ((const Kongsi__Messaging__V1__ConversationUpdated *)message)->name;
    if (tx) {
        ERR_TRY(write_effect(worker, event, tx, arena, name));
    }
    if (fault_strikes(&worker->fault, name)) {
        return err_new(worker->fault.reason, "as told");
    }
    if ((int)arc4random_uniform(100) < atomic_load(&worker->percent)) {
        return err_new(&KONGSI_INTERNAL, "by chance");
    }
    if (!tx) {
        count_volatile(worker, event);
    }
    atomic_fetch_add(&worker->delivered, 1);
    return NULL;
}

struct bus_consumer_options worker_options(struct worker *worker, const char *name, struct db_pool *pool)
{
    worker->consumer = name;
    return (struct bus_consumer_options){.name = name,
        .component = TEST_COMPONENT,
        .topic = TEST_TOPIC,
        .start = BUS_START_OLDEST,
        .pool = pool,
        .deliver = work,
        .context = worker};
}

void bus_keep(struct test_bus *test, struct bus *bus)
{
    assert_true(test->bus_count < BUSES_MAX);
    test->buses[test->bus_count++] = bus;
}

void bus_end(struct test_bus *test, struct bus *bus)
{
    for (size_t i = 0; i < test->bus_count; i++) {
        if (test->buses[i] == bus) {
            test->buses[i] = test->buses[--test->bus_count];
            bus_close(bus);
            return;
        }
    }
    fail();
}

struct bus *worker_start(struct test_bus *test, struct worker *worker, const char *name, bool durable)
{
    return worker_start_on(test, worker, name, durable, NULL);
}

struct bus *worker_start_on(
    struct test_bus *test, struct worker *worker, const char *name, bool durable, const char *brokers)
{
    struct bus *bus;
    struct bus_options options = {
        .transport = brokers ? BUS_KAFKA : BUS_EMBEDDED, .kafka_brokers = brokers, .net = test->net};
    assert_ok(bus_open(&options, &bus));
    bus_keep(test, bus);
    struct bus_consumer_options consumer = worker_options(worker, name, durable ? test->pool : NULL);
    assert_ok(bus_add_log(bus, test->log));
    assert_ok(bus_add_consumer(bus, &consumer));
    assert_ok(bus_start(bus));
    return bus;
}

void assert_effects(const char *consumer, int64_t count)
{
    assert_number(count, "SELECT count(*) FROM effects WHERE consumer = '%s'", consumer);
    pause_ms(100); /* time for one too many */
    assert_number(count, "SELECT count(DISTINCT (topic, shard, position)) FROM effects WHERE consumer = '%s'", consumer);
    assert_number(count, "SELECT count(*) FROM effects WHERE consumer = '%s'", consumer);
    assert_number(0,
        "SELECT count(*) FROM (SELECT position, lag(position) OVER (PARTITION BY topic, shard ORDER BY place) AS before "
        "FROM effects WHERE consumer = '%s') e WHERE before >= position",
        consumer);
}
