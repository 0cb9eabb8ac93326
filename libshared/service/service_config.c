#include "libshared/service/service_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"

#include <stdlib.h>
#include <string.h>

static const char *const LOG_LEVELS[] = {"debug", "info", "warn", "error", NULL};
static const char *const TRANSPORTS[] = {"embedded", "kafka", NULL};

#define FIELD(type_, struct_, member, ...)                                                                                  \
    {                                                                                                                       \
        .key = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__                            \
    }

static const struct config_field LOG_FIELDS[] = {
    FIELD(CONFIG_ENUM, log_config, level, .default_text = "info", .choices = LOG_LEVELS,
        .help = "Least level that is logged."),
    {.key = NULL},
};

static const struct config_field DATABASE_FIELDS[] = {
    FIELD(CONFIG_STRING, database_config, host, .default_text = "127.0.0.1",
        .help = "Host name, address, or folder of the Unix socket of PostgreSQL."),
    FIELD(CONFIG_INT, database_config, port, .default_text = "5432", .minimum = 1, .maximum = 65535,
        .help = "Port of PostgreSQL."),
    FIELD(CONFIG_STRING, database_config, owner_user, .default_text = "kongsi_owner",
        .help = "Role that owns the tables and runs the migrations."),
    FIELD(CONFIG_STRING, database_config, owner_password_file, .help = "File with the owner role's password; empty: none."),
    FIELD(CONFIG_STRING, database_config, app_user, .default_text = "kongsi_app",
        .help = "Role the services work with: no superuser, no owner, bound by row-level security."),
    FIELD(CONFIG_STRING, database_config, app_password_file,
        .help = "File with the application role's password; empty: none."),
    FIELD(CONFIG_INT, database_config, pool_size, .default_text = "8", .minimum = 2, .maximum = 100,
        .help = "Connections a service keeps at most."),
    {.key = NULL},
};

static const struct config_field RPC_FIELDS[] = {
    FIELD(CONFIG_STRING, rpc_config, service_key_file,
        .help =
            "File with the secret by which Kongsi's services know each other: at least 32 characters, the same for all."),
    FIELD(CONFIG_STRING_MAP, rpc_config, peers, .help = "Base URLs of the services that run in other processes, by name."),
    FIELD(CONFIG_INT, rpc_config, threads, .default_text = "32", .minimum = 1, .maximum = 512,
        .help = "Threads that answer RPCs of other processes."),
    FIELD(CONFIG_INT, rpc_config, connections_per_peer, .default_text = "64", .minimum = 1, .maximum = 1024,
        .help = "Connections to one other service at most."),
    {.key = NULL},
};

static const struct config_field BUS_FIELDS[] = {
    FIELD(CONFIG_ENUM, bus_config, transport, .default_text = "embedded", .choices = TRANSPORTS,
        .help = "How domain events travel: embedded (no broker) or kafka."),
    FIELD(CONFIG_STRING, bus_config, kafka_brokers, .help = "Kafka's bootstrap servers, host:port with commas."),
    FIELD(CONFIG_INT, bus_config, retention_days, .default_text = "7", .minimum = 1, .maximum = 365,
        .help = "Days the event log keeps its rows."),
    {.key = NULL},
};

static void add_section(struct service_process *process, const char *name, const struct config_field *fields, void *target)
{
    check(process->section_count < sizeof(process->sections) / sizeof(process->sections[0]));
    process->sections[process->section_count++] = (struct config_section){.name = name, .fields = fields, .target = target};
}

static bool is_local(const struct service_process *process, const char *name)
{
    for (size_t i = 0; i < process->slot_count; i++) {
        if (strcmp(process->slots[i].def->name, name) == 0) {
            return true;
        }
    }
    return false;
}

static struct err *declare_sections(struct service_process *process)
{
    add_section(process, "log", LOG_FIELDS, &process->log);
    add_section(process, "database", DATABASE_FIELDS, &process->database);
    add_section(process, "rpc", RPC_FIELDS, &process->rpc);
    add_section(process, "bus", BUS_FIELDS, &process->bus_config);
    for (size_t i = 0; i < process->slot_count; i++) {
        struct service_slot *slot = &process->slots[i];
        slot->config = calloc(1, slot->def->config_size_bytes ? slot->def->config_size_bytes : 1);
        if (!slot->config) {
            return err_out_of_memory();
        }
        add_section(process, slot->def->name, slot->def->config_fields, slot->config);
    }
    for (const char *const *name = process->program->known_services; *name; name++) {
        if (!is_local(process, *name)) {
            add_section(process, *name, NULL, NULL);
        }
    }
    return NULL;
}

static struct err *read_secret(const char *path, char **ret_secret)
{
    return str_is_empty(path) ? NULL : config_read_secret_file(path, ret_secret);
}

static bool is_known(const struct service_process *process, const char *name)
{
    for (const char *const *known = process->program->known_services; *known; known++) {
        if (strcmp(*known, name) == 0) {
            return true;
        }
    }
    return false;
}

static struct err *list_peers(struct service_process *process)
{
    size_t count = 0;
    for (size_t i = 0; i < process->rpc.peers.count; i++) {
        const char *name = process->rpc.peers.keys[i];
        if (!is_known(process, name)) {
            return err_new(&KONGSI_CONFIG_INVALID, "rpc.peers names %s, and there is no service of this name", name);
        }
        if (!is_local(process, name)) {
            check(count < SERVICE_COUNT_MAX);
            process->peer_names[count] = name;
            process->peer_urls[count++] = process->rpc.peers.values[i];
        }
    }
    return NULL;
}

struct err *service_config_load(struct service_process *process)
{
    ERR_TRY(declare_sections(process));
    ERR_TRY(config_load(process->config_path, process->sections, process->section_count));
    if (str_is_empty(process->rpc.service_key_file)) {
        return err_new(&KONGSI_CONFIG_INVALID, "rpc.service_key_file is missing: name a file with a random secret");
    }
    ERR_TRY(config_read_secret_file(process->rpc.service_key_file, &process->service_key));
    if (strlen(process->service_key) < 32) {
        return err_new(&KONGSI_CONFIG_INVALID, "the secret in %s has %zu characters, at least 32 are needed",
            process->rpc.service_key_file, strlen(process->service_key));
    }
    if (process->bus_config.transport == BUS_KAFKA && str_is_empty(process->bus_config.kafka_brokers)) {
        return err_new(&KONGSI_CONFIG_INVALID, "bus.transport is kafka, but bus.kafka_brokers is empty");
    }
    ERR_TRY(read_secret(process->database.owner_password_file, &process->owner_password));
    ERR_TRY(read_secret(process->database.app_password_file, &process->app_password));
    return list_peers(process);
}

static void free_secret(char *secret)
{
    if (secret) {
        explicit_bzero(secret, strlen(secret));
        free(secret);
    }
}

void service_config_deinit(struct service_process *process)
{
    config_deinit(process->sections, process->section_count);
    for (size_t i = 0; i < process->slot_count; i++) {
        free(process->slots[i].config);
    }
    free_secret(process->service_key);
    free_secret(process->owner_password);
    free_secret(process->app_password);
}
