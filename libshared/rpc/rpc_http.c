/* The Twirp door: POST /twirp/<package.Service>/<Method>. */
#include "libshared/rpc/rpc_http.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/clock.h"
#include "libshared/base/log.h"
#include "libshared/rpc/json.h"
#include "libshared/rpc/rpc_internal.h"

#include <string.h>
#include <strings.h>

#define PREFIX "/twirp/"
#define SERVICE_NAME_SIZE 128
#define ERROR_SIZE_MAX_BYTES ((size_t)64 * 1024)

/* What a failed call answers. A fault of ours is logged here too, where its place in the code is known. */
static void respond_err(struct http_exchange *exchange, struct err *error)
{
    BUF_AUTO json;
    buf_init(&json, ERROR_SIZE_MAX_BYTES);
    if (error->code == ERR_INTERNAL || error->code == ERR_UNKNOWN || error->code == ERR_DATA_LOSS) {
        log_err(LOG_LEVEL_ERROR, error, "%s", http_path(exchange));
    }
    err_free(rpc_twirp_print(error, &json));
    if (json.failed) {
        http_respond(exchange, 500, NULL, "", 0);
    } else {
        http_respond(exchange, rpc_twirp_status(error), "application/json", json.data, json.length);
    }
    err_free(error);
}

static struct err *find_method(const char *path, const struct schema_method **ret_method)
{
    const char *service = path + strlen(PREFIX);
    const char *slash = strchr(service, '/');
    char name[SERVICE_NAME_SIZE];
    if (slash && (size_t)(slash - service) < sizeof(name)) {
        memcpy(name, service, (size_t)(slash - service));
        name[slash - service] = '\0';
        *ret_method = schema_find_method(schema_kongsi(), name, slash + 1);
        if (*ret_method) {
            return NULL;
        }
    }
    return err_new(&KONGSI_ROUTE_NOT_FOUND, "no method is at %s", path);
}

static bool media_type_is(const char *value, const char *type)
{
    size_t length = strlen(type);
    if (!value || strncasecmp(value, type, length) != 0) {
        return false;
    }
    value += length;
    value += strspn(value, " \t");
    return *value == '\0' || strcasecmp(value, "; charset=utf-8") == 0 || strcasecmp(value, ";charset=utf-8") == 0;
}

static struct err *find_format(const struct http_exchange *exchange, bool *ret_json)
{
    const char *type = http_header(exchange, "Content-Type");
    *ret_json = media_type_is(type, "application/json");
    if (!*ret_json && (!type || strcasecmp(type, "application/protobuf") != 0)) {
        return err_new(&KONGSI_MEDIA_TYPE_UNSUPPORTED, "Content-Type must be application/protobuf or application/json");
    }
    return NULL;
}

static int64_t find_deadline(const struct http_exchange *exchange)
{
    const char *text = http_header(exchange, "Kongsi-Timeout-Ms");
    int64_t timeout_ms = RPC_TIMEOUT_DEFAULT_MS;
    if (text && (!str_to_int64(text, &timeout_ms) || timeout_ms < 1 || timeout_ms > RPC_TIMEOUT_MAX_MS)) {
        timeout_ms = RPC_TIMEOUT_DEFAULT_MS;
    }
    return clock_monotonic_ms() + timeout_ms;
}

/* The person's address as the edge saw it is believed only from one of our own processes. */
static const char *find_client_address(struct http_exchange *exchange, const struct rpc_net *net)
{
    const char *via = http_header(exchange, "Kongsi-Via");
    const char *address = http_header(exchange, "Kongsi-Client-Address");
    const char *name;
    ERR_AUTO refused = via ? service_proof_verify(net->service_key, via, instant_now(), http_arena(exchange), &name) : NULL;
    if (!via || refused) {
        return http_client_address(exchange);
    }
    return address ? address : "";
}

static struct err *read_request(
    struct http_exchange *exchange, const struct schema_method *method, bool json, struct bytes *ret_request)
{
    size_t size_max = RPC_REQUEST_SIZE_DEFAULT_BYTES;
    if (method->body_size_max_bytes > 0) {
        size_max += (size_t)method->body_size_max_bytes;
    }
    ERR_TRY(http_read_body(exchange, size_max, ret_request));
    if (!json) {
        return NULL;
    }
    BUF_AUTO wire;
    buf_init(&wire, size_max);
    ERR_TRY(json_to_wire(method->input, (const char *)ret_request->data, ret_request->length, &wire));
    *ret_request = (struct bytes){
        .data = arena_memdup(http_arena(exchange), wire.length ? wire.data : "", wire.length + 1), .length = wire.length};
    return ret_request->data ? NULL : err_out_of_memory();
}

static struct err *respond(
    struct http_exchange *exchange, const struct schema_method *method, bool json, struct bytes response)
{
    if (!json) {
        http_respond(exchange, 200, "application/protobuf", response.data, response.length);
        return NULL;
    }
    BUF_AUTO text;
    buf_init(&text, 4 * RPC_MESSAGE_SIZE_MAX_BYTES);
    ERR_TRY(json_from_wire(method->output, response, &text));
    http_respond(exchange, 200, "application/json", text.data, text.length);
    return NULL;
}

static struct err *handle(struct http_exchange *exchange, struct rpc_net *net)
{
    const struct schema_method *method;
    bool json;
    ERR_TRY(find_method(http_path(exchange), &method));
    if (strcmp(http_method(exchange), "POST") != 0) {
        return err_new(&KONGSI_ROUTE_NOT_FOUND, "methods are called with POST");
    }
    ERR_TRY(find_format(exchange, &json));
    const char *authorization = http_header(exchange, "Authorization");
    struct rpc_incoming incoming = {.method = method,
        .authorization = authorization ? authorization : "",
        .traceparent = http_header(exchange, "Traceparent"),
        .client_address = find_client_address(exchange, net),
        .deadline_ms = find_deadline(exchange)};
    ERR_TRY(read_request(exchange, method, json, &incoming.request));
    struct bytes response;
    ERR_TRY(rpc_dispatch(net, &incoming, http_arena(exchange), &response));
    return respond(exchange, method, json, response);
}

bool rpc_http_handle(struct http_exchange *exchange, struct rpc_net *net)
{
    if (!str_starts_with(http_path(exchange), PREFIX)) {
        return false;
    }
    rpc_log_context(NULL, http_header(exchange, "Traceparent"));
    struct err *error = handle(exchange, net);
    if (error) {
        respond_err(exchange, error);
    }
    return true;
}
