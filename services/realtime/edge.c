#include "services/realtime/edge.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "services/realtime/handshake.h"
#include "services/realtime/http.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#ifdef REALTIME_LIBEV
#include <ev.h>
#endif

#define RX_BUFFER_SIZE_BYTES 512 /* a socket has one for its whole life */
#define TX_PACKET_SIZE_BYTES (64 * 1024)
#define SEND_BUFFER_SIZE_BYTES (64 * 1024) /* of the kernel: what a slow reader may keep there */
#define HANDSHAKE_TIMEOUT_S 10
#define HEADER_POOL 128           /* handshakes at the same time; others wait */
#define FILES_BESIDE_SOCKETS 4096 /* file descriptors of the rest of the process */

/* ---- callbacks ---- */

static int opened(struct loop *loop, struct lws *wsi, struct socket **place, enum frame_subprotocol subprotocol)
{
    int size = SEND_BUFFER_SIZE_BYTES;
    setsockopt(lws_get_socket_fd(wsi), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    *place = socket_new(loop, wsi, subprotocol);
    return *place ? 0 : -1;
}

/* One of our two subprotocols; `place` is the connection's memory. */
static int on_websocket(struct lws *wsi, enum lws_callback_reasons reason, void *place, void *bytes, size_t length)
{
    struct loop *loop = lws_context_user(lws_get_context(wsi));
    struct socket **socket = place;
    switch (reason) {
    case LWS_CALLBACK_ESTABLISHED:
        return opened(loop, wsi, socket, (enum frame_subprotocol)lws_get_protocol(wsi)->id);
    case LWS_CALLBACK_RECEIVE:
        if (socket && *socket) {
            socket_receive(*socket, bytes, length, lws_remaining_packet_payload(wsi), lws_is_final_fragment(wsi));
        }
        return 0;
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return !socket || !*socket || socket_write(*socket) ? 0 : -1;
    case LWS_CALLBACK_CLOSED:
        if (socket && *socket) {
            socket_disconnected(*socket);
            *socket = NULL;
        }
        return 0;
    default:
        return 0;
    }
}

static int confirm_upgrade(struct loop *loop, struct lws *wsi, const char *protocol)
{
    int status = strcmp(protocol, "websocket") == 0 ? handshake_check(loop, wsi) : 400;
    if (status == 0) {
        return 0;
    }
    metric_add(&realtime_refused, 1);
    return lws_return_http_status(wsi, (unsigned)status, NULL) < 0 ? -1 : 1;
}

/* Before a connection is a WebSocket, and for the process as a whole. */
static int on_http(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *bytes, size_t length)
{
    struct loop *loop = lws_context_user(lws_get_context(wsi));
    switch (reason) {
    case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
        return confirm_upgrade(loop, wsi, bytes);
    case LWS_CALLBACK_HTTP:
        return http_answer(loop, wsi, bytes);
    case LWS_CALLBACK_EVENT_WAIT_CANCELLED:
        loop_process_inbox(loop);
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, bytes, length);
    }
}

static const struct lws_protocols PROTOCOLS[] = {
    {.name = "http", .callback = on_http, .rx_buffer_size = RX_BUFFER_SIZE_BYTES, .tx_packet_size = TX_PACKET_SIZE_BYTES},
    {.name = "kongsi.v1+json",
        .callback = on_websocket,
        .per_session_data_size = sizeof(struct socket *),
        .rx_buffer_size = RX_BUFFER_SIZE_BYTES,
        .id = FRAME_JSON,
        .tx_packet_size = TX_PACKET_SIZE_BYTES},
    {.name = "kongsi.v1+proto",
        .callback = on_websocket,
        .per_session_data_size = sizeof(struct socket *),
        .rx_buffer_size = RX_BUFFER_SIZE_BYTES,
        .id = FRAME_PROTO,
        .tx_packet_size = TX_PACKET_SIZE_BYTES},
    {.name = NULL},
};

/* ---- the loop underneath ---- */

struct edge {
    struct loop *loop;
    struct lws_context *context;
    void *ev_loop; /* struct ev_loop *; NULL: libwebsockets' own poll() */
    lws_sorted_usec_list_t tick;
    bool stopped;
};

static void on_tick(lws_sorted_usec_list_t *tick)
{
    struct edge *edge = lws_container_of(tick, struct edge, tick);
    int64_t wait_ms = loop_tick(edge->loop);
    lws_sul_schedule(edge->context, 0, &edge->tick, on_tick, wait_ms * LWS_US_PER_MS);
}

void edge_tick_now(struct edge *edge)
{
    lws_sul_schedule(edge->context, 0, &edge->tick, on_tick, LWS_US_PER_MS);
}

