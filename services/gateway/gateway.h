/* The gateway inside: its state and what its files share. */
#pragma once

#include "libshared/service/service.h"
#include "services/gateway/rate.h"
#include "services/gateway/router.h"
#include "services/gateway/static.h"

struct gateway_config {
    char *address;
    int64_t port;
    int64_t threads;
    int64_t queue_max;
    char *web_root;
    char *realtime_url;
    int64_t realtime_port;
    int64_t body_size_max_bytes;
    struct config_strings cors_origins;
    struct config_strings trusted_proxies;
    struct config_strings metrics_addresses;
    int64_t rate_general_per_minute;
    int64_t rate_sign_in_per_minute;
    int64_t rate_send_per_minute;
    int64_t rate_import_per_minute;
};

struct gateway {
    const struct service_env *env;
    const struct gateway_config *config;
    struct router *router;
    struct rate_limiter *limiter;
    struct static_site *site;
    struct http_server *server;
    char *config_json; /* what the web client asks for at /config.json */
};
