#include "services/realtime/worker.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "services/realtime/loop.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define STACK_SIZE_BYTES ((size_t)1024 * 1024) /* protobuf-c recurses */

struct queue {
    struct job *first, **last;
    size_t count;
};

/* Two lanes: commands of people who are in must not wait behind the sign-ins of ten thousand who come back at once. */
struct workers {
    struct realtime *realtime;
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct queue commands, sign_ins;
    size_t sign_ins_running;
    bool stopping;
    size_t thread_count;
    pthread_t threads[];
};

static void queue_add(struct queue *queue, struct job *job)
{
    job->next = NULL;
    *queue->last = job;
    queue->last = &job->next;
    queue->count++;
}

static struct job *queue_take(struct queue *queue)
{
    struct job *job = queue->first;
    queue->first = job->next;
    if (!queue->first) {
        queue->last = &queue->first;
    }
    queue->count--;
    return job;
}

/* One worker always stays free of sign-ins, unless there is only one. */
static bool may_sign_in(const struct workers *workers)
{
    return workers->sign_ins.first && (workers->sign_ins_running + 1 < workers->thread_count || workers->thread_count == 1);
}

static struct job *take(struct workers *workers)
{
    if (workers->commands.first) {
        return queue_take(&workers->commands);
    }
    if (may_sign_in(workers)) {
        workers->sign_ins_running++;
        return queue_take(&workers->sign_ins);
    }
    return NULL;
}

static void *work(void *argument)
{
    struct workers *workers = argument;
    log_set_context("realtime", NULL);
    pthread_mutex_lock(&workers->lock);
    while (!workers->stopping) {
        struct job *job = take(workers);
        if (!job) {
            pthread_cond_wait(&workers->work, &workers->lock);
            continue;
        }
        bool sign_in = job->kind == JOB_SIGN_IN;
        pthread_mutex_unlock(&workers->lock);
        job_run(job, workers->realtime);
        loop_post_job(workers->realtime->loop, job);
        pthread_mutex_lock(&workers->lock);
        workers->sign_ins_running -= sign_in;
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

bool workers_submit(struct workers *workers, struct job *job)
{
    bool sign_in = job->kind == JOB_SIGN_IN;
    pthread_mutex_lock(&workers->lock);
    bool room = !workers->stopping && (sign_in || workers->commands.count < WORKERS_COMMANDS_MAX);
    if (room) {
        queue_add(sign_in ? &workers->sign_ins : &workers->commands, job);
        job->submitted = true;
        pthread_cond_signal(&workers->work);
    }
    pthread_mutex_unlock(&workers->lock);
    return room;
}

static struct err *start_threads(struct workers *workers, size_t count)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE_BYTES);
    int problem = 0;
    while (workers->thread_count < count && problem == 0) {
        problem = pthread_create(&workers->threads[workers->thread_count], &attributes, work, workers);
        pthread_mutex_lock(&workers->lock); /* the threads that run already read it */
        workers->thread_count += problem == 0;
        pthread_mutex_unlock(&workers->lock);
    }
    pthread_attr_destroy(&attributes);
    return problem == 0 ? NULL : err_new(&KONGSI_INTERNAL, "cannot start a worker thread: %s", strerror(problem));
}

struct err *workers_start(struct realtime *realtime, struct workers **ret_workers)
{
    size_t count = (size_t)realtime->config->workers;
    struct workers *workers = calloc(1, sizeof(*workers) + count * sizeof(pthread_t));
    if (!workers) {
        return err_out_of_memory();
    }
    workers->realtime = realtime;
    workers->commands.last = &workers->commands.first;
    workers->sign_ins.last = &workers->sign_ins.first;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->work, NULL);
    struct err *error = start_threads(workers, count);
    if (error) {
        workers_stop(workers);
        return error;
    }
    *ret_workers = workers;
    return NULL;
}

void workers_stop(struct workers *workers)
{
    if (!workers) {
        return;
    }
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->work);
    pthread_mutex_unlock(&workers->lock);
    for (size_t i = 0; i < workers->thread_count; i++) {
        pthread_join(workers->threads[i], NULL);
    }
    while (workers->commands.first) {
        loop_post_job(workers->realtime->loop, queue_take(&workers->commands));
    }
    while (workers->sign_ins.first) {
        loop_post_job(workers->realtime->loop, queue_take(&workers->sign_ins));
    }
    pthread_cond_destroy(&workers->work);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}
