#include "services/realtime/http.h"

#include <libwebsockets.h>
#include <string.h>

#define METRICS_SIZE_MAX_BYTES ((size_t)1024 * 1024)

static int respond(struct lws *wsi, unsigned status, const char *content_type, const char *body, size_t length)
{
    unsigned char head[LWS_PRE + 512];
    unsigned char *at = head + LWS_PRE;
    unsigned char *end = head + sizeof(head);
    if (lws_add_http_common_headers(wsi, status, content_type, length, &at, end) ||
        lws_finalize_write_http_header(wsi, head + LWS_PRE, &at, end)) {
        return -1;
    }
    struct buf text;
    buf_init(&text, METRICS_SIZE_MAX_BYTES + LWS_PRE);
    static const char ROOM[LWS_PRE];
    bool copied = buf_append(&text, ROOM, sizeof(ROOM)) && buf_append(&text, body, length);
    int written = copied ? lws_write(wsi, (unsigned char *)text.data + LWS_PRE, length, LWS_WRITE_HTTP_FINAL) : -1;
    buf_deinit(&text);
    return written < 0 || lws_http_transaction_completed(wsi) ? -1 : 0;
}

static int respond_text(struct lws *wsi, unsigned status, const char *body)
{
    return respond(wsi, status, "application/json", body, strlen(body));
}

static int respond_metrics(struct lws *wsi)
{
    BUF_AUTO text;
    buf_init(&text, METRICS_SIZE_MAX_BYTES);
    if (!metrics_print(&text)) {
        return respond_text(wsi, 503, "{\"status\":\"out of memory\"}\n");
    }
    return respond(wsi, 200, "text/plain; version=0.0.4; charset=utf-8", text.data ? text.data : "", text.length);
}

int http_answer(struct loop *loop, struct lws *wsi, const char *path)
{
    if (strcmp(path, "/healthz") == 0) {
        return respond_text(wsi, 200, "{\"status\":\"alive\"}\n");
    }
    if (strcmp(path, "/readyz") == 0) {
        return loop->draining ? respond_text(wsi, 503, "{\"status\":\"not ready\",\"waiting_for\":\"drain\"}\n")
                              : respond_text(wsi, 200, "{\"status\":\"ready\"}\n");
    }
    if (strcmp(path, "/metrics") == 0) {
        return respond_metrics(wsi);
    }
    return respond_text(
        wsi, 404, "{\"error\":{\"code\":404,\"status\":\"NOT_FOUND\",\"message\":\"the WebSocket is at /v1/realtime\"}}\n");
}
