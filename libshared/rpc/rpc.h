/* RPC: what handlers see, how calls are made, in process or over HTTP (Twirp v7), the same for both.
 *
 * Twirp: POST /twirp/<package.Service>/<Method>, application/protobuf or application/json; errors as Twirp JSON with our
 * code, reason, domain and metadata in `meta`. Headers: Authorization (Bearer: the person's access token; or Kongsi-Service
 * for calls of a service in its own name), traceparent, Kongsi-Timeout-Ms. */
#pragma once

#include "libshared/base/arena.h"
#include "libshared/base/clock.h"
#include "libshared/base/err.h"
#include "libshared/base/str.h"
#include "libshared/base/uuid.h"
#include "libshared/rpc/schema.h"

#include <protobuf-c/protobuf-c.h>

enum rpc_caller_kind { RPC_CALLER_ANONYMOUS, RPC_CALLER_USER, RPC_CALLER_SERVICE };

struct rpc_caller {
    enum rpc_caller_kind kind;
    struct uuid org_id, user_id, session_id; /* of a person */
    const char *service;                     /* of a service: its name */
    const char *permissions;                 /* space-separated, as in the token's scope */
    struct instant token_expire_time;
};

#define RPC_TRACEPARENT_SIZE 56
#define RPC_TIMEOUT_DEFAULT_MS 30000
#define RPC_MESSAGE_SIZE_MAX_BYTES ((size_t)32 * 1024 * 1024)

/* One request. Lives on the caller's stack; everything it points to lives as long as its arena. */
struct rpc_ctx {
    struct arena *arena; /* of the request: results and temporaries */
    struct rpc_caller caller;
    const char *access_token; /* as it came, "" without: handed on to the next service */
    struct instant now;
    int64_t deadline_ms;                    /* monotonic */
    char traceparent[RPC_TRACEPARENT_SIZE]; /* W3C trace context, never empty */
    char client_address[64];                /* of the person's program, as the edge saw it; "" inside */
    void *service;                          /* the state that the service's start returned */
    struct rpc_net *net;                    /* for calls to others */
};

/* A handler fills `response`, already initialised, with memory of the arena. */
typedef struct err *(*rpc_handler)(struct rpc_ctx *ctx, const ProtobufCMessage *request, ProtobufCMessage *response);

/* Generated: <service>_rpc.c has the table, typed prototypes for the handlers, typed client functions. */
struct rpc_method {
    const char *name;
    const ProtobufCMessageDescriptor *input, *output;
    rpc_handler handler;
};

struct rpc_service {
    const char *full_name;            /* "kongsi.messaging.v1.MessagingService" */
    const struct rpc_method *methods; /* ends with name = NULL */
};

/* The services this process runs and the addresses of those it does not. Made once by service_main; thread-safe afterwards.
 */
struct rpc_net;

struct rpc_net_options {
    const char *self;              /* name for calls in its own name: "gateway", or "kongsi" in the one-process program */
    const char *service_key;       /* shared secret, at least 32 bytes */
    const char *const *peer_names; /* component → base URL, for services elsewhere */
    const char *const *peer_urls;
    size_t peer_count;
    int connections_per_peer_max;
};

ERR_RESULT struct err *rpc_net_new(const struct rpc_net_options *options, struct rpc_net **ret_net);
void rpc_net_free(struct rpc_net *net);
/* Who verifies the access tokens of incoming calls. Set before the first call; lives longer than the net's last call. */
struct token_verifier;
void rpc_net_set_token_verifier(struct rpc_net *net, struct token_verifier *verifier);
/* Registers a service of this process under its component name ("messaging"); several rpc_services may share one component
 * (MessagingService and EventLogService). `state` becomes ctx->service. */
void rpc_net_add_local(struct rpc_net *net, const char *component, const struct rpc_service *service, void *state);

/* A fresh context for work nobody asked for (consumers, start-up): the caller is this process itself. */
void rpc_ctx_init_self(struct rpc_ctx *ctx, struct rpc_net *net, struct arena *arena, int64_t timeout_ms);
/* A new traceparent; `text` has RPC_TRACEPARENT_SIZE bytes. */
void rpc_traceparent_new(char *text);
/* What follows an incoming traceparent: the same trace, a span of our own; a new trace when `incoming` is NULL or not valid.
 */
void rpc_traceparent_next(const char *incoming, char *text);
/* What this thread's log lines carry: a component and the trace id of a traceparent; NULL: nothing. A call made meanwhile
 * sets its own and puts this back. */
void rpc_log_context(const char *component, const char *traceparent);

/* Calls a method of a component with wire bytes and gets wire bytes in the arena of ctx: direct when it is local, over HTTP
 * otherwise. Identity: the person's token when ctx has one, else the process's own. Retries once on a broken connection when
 * the method has no side effects, or the request was surely not sent. Reasons: what the handler answers, and
 * KONGSI_UNAVAILABLE, KONGSI_DEADLINE_EXCEEDED, the checks of dispatch. */
ERR_RESULT struct err *rpc_call_wire(struct rpc_ctx *ctx, const char *component, const struct schema_method *method,
    struct bytes request, struct bytes *ret_response);
/* The same with messages; the response is unpacked into the arena. Used by the generated clients. With as_self the call is
 * made in the process's own name even when ctx has a person's token (for ACCESS_SERVICE methods). */
ERR_RESULT struct err *rpc_call(struct rpc_ctx *ctx, const char *component, const char *service, const char *method,
    bool as_self, const ProtobufCMessage *request, const ProtobufCMessageDescriptor *output,
    ProtobufCMessage **ret_response);

/* What arrives at a door, before anything is believed. */
struct rpc_incoming {
    const char *component; /* NULL: any local one that has the service */
    const struct schema_method *method;
    const char *authorization; /* header value, or "" */
    const char *traceparent;   /* or "" */
    const char *client_address;
    int64_t deadline_ms;
    struct bytes request;
};

/* Runs a call on a local service: verifies the token, checks access and permission, checks the request against the schema's
 * rules, unpacks, handles, packs. The response lives in the arena. Logs nothing. */
ERR_RESULT struct err *rpc_dispatch(
    struct rpc_net *net, const struct rpc_incoming *incoming, struct arena *arena, struct bytes *ret_response);

/* protobuf-c over an arena. */
ProtobufCAllocator rpc_arena_allocator(struct arena *arena);
/* Unpacks into the arena (after schema_check!). KONGSI_BODY_INVALID. */
ERR_RESULT struct err *rpc_unpack(
    struct arena *arena, const ProtobufCMessageDescriptor *descriptor, struct bytes wire, ProtobufCMessage **ret_message);
ERR_RESULT struct err *rpc_pack(struct arena *arena, const ProtobufCMessage *message, struct bytes *ret_wire);

/* Whether the caller holds the permission: exact, or a wildcard of the scope ("messaging.*", "*"). */
bool rpc_caller_may(const struct rpc_caller *caller, const char *permission);
