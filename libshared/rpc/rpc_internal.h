/* Between the files of RPC; nothing of it is for others. */
#pragma once

#include "libshared/base/metrics.h"
#include "libshared/rpc/http.h"
#include "libshared/rpc/rpc.h"
#include "libshared/rpc/token.h"

#include <pthread.h>

#define RPC_TIMEOUT_MAX_MS 120000
#define RPC_DEPTH_MAX 8 /* in-process calls within calls */
#define RPC_REQUEST_SIZE_DEFAULT_BYTES ((size_t)2 * 1024 * 1024)

/* Counters of one method and of its component; live as long as the process. */
struct rpc_metrics {
    const char *component, *method;
    char *labels, *component_labels;
    struct metric requests, errors;
    struct metric seconds; /* of the component: registered with its first method only */
    struct metric *component_seconds;
    struct rpc_metrics *next;
};

struct rpc_local_method {
    const struct schema_method *schema;
    const struct rpc_method *method;
    struct rpc_metrics *metrics;
};

/* A service of this process. */
struct rpc_local {
    const char *component;
    const struct rpc_service *service;
    void *state;
    struct rpc_local_method *methods;
    size_t method_count;
    struct rpc_local *next;
};

struct rpc_net {
    char *self, *service_key;
    struct rpc_local *locals;
    struct rpc_peer **peers;
    size_t peer_count;
    struct token_verifier *tokens;
};

/* rpc_net.c */
const struct rpc_local *rpc_net_find_local(const struct rpc_net *net, const char *component,
    const struct schema_method *method, const struct rpc_local_method **ret_method);
struct rpc_peer *rpc_net_find_peer(const struct rpc_net *net, const char *component);

/* rpc_metrics.c: NULL when out of memory. Texts must live as long as the process. */
struct rpc_metrics *rpc_metrics_get(const char *component, const char *method);
void rpc_metrics_count(struct rpc_metrics *metrics, bool failed, int64_t duration_us);

/* rpc_context.c: what the thread does now, for its log lines. */
struct rpc_scope {
    const char *component; /* NULL: nothing */
    char trace_id[33];
    int depth; /* of calls within calls */
};
struct rpc_scope rpc_scope_enter(const char *component, const char *traceparent); /* returns the one before */
void rpc_scope_leave(const struct rpc_scope *before);
int rpc_scope_depth(void);

/* rpc_peer.c: connections to one process elsewhere. */
struct rpc_peer;
ERR_RESULT struct err *rpc_peer_new(const char *name, const char *url, int connections_max, struct rpc_peer **ret_peer);
void rpc_peer_free(struct rpc_peer *peer);
const char *rpc_peer_name(const struct rpc_peer *peer);
struct rpc_peer_request {
    const struct schema_method *method;
    const char *authorization; /* "" none */
    const char *via;           /* the process's own proof, beside the person's token */
    const char *traceparent, *client_address;
    int64_t deadline_ms;
    struct bytes body;
};
ERR_RESULT struct err *rpc_peer_call(
    struct rpc_peer *peer, const struct rpc_peer_request *request, struct arena *arena, struct bytes *ret_response);

/* rpc_twirp.c: errors as Twirp v7 writes them. */
int rpc_twirp_status(const struct err *error);
ERR_RESULT struct err *rpc_twirp_print(const struct err *error, struct buf *json);
/* The error of an answer that is not a success; never NULL. */
struct err *rpc_twirp_parse(int http_status, const char *body, size_t length, const char *peer);
/* Whether JSON nests at most `depth_max` deep: jansson reads recursively, and the stacks of our threads are small. */
bool rpc_json_is_shallow(const char *text, size_t length, int depth_max);
