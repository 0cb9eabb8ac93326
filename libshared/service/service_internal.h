/* Between the files of libshared/service; nothing of it is for services. */
#pragma once

#include "libshared/rpc/token.h"
#include "libshared/service/service.h"

#define SERVICE_COUNT_MAX 32
#define SERVICE_START_WAIT_MS 60000

struct log_config {
    int level;
};

struct database_config {
    char *host;
    int64_t port;
    char *owner_user, *owner_password_file;
    char *app_user, *app_password_file;
    int64_t pool_size;
};

struct rpc_config {
    char *service_key_file;
    struct config_map peers;
    int64_t threads;
    int64_t connections_per_peer;
};

struct bus_config {
    int transport; /* enum bus_transport */
    char *kafka_brokers;
    int64_t retention_days;
};

/* A service of this process and all that was opened for it. */
struct service_slot {
    const struct service_def *def;
    void *config;
    char database[64];                      /* its database's name */
    const struct db_statement **statements; /* the kit's and its own; the pool points to both */
    struct db_pool *pool;
    struct bus_log *log;
    struct service_env env;
    void *state;
    bool started;
    struct http_server *server;
};

struct service_process {
    const struct service_program *program;
    const char *config_path;
    struct log_config log;
    struct database_config database;
    struct rpc_config rpc;
    struct bus_config bus_config;
    struct config_section sections[SERVICE_COUNT_MAX + 8];
    size_t section_count;
    struct service_slot slots[SERVICE_COUNT_MAX];
    size_t slot_count;
    struct service_instance instances[SERVICE_COUNT_MAX + 1];
    const char *peer_names[SERVICE_COUNT_MAX + 1];
    const char *peer_urls[SERVICE_COUNT_MAX + 1];
    char *service_key, *owner_password, *app_password;
    struct rpc_net *net;
    struct token_verifier *tokens;
    struct bus *bus;
};

/* service_config.c: declares the sections of the process, loads them, reads the secrets. */
ERR_RESULT struct err *service_config_load(struct service_process *process);
void service_config_deinit(struct service_process *process);

/* service_run.c: open is everything between configuration and listening, all a command needs; serve begins to consume and
 * listen; drain finishes requests under way; close undoes whatever was done, also after a failure halfway. */
ERR_RESULT struct err *service_process_open(struct service_process *process);
ERR_RESULT struct err *service_process_serve(struct service_process *process);
void service_process_drain(struct service_process *process);
void service_process_close(struct service_process *process);
ERR_RESULT struct err *service_migrate(struct service_process *process);

/* service_call.c: `call SERVICE/METHOD`. */
int service_call(struct service_process *process, const char *method_name);

/* service_events.c */
ERR_RESULT struct err *service_events_republish(struct service_process *process, const char *component, const char *from);
ERR_RESULT struct err *service_events_replay(struct service_process *process, const char *consumer);

/* service_http.c */
void service_http_init(struct service_process *process);
void service_http_set_serving(bool serving);
void service_http_handle(struct http_exchange *exchange, void *slot);
