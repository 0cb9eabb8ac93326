/* Whether a WebSocket handshake is let in. */
#pragma once

#include "services/realtime/loop.h"

struct lws;

#define HANDSHAKE_PATH "/v1/realtime"

/* The HTTP status to refuse it with, or 0: 404 another path, 400 none of our subprotocols, 403 a foreign origin, 503 full or
 * draining. */
int handshake_check(struct loop *loop, struct lws *wsi);
