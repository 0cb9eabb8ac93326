/* The life of a process: databases, net, bus, services, listeners; and back in reverse. */
#include "libshared/service/service_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"
#include "libshared/base/log.h"
#include "libshared/rpc/json.h"
#include "libshared/rpc/page_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DRAIN_MS 20000
#define MIGRATE_LOCK_WAIT_MS 60000
#define MIGRATIONS_MAX 512
#define STATEMENTS_MAX 1024

extern const struct rpc_service bus_rpc_event_log_service;

static size_t list_append(const void **list, size_t count, size_t count_max, const void *const *more)
{
    for (; more && *more; more++) {
        check(count + 1 < count_max);
        list[count++] = *more;
    }
    list[count] = NULL;
    return count;
}

static struct db_options database_options(const struct service_process *process, const char *name, bool owner)
{
    return (struct db_options){
        .host = process->database.host,
        .port = (int)process->database.port,
        .database = name,
        .user = owner ? process->database.owner_user : process->database.app_user,
        .password = owner ? process->owner_password : process->app_password,
        .pool_size = owner ? 1 : (int)process->database.pool_size,
        .application_name = process->program->name,
    };
}

/* PostgreSQL may come up after us: what is only away is tried again for a while. */
static struct err *migrate_when_up(const struct db_options *options, const struct db_migration *const *migrations)
{
    int64_t deadline_ms = clock_monotonic_ms() + SERVICE_START_WAIT_MS;
    for (;;) {
        struct err *error = db_migrate(options, migrations, MIGRATE_LOCK_WAIT_MS);
        if (!error || !err_is(error, &KONGSI_UNAVAILABLE) || deadline_left_ms(deadline_ms) == 0) {
            return error;
        }
        log_err(LOG_LEVEL_WARN, error, "database %s is away, trying again", options->database);
        err_free(error);
        nanosleep(&(struct timespec){.tv_nsec = 500L * 1000 * 1000}, NULL);
    }
}

static struct err *migrate_slot(struct service_process *process, const struct service_def *def)
{
    char database[64];
    snprintf(database, sizeof(database), "kongsi_%s", def->name);
    const struct db_migration *migrations[MIGRATIONS_MAX];
    size_t count = list_append((const void **)migrations, 0, MIGRATIONS_MAX, (const void *const *)bus_migrations);
    list_append((const void **)migrations, count, MIGRATIONS_MAX, (const void *const *)def->migrations);
    struct db_options options = database_options(process, database, true);
    return migrate_when_up(&options, migrations);
}

struct err *service_migrate(struct service_process *process)
{
    for (size_t i = 0; i < process->slot_count; i++) {
        if (process->slots[i].def->migrations) {
            ERR_TRY(migrate_slot(process, process->slots[i].def));
        }
    }
    return NULL;
}

static struct err *open_pool(struct service_process *process, struct service_slot *slot)
{
    slot->statements = calloc(STATEMENTS_MAX, sizeof(*slot->statements));
    if (!slot->statements) {
        return err_out_of_memory();
    }
    const void **list = (const void **)slot->statements;
    size_t count = list_append(list, 0, STATEMENTS_MAX, (const void *const *)bus_statements);
    list_append(list, count, STATEMENTS_MAX, (const void *const *)slot->def->statements);
    snprintf(slot->database, sizeof(slot->database), "kongsi_%s", slot->def->name);
    struct db_options options = database_options(process, slot->database, false);
    options.statements = slot->statements;
    return db_pool_open(&options, &slot->pool);
}

static struct err *open_database(struct service_process *process, struct service_slot *slot)
{
    if (!slot->def->migrations) {
        return NULL;
    }
    ERR_TRY(migrate_slot(process, slot->def));
    ERR_TRY(open_pool(process, slot));
    if (!slot->def->topics) {
        return NULL;
    }
    struct bus_log_options log_options = {.component = slot->def->name,
        .pool = slot->pool,
        .topics = slot->def->topics,
        .retention_days = (int)process->bus_config.retention_days};
    ERR_TRY(bus_log_open(&log_options, &slot->log));
    rpc_net_add_local(process->net, slot->def->name, &bus_rpc_event_log_service, slot->log);
    return bus_add_log(process->bus, slot->log);
}

/* The keys of access tokens, from whoever issues them, as JSON. */
static struct err *fetch_keys(void *context, struct arena *arena, const char **ret_json)
{
    const struct service_process *process = context;
    char service[128];
    const char *name = process->program->issuer->keys_method, *slash = strchr(name, '/');
    check(slash && (size_t)(slash - name) < sizeof(service));
    snprintf(service, sizeof(service), "%.*s", (int)(slash - name), name);
    const struct schema_method *method = schema_find_method(schema_kongsi(), service, slash + 1);
    check(method);
    struct rpc_ctx ctx;
    rpc_ctx_init_self(&ctx, process->net, arena, 5000);
    struct bytes answer;
    ERR_TRY(
        rpc_call_wire(&ctx, method->component, method, (struct bytes){.data = (const uint8_t *)"", .length = 0}, &answer));
    BUF_AUTO json;
    buf_init(&json, 1024 * 1024);
    ERR_TRY(json_from_wire(method->output, answer, &json));
    *ret_json = arena_strndup(arena, json.data, json.length);
    return *ret_json ? NULL : err_out_of_memory();
}

