/* The event loop: libwebsockets, the sockets, the hub, and the inbox through which other threads reach them. */
#pragma once

#include "services/realtime/hub.h"
#include "services/realtime/job.h"
#include "services/realtime/realtime.h"
#include "services/realtime/socket.h"

#include <pthread.h>
#include <stdatomic.h>

#define LOOP_EVENTS_MAX 4096   /* that wait in the inbox */
#define LOOP_EVENTS_A_TURN 256 /* then sockets have their turn again */
#define LOOP_POST_WAIT_MS 5000 /* a consumer waits so long for room */

struct edge;

struct loop {
    struct realtime *realtime;
    struct hub *hub;
    struct socket *sockets;
    struct push *pull_now_all;
    bool draining;
    int idle_closes_left; /* in this tick: where thousands fall silent, they are closed little by little */
    _Atomic size_t socket_count;
    size_t sign_ins, sign_ins_before; /* since memory was given back; at the tick before */
    int64_t trim_ms;                  /* not again before */

    pthread_mutex_t lock;   /* the inbox */
    pthread_cond_t changed; /* room in the inbox; drained */
    struct hub_event *events, **events_last;
    struct job *jobs, **jobs_last;
    size_t event_count;
    bool running, woken, drain_asked, stop_asked;

    struct edge *edge;
    pthread_t thread;
};

ERR_RESULT struct err *loop_new(struct realtime *realtime, struct loop **ret_loop);
/* Binds the port and starts the thread. */
ERR_RESULT struct err *loop_serve(struct loop *loop);
/* Says goodbye to all sockets and refuses new ones; returns when they are gone, or after DRAIN_WAIT_MS. */
void loop_drain(struct loop *loop);
/* Ends the thread and frees everything. Nobody may post any more. NULL is fine. */
void loop_free(struct loop *loop);

/* From any thread. Takes ownership; waits for room until the deadline. KONGSI_OVERLOADED. Without sockets there is nobody to
 * tell. */
ERR_RESULT struct err *loop_post_event(struct loop *loop, struct hub_event *event);
/* From workers: there is always room, the jobs are counted elsewhere. */
void loop_post_job(struct loop *loop, struct job *job);
/* Whether anybody would hear of an event. */
bool loop_has_sockets(struct loop *loop);

/* On the loop thread. */
void loop_add_socket(struct loop *loop, struct socket *socket);
void loop_remove_socket(struct loop *loop, struct socket *socket);
/* Takes what is in the inbox. */
void loop_process_inbox(struct loop *loop);
/* What time brings; returns in how many milliseconds it wants to be called again. */
int64_t loop_tick(struct loop *loop);
