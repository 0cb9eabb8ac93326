/* Calls: direct when the service is in this process, over HTTP otherwise; the same checks at its door either way. */
#include "libshared/rpc/rpc_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"

#include <string.h>

static struct err *call_local(
    struct rpc_ctx *ctx, const char *component, const struct rpc_peer_request *request, struct bytes *ret_response)
{
    struct rpc_incoming incoming = {
        .component = component,
        .method = request->method,
        .authorization = request->authorization,
        .traceparent = request->traceparent,
        .client_address = request->client_address,
        .deadline_ms = request->deadline_ms,
        .request = request->body,
    };
    return rpc_dispatch(ctx->net, &incoming, ctx->arena, ret_response);
}

static struct err *call(struct rpc_ctx *ctx, const char *component, const struct schema_method *method, bool as_self,
    struct bytes body, struct bytes *ret_response)
{
    struct rpc_net *net = ctx->net;
    struct rpc_peer_request request = {.method = method,
        .authorization = "",
        .via = "",
        .traceparent = ctx->traceparent,
        .client_address = ctx->client_address,
        .deadline_ms = ctx->deadline_ms,
        .body = body};
    const struct rpc_local_method *local_method;
    bool local = rpc_net_find_local(net, component, method, &local_method) != NULL;
    struct rpc_peer *peer = local ? NULL : rpc_net_find_peer(net, component);
    if (!local && !peer) {
        return err_new(&KONGSI_UNAVAILABLE, "no address of %s is configured (rpc.peers)", component);
    }
    as_self = as_self || str_is_empty(ctx->access_token);
    if (as_self || !local) {
        ERR_TRY(service_proof_make(net->service_key, net->self, instant_now(), ctx->arena, &request.via));
    }
    request.authorization = request.via;
    if (!as_self) {
        request.authorization = arena_printf(ctx->arena, "Bearer %s", ctx->access_token);
        if (!request.authorization) {
            return err_out_of_memory();
        }
    }
    return local ? call_local(ctx, component, &request, ret_response)
                 : rpc_peer_call(peer, &request, ctx->arena, ret_response);
}

struct err *rpc_call_wire(struct rpc_ctx *ctx, const char *component, const struct schema_method *method,
    struct bytes request, struct bytes *ret_response)
{
    return call(ctx, component, method, false, request, ret_response);
}

struct err *rpc_call(struct rpc_ctx *ctx, const char *component, const char *service, const char *method_name, bool as_self,
    const ProtobufCMessage *request, const ProtobufCMessageDescriptor *output, ProtobufCMessage **ret_response)
{
    const struct schema_method *method = schema_find_method(schema_kongsi(), service, method_name);
    check(method);
    struct bytes body, answer;
    ERR_TRY(rpc_pack(ctx->arena, request, &body));
    ERR_TRY(call(ctx, component, method, as_self, body, &answer));
    return rpc_unpack(ctx->arena, output, answer, ret_response);
}
