/* A fake service in two processes that are one: `g_here` runs it, `g_there` calls it over HTTP. */
#pragma once

#include "libshared/rpc/rpc_http.h"
#include "libshared/rpc/rpc_internal.h"
#include "libshared/rpc/test_keys.h"

#include "gen/kongsi_errors.h"
#include "kongsi/bus/v1/event_log_service.pb-c.h"
#include "kongsi/identity/v1/identity_service.pb-c.h"

#include <curl/curl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#define SERVICE_KEY "0123456789abcdef0123456789abcdef"
#define EVENT_LOG "kongsi.bus.v1.EventLogService"
#define IDENTITY "kongsi.identity.v1.IdentityService"

static const struct err_reason ODD = {"bus.kongsi", "ODD", ERR_FAILED_PRECONDITION};
static const struct err_reason EXHAUSTED = {"bus.kongsi", "EXHAUSTED", ERR_RESOURCE_EXHAUSTED};

static struct test_issuer g_issuer;
static struct token_verifier *g_tokens;
static struct rpc_net *g_here;  /* has the services */
static struct rpc_net *g_there; /* calls them over HTTP */
static struct http_server *g_server;
static atomic_int g_calls;

/* --- a service that does what the topic says --- */

static inline struct err *make_events(
    struct rpc_ctx *ctx, size_t count, size_t size, Kongsi__Bus__V1__ReadEventsResponse *response)
{
    response->events = arena_calloc(ctx->arena, count, sizeof(*response->events));
    for (size_t i = 0; i < count; i++) {
        Kongsi__Bus__V1__LoggedEvent *event = arena_alloc(ctx->arena, sizeof(*event));
        kongsi__bus__v1__logged_event__init(event);
        event->position = (int64_t)i + 1;
        event->data = (ProtobufCBinaryData){.len = size, .data = arena_alloc(ctx->arena, size)};
        memset(event->data.data, 'x', size);
        response->events[i] = event;
    }
    response->n_events = count;
    return NULL;
}

static inline struct err *read_events(struct rpc_ctx *ctx, const ProtobufCMessage *base, ProtobufCMessage *base_response)
{
    const Kongsi__Bus__V1__ReadEventsRequest *request = (const Kongsi__Bus__V1__ReadEventsRequest *)base;
    Kongsi__Bus__V1__ReadEventsResponse *response = (Kongsi__Bus__V1__ReadEventsResponse *)base_response;
    atomic_fetch_add(&g_calls, 1);
    if (strcmp(request->topic, "odd") == 0) {
        struct err *error = err_with(err_new(&ODD, "that is \"odd\": 公司"), "field", "a");
        return err_with(error, "limit", "%d", 5);
    }
    if (strcmp(request->topic, "exhausted") == 0) {
        struct err *error = err_new(&EXHAUSTED, "no more");
        error->retriable = true;
        return error;
    }
    if (strcmp(request->topic, "fault") == 0) {
        return err_new(&KONGSI_INTERNAL, "a fault of ours");
    }
    if (strcmp(request->topic, "slow") == 0) {
        usleep(300 * 1000);
    }
    if (strcmp(request->topic, "who") == 0) { /* what the handler is told, in an event's texts */
        assert_null(make_events(ctx, 1, 0, response));
        response->events[0]->id = arena_printf(ctx->arena, "%d %s", ctx->caller.kind, ctx->caller.service);
        response->events[0]->subject = arena_strdup(ctx->arena, ctx->client_address);
        response->events[0]->traceparent = arena_strdup(ctx->arena, ctx->traceparent);
        return NULL;
    }
    if (strcmp(request->topic, "large") == 0) {
        return make_events(ctx, 50, 100000, response);
    }
    return make_events(ctx, (size_t)request->page_size, 3, response);
}

static inline struct err *get_me(struct rpc_ctx *ctx, const ProtobufCMessage *request, ProtobufCMessage *response)
{
    (void)request;
    Kongsi__Identity__V1__Me *me = (Kongsi__Identity__V1__Me *)response;
    me->user = arena_alloc(ctx->arena, sizeof(*me->user));
    kongsi__identity__v1__user__init(me->user);
    char id[UUID_TEXT_SIZE];
    me->user->id = arena_strdup(ctx->arena, uuid_format(ctx->caller.user_id, id));
    return NULL;
}

