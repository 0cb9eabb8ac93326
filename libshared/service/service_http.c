/* Health and metrics, raw routes, and the port of a service process. */
#include "libshared/service/service_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/metrics.h"
#include "libshared/rpc/rpc_http.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define SEGMENTS_MAX 8
#define METRICS_SIZE_MAX_BYTES ((size_t)4 * 1024 * 1024)

static struct service_process *g_process; /* the one process; set before any listener starts */
static atomic_bool g_serving;

void service_http_init(struct service_process *process)
{
    g_process = process;
}

void service_http_set_serving(bool serving)
{
    atomic_store(&g_serving, serving);
}

static bool slot_is_ready(const struct service_slot *slot)
{
    if (slot->def->ready && !slot->def->ready(slot->state)) {
        return false;
    }
    return !slot->pool || db_pool_is_ready(slot->pool);
}

static void respond_ready(struct http_exchange *exchange)
{
    const char *waiting_for = atomic_load(&g_serving) ? NULL : "starting or draining";
    for (size_t i = 0; !waiting_for && i < g_process->slot_count; i++) {
        if (!slot_is_ready(&g_process->slots[i])) {
            waiting_for = g_process->slots[i].def->name;
        }
    }
    char body[128];
    int length = waiting_for
                     ? snprintf(body, sizeof(body), "{\"status\":\"not ready\",\"waiting_for\":\"%s\"}\n", waiting_for)
                     : snprintf(body, sizeof(body), "{\"status\":\"ready\"}\n");
    http_respond(exchange, waiting_for ? 503 : 200, "application/json", body, (size_t)length);
}

static void respond_metrics(struct http_exchange *exchange)
{
    BUF_AUTO text;
    buf_init(&text, METRICS_SIZE_MAX_BYTES);
    if (!metrics_print(&text)) {
        http_respond_err(exchange, err_out_of_memory());
        return;
    }
    http_respond(exchange, 200, "text/plain; version=0.0.4; charset=utf-8", text.data, text.length);
}

bool service_http_handle_health(struct http_exchange *exchange)
{
    const char *path = http_path(exchange);
    if (strcmp(path, "/healthz") == 0) {
        static const char BODY[] = "{\"status\":\"alive\"}\n";
        http_respond(exchange, 200, "application/json", BODY, sizeof(BODY) - 1);
        return true;
    }
    if (strcmp(path, "/readyz") == 0) {
        respond_ready(exchange);
        return true;
    }
    if (strcmp(path, "/metrics") == 0) {
        respond_metrics(exchange);
        return true;
    }
    return false;
}

/* Matches a path against "/v1/users/{user_id}/avatar"; fills the values of {…}. */
static bool match_pattern(const char *pattern, const char *path, struct arena *arena, const char **segments)
{
    size_t count = 0;
    while (*pattern && *path) {
        if (*pattern != '{') {
            if (*pattern++ != *path++) {
                return false;
            }
            continue;
        }
        size_t length = strcspn(path, "/");
        if (length == 0 || count == SEGMENTS_MAX) {
            return false;
        }
        segments[count] = http_percent_decode(arena, path, length, false);
        if (!segments[count++]) {
            return false;
        }
        path += length;
        pattern += strcspn(pattern, "}") + 1;
    }
    return *pattern == '\0' && *path == '\0';
}

const struct service_http_route *service_http_find_route(const struct service_def *def, const char *method, const char *path,
    struct arena *arena, const char *const **ret_segments)
{
    const char **segments = arena_calloc(arena, SEGMENTS_MAX + 1, sizeof(*segments));
    if (!segments) {
        return NULL;
    }
    for (const struct service_http_route *route = def->http_routes; route && route->method; route++) {
        if (strcmp(route->method, method) == 0 && match_pattern(route->pattern, path, arena, segments)) {
            *ret_segments = segments;
            return route;
        }
    }
    return NULL;
}

struct err *service_http_caller(
    struct http_exchange *exchange, const struct service_env *env, const char *permission, struct rpc_ctx *ret_ctx)
{
    const char *authorization = http_header(exchange, "Authorization");
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0) {
        return err_new(&KONGSI_TOKEN_MISSING, "send the access token as: Authorization: Bearer …");
    }
    struct arena *arena = http_arena(exchange);
    rpc_ctx_init_self(ret_ctx, env->net, arena, RPC_TIMEOUT_DEFAULT_MS);
    ERR_TRY(token_verify(env->tokens, arena, authorization + 7, ret_ctx->now, &ret_ctx->caller));
    if (!rpc_caller_may(&ret_ctx->caller, permission)) {
        return err_with(err_new(&KONGSI_PERMISSION_MISSING, "the token does not hold the permission %s", permission),
            "permission", "%s", permission);
    }
    rpc_traceparent_next(http_header(exchange, "traceparent"), ret_ctx->traceparent);
    ret_ctx->access_token = authorization + 7;
    snprintf(ret_ctx->client_address, sizeof(ret_ctx->client_address), "%s", http_client_address(exchange));
    return NULL;
}

void service_http_handle(struct http_exchange *exchange, void *context)
{
    struct service_slot *slot = context;
    if (service_http_handle_health(exchange) || rpc_http_handle(exchange, g_process->net)) {
        return;
    }
    const char *const *segments;
    const struct service_http_route *route =
        service_http_find_route(slot->def, http_method(exchange), http_path(exchange), http_arena(exchange), &segments);
    if (route) {
        route->handler(exchange, slot->state, segments);
        return;
    }
    http_respond_err(exchange, err_new(&KONGSI_ROUTE_NOT_FOUND, "nothing is at %s", http_path(exchange)));
}
