#include "services/realtime/socket.h"

#include "gen/realtime_errors.h"
#include "libshared/base/log.h"
#include "services/realtime/command.h"
#include "services/realtime/loop.h"

#include <libwebsockets.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define WRITE_BURST 16 /* frames a turn, so that no socket holds up the others */
#define QUEUE_FIRST_CAPACITY 8
#define DISCARD_SIZE_MAX_BYTES ((size_t)1024 * 1024) /* of a frame too large */

_Static_assert(FRAME_HEADROOM_BYTES >= LWS_PRE, "room for the WebSocket header");

struct socket *socket_new(struct loop *loop, struct lws *wsi, enum frame_subprotocol subprotocol)
{
    struct socket *socket = calloc(1, sizeof(*socket));
    if (!socket) {
        return NULL;
    }
    socket->loop = loop;
    socket->wsi = wsi;
    socket->references = 1;
    socket->subprotocol = subprotocol;
    socket->opened_ms = clock_monotonic_ms();
    socket->heard_ms = socket->opened_ms;
    socket->credit_ms = socket->opened_ms;
    socket->frame_credit = FRAMES_BURST;
    buf_init(&socket->partial, FRAME_SIZE_MAX_BYTES);
    lws_get_peer_simple(wsi, socket->client_address, sizeof(socket->client_address));
    loop_add_socket(loop, socket);
    return socket;
}

struct socket *socket_ref(struct socket *socket)
{
    socket->references++;
    return socket;
}

void socket_unref(struct socket *socket)
{
    if (--socket->references > 0) {
        return;
    }
    free(socket->access_token);
    free(socket);
}

/* ---- the queue ---- */

static struct socket_queued *queue_at(struct socket *socket, size_t index)
{
    return &socket->queue[(socket->queue_first + index) % socket->queue_capacity];
}

static bool queue_grow(struct socket *socket)
{
    size_t capacity = socket->queue_capacity ? 2 * socket->queue_capacity : QUEUE_FIRST_CAPACITY;
    struct socket_queued *queue = calloc(capacity, sizeof(*queue));
    if (!queue) {
        return false;
    }
    for (size_t i = 0; i < socket->queue_count; i++) {
        queue[i] = *queue_at(socket, i);
    }
    free(socket->queue);
    socket->queue = queue;
    socket->queue_first = 0;
    socket->queue_capacity = capacity;
    return true;
}

static void queue_release_when_empty(struct socket *socket)
{
    if (socket->queue_count == 0) {
        free(socket->queue);
        socket->queue = NULL;
        socket->queue_capacity = 0;
        socket->resume_bytes = 0;
    }
}

static void queue_drop(struct socket *socket, bool answers_too)
{
    size_t kept = 0;
    for (size_t i = 0; i < socket->queue_count; i++) {
        struct socket_queued queued = *queue_at(socket, i);
        if (queued.kind == SOCKET_ANSWER && !answers_too) {
            *queue_at(socket, kept++) = queued;
        } else {
            socket->queued_bytes -= queued.frame->length;
            frame_unref(queued.frame);
        }
    }
    socket->queue_count = kept;
    queue_release_when_empty(socket);
}

static bool queue_add(struct socket *socket, struct frame *frame, enum socket_frame_kind kind)
{
    if (socket->queue_count == socket->queue_capacity && !queue_grow(socket)) {
        frame_unref(frame);
        return false;
    }
    socket->queue_count++;
    *queue_at(socket, socket->queue_count - 1) = (struct socket_queued){.frame = frame, .kind = kind};
    socket->queued_bytes += frame->length;
    lws_callback_on_writable(socket->wsi);
    return true;
}

static size_t queue_limit_bytes(const struct socket *socket)
{
    return (size_t)socket->loop->realtime->config->queue_bytes_max + socket->resume_bytes;
}

/* A reader so slow that even its answers do not fit is closed: it repeats its commands with the same request ids. */
static void queue_overflowed(struct socket *socket)
{
    metric_add(&realtime_queue_overflows, 1);
    queue_drop(socket, false);
    socket->resume_bytes = 0;
    if (socket->queued_bytes > queue_limit_bytes(socket)) {
        socket_close(socket, CLOSE_POLICY, true);
        return;
    }
    metric_add(&realtime_pull_now, 1);
    struct frame *pull_now = push_frame(socket->loop->pull_now_all, socket->subprotocol);
    if (!pull_now || !queue_add(socket, frame_ref(pull_now), SOCKET_PUSH)) {
        socket_close(socket, CLOSE_INTERNAL, true);
    }
}

static bool takes_frames(const struct socket *socket, enum socket_frame_kind kind)
{
    if (!socket->wsi) {
        return false;
    }
    return socket->state != SOCKET_CLOSING || (kind == SOCKET_ANSWER && socket->close_after_answers);
}

void socket_send(struct socket *socket, struct frame *frame, enum socket_frame_kind kind)
{
    if (!takes_frames(socket, kind)) {
        frame_unref(frame);
        return;
    }
    if (!queue_add(socket, frame, kind)) {
        socket_close(socket, CLOSE_INTERNAL, true);
    } else if (socket->queued_bytes > queue_limit_bytes(socket)) {
        queue_overflowed(socket);
    }
}