static void *new_ev_loop(void)
{
#ifdef REALTIME_LIBEV
    return ev_loop_new(EVFLAG_AUTO | EVFLAG_NOSIGMASK);
#else
    return NULL;
#endif
}

static void free_ev_loop(struct edge *edge)
{
#ifdef REALTIME_LIBEV
    if (edge->ev_loop) {
        ev_loop_destroy(edge->ev_loop);
    }
#endif
    edge->ev_loop = NULL;
}

void edge_run(struct edge *edge)
{
#ifdef REALTIME_LIBEV
    if (edge->ev_loop) {
        ev_run(edge->ev_loop, 0);
        return;
    }
#endif
    while (!edge->stopped && lws_service(edge->context, 0) >= 0) {
    }
}

void edge_break(struct edge *edge)
{
    edge->stopped = true;
#ifdef REALTIME_LIBEV
    if (edge->ev_loop) {
        ev_break(edge->ev_loop, EVBREAK_ALL);
    }
#endif
}

void edge_wake(struct edge *edge)
{
    lws_cancel_service(edge->context);
}

/* ---- opening ---- */

/* libwebsockets keeps tables as large as the limit, so it is set to what is needed. */
static void set_file_limit(int64_t sockets_max)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return;
    }
    rlim_t wanted = (rlim_t)sockets_max + FILES_BESIDE_SOCKETS;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted) {
        log_warn("only %llu files may be open, realtime.sockets_max %lld needs %llu", (unsigned long long)limit.rlim_cur,
            (long long)sockets_max, (unsigned long long)wanted);
    }
}

/* Clients cause warnings at will, so they are for debugging only. */
static void on_log(int level, const char *line)
{
    int length = (int)strcspn(line, "\n");
    if (level & LLL_ERR) {
        log_warn("libwebsockets: %.*s", length, line);
    } else {
        log_debug("libwebsockets: %.*s", length, line);
    }
}

static struct lws_context *create_context(struct loop *loop, void **foreign_loops)
{
    const struct realtime_config *config = loop->realtime->config;
    static const lws_retry_bo_t NO_PINGS = {.secs_since_valid_ping = 0}; /* clients ping, and we watch that they do */
    struct lws_context_creation_info info = {
        .port = (int)config->port,
        .iface = str_is_empty(config->address) ? NULL : config->address,
        .protocols = PROTOCOLS,
        .user = loop,
        .gid = (gid_t)-1,
        .uid = (uid_t)-1,
        .count_threads = 1,
        .timeout_secs = HANDSHAKE_TIMEOUT_S,
        .max_http_header_pool2 = HEADER_POOL,
        .max_http_header_data2 = 4096,
        .pt_serv_buf_size = 4096,
        .retry_and_idle_policy = &NO_PINGS,
        .options = LWS_SERVER_OPTION_VALIDATE_UTF8 | LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS |
                   LWS_SERVER_OPTION_FAIL_UPON_UNABLE_TO_BIND | (foreign_loops ? LWS_SERVER_OPTION_LIBEV : 0),
        .foreign_loops = foreign_loops,
    };
    return lws_create_context(&info);
}

static bool open_context(struct edge *edge)
{
    edge->ev_loop = new_ev_loop();
    if (edge->ev_loop) {
        void *foreign_loops[1] = {edge->ev_loop};
        edge->context = create_context(edge->loop, foreign_loops);
    }
    if (!edge->context) {
        free_ev_loop(edge);
        edge->context = create_context(edge->loop, NULL);
        if (edge->context) {
            log_warn(
                "libwebsockets has no libev here (package libwebsockets-evlib-ev): poll() serves, slower with many sockets");
        }
    }
    return edge->context != NULL;
}

struct err *edge_open(struct loop *loop, struct edge **ret_edge)
{
    const struct realtime_config *config = loop->realtime->config;
    lws_set_log_level(LLL_ERR | LLL_WARN, on_log);
    set_file_limit(config->sockets_max);
    struct edge *edge = calloc(1, sizeof(*edge));
    if (!edge) {
        return err_out_of_memory();
    }
    edge->loop = loop;
    if (!open_context(edge)) {
        free(edge);
        return err_new(&KONGSI_UNAVAILABLE, "cannot listen on \"%s\" port %lld: in use, or no such address", config->address,
            (long long)config->port);
    }
    lws_sul_schedule(edge->context, 0, &edge->tick, on_tick, LWS_US_PER_SEC);
    *ret_edge = edge;
    return NULL;
}

void edge_close(struct edge *edge)
{
    if (!edge) {
        return;
    }
    lws_sul_schedule(edge->context, 0, &edge->tick, on_tick, LWS_SET_TIMER_USEC_CANCEL);
    lws_context_destroy(edge->context);
    free_ev_loop(edge);
    free(edge);
}