/* Calls back into this process, for ever. */
static inline struct err *sign_out(struct rpc_ctx *ctx, const ProtobufCMessage *request, ProtobufCMessage *response)
{
    (void)response;
    ProtobufCMessage *answer;
    return rpc_call(
        ctx, "identity", IDENTITY, "SignOut", false, request, &kongsi__identity__v1__sign_out_response__descriptor, &answer);
}

static inline struct err *get_jwks(struct rpc_ctx *ctx, const ProtobufCMessage *request, ProtobufCMessage *response)
{
    (void)request;
    (void)response;
    assert_int_equal(ctx->caller.kind, RPC_CALLER_ANONYMOUS);
    assert_string_equal(ctx->access_token, "");
    return NULL;
}

static const struct rpc_method EVENT_LOG_METHODS[] = {
    {"ReadEvents", &kongsi__bus__v1__read_events_request__descriptor, &kongsi__bus__v1__read_events_response__descriptor,
        read_events},
    {NULL, NULL, NULL, NULL},
};
static const struct rpc_service EVENT_LOG_SERVICE = {EVENT_LOG, EVENT_LOG_METHODS};
static const struct rpc_method IDENTITY_METHODS[] = {
    {"GetMe", &kongsi__identity__v1__get_me_request__descriptor, &kongsi__identity__v1__me__descriptor, get_me},
    {"SignOut", &kongsi__identity__v1__sign_out_request__descriptor, &kongsi__identity__v1__sign_out_response__descriptor,
        sign_out},
    {"GetJwks", &kongsi__identity__v1__get_jwks_request__descriptor, &kongsi__identity__v1__jwks__descriptor, get_jwks},
    {NULL, NULL, NULL, NULL},
};
static const struct rpc_service IDENTITY_SERVICE = {IDENTITY, IDENTITY_METHODS};

/* --- two processes in one --- */

static inline void handle(struct http_exchange *exchange, void *context)
{
    if (!rpc_http_handle(exchange, context)) {
        http_respond(exchange, 404, "text/plain", "not here", 8);
    }
}

static inline void start_server(int port)
{
    struct http_server_options options = {.name = "test_rpc",
        .address = "127.0.0.1",
        .port = port,
        .threads = 12,
        .queue_max = 16,
        .handler = handle,
        .context = g_here};
    assert_null(http_server_start(&options, &g_server));
}

static inline void open_there(const char *url)
{
    static const char *const NAMES[] = {"messaging", "identity", "nobody"};
    const char *urls[] = {url, url, "http://127.0.0.1:1"};
    struct rpc_net_options options = {.self = "there",
        .service_key = SERVICE_KEY,
        .peer_names = NAMES,
        .peer_urls = urls,
        .peer_count = 3,
        .connections_per_peer_max = 4};
    assert_null(rpc_net_new(&options, &g_there));
}

static inline int setup(void **state)
{
    (void)state;
    test_issuer_init(&g_issuer);
    g_tokens = token_verifier_new(test_issuer_fetch, &g_issuer);
    struct rpc_net_options options = {.self = "here", .service_key = SERVICE_KEY};
    assert_null(rpc_net_new(&options, &g_here));
    rpc_net_set_token_verifier(g_here, g_tokens);
    rpc_net_add_local(g_here, "messaging", &EVENT_LOG_SERVICE, NULL);
    rpc_net_add_local(g_here, "identity", &IDENTITY_SERVICE, NULL);
    start_server(0);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", http_server_port(g_server));
    open_there(url);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    http_server_stop(g_server, 1000);
    rpc_net_free(g_there);
    rpc_net_free(g_here);
    token_verifier_free(g_tokens);
    test_issuer_deinit(&g_issuer);
    return 0;
}

static inline void assert_same_err(const struct err *a, const struct err *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->code, b->code);
    assert_string_equal(a->domain, b->domain);
    assert_string_equal(a->reason, b->reason);
    assert_string_equal(a->message, b->message);
    assert_int_equal(a->retriable, b->retriable);
    assert_int_equal(a->metadata_count, b->metadata_count);
    for (size_t i = 0; i < a->metadata_count; i++) {
        assert_string_equal(err_get_metadata(b, a->metadata[i].key), a->metadata[i].value);
    }
}
