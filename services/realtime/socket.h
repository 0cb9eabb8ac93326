/* One WebSocket: what waits to be written, when it ends. All of it on the loop thread.
 *
 * Small while idle: the queue and the buffer of a half-read frame exist only while they hold something. */
#pragma once

#include "services/realtime/frame.h"
#include "services/realtime/hub.h"
#include "services/realtime/realtime.h"

#include <stdbool.h>

struct job;
struct lws;

enum socket_state { SOCKET_CONNECTED, SOCKET_SIGNING_IN, SOCKET_SIGNED_IN, SOCKET_CLOSING };

/* What becomes of a frame when the queue is full. */
enum socket_frame_kind {
    SOCKET_ANSWER, /* kept */
    SOCKET_PUSH,   /* dropped, pull_now stands for it */
};

struct socket_queued {
    struct frame *frame;
    enum socket_frame_kind kind;
};

struct socket {
    struct hub_socket hub; /* first: the hub gives it back */
    struct loop *loop;
    struct lws *wsi;            /* NULL: gone; kept alive by jobs */
    struct socket *next, *prev; /* of the loop's list */
    unsigned references;
    enum socket_state state;
    enum frame_subprotocol subprotocol;
    struct buf partial; /* of a frame that arrives in pieces */

    struct socket_queued *queue; /* a ring */
    size_t queue_first, queue_count, queue_capacity;
    size_t queued_bytes;
    size_t resume_bytes; /* room above the limit, for what a resume brought; until the queue has been empty once */

    struct job *jobs; /* its commands, in order of arrival */
    size_t job_count;

    int64_t opened_ms, heard_ms, closing_ms;
    int64_t credit_ms;
    int32_t frame_credit; /* frames it may send at once */
    struct instant token_expire_time;
    bool token_warned;
    char *access_token;

    enum close_code close_code;
    size_t discard_bytes_left; /* of a frame too large: it is read to its end before the close */
    bool close_after_answers;  /* write what is queued, wait for commands under way */
    char client_address[46];
};

struct socket *socket_new(struct loop *loop, struct lws *wsi, enum frame_subprotocol subprotocol);
struct socket *socket_ref(struct socket *socket);
void socket_unref(struct socket *socket);
/* The connection is gone. */
void socket_disconnected(struct socket *socket);

/* Bytes of a WebSocket message; `left` more of the same frame are known to follow. */
void socket_receive(struct socket *socket, const void *bytes, size_t length, size_t left, bool final);
/* Writes while the connection takes it. false: the connection is to be closed now. */
bool socket_write(struct socket *socket);

/* Queues a frame; takes the reference. */
void socket_send(struct socket *socket, struct frame *frame, enum socket_frame_kind kind);
void socket_send_push(struct socket *socket, struct push *push);
void socket_send_err(struct socket *socket, const char *reply_to, const struct err *error);
/* Asks to be written: something may have changed for a closing socket. */
void socket_write_soon(struct socket *socket);
/* Begins to close. At once: what is queued is dropped; else it is written first. */
void socket_close(struct socket *socket, enum close_code code, bool at_once);
/* Told every second. */
void socket_tick(struct socket *socket, int64_t now_ms, struct instant now);
/* Says going{} and closes with 1001 once the commands under way are answered. */
void socket_drain(struct socket *socket);
