/* /healthz, /readyz and /metrics on the WebSocket port. */
#pragma once

#include "services/realtime/loop.h"

struct lws;

/* Answers; returns what the libwebsockets callback returns. */
int http_answer(struct loop *loop, struct lws *wsi, const char *path);
