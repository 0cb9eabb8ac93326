/* Streams a raw route to the service that has it, in both directions, without holding a body in memory. */
#pragma once

#include "libshared/rpc/http.h"

/* Answers the exchange with what `base_url` answers to the same method, target, fields and body. Unreachable:
 * KONGSI_UNAVAILABLE. */
void proxy_stream(struct http_exchange *exchange, const char *base_url);
