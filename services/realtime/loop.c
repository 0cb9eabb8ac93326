#include "services/realtime/loop.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "services/realtime/command.h"
#include "services/realtime/edge.h"

#include <malloc.h>
#include <stdlib.h>
#include <time.h>
#include <utlist.h>

#define TICK_MS 1000
#define DRAIN_TICK_MS 50
#define DRAIN_TICKS 20
#define DRAIN_SOCKETS_MIN 100
#define IDLE_CLOSES_A_TICK 200
#define TRIM_SIGN_INS_MIN 500
#define TRIM_INTERVAL_MS 30000

/* ---- the hub's sink ---- */

static struct socket *socket_of(struct hub_socket *hub_socket)
{
    return (struct socket *)hub_socket; /* its first member */
}

static void sink_send(struct hub_socket *hub_socket, struct push *push)
{
    socket_send_push(socket_of(hub_socket), push);
}

static void sink_pull_now(struct hub_socket *hub_socket, const struct uuid *conversation_id)
{
    struct socket *socket = socket_of(hub_socket);
    struct push *push;
    metric_add(&realtime_pull_now, 1);
    struct err *error = push_new_pull_now(conversation_id, conversation_id ? 1 : 0, &push);
    if (error) {
        err_free(error);
        socket_close(socket, CLOSE_INTERNAL, true);
        return;
    }
    socket_send_push(socket, push);
    push_unref(push);
}

static void sink_end(struct hub_socket *hub_socket, enum hub_end why)
{
    socket_close(socket_of(hub_socket), why == HUB_END_SESSION ? CLOSE_SESSION_ENDED : CLOSE_INTERNAL, true);
}

static const struct hub_sink SINK = {.send = sink_send, .pull_now = sink_pull_now, .end = sink_end};

/* ---- the inbox ---- */

/* Under the lock. One wake-up serves all that is posted until the loop looks. */
static void wake(struct loop *loop)
{
    if (!loop->woken) {
        loop->woken = true;
        edge_wake(loop->edge);
    }
}

bool loop_has_sockets(struct loop *loop)
{
    return atomic_load(&loop->socket_count) > 0;
}

struct err *loop_post_event(struct loop *loop, struct hub_event *event)
{
    int64_t wait_until_ms = clock_monotonic_ms() + LOOP_POST_WAIT_MS;
    struct timespec until = {.tv_sec = wait_until_ms / 1000, .tv_nsec = wait_until_ms % 1000 * 1000000};
    int problem = 0;
    pthread_mutex_lock(&loop->lock);
    while (loop->running && loop->event_count >= LOOP_EVENTS_MAX && problem == 0) {
        problem = pthread_cond_timedwait(&loop->changed, &loop->lock, &until);
    }
    bool room = loop->event_count < LOOP_EVENTS_MAX;
    bool taken = loop->running && room;
    if (taken) {
        event->next = NULL;
        *loop->events_last = event;
        loop->events_last = &event->next;
        loop->event_count++;
        wake(loop);
    }
    pthread_mutex_unlock(&loop->lock);
    if (!taken) {
        hub_event_free(event); /* without a loop there are no sockets, and nobody to tell */
    }
    return room ? NULL : err_new(&KONGSI_OVERLOADED, "%d events wait for the sockets, no more are taken", LOOP_EVENTS_MAX);
}

void loop_post_job(struct loop *loop, struct job *job)
{
    pthread_mutex_lock(&loop->lock);
    job->next = NULL;
    *loop->jobs_last = job;
    loop->jobs_last = &job->next;
    if (loop->running) {
        wake(loop);
    }
    pthread_mutex_unlock(&loop->lock);
}

/* Takes the jobs and at most `events_max` events out of the inbox. */
static void take(struct loop *loop, size_t events_max, struct hub_event **ret_events, struct job **ret_jobs)
{
    pthread_mutex_lock(&loop->lock);
    loop->woken = false;
    *ret_jobs = loop->jobs;
    loop->jobs = NULL;
    loop->jobs_last = &loop->jobs;
    *ret_events = loop->events;
    struct hub_event **end = &loop->events;
    size_t count = 0;
    while (*end && count < events_max) {
        end = &(*end)->next;
        count++;
    }
    loop->events = *end;
    *end = NULL;
    loop->event_count -= count;
    if (!loop->events) {
        loop->events_last = &loop->events;
    } else {
        wake(loop);
    }
    if (count > 0) {
        pthread_cond_broadcast(&loop->changed);
    }
    pthread_mutex_unlock(&loop->lock);
}

static void complete_jobs(struct job *jobs)
{
    while (jobs) {
        struct job *job = jobs;
        jobs = job->next;
        command_complete(job);
    }
}

static void publish(struct loop *loop, struct hub_event *event)
{
    metric_add(&realtime_events, 1);
    int64_t age_us = instant_now().us - event->time.us;
    hub_publish(loop->hub, event);
    metric_observe_us(&realtime_push, age_us > 0 ? age_us : 0);
}

void loop_process_inbox(struct loop *loop)
{
    struct hub_event *events;
    struct job *jobs;
    take(loop, LOOP_EVENTS_A_TURN, &events, &jobs);
    complete_jobs(jobs);
    while (events) {
        struct hub_event *event = events;
        events = event->next;
        publish(loop, event);
    }
    pthread_mutex_lock(&loop->lock);
    bool drain = loop->drain_asked;
    bool stop = loop->stop_asked;
    pthread_mutex_unlock(&loop->lock);
    if (drain && !loop->draining) {
        loop->draining = true;
        edge_tick_now(loop->edge);
    }
    if (stop) {
        edge_break(loop->edge);
    }
}

