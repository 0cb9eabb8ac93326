/* The Twirp door of a service process, and /healthz, /readyz, /metrics for every HTTP server of ours. */
#pragma once

#include "libshared/rpc/http.h"
#include "libshared/rpc/rpc.h"

/* Handles POST /twirp/…; returns false when the path is not Twirp's. */
bool rpc_http_handle(struct http_exchange *exchange, struct rpc_net *net);