void socket_send_push(struct socket *socket, struct push *push)
{
    if (!takes_frames(socket, SOCKET_PUSH)) {
        return;
    }
    struct frame *frame = push_frame(push, socket->subprotocol);
    if (!frame) {
        socket_close(socket, CLOSE_INTERNAL, true);
        return;
    }
    socket_send(socket, frame_ref(frame), SOCKET_PUSH);
}

void socket_send_err(struct socket *socket, const char *reply_to, const struct err *error)
{
    struct frame *frame;
    struct err *problem = frame_encode_err(socket->subprotocol, reply_to, error, &frame);
    if (problem) {
        log_err(LOG_LEVEL_ERROR, problem, "cannot encode an error");
        err_free(problem);
        socket_close(socket, CLOSE_INTERNAL, true);
        return;
    }
    socket_send(socket, frame, SOCKET_ANSWER);
}

static bool write_first(struct socket *socket)
{
    struct socket_queued queued = *queue_at(socket, 0);
    enum lws_write_protocol type = socket->subprotocol == FRAME_JSON ? LWS_WRITE_TEXT : LWS_WRITE_BINARY;
    int written = lws_write(socket->wsi, queued.frame->bytes + FRAME_HEADROOM_BYTES, queued.frame->length, type);
    socket->queue_first = (socket->queue_first + 1) % socket->queue_capacity;
    socket->queue_count--;
    socket->queued_bytes -= queued.frame->length;
    frame_unref(queued.frame);
    metric_add(&realtime_frames_out, 1);
    return written >= 0; /* what the connection did not take, libwebsockets keeps */
}

static bool may_close_now(const struct socket *socket)
{
    return socket->state == SOCKET_CLOSING && socket->queue_count == 0 && socket->discard_bytes_left == 0 &&
           (!socket->close_after_answers || socket->job_count == 0);
}

bool socket_write(struct socket *socket)
{
    for (int i = 0; i < WRITE_BURST && socket->queue_count > 0 && !lws_send_pipe_choked(socket->wsi); i++) {
        if (!write_first(socket)) {
            return false;
        }
    }
    queue_release_when_empty(socket);
    if (socket->queue_count > 0) {
        lws_callback_on_writable(socket->wsi);
        return true;
    }
    if (!may_close_now(socket)) {
        return true;
    }
    lws_close_reason(socket->wsi, (enum lws_close_status)socket->close_code, NULL, 0);
    return false;
}

void socket_write_soon(struct socket *socket)
{
    if (socket->state == SOCKET_CLOSING) {
        lws_callback_on_writable(socket->wsi);
    }
}

/* ---- reading ---- */

static bool take_credit(struct socket *socket)
{
    int64_t now_ms = clock_monotonic_ms();
    int64_t earned = (now_ms - socket->credit_ms) * FRAMES_PER_SECOND / 1000;
    if (earned > 0) {
        int64_t credit = socket->frame_credit + earned;
        socket->frame_credit = (int32_t)(credit < FRAMES_BURST ? credit : FRAMES_BURST);
        socket->credit_ms = now_ms;
    }
    return socket->frame_credit-- > 0;
}

static void receive_whole(struct socket *socket, struct bytes bytes)
{
    metric_add(&realtime_frames_in, 1);
    socket->heard_ms = clock_monotonic_ms();
    if (!take_credit(socket)) {
        socket_close(socket, CLOSE_POLICY, true);
        return;
    }
    command_receive(socket, bytes);
}

/* Closing a connection with unread bytes resets it, and the client would not learn why: so a frame too large is read to its
 * end, within limits. */
static void discard(struct socket *socket, size_t length, bool whole)
{
    if (socket->discard_bytes_left == 0) {
        return;
    }
    socket->discard_bytes_left = whole || length >= socket->discard_bytes_left ? 0 : socket->discard_bytes_left - length;
    if (socket->discard_bytes_left == 0) {
        lws_callback_on_writable(socket->wsi);
    }
}

static void refuse_type(struct socket *socket)
{
    ERR_AUTO error = err_new(&REALTIME_FRAME_INVALID, "%s takes %s messages", frame_subprotocol_name(socket->subprotocol),
        socket->subprotocol == FRAME_PROTO ? "binary" : "text");
    socket_send_err(socket, "", error);
    socket_close(socket, CLOSE_WRONG_TYPE, false);
}

