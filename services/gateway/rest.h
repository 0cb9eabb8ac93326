/* A REST request becomes an RPC, its response JSON: by the schema alone. */
#pragma once

#include "services/gateway/gateway.h"

/* Answers the exchange, whose path begins with /v1/. */
void rest_handle(struct gateway *gateway, struct http_exchange *exchange);
/* The address the request comes from: the peer's, or what a trusted proxy says of it. Lives as long as the exchange. */
const char *rest_client_address(const struct gateway *gateway, struct http_exchange *exchange);
