#include "services/realtime/command.h"

#include "gen/kongsi_errors.h"
#include "gen/realtime_errors.h"
#include "libshared/base/log.h"
#include "services/realtime/job.h"
#include "services/realtime/loop.h"
#include "services/realtime/socket.h"
#include "services/realtime/worker.h"

#include <stdlib.h>
#include <string.h>

/* ---- sending jobs ---- */

static void refuse(struct socket *socket, const char *reply_to, struct err *error)
{
    socket_send_err(socket, reply_to, error);
    err_free(error);
}

static void add_job(struct socket *socket, struct job *job)
{
    struct job **last = &socket->jobs;
    while (*last) {
        last = &(*last)->socket_next;
    }
    *last = job;
    socket->job_count++;
    job->socket = socket_ref(socket);
}

static void remove_job(struct socket *socket, struct job *job)
{
    struct job **place = &socket->jobs;
    while (*place != job) {
        place = &(*place)->socket_next;
    }
    *place = job->socket_next;
    socket->job_count--;
}

static void end_job(struct job *job)
{
    struct socket *socket = job->socket;
    remove_job(socket, job);
    job_free(job);
    socket_unref(socket);
}

static bool is_command(const struct job *job)
{
    return job->kind == JOB_SEND_MESSAGE || job->kind == JOB_MARK_READ;
}

/* Commands for one conversation run one after the other, so that what a person says stays in its order. */
static bool must_wait(const struct socket *socket, const struct job *job)
{
    for (const struct job *other = socket->jobs; is_command(job) && other != job; other = other->socket_next) {
        if (is_command(other) && uuid_equal(other->conversation_id, job->conversation_id)) {
            return true;
        }
    }
    return false;
}

static void submit(struct socket *socket, struct job *job)
{
    if (workers_submit(socket->loop->realtime->workers, job)) {
        return;
    }
    refuse(socket, job->reply_to, err_new(&KONGSI_OVERLOADED, "too many commands wait, try again"));
    end_job(job);
}

/* A job for the frame in the arena; takes the arena. */
static void begin_job(struct socket *socket, enum job_kind kind, struct arena *arena,
    const Kongsi__Realtime__V1__ClientFrame *frame, const char *reply_to)
{
    const char *token = socket->access_token ? arena_strdup(arena, socket->access_token) : "";
    struct job *job = job_new(kind, arena);
    if (!job || !token) {
        job_free(job);
        socket_close(socket, CLOSE_INTERNAL, true);
        return;
    }
    job->frame = frame;
    job->reply_to = reply_to;
    job->subprotocol = socket->subprotocol;
    job->client_address = socket->client_address;
    job->token = kind == JOB_SIGN_IN ? frame->sign_in->access_token
                 : kind == JOB_RENEW ? frame->renew_token->access_token
                                     : token;
    if (kind == JOB_SEND_MESSAGE) {
        uuid_parse(frame->send_message->conversation_id, &job->conversation_id);
    } else if (kind == JOB_MARK_READ) {
        uuid_parse(frame->mark_read->conversation_id, &job->conversation_id);
    }
    job->hub_position = hub_position(socket->loop->hub);
    add_job(socket, job);
    if (!must_wait(socket, job)) {
        submit(socket, job);
    }
}

/* ---- what clients say ---- */

static void sign_in(
    struct socket *socket, struct arena *arena, const Kongsi__Realtime__V1__ClientFrame *frame, const char *id)
{
    if (socket->state != SOCKET_CONNECTED) {
        refuse(
            socket, id, err_new(&REALTIME_ALREADY_SIGNED_IN, "the socket is signed in; renew its token with renew_token"));
        arena_free(arena);
        return;
    }
    socket->state = SOCKET_SIGNING_IN;
    begin_job(socket, JOB_SIGN_IN, arena, frame, id);
}

static void pong(struct socket *socket, const char *id)
{
    Google__Protobuf__Timestamp now = frame_timestamp(instant_now());
    Kongsi__Realtime__V1__Pong body = KONGSI__REALTIME__V1__PONG__INIT;
    body.server_time = &now;
    Kongsi__Realtime__V1__ServerFrame message = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    message.reply_to = (char *)(uintptr_t)id; /* protobuf-c knows no const; packing only reads */
    message.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_PONG;
    message.pong = &body;
    struct frame *answer;
    struct err *error = frame_encode(socket->subprotocol, &message, &answer);
    if (error) {
        refuse(socket, id, error);
        return;
    }
    socket_send(socket, answer, SOCKET_ANSWER);
}

