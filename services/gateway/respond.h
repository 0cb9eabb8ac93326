/* How the gateway answers: CORS, security headers, gzip. */
#pragma once

#include "services/gateway/gateway.h"

/* What answers depend on besides the target: said of all of them, so that no cache mixes them up. */
#define RESPOND_VARY "Origin, Accept-Encoding"

/* Headers every answer has; CORS headers when the Origin is one of the configured. */
void respond_common(const struct gateway *gateway, struct http_exchange *exchange);
/* A CORS preflight; false when it is not one. */
bool respond_preflight(const struct gateway *gateway, struct http_exchange *exchange);
/* A whole answer, compressed when the client takes gzip and it pays. */
void respond_text(struct http_exchange *exchange, const char *content_type, const char *text, size_t length);
bool respond_takes_gzip(const struct http_exchange *exchange);
/* gzip of a text appended to `out`; false when out of memory. */
bool respond_gzip(const void *text, size_t length, int level, struct buf *out);
