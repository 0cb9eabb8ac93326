/* The door of a service, the same for HTTP and in-process calls: who calls, may they, is the request well-formed; then the
 * handler. */
#include "libshared/rpc/rpc_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BEARER "Bearer "
#define SERVICE_PROOF "Kongsi-Service "

bool rpc_caller_may(const struct rpc_caller *caller, const char *permission)
{
    size_t wanted = strlen(permission);
    for (const char *at = caller->permissions ? caller->permissions : ""; *at;) {
        size_t length = strcspn(at, " ");
        bool wildcard = length > 0 && at[length - 1] == '*' && (length == 1 || at[length - 2] == '.');
        if (wildcard ? (wanted >= length - 1 && strncmp(at, permission, length - 1) == 0)
                     : (wanted == length && strncmp(at, permission, length) == 0)) {
            return true;
        }
        at += length;
        at += strspn(at, " ");
    }
    return false;
}

static const char *after_scheme(const char *authorization, const char *scheme)
{
    size_t length = strlen(scheme);
    return strncasecmp(authorization, scheme, length) == 0 ? authorization + length : NULL;
}

static struct err *identify_user(const struct rpc_net *net, const struct rpc_incoming *incoming, struct rpc_ctx *ctx)
{
    const char *token = after_scheme(incoming->authorization, BEARER);
    if (!token) {
        return err_new(&KONGSI_TOKEN_MISSING, "send the access token as: Authorization: Bearer …");
    }
    if (!net->tokens) {
        return err_new(&KONGSI_INTERNAL, "this process verifies no tokens");
    }
    ERR_TRY(token_verify(net->tokens, ctx->arena, token, ctx->now, &ctx->caller));
    ctx->access_token = token;
    const char *permission = incoming->method->permission;
    if (!str_is_empty(permission) && !rpc_caller_may(&ctx->caller, permission)) {
        return err_with(err_new(&KONGSI_PERMISSION_MISSING, "the token does not hold the permission %s", permission),
            "permission", "%s", permission);
    }
    return NULL;
}

static struct err *identify_service(const struct rpc_net *net, const struct rpc_incoming *incoming, struct rpc_ctx *ctx)
{
    if (!after_scheme(incoming->authorization, SERVICE_PROOF)) {
        return err_with(err_new(&KONGSI_PERMISSION_MISSING, "%s is for Kongsi's own services", incoming->method->name),
            "permission", "service");
    }
    ctx->caller.kind = RPC_CALLER_SERVICE;
    return service_proof_verify(net->service_key, incoming->authorization, ctx->now, ctx->arena, &ctx->caller.service);
}

static struct err *identify(const struct rpc_net *net, const struct rpc_incoming *incoming, struct rpc_ctx *ctx)
{
    ctx->caller = (struct rpc_caller){.kind = RPC_CALLER_ANONYMOUS, .permissions = ""};
    ctx->access_token = "";
    switch (incoming->method->access) {
    case SCHEMA_ACCESS_PUBLIC:
        return NULL; /* a token that came along is not looked at: it may have expired */
    case SCHEMA_ACCESS_USER:
        return identify_user(net, incoming, ctx);
    case SCHEMA_ACCESS_SERVICE:
        return identify_service(net, incoming, ctx);
    default:
        return err_new(&KONGSI_PERMISSION_MISSING, "%s is for nobody", incoming->method->name);
    }
}

static struct err *handle(
    const struct rpc_local_method *local, struct rpc_ctx *ctx, struct bytes request, struct bytes *ret_response)
{
    const struct rpc_method *method = local->method;
    ERR_TRY(schema_check(local->schema->input, request));
    ProtobufCMessage *message;
    ERR_TRY(rpc_unpack(ctx->arena, method->input, request, &message));
    ProtobufCMessage *response = arena_alloc(ctx->arena, method->output->sizeof_message);
    if (!response) {
        return err_out_of_memory();
    }
    protobuf_c_message_init(method->output, response);
    ERR_TRY(method->handler(ctx, message, response));
    return rpc_pack(ctx->arena, response, ret_response);
}

static struct err *admit_and_handle(struct rpc_net *net, const struct rpc_local *local,
    const struct rpc_local_method *method, const struct rpc_incoming *incoming, struct rpc_ctx *ctx,
    struct bytes *ret_response)
{
    if (rpc_scope_depth() > RPC_DEPTH_MAX) {
        return err_new(&KONGSI_INTERNAL, "calls within calls, more than %d: %s.%s", RPC_DEPTH_MAX, local->component,
            method->schema->name);
    }
    if (deadline_left_ms(ctx->deadline_ms) == 0) {
        return err_new(&KONGSI_DEADLINE_EXCEEDED, "no time was left to handle %s", method->schema->name);
    }
    ERR_TRY(identify(net, incoming, ctx));
    return handle(method, ctx, incoming->request, ret_response);
}

struct err *rpc_dispatch(
    struct rpc_net *net, const struct rpc_incoming *incoming, struct arena *arena, struct bytes *ret_response)
{
    const struct rpc_local_method *method;
    const struct rpc_local *local = rpc_net_find_local(net, incoming->component, incoming->method, &method);
    if (!local) {
        return err_new(
            &KONGSI_ROUTE_NOT_FOUND, "%s/%s is not served here", incoming->method->service, incoming->method->name);
    }
    int64_t start_us = clock_monotonic_us();
    struct rpc_ctx ctx = {
        .arena = arena, .now = instant_now(), .deadline_ms = incoming->deadline_ms, .service = local->state, .net = net};
    rpc_traceparent_next(incoming->traceparent, ctx.traceparent);
    snprintf(ctx.client_address, sizeof(ctx.client_address), "%s", incoming->client_address ? incoming->client_address : "");
    struct rpc_scope before = rpc_scope_enter(local->component, ctx.traceparent);
    struct err *error = admit_and_handle(net, local, method, incoming, &ctx, ret_response);
    rpc_scope_leave(&before);
    rpc_metrics_count(method->metrics, error != NULL, clock_monotonic_us() - start_us);
    return error;
}
