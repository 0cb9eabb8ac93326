/* Raw routes of pictures (schemas/kongsi/identity/v1/raw_routes.openapi.json): their bodies are files, not messages. */
#pragma once

#include "libshared/rpc/http.h"

void http_avatar_put(struct http_exchange *exchange, void *state, const char *const *segments);
void http_avatar_delete(struct http_exchange *exchange, void *state, const char *const *segments);
/* segments[0]: user_id. */
void http_avatar_get(struct http_exchange *exchange, void *state, const char *const *segments);