/* A part of the sockets at a time: closing all at once would keep the loop from everything else. */
static void drain_some(struct loop *loop)
{
    size_t count = atomic_load(&loop->socket_count) / DRAIN_TICKS + DRAIN_SOCKETS_MIN;
    struct socket *socket = NULL;
    DL_FOREACH (loop->sockets, socket) {
        if (socket->state != SOCKET_CLOSING && count > 0) {
            socket_drain(socket);
            count--;
        }
    }
}

/* Thousands who sign in at once leave the heap full of holes: it is given back when the rush is over. */
static void trim_memory(struct loop *loop, int64_t now_ms)
{
    if (loop->sign_ins >= TRIM_SIGN_INS_MIN && now_ms >= loop->trim_ms && loop->sign_ins == loop->sign_ins_before) {
        malloc_trim(0);
        loop->sign_ins = 0;
        loop->trim_ms = now_ms + TRIM_INTERVAL_MS;
    }
    loop->sign_ins_before = loop->sign_ins;
}

int64_t loop_tick(struct loop *loop)
{
    int64_t now_ms = clock_monotonic_ms();
    struct instant now = instant_now();
    loop->idle_closes_left = IDLE_CLOSES_A_TICK;
    if (loop->draining) {
        drain_some(loop);
    }
    struct socket *socket = NULL;
    struct socket *next = NULL;
    DL_FOREACH_SAFE (loop->sockets, socket, next) {
        socket_tick(socket, now_ms, now);
    }
    trim_memory(loop, now_ms);
    return loop->draining ? DRAIN_TICK_MS : TICK_MS;
}

void loop_add_socket(struct loop *loop, struct socket *socket)
{
    DL_APPEND(loop->sockets, socket);
    metric_set(&realtime_sockets, (int64_t)atomic_fetch_add(&loop->socket_count, 1) + 1);
}

void loop_remove_socket(struct loop *loop, struct socket *socket)
{
    DL_DELETE(loop->sockets, socket);
    size_t count = atomic_fetch_sub(&loop->socket_count, 1) - 1;
    metric_set(&realtime_sockets, (int64_t)count);
    if (count == 0 && loop->draining) {
        pthread_mutex_lock(&loop->lock);
        pthread_cond_broadcast(&loop->changed);
        pthread_mutex_unlock(&loop->lock);
    }
}

/* ---- life ---- */

struct err *loop_new(struct realtime *realtime, struct loop **ret_loop)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop) {
        return err_out_of_memory();
    }
    loop->realtime = realtime;
    loop->events_last = &loop->events;
    loop->jobs_last = &loop->jobs;
    pthread_mutex_init(&loop->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&loop->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    loop->hub = hub_new(&SINK);
    struct err *error = loop->hub ? push_new_pull_now(NULL, 0, &loop->pull_now_all) : err_out_of_memory();
    if (error) {
        loop_free(loop);
        return error;
    }
    *ret_loop = loop;
    return NULL;
}

static void *run(void *argument)
{
    const struct loop *loop = argument;
    log_set_context("realtime", NULL);
    edge_run(loop->edge);
    return NULL;
}

static void set_running(struct loop *loop, bool running)
{
    pthread_mutex_lock(&loop->lock);
    loop->running = running;
    pthread_cond_broadcast(&loop->changed);
    pthread_mutex_unlock(&loop->lock);
}

struct err *loop_serve(struct loop *loop)
{
    ERR_TRY(edge_open(loop, &loop->edge));
    set_running(loop, true);
    if (pthread_create(&loop->thread, NULL, run, loop) != 0) {
        set_running(loop, false);
        return err_new(&KONGSI_INTERNAL, "cannot start the event loop's thread");
    }
    return NULL;
}

void loop_drain(struct loop *loop)
{
    int64_t wait_until_ms = clock_monotonic_ms() + DRAIN_WAIT_MS;
    struct timespec until = {.tv_sec = wait_until_ms / 1000, .tv_nsec = wait_until_ms % 1000 * 1000000};
    pthread_mutex_lock(&loop->lock);
    if (loop->running) {
        loop->drain_asked = true;
        wake(loop);
    }
    int problem = 0;
    while (loop->running && loop_has_sockets(loop) && problem == 0) {
        problem = pthread_cond_timedwait(&loop->changed, &loop->lock, &until);
    }
    pthread_mutex_unlock(&loop->lock);
}

static void stop_thread(struct loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    bool running = loop->running;
    loop->stop_asked = true;
    if (running) {
        edge_wake(loop->edge);
    }
    pthread_mutex_unlock(&loop->lock);
    if (running) {
        pthread_join(loop->thread, NULL);
        set_running(loop, false);
    }
}

void loop_free(struct loop *loop)
{
    if (!loop) {
        return;
    }
    stop_thread(loop);
    edge_close(loop->edge); /* disconnects what sockets are left */
    struct hub_event *events;
    struct job *jobs;
    take(loop, SIZE_MAX, &events, &jobs);
    complete_jobs(jobs);
    while (events) {
        struct hub_event *event = events;
        events = event->next;
        hub_event_free(event);
    }
    push_unref(loop->pull_now_all);
    hub_free(loop->hub);
    pthread_cond_destroy(&loop->changed);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}