static struct err *open_net(struct service_process *process)
{
    size_t peer_count = 0;
    while (process->peer_names[peer_count]) {
        peer_count++;
    }
    const char *self = process->program->name;
    struct rpc_net_options options = {.self = self,
        .service_key = process->service_key,
        .peer_names = process->peer_names,
        .peer_urls = process->peer_urls,
        .peer_count = peer_count,
        .connections_per_peer_max = (int)process->rpc.connections_per_peer};
    ERR_TRY(rpc_net_new(&options, &process->net));
    process->tokens = token_verifier_new(fetch_keys, process);
    if (!process->tokens) {
        return err_out_of_memory();
    }
    rpc_net_set_token_verifier(process->net, process->tokens);
    struct bus_options bus_options = {.transport = (enum bus_transport)process->bus_config.transport,
        .kafka_brokers = process->bus_config.kafka_brokers,
        .net = process->net};
    return bus_open(&bus_options, &process->bus);
}

static struct err *end_session(const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *context)
{
    (void)tx;
    (void)arena;
    const struct service_process *process = context;
    if (strcmp(event->type, process->program->issuer->session_ended_type) == 0) {
        token_revoke_session(process->tokens, event->key);
    }
    return NULL;
}

/* Every process verifies tokens itself, so each hears which sessions have ended. */
static struct err *follow_sessions(struct service_process *process)
{
    const struct service_issuer *issuer = process->program->issuer;
    struct bus_consumer_options options = {.name = "service.sessions",
        .component = issuer->component,
        .topic = issuer->session_topic,
        .start = BUS_START_NEWEST,
        .deliver = end_session,
        .context = process};
    return bus_add_consumer(process->bus, &options);
}

static struct err *start_slot(struct service_process *process, struct service_slot *slot)
{
    slot->env = (struct service_env){.config = slot->config,
        .db = slot->pool,
        .log = slot->log,
        .net = process->net,
        .bus = process->bus,
        .tokens = process->tokens,
        .instances = process->instances,
        .peer_names = process->peer_names,
        .peer_urls = process->peer_urls};
    log_set_context(slot->def->name, NULL);
    ERR_TRY(slot->def->start(&slot->env, &slot->state));
    slot->started = true;
    for (const struct rpc_service *const *rpc = slot->def->rpc; rpc && *rpc; rpc++) {
        rpc_net_add_local(process->net, slot->def->name, *rpc, slot->state);
    }
    for (const struct service_consumer *consumer = slot->def->consumers; consumer && consumer->name; consumer++) {
        struct bus_consumer_options options = {.name = consumer->name,
            .component = consumer->component,
            .topic = consumer->topic,
            .start = consumer->start,
            .pool = consumer->is_volatile ? NULL : slot->pool,
            .deliver = consumer->deliver,
            .context = slot->state};
        ERR_TRY(bus_add_consumer(process->bus, &options));
    }
    return NULL;
}

struct err *service_process_open(struct service_process *process)
{
    service_http_init(process);
    page_token_set_key(process->service_key);
    ERR_TRY(open_net(process));
    for (size_t i = 0; i < process->slot_count; i++) {
        ERR_TRY(open_database(process, &process->slots[i]));
    }
    for (size_t i = 0; i < process->slot_count; i++) {
        ERR_TRY(start_slot(process, &process->slots[i]));
        process->instances[i] = (struct service_instance){process->slots[i].def, process->slots[i].state};
    }
    ERR_TRY(follow_sessions(process));
    log_set_context(NULL, NULL);
    return NULL;
}

/* A service process answers its RPCs and raw routes on its own port. */
static struct err *listen_slot(struct service_process *process, struct service_slot *slot)
{
    if (slot->def->serve) {
        ERR_TRY(slot->def->serve(slot->state));
    }
    if (slot->def->own_listener || process->slot_count > 1) {
        return NULL;
    }
    const int64_t *port = (const int64_t *)((const char *)slot->config + slot->def->port_config_offset);
    struct http_server_options options = {.name = slot->def->name,
        .address = slot->def->address_config_offset
                       ? *(char *const *)((const char *)slot->config + slot->def->address_config_offset)
                       : "127.0.0.1",
        .port = (int)*port,
        .threads = (int)process->rpc.threads,
        .queue_max = 256,
        .handler = service_http_handle,
        .context = slot};
    return http_server_start(&options, &slot->server);
}

struct err *service_process_serve(struct service_process *process)
{
    ERR_TRY(bus_start(process->bus));
    for (size_t i = 0; i < process->slot_count; i++) {
        ERR_TRY(listen_slot(process, &process->slots[i]));
    }
    service_http_set_serving(true);
    return NULL;
}

void service_process_drain(struct service_process *process)
{
    service_http_set_serving(false);
    for (size_t i = process->slot_count; i-- > 0;) {
        struct service_slot *slot = &process->slots[i];
        if (slot->started && slot->def->drain) {
            slot->def->drain(slot->state);
        }
        http_server_stop(slot->server, DRAIN_MS);
        slot->server = NULL;
    }
}

void service_process_close(struct service_process *process)
{
    log_set_context(NULL, NULL);
    if (process->bus) {
        bus_stop(process->bus);
    }
    for (size_t i = process->slot_count; i-- > 0;) {
        struct service_slot *slot = &process->slots[i];
        http_server_stop(slot->server, DRAIN_MS);
        if (slot->started) {
            slot->def->stop(slot->state);
        }
    }
    bus_close(process->bus);
    for (size_t i = process->slot_count; i-- > 0;) {
        bus_log_close(process->slots[i].log);
        db_pool_close(process->slots[i].pool);
        free(process->slots[i].statements);
    }
    token_verifier_free(process->tokens);
    rpc_net_free(process->net);
}
