/* Contexts of calls: identity of nobody's work, trace context (W3C), what log lines carry. */
#include "libshared/rpc/rpc_internal.h"

#include "libshared/base/check.h"
#include "libshared/base/log.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define TRACE_ID_LENGTH 32
#define SPAN_ID_LENGTH 16
#define TRACEPARENT_LENGTH (sizeof("00--") + TRACE_ID_LENGTH + SPAN_ID_LENGTH + 2)
#define HEX_DIGITS "0123456789abcdef"

_Static_assert(RPC_TRACEPARENT_SIZE == TRACEPARENT_LENGTH + 1, "a traceparent has 55 characters");

static _Thread_local struct rpc_scope g_scope;

void rpc_traceparent_new(char *text)
{
    unsigned char random[(TRACE_ID_LENGTH + SPAN_ID_LENGTH) / 2];
    char hex[2 * sizeof(random) + 1];
    randombytes_buf(random, sizeof(random));
    sodium_bin2hex(hex, sizeof(hex), random, sizeof(random));
    snprintf(text, RPC_TRACEPARENT_SIZE, "00-%.32s-%.16s-01", hex, hex + TRACE_ID_LENGTH);
}

static bool is_id(const char *text, size_t length)
{
    return strspn(text, HEX_DIGITS) >= length && strspn(text, "0") < length;
}

static bool traceparent_is_valid(const char *text)
{
    return text && strlen(text) == TRACEPARENT_LENGTH && strncmp(text, "00-", 3) == 0 && is_id(text + 3, TRACE_ID_LENGTH) &&
           text[35] == '-' && is_id(text + 36, SPAN_ID_LENGTH) && text[52] == '-' && strspn(text + 53, HEX_DIGITS) == 2;
}

void rpc_traceparent_next(const char *incoming, char *text)
{
    char fresh[RPC_TRACEPARENT_SIZE];
    rpc_traceparent_new(fresh);
    if (!traceparent_is_valid(incoming)) {
        memcpy(text, fresh, sizeof(fresh));
        return;
    }
    char next[RPC_TRACEPARENT_SIZE];
    memcpy(next, incoming, sizeof(next));
    memcpy(next + 36, fresh + 36, SPAN_ID_LENGTH);
    memcpy(text, next, sizeof(next));
}

void rpc_ctx_init_self(struct rpc_ctx *ctx, struct rpc_net *net, struct arena *arena, int64_t timeout_ms)
{
    *ctx = (struct rpc_ctx){
        .arena = arena,
        .caller = {.kind = RPC_CALLER_SERVICE, .service = net->self, .permissions = ""},
        .access_token = "",
        .now = instant_now(),
        .deadline_ms = clock_monotonic_ms() + timeout_ms,
        .net = net,
    };
    rpc_traceparent_new(ctx->traceparent);
}

static void set_scope(const char *component, const char *traceparent, int depth)
{
    g_scope.component = component;
    g_scope.depth = depth;
    snprintf(g_scope.trace_id, sizeof(g_scope.trace_id), "%.32s",
        traceparent && strlen(traceparent) == TRACEPARENT_LENGTH ? traceparent + 3 : "");
    log_set_context(component, g_scope.trace_id[0] ? g_scope.trace_id : NULL);
}

void rpc_log_context(const char *component, const char *traceparent)
{
    set_scope(component, traceparent, g_scope.depth);
}

struct rpc_scope rpc_scope_enter(const char *component, const char *traceparent)
{
    struct rpc_scope before = g_scope;
    set_scope(component, traceparent, before.depth + 1);
    return before;
}

void rpc_scope_leave(const struct rpc_scope *before)
{
    g_scope = *before;
    log_set_context(before->component, before->trace_id[0] ? before->trace_id : NULL);
}

int rpc_scope_depth(void)
{
    return g_scope.depth;
}
