/* A service is a value. main.c of a program names its services and calls service_main.
 *
 * The one-process program runs all of them with direct calls; kongsi-<service> runs one behind its Twirp port. Same code
 * either way. */
#pragma once

#include "libshared/base/err.h"
#include "libshared/bus/bus.h"
#include "libshared/config/config.h"
#include "libshared/db/db.h"
#include "libshared/db/db_migrate.h"
#include "libshared/rpc/http.h"
#include "libshared/rpc/rpc.h"

struct service_def;

/* A service of this process with what its start returned. */
struct service_instance {
    const struct service_def *def;
    void *state;
};

/* What a service gets when it starts. Lives as long as the process. */
struct service_env {
    const void *config;  /* its filled config struct */
    struct db_pool *db;  /* NULL without a database */
    struct bus_log *log; /* NULL without topics */
    struct rpc_net *net;
    struct bus *bus;
    struct token_verifier *tokens;
    const struct service_instance *instances; /* of this process, def = NULL ends; states are set once all have started */
    const char *const *peer_names;            /* services elsewhere and their base URLs, NULL-terminated */
    const char *const *peer_urls;
};

/* A raw HTTP route under a prefix, for what is not JSON: files, DAV. The gateway streams to it without buffering: by direct
 * call in the one-process program, through the service's HTTP port otherwise. The handler verifies the caller itself with
 * service_http_caller. */
struct service_http_route {
    const char *method;  /* "PUT" */
    const char *pattern; /* "/v1/users/{user_id}/avatar": {…} matches one segment */
    void (*handler)(struct http_exchange *exchange, void *state, const char *const *segments /* values of {…} in order */);
};

struct service_consumer {
    const char *name, *component, *topic;
    enum bus_start start;
    bool is_volatile;
    struct err *(*deliver)(const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *state);
};

struct service_def {
    const char *name;                             /* "messaging" */
    const struct rpc_service *const *rpc;         /* NULL-terminated; NULL: none */
    const struct config_field *config_fields;     /* of section `name` */
    size_t config_size_bytes;                     /* of its struct */
    const struct db_migration *const *migrations; /* NULL: no database */
    const struct db_statement *const *statements;
    const char *const *topics;                    /* it owns; NULL: none */
    const struct service_consumer *consumers;     /* ends with name = NULL; NULL: none */
    const struct service_http_route *http_routes; /* ends with method = NULL; NULL: none */
    size_t port_config_offset;    /* of the int64_t `port` in its config struct, for its own HTTP server in services mode */
    size_t address_config_offset; /* of the char * `address` there; 0: loopback only */
    bool own_listener;            /* the service listens on `port` itself (gateway, realtime) */
    /* `start` makes the state (before consumers and listeners run), `serve` opens its own listener (after all are started),
     * `drain` refuses new work, `stop` ends it. serve and drain may be NULL. */
    struct err *(*start)(const struct service_env *env, void **ret_state);
    struct err *(*serve)(void *state);
    void (*drain)(void *state);
    void (*stop)(void *state);
    bool (*ready)(void *state); /* NULL: ready when its database is */
};

/* Who issues access tokens, and how every process learns of their keys and of their end. */
struct service_issuer {
    const char *component;          /* "identity" */
    const char *keys_method;        /* "<package.Service>/<Method>" that answers the keys */
    const char *session_topic;      /* of `component` */
    const char *session_ended_type; /* an event there, whose key is the session: its tokens are refused from then on */
};

/* A program: which services it runs. */
struct service_program {
    const char *name;                          /* "kongsi", "kongsi-messaging" */
    const struct service_def *const *services; /* NULL-terminated */
    const char *const *known_services;         /* names of all services there are: their sections may stand in the file */
    const struct service_issuer *issuer;
};

/* Runs the program until SIGTERM or SIGINT. Options: --config FILE, --check-config, --print-config, --version, --help;
 * sub-commands: `call SERVICE/METHOD` (JSON on stdin, JSON on stdout, in the process's own name), `migrate`. Returns the
 * exit status. */
int service_main(const struct service_program *program, int argc, char **argv);

/* Inside a raw route: who calls, as rpc_dispatch would find out, with the permission required. Fills ctx (arena of the
 * exchange; its `service` stays NULL). Reasons: those of token.h, KONGSI_TOKEN_MISSING, KONGSI_PERMISSION_MISSING. */
ERR_RESULT struct err *service_http_caller(
    struct http_exchange *exchange, const struct service_env *env, const char *permission, struct rpc_ctx *ret_ctx);
/* The raw route of `def` for a method and path, with the decoded values of its {…} in the arena; NULL: none. */
const struct service_http_route *service_http_find_route(const struct service_def *def, const char *method, const char *path,
    struct arena *arena, const char *const **ret_segments);
/* Answers /healthz, /readyz, /metrics; false: another path. */
bool service_http_handle_health(struct http_exchange *exchange);
