#include "services/realtime/handshake.h"

#include "services/realtime/origin.h"

#include <libwebsockets.h>
#include <string.h>

#define HEADER_SIZE_MAX 512

/* false: longer than any value we take. An absent header is "". */
static bool copy_header(struct lws *wsi, enum lws_token_indexes token, char text[HEADER_SIZE_MAX])
{
    text[0] = '\0';
    return lws_hdr_total_length(wsi, token) == 0 || lws_hdr_copy(wsi, text, HEADER_SIZE_MAX, token) >= 0;
}

/* Whether the list "a, b" has one of our names. */
static bool has_our_subprotocol(char *list)
{
    char *rest = NULL;
    for (char *name = strtok_r(list, ", \t", &rest); name; name = strtok_r(NULL, ", \t", &rest)) {
        for (int i = 0; i < FRAME_SUBPROTOCOLS; i++) {
            if (strcmp(name, frame_subprotocol_name((enum frame_subprotocol)i)) == 0) {
                return true;
            }
        }
    }
    return false;
}

int handshake_check(struct loop *loop, struct lws *wsi)
{
    const struct realtime_config *config = loop->realtime->config;
    char text[HEADER_SIZE_MAX];
    char host[HEADER_SIZE_MAX];
    if (!copy_header(wsi, WSI_TOKEN_GET_URI, text) || strcmp(text, HANDSHAKE_PATH) != 0) {
        return 404;
    }
    if (!copy_header(wsi, WSI_TOKEN_PROTOCOL, text) || !has_our_subprotocol(text)) {
        return 400;
    }
    if (!copy_header(wsi, WSI_TOKEN_HOST, host) || !copy_header(wsi, WSI_TOKEN_ORIGIN, text) ||
        !origin_is_allowed(text, host, &config->allowed_origins)) {
        return 403;
    }
    if (loop->draining || atomic_load(&loop->socket_count) >= (size_t)config->sockets_max) {
        return 503;
    }
    return 0;
}
