#include "services/gateway/rest.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/metrics.h"
#include "libshared/rpc/json.h"
#include "libshared/rpc/token.h"
#include "services/gateway/proxy.h"
#include "services/gateway/raw_routes.h"
#include "services/gateway/respond.h"
#include "services/gateway/rest_fields.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define ANSWER_SIZE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define BEARER "Bearer "
#define TRACE_ID_SIZE 33

static METRIC_DEFINE(g_limited, METRIC_COUNTER, "kongsi_gateway_rate_limited_total", "Requests refused by a rate limit.");

static const struct {
    const char *name;
    enum schema_http_verb verb;
} VERBS[] = {{"GET", SCHEMA_HTTP_GET}, {"HEAD", SCHEMA_HTTP_GET}, {"POST", SCHEMA_HTTP_POST}, {"PUT", SCHEMA_HTTP_PUT},
    {"PATCH", SCHEMA_HTTP_PATCH}, {"DELETE", SCHEMA_HTTP_DELETE}};

static enum schema_http_verb verb_of(const char *method)
{
    for (size_t i = 0; i < sizeof(VERBS) / sizeof(VERBS[0]); i++) {
        if (strcmp(VERBS[i].name, method) == 0) {
            return VERBS[i].verb;
        }
    }
    return SCHEMA_HTTP_NONE;
}

static void set_allow(struct http_exchange *exchange, unsigned allowed_verbs)
{
    char text[128] = "OPTIONS";
    for (size_t i = 0; i < sizeof(VERBS) / sizeof(VERBS[0]); i++) {
        if (allowed_verbs & 1u << VERBS[i].verb) {
            size_t length = strlen(text);
            snprintf(text + length, sizeof(text) - length, ", %s", VERBS[i].name);
        }
    }
    http_set_header(exchange, "Allow", text);
}

static bool is_trusted_proxy(const struct gateway *gateway, const char *address)
{
    for (size_t i = 0; i < gateway->config->trusted_proxies.count; i++) {
        if (strcmp(gateway->config->trusted_proxies.items[i], address) == 0) {
            return true;
        }
    }
    return false;
}

/* What the proxy itself saw: the last entry of the last field, for proxies may lengthen the client's field or add their own.
 */
static const char *last_forwarded(const struct http_exchange *exchange)
{
    const char *last = NULL, *name, *value;
    for (size_t i = 0; i < http_header_count(exchange); i++) {
        http_header_at(exchange, i, &name, &value);
        last = strcasecmp(name, "X-Forwarded-For") == 0 ? value : last;
    }
    const char *comma = last ? strrchr(last, ',') : NULL;
    return comma ? comma + 1 : last;
}

const char *rest_client_address(const struct gateway *gateway, struct http_exchange *exchange)
{
    const char *peer = http_client_address(exchange);
    const char *forwarded = is_trusted_proxy(gateway, peer) ? last_forwarded(exchange) : NULL;
    if (!forwarded) {
        return peer;
    }
    forwarded += strspn(forwarded, " \t");
    const char *address = arena_strndup(http_arena(exchange), forwarded, strcspn(forwarded, " \t"));
    unsigned char binary[sizeof(struct in6_addr)];
    bool valid = address && (inet_pton(AF_INET, address, binary) == 1 || inet_pton(AF_INET6, address, binary) == 1);
    return valid ? address : peer;
}

enum token_use { TOKEN_IGNORED, TOKEN_OPTIONAL, TOKEN_REQUIRED };

/* Who asks, as far as the gateway needs it: for limits, and to refuse early. Every service verifies the token itself again.
 */
static struct err *identify(struct gateway *gateway, struct http_exchange *exchange, enum token_use use, struct rpc_ctx *ctx)
{
    const char *authorization = http_header(exchange, "Authorization");
    ctx->caller = (struct rpc_caller){.kind = RPC_CALLER_ANONYMOUS, .permissions = ""};
    if (use == TOKEN_IGNORED) {
        return NULL;
    }
    if (!authorization || strncasecmp(authorization, BEARER, strlen(BEARER)) != 0) {
        return use == TOKEN_OPTIONAL ? NULL
                                     : err_new(&KONGSI_TOKEN_MISSING, "send the access token as: Authorization: Bearer …");
    }
    ctx->access_token = authorization + strlen(BEARER);
    struct err *error = token_verify(gateway->env->tokens, ctx->arena, ctx->access_token, ctx->now, &ctx->caller);
    if (use == TOKEN_OPTIONAL) { /* the route's handler says what is wrong with it */
        err_free(error);
        error = NULL;
    }
    return error;
}

static struct err *take_rate(struct gateway *gateway, const struct rpc_ctx *ctx, int rate_class)
{
    char user[UUID_TEXT_SIZE];
    const char *key = ctx->caller.kind == RPC_CALLER_USER ? uuid_format(ctx->caller.user_id, user) : ctx->client_address;
    int64_t wait_ms = 0;
    if (rate_limiter_take(gateway->limiter, rate_class, key, clock_monotonic_ms(), &wait_ms)) {
        return NULL;
    }
    metric_add(&g_limited, 1);
    long long seconds = (long long)(wait_ms + 999) / 1000;
    return err_with(err_new(&KONGSI_RATE_LIMITED, "too many requests; come back in %lld s", seconds), "retry_after_seconds",
        "%lld", seconds);
}

/* The context of a request: its trace, its caller, its place in the rate limits. Wrong tokens count too, for their address.
 */
