/* The gateway as a service value: the door for browsers and programs. */
#include "gen/openapi_document.h"
#include "libshared/base/log.h"
#include "programs/known_services.h"
#include "services/gateway/api_page.h"
#include "services/gateway/gateway.h"
#include "services/gateway/respond.h"
#include "services/gateway/rest.h"

#include "gen/kongsi_errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAIN_MS 15000

#define FIELD(type_, member, ...)                                                                                           \
    {                                                                                                                       \
        .key = #member, .type = (type_), .offset = offsetof(struct gateway_config, member), __VA_ARGS__                     \
    }

static const struct config_field CONFIG_FIELDS[] = {
    FIELD(CONFIG_STRING, address, .default_text = "127.0.0.1", .help = "Address to listen on; 0.0.0.0 for all."),
    FIELD(CONFIG_INT, port, .default_text = "8080", .minimum = 1, .maximum = 65535,
        .help = "Port of REST and the web client."),
    FIELD(CONFIG_INT, threads, .default_text = "64", .minimum = 2, .maximum = 512,
        .help = "Threads, and so connections served at the same time."),
    FIELD(CONFIG_INT, queue_max, .default_text = "512", .minimum = 1, .maximum = 65535,
        .help = "Connections that wait for a thread at most."),
    FIELD(CONFIG_STRING, web_root, .help = "Folder of the built web client; empty: not served."),
    FIELD(CONFIG_STRING, realtime_url,
        .help = "Address of the WebSocket as browsers reach it, of scheme ws or wss; empty: the page's host with "
                "realtime_port."),
    FIELD(CONFIG_INT, realtime_port, .default_text = "8081", .minimum = 1, .maximum = 65535,
        .help = "Port browsers find the WebSocket on, when realtime_url is empty."),
    FIELD(CONFIG_INT, body_size_max_bytes, .default_text = "1048576", .minimum = 1024, .maximum = 33554432,
        .help = "Largest JSON body of operations that do not declare their own limit, in bytes."),
    FIELD(CONFIG_STRING_LIST, cors_origins, .help = "Origins whose pages may call the API, such as https://app.example."),
    FIELD(CONFIG_STRING_LIST, trusted_proxies,
        .help = "Addresses of proxies in front, whose X-Forwarded-For tells the client's address."),
    FIELD(CONFIG_STRING_LIST, metrics_addresses,
        .help = "Addresses that may read /metrics besides this machine's own programs."),
    FIELD(CONFIG_INT, rate_general_per_minute, .default_text = "1200", .minimum = 1, .maximum = 1000000,
        .help = "Requests a person, or an address without a token, may make a minute."),
    FIELD(CONFIG_INT, rate_sign_in_per_minute, .default_text = "30", .minimum = 1, .maximum = 1000000,
        .help = "Sign-ins and invitations an address may try a minute."),
    FIELD(CONFIG_INT, rate_send_per_minute, .default_text = "600", .minimum = 1, .maximum = 1000000,
        .help = "Messages a person may send a minute over REST."),
    FIELD(CONFIG_INT, rate_import_per_minute, .default_text = "10", .minimum = 1, .maximum = 1000000,
        .help = "Imports a person may run a minute."),
    {.key = NULL},
};

/* Metrics are for this machine and for whom the configuration names; a proxy's word about others is none for them. */
static bool may_read_metrics(const struct gateway *gateway, const struct http_exchange *exchange)
{
    const char *address = http_client_address(exchange);
    if (str_starts_with(address, "127.") || strcmp(address, "::1") == 0) {
        return !http_header(exchange, "X-Forwarded-For") && !http_header(exchange, "Forwarded");
    }
    for (size_t i = 0; i < gateway->config->metrics_addresses.count; i++) {
        if (strcmp(gateway->config->metrics_addresses.items[i], address) == 0) {
            return true;
        }
    }
    return false;
}

static void handle(struct http_exchange *exchange, void *context)
{
    struct gateway *gateway = context;
    respond_common(gateway, exchange);
    bool metrics = strcmp(http_path(exchange), "/metrics") == 0;
    if ((!metrics || may_read_metrics(gateway, exchange)) && service_http_handle_health(exchange)) {
        return;
    }
    if (respond_preflight(gateway, exchange)) {
        return;
    }
    if (str_starts_with(http_path(exchange), "/v1/")) {
        rest_handle(gateway, exchange);
        return;
    }
    if (metrics || !static_site_handle(gateway->site, exchange)) {
        http_respond_err(exchange, err_new(&KONGSI_ROUTE_NOT_FOUND, "nothing is at %.200s", http_path(exchange)));
    }
}

static struct err *open_site(struct gateway *gateway)
{
    const struct gateway_config *config = gateway->config;
    ERR_TRY(static_site_open(config->web_root, &gateway->site));
    BUF_AUTO json;
    buf_init(&json, 4096);
    buf_append_text(&json, "{\"realtime_url\":");
    buf_append_json_string(&json, config->realtime_url, strlen(config->realtime_url));
    if (!buf_printf(&json, ",\"realtime_port\":%d}\n", (int)config->realtime_port) || json.failed ||
        !(gateway->config_json = strdup(json.data))) {
        return err_out_of_memory();
    }
    ERR_TRY(static_site_add(gateway->site, "/config.json", "application/json",
        (struct bytes){(const uint8_t *)gateway->config_json, strlen(gateway->config_json)}));
    ERR_TRY(static_site_add(
        gateway->site, "/openapi.json", "application/json", (struct bytes){openapi_document, openapi_document_length}));
    return api_page_add(gateway->site);
}

static void stop(void *state)
{
    struct gateway *gateway = state;
    http_server_stop(gateway->server, DRAIN_MS);
    static_site_close(gateway->site);
    rate_limiter_free(gateway->limiter);
    router_free(gateway->router);
    free(gateway->config_json);
    free(gateway);
}

static struct err *open_parts(struct gateway *gateway)
{
    const struct gateway_config *config = gateway->config;
    const int64_t rates[RATE_CLASSES] = {config->rate_general_per_minute, config->rate_sign_in_per_minute,
        config->rate_send_per_minute, config->rate_import_per_minute};
    gateway->limiter = rate_limiter_new(rates);
    if (!gateway->limiter) {
        return err_out_of_memory();
    }
    ERR_TRY(router_new(schema_kongsi(), &gateway->router));
    return open_site(gateway);
}

static struct err *start(const struct service_env *env, void **ret_state)
{
    struct gateway *gateway = calloc(1, sizeof(*gateway));
    if (!gateway) {
        return err_out_of_memory();
    }
    gateway->env = env;
    gateway->config = env->config;
    struct err *error = open_parts(gateway);
    if (error) {
        stop(gateway);
        return error;
    }
    *ret_state = gateway;
    return NULL;
}

static struct err *serve(void *state)
{
    struct gateway *gateway = state;
    struct http_server_options options = {.name = "gateway",
        .address = gateway->config->address,
        .port = (int)gateway->config->port,
        .threads = (int)gateway->config->threads,
        .queue_max = (int)gateway->config->queue_max,
        .handler = handle,
        .context = gateway};
    return http_server_start(&options, &gateway->server);
}

static void drain(void *state)
{
    struct gateway *gateway = state;
    http_server_stop(gateway->server, DRAIN_MS);
    gateway->server = NULL;
}

const struct service_def gateway_service = {
    .name = "gateway",
    .config_fields = CONFIG_FIELDS,
    .config_size_bytes = sizeof(struct gateway_config),
    .own_listener = true,
    .start = start,
    .serve = serve,
    .drain = drain,
    .stop = stop,
};