static void command(struct socket *socket, enum job_kind kind, struct arena *arena,
    const Kongsi__Realtime__V1__ClientFrame *frame, const char *id)
{
    struct err *error = NULL;
    if (socket->state != SOCKET_SIGNED_IN) {
        error = err_new(&REALTIME_NOT_SIGNED_IN, "wait for signed_in before the first command");
    } else if (socket->job_count >= COMMANDS_MAX) {
        error = err_new(
            &REALTIME_TOO_MANY_COMMANDS, "%d commands wait for their answers, at most %d may", COMMANDS_MAX, COMMANDS_MAX);
    }
    if (!error) {
        begin_job(socket, kind, arena, frame, id);
        return;
    }
    refuse(socket, id, error);
    arena_free(arena);
}

/* Takes the arena. */
static void act(struct socket *socket, struct arena *arena, const Kongsi__Realtime__V1__ClientFrame *frame, const char *id)
{
    switch (frame->command_case) {
    case KONGSI__REALTIME__V1__CLIENT_FRAME__COMMAND_SIGN_IN:
        sign_in(socket, arena, frame, id);
        return;
    case KONGSI__REALTIME__V1__CLIENT_FRAME__COMMAND_RENEW_TOKEN:
        command(socket, JOB_RENEW, arena, frame, id);
        return;
    case KONGSI__REALTIME__V1__CLIENT_FRAME__COMMAND_SEND_MESSAGE:
        command(socket, JOB_SEND_MESSAGE, arena, frame, id);
        return;
    case KONGSI__REALTIME__V1__CLIENT_FRAME__COMMAND_MARK_READ:
        command(socket, JOB_MARK_READ, arena, frame, id);
        return;
    case KONGSI__REALTIME__V1__CLIENT_FRAME__COMMAND_PING:
        pong(socket, id);
        break;
    default:
        refuse(socket, id, err_new(&REALTIME_FRAME_INVALID, "the frame has no command this server knows"));
        break;
    }
    arena_free(arena);
}

void command_receive(struct socket *socket, struct bytes bytes)
{
    struct arena *arena = arena_new(JOB_ARENA_CAP_BYTES);
    if (!arena) {
        socket_close(socket, CLOSE_INTERNAL, true);
        return;
    }
    const Kongsi__Realtime__V1__ClientFrame *frame = NULL;
    const char *id = "";
    struct err *error = frame_decode(socket->subprotocol, bytes, arena, &frame, &id);
    bool first = socket->state == SOCKET_CONNECTED;
    if (!error && first && frame->command_case != KONGSI__REALTIME__V1__CLIENT_FRAME__COMMAND_SIGN_IN) {
        error = err_new(&REALTIME_NOT_SIGNED_IN, "the first frame must be sign_in");
    }
    if (!error) {
        act(socket, arena, frame, id);
        return;
    }
    refuse(socket, id, error);
    if (first) {
        socket_close(socket, CLOSE_NOT_SIGNED_IN, false);
    }
    arena_free(arena);
}

/* ---- what workers bring back ---- */

static bool keep_token(struct socket *socket, const struct job *job)
{
    char *token = strdup(job->token);
    if (!token) {
        return false;
    }
    free(socket->access_token);
    socket->access_token = token;
    socket->token_expire_time = job->caller.token_expire_time;
    socket->token_warned = false;
    return true;
}

static bool add_to_hub(struct socket *socket, const struct job *job)
{
    struct hub *hub = socket->loop->hub;
    if (!hub_add(hub, &socket->hub, job->caller.user_id, job->caller.session_id)) {
        return false;
    }
    for (size_t i = 0; i < job->subscription_count; i++) {
        const struct job_subscription *subscription = &job->subscriptions[i];
        if (!hub_subscribe(hub, &socket->hub, subscription->conversation_id, subscription->sent_seq)) {
            return false;
        }
    }
    return true;
}

/* The queue of a fresh socket may hold the whole resume, whatever its usual limit. */
static void send_resume(struct socket *socket, struct job *job)
{
    for (size_t i = 0; i < job->push_count; i++) {
        socket->resume_bytes += job->pushes[i]->length;
    }
    for (size_t i = 0; i < job->push_count; i++) {
        socket_send(socket, frame_ref(job->pushes[i]), SOCKET_PUSH);
    }
}