static struct err *open_ctx(
    struct gateway *gateway, struct http_exchange *exchange, enum token_use use, int rate_class, struct rpc_ctx *ctx)
{
    rpc_ctx_init_self(ctx, gateway->env->net, http_arena(exchange), RPC_TIMEOUT_DEFAULT_MS);
    snprintf(ctx->client_address, sizeof(ctx->client_address), "%s", rest_client_address(gateway, exchange));
    rpc_traceparent_next(http_header(exchange, "Traceparent"), ctx->traceparent);
    rpc_log_context("gateway", ctx->traceparent);
    char trace_id[TRACE_ID_SIZE];
    snprintf(trace_id, sizeof(trace_id), "%.32s", ctx->traceparent + strlen("00-"));
    http_set_header(exchange, "Kongsi-Trace-Id", trace_id);
    struct err *error = identify(gateway, exchange, use, ctx);
    struct err *limited = take_rate(gateway, ctx, rate_class);
    if (limited) {
        err_free(error);
        return limited;
    }
    return error;
}

static struct err *call(struct gateway *gateway, struct http_exchange *exchange, const struct route_match *match)
{
    const struct schema_method *method = match->method;
    struct rpc_ctx ctx;
    bool needs_user = method->access == SCHEMA_ACCESS_USER;
    ERR_TRY(open_ctx(gateway, exchange, needs_user ? TOKEN_REQUIRED : TOKEN_IGNORED, method->rate_class, &ctx));
    size_t size_max =
        method->body_size_max_bytes ? (size_t)method->body_size_max_bytes : (size_t)gateway->config->body_size_max_bytes;
    BUF_AUTO wire, json;
    buf_init(&wire, size_max + HTTP_TARGET_LENGTH_MAX + 1024);
    buf_init(&json, ANSWER_SIZE_MAX_BYTES);
    ERR_TRY(rest_read_fields(exchange, match, size_max, &wire));
    struct bytes request = {(const uint8_t *)(wire.data ? wire.data : ""), wire.length}, answer;
    ERR_TRY(rpc_call_wire(&ctx, method->component, method, request, &answer));
    ERR_TRY(json_from_wire(method->output, answer, &json));
    respond_text(exchange, "application/json", json.data, json.length);
    return NULL;
}

static const char *const RAW_METHODS[] = {"GET", "PUT", "POST", "PATCH", "DELETE"};

/* Raw routes of a service in this process: the handler streams on this very exchange. */
static bool handle_raw_here(struct gateway *gateway, struct http_exchange *exchange, const char *method)
{
    const struct service_instance *instance = gateway->env->instances;
    for (; instance->def; instance++) {
        const char *const *segments;
        const struct service_http_route *route =
            service_http_find_route(instance->def, method, http_path(exchange), http_arena(exchange), &segments);
        if (route) {
            route->handler(exchange, instance->state, segments);
            return true;
        }
    }
    return false;
}

/* Raw routes of services elsewhere, as the schemas' raw_routes tell them. */
static bool handle_raw_elsewhere(struct gateway *gateway, struct http_exchange *exchange, const char *method)
{
    const char *component = raw_routes_find(method, http_path(exchange));
    for (size_t i = 0; component && gateway->env->peer_names[i]; i++) {
        if (strcmp(gateway->env->peer_names[i], component) == 0) {
            proxy_stream(exchange, gateway->env->peer_urls[i]);
            return true;
        }
    }
    return false;
}

static bool handle_raw(struct gateway *gateway, struct http_exchange *exchange)
{
    const char *method = strcmp(http_method(exchange), "HEAD") == 0 ? "GET" : http_method(exchange);
    if (!raw_routes_find(method, http_path(exchange))) {
        return false;
    }
    struct rpc_ctx ctx;
    struct err *error = open_ctx(gateway, exchange, TOKEN_OPTIONAL, 0, &ctx);
    if (error) {
        http_respond_err(exchange, error);
        return true;
    }
    return handle_raw_here(gateway, exchange, method) || handle_raw_elsewhere(gateway, exchange, method);
}

static unsigned raw_verbs(const char *path)
{
    unsigned verbs = 0;
    for (size_t i = 0; i < sizeof(RAW_METHODS) / sizeof(RAW_METHODS[0]); i++) {
        verbs |= raw_routes_find(RAW_METHODS[i], path) ? 1u << verb_of(RAW_METHODS[i]) : 0;
    }
    return verbs;
}

/* A path that exists, but not with this method. OPTIONS asks for just that answer. */
static void respond_allowed(struct http_exchange *exchange, unsigned allowed_verbs)
{
    set_allow(exchange, allowed_verbs);
    if (strcmp(http_method(exchange), "OPTIONS") == 0) {
        http_respond(exchange, 204, NULL, "", 0);
        return;
    }
    http_respond_err(
        exchange, err_new(&KONGSI_METHOD_NOT_ALLOWED, "%s is not allowed here, see Allow", http_method(exchange)));
}

void rest_handle(struct gateway *gateway, struct http_exchange *exchange)
{
    const char *path = http_path(exchange);
    struct route_match match;
    router_find(gateway->router, verb_of(http_method(exchange)), path, &match);
    if (match.method) {
        struct err *error = call(gateway, exchange, &match);
        if (error) {
            http_respond_err(exchange, error);
        }
        return;
    }
    if (handle_raw(gateway, exchange)) {
        return;
    }
    unsigned allowed = match.allowed_verbs | raw_verbs(path);
    if (allowed) {
        respond_allowed(exchange, allowed);
        return;
    }
    http_respond_err(exchange, err_new(&KONGSI_ROUTE_NOT_FOUND, "no operation has the path %.200s", path));
}
