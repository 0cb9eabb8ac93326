/* What a worker does for a socket: the blocking calls. Made and ended on the loop thread; in between it belongs to one
 * worker. */
#pragma once

#include "services/realtime/frame.h"
#include "services/realtime/realtime.h"

#include <stdatomic.h>

struct socket;

enum job_kind { JOB_SIGN_IN, JOB_RENEW, JOB_RECHECK, JOB_SEND_MESSAGE, JOB_MARK_READ };

#define JOB_ARENA_CAP_BYTES ((size_t)32 * 1024 * 1024)
#define JOB_SIGN_IN_TIMEOUT_MS 30000
#define JOB_COMMAND_TIMEOUT_MS 15000

/* Where a conversation stands for the socket that signs in. */
struct job_subscription {
    struct uuid conversation_id;
    int64_t last_seq, sent_seq;
    bool resumed; /* the client had a cursor for it */
};

struct job {
    enum job_kind kind;
    struct job *next;        /* of the queue it is in */
    struct job *socket_next; /* of the socket's commands, in order of arrival */
    struct socket *socket;   /* a reference; the worker leaves it alone */
    bool submitted;
    atomic_bool cancelled; /* nobody waits for it any more */

    struct arena *arena;                            /* holds all that follows */
    const Kongsi__Realtime__V1__ClientFrame *frame; /* NULL for JOB_RECHECK */
    const char *reply_to;
    const char *token;
    const char *client_address;
    struct uuid conversation_id; /* of commands */
    enum frame_subprotocol subprotocol;
    uint64_t hub_position; /* of JOB_SIGN_IN: where the replay begins */
    int64_t begin_us, deadline_ms;

    struct err *error; /* the result: why sign-in or renewal is refused; commands have the error as their answer */
    struct rpc_caller caller;
    struct job_subscription *subscriptions;
    size_t subscription_count;
    struct frame *answer;
    struct frame **pushes; /* of JOB_SIGN_IN: behind the answer, in order */
    size_t push_count, push_capacity;
};

/* Takes the arena; NULL (and the arena freed) when out of memory. */
struct job *job_new(enum job_kind kind, struct arena *arena);
void job_free(struct job *job);

/* Runs on a worker. */
void job_run(struct job *job, struct realtime *realtime);

/* The parts of it. */
struct err *job_verify(struct job *job, struct realtime *realtime);
struct err *job_sign_in(struct job *job, struct realtime *realtime);
/* A context for calls in the person's name. */
void job_context(const struct job *job, struct realtime *realtime, struct arena *arena, struct rpc_ctx *ret_ctx);