/* The ring has forgotten what happened meanwhile: the client pulls everything, and whether the session still stands is asked
 * again. */
static void recover_lost_replay(struct socket *socket)
{
    metric_add(&realtime_pull_now, 1);
    socket_send_push(socket, socket->loop->pull_now_all);
    struct arena *arena = arena_new(JOB_ARENA_CAP_BYTES);
    if (!arena) {
        socket_close(socket, CLOSE_INTERNAL, true);
        return;
    }
    begin_job(socket, JOB_RECHECK, arena, NULL, "");
}

static void signed_in(struct socket *socket, struct job *job)
{
    socket->state = SOCKET_SIGNED_IN;
    if (!keep_token(socket, job) || !add_to_hub(socket, job)) {
        socket_close(socket, CLOSE_INTERNAL, true);
        return;
    }
    socket->loop->sign_ins++;
    socket_send(socket, frame_ref(job->answer), SOCKET_ANSWER);
    send_resume(socket, job);
    metric_observe_us(&realtime_sign_in, clock_monotonic_us() - job->begin_us);
    if (!hub_replay(socket->loop->hub, &socket->hub, job->hub_position)) {
        recover_lost_replay(socket);
    }
}

static void sign_in_complete(struct socket *socket, struct job *job)
{
    if (!job->error) {
        signed_in(socket, job);
        return;
    }
    bool temporary = job->error->retriable || job->error->code == ERR_INTERNAL || job->error->code == ERR_UNKNOWN;
    if (job->error->code == ERR_INTERNAL) {
        log_err(LOG_LEVEL_ERROR, job->error, "a sign-in failed");
    }
    socket_send_err(socket, job->reply_to, job->error);
    socket_close(socket, temporary ? CLOSE_TRY_AGAIN : CLOSE_NOT_SIGNED_IN, false);
}

static void renew_complete(struct socket *socket, struct job *job)
{
    if (job->error) {
        socket_send_err(socket, job->reply_to, job->error);
        return;
    }
    if (!uuid_equal(job->caller.session_id, socket->hub.session_id) ||
        !uuid_equal(job->caller.user_id, socket->hub.user_id)) {
        refuse(socket, job->reply_to,
            err_new(&REALTIME_USER_CHANGED, "the token is of another session; open a new socket for it"));
        return;
    }
    if (!keep_token(socket, job)) {
        socket_close(socket, CLOSE_INTERNAL, true);
        return;
    }
    socket_send(socket, frame_ref(job->answer), SOCKET_ANSWER);
}

static void command_answer(struct socket *socket, struct job *job)
{
    metric_observe_us(&realtime_command, clock_monotonic_us() - job->begin_us);
    if (job->error) {
        socket_send_err(socket, job->reply_to, job->error);
    } else if (job->answer) {
        socket_send(socket, frame_ref(job->answer), SOCKET_ANSWER);
    }
}

static void answer(struct socket *socket, struct job *job)
{
    switch (job->kind) {
    case JOB_SIGN_IN:
        if (socket->state == SOCKET_SIGNING_IN) {
            sign_in_complete(socket, job);
        }
        break;
    case JOB_RENEW:
        renew_complete(socket, job);
        break;
    case JOB_RECHECK:
        if (job->error && !job->error->retriable) {
            socket_close(socket, CLOSE_SESSION_ENDED, true);
        }
        break;
    case JOB_SEND_MESSAGE:
    case JOB_MARK_READ:
        command_answer(socket, job);
        break;
    }
}

/* The first command that waited for the one just answered. */
static void submit_next(struct socket *socket)
{
    for (struct job *job = socket->jobs; job; job = job->socket_next) {
        if (!job->submitted && !must_wait(socket, job)) {
            submit(socket, job);
            return;
        }
    }
}

void command_complete(struct job *job)
{
    struct socket *socket = socket_ref(job->socket);
    if (socket->wsi) {
        answer(socket, job);
    }
    end_job(job);
    if (socket->wsi) {
        submit_next(socket);
        socket_write_soon(socket);
    }
    socket_unref(socket);
}

void command_abandon(struct socket *socket)
{
    struct job *next;
    for (struct job *job = socket->jobs; job; job = next) {
        next = job->socket_next;
        if (!job->submitted) {
            end_job(job);
        } else if (job->kind == JOB_SIGN_IN) {
            atomic_store(&job->cancelled, true);
        }
    }
}