void socket_receive(struct socket *socket, const void *bytes, size_t length, size_t left, bool final)
{
    bool whole = final && left == 0;
    if (socket->state == SOCKET_CLOSING) {
        discard(socket, length, whole);
        return;
    }
    bool binary = lws_frame_is_binary(socket->wsi);
    if (binary != (socket->subprotocol == FRAME_PROTO)) {
        refuse_type(socket);
        return;
    }
    if (left > FRAME_SIZE_MAX_BYTES || socket->partial.length + length + left > FRAME_SIZE_MAX_BYTES) {
        socket_close(socket, CLOSE_TOO_LARGE, true);
        socket->discard_bytes_left = DISCARD_SIZE_MAX_BYTES;
        return;
    }
    if (whole && socket->partial.length == 0) {
        receive_whole(socket, (struct bytes){.data = bytes, .length = length});
        return;
    }
    if (!buf_append(&socket->partial, bytes, length)) {
        socket_close(socket, CLOSE_INTERNAL, true);
        return;
    }
    if (whole) {
        receive_whole(
            socket, (struct bytes){.data = (const uint8_t *)socket->partial.data, .length = socket->partial.length});
        buf_deinit(&socket->partial);
    }
}

/* ---- the end ---- */

void socket_close(struct socket *socket, enum close_code code, bool at_once)
{
    if (!socket->wsi) {
        return;
    }
    bool closing = socket->state == SOCKET_CLOSING;
    if (closing && !at_once) {
        return;
    }
    if (!closing) {
        metric_add(&realtime_closed, 1);
        socket->close_code = code;
        socket->closing_ms = clock_monotonic_ms();
    }
    socket->state = SOCKET_CLOSING;
    socket->close_after_answers = !at_once;
    if (at_once) {
        socket->close_code = code;
        queue_drop(socket, true);
    }
    lws_callback_on_writable(socket->wsi);
}

void socket_disconnected(struct socket *socket)
{
    hub_remove(socket->loop->hub, &socket->hub);
    loop_remove_socket(socket->loop, socket);
    queue_drop(socket, true);
    buf_deinit(&socket->partial);
    socket->wsi = NULL;
    socket->state = SOCKET_CLOSING;
    command_abandon(socket);
    socket_unref(socket);
}

/* ---- time ---- */

static void warn_of_expiry(struct socket *socket)
{
    socket->token_warned = true;
    Google__Protobuf__Timestamp expire_time = frame_timestamp(socket->token_expire_time);
    Kongsi__Realtime__V1__TokenExpiring body = KONGSI__REALTIME__V1__TOKEN_EXPIRING__INIT;
    body.token_expire_time = &expire_time;
    Kongsi__Realtime__V1__ServerFrame message = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    message.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_TOKEN_EXPIRING;
    message.token_expiring = &body;
    struct frame *frame;
    struct err *error = frame_encode(socket->subprotocol, &message, &frame);
    if (error) {
        err_free(error);
        return;
    }
    socket_send(socket, frame, SOCKET_ANSWER); /* not a hint that pull_now could stand for */
}

static void tick_signed_in(struct socket *socket, struct instant now)
{
    if (now.us >= socket->token_expire_time.us) {
        socket_close(socket, CLOSE_NOT_SIGNED_IN, true);
    } else if (!socket->token_warned && now.us >= instant_add_ms(socket->token_expire_time, -TOKEN_EXPIRING_MS).us) {
        warn_of_expiry(socket);
    }
}

void socket_tick(struct socket *socket, int64_t now_ms, struct instant now)
{
    int64_t idle_max_ms = 2 * socket->loop->realtime->config->ping_interval_seconds * 1000;
    if (socket->state == SOCKET_CLOSING) {
        int64_t wait_ms = socket->close_code == CLOSE_GOING_AWAY ? DRAIN_WAIT_MS - 1000 : CLOSE_WAIT_MS;
        if (now_ms - socket->closing_ms > wait_ms) {
            lws_set_timeout(
                socket->wsi, PENDING_TIMEOUT_KILLED_BY_PARENT, LWS_TO_KILL_SYNC); /* ends in socket_disconnected */
        }
    } else if (socket->state == SOCKET_CONNECTED && now_ms - socket->opened_ms >= SIGN_IN_WAIT_MS) {
        socket_close(socket, CLOSE_NOT_SIGNED_IN, true);
    } else if (socket->state != SOCKET_CONNECTED && now_ms - socket->heard_ms > idle_max_ms) {
        if (socket->loop->idle_closes_left-- > 0) {
            socket_close(socket, CLOSE_IDLE, true);
        }
    } else if (socket->state == SOCKET_SIGNED_IN) {
        tick_signed_in(socket, now);
    }
}

/* Spread, so that the clients do not all come back in the same moment. */
static int32_t reconnect_delay_ms(void)
{
    uint16_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random)) {
        random = (uint16_t)clock_monotonic_us();
    }
    return RECONNECT_DELAY_MIN_MS + random % (RECONNECT_DELAY_MAX_MS - RECONNECT_DELAY_MIN_MS);
}

void socket_drain(struct socket *socket)
{
    Kongsi__Realtime__V1__Going body = KONGSI__REALTIME__V1__GOING__INIT;
    body.reconnect_delay_ms = reconnect_delay_ms();
    Kongsi__Realtime__V1__ServerFrame message = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    message.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_GOING;
    message.going = &body;
    struct frame *frame;
    struct err *error = frame_encode(socket->subprotocol, &message, &frame);
    if (error) {
        err_free(error);
    } else {
        socket_send(socket, frame, SOCKET_ANSWER);
    }
    socket_close(socket, CLOSE_GOING_AWAY, false);
}
