#include "services/realtime/job.h"

#include "gen/kongsi_errors.h"
#include "gen/messaging_client.h"
#include "libshared/base/log.h"
#include "libshared/rpc/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job *job_new(enum job_kind kind, struct arena *arena)
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job) {
        arena_free(arena);
        return NULL;
    }
    job->kind = kind;
    job->arena = arena;
    job->begin_us = clock_monotonic_us();
    job->deadline_ms = clock_monotonic_ms() + (kind == JOB_SIGN_IN ? JOB_SIGN_IN_TIMEOUT_MS : JOB_COMMAND_TIMEOUT_MS);
    job->reply_to = "";
    return job;
}

void job_free(struct job *job)
{
    if (!job) {
        return;
    }
    frame_unref(job->answer);
    for (size_t i = 0; i < job->push_count; i++) {
        frame_unref(job->pushes[i]);
    }
    free(job->pushes);
    err_free(job->error);
    arena_free(job->arena);
    free(job);
}

void job_context(const struct job *job, struct realtime *realtime, struct arena *arena, struct rpc_ctx *ret_ctx)
{
    rpc_ctx_init_self(ret_ctx, realtime->env->net, arena, deadline_left_ms(job->deadline_ms));
    ret_ctx->caller = job->caller;
    ret_ctx->access_token = job->token;
    snprintf(ret_ctx->client_address, sizeof(ret_ctx->client_address), "%s", job->client_address);
}

struct err *job_verify(struct job *job, struct realtime *realtime)
{
    ERR_TRY(token_verify(realtime->env->tokens, job->arena, job->token, instant_now(), &job->caller));
    if (job->caller.kind != RPC_CALLER_USER) {
        return err_new(&KONGSI_TOKEN_INVALID, "the access token is not a person's");
    }
    return NULL;
}

/* The answer to a renewal is made here, because the loop thread would have to do the same for every socket. */
static struct err *renew(struct job *job, struct realtime *realtime)
{
    ERR_TRY(job_verify(job, realtime));
    if (job->kind == JOB_RECHECK) {
        return NULL;
    }
    Google__Protobuf__Timestamp expire_time = frame_timestamp(job->caller.token_expire_time);
    Kongsi__Realtime__V1__TokenRenewed body = KONGSI__REALTIME__V1__TOKEN_RENEWED__INIT;
    body.token_expire_time = &expire_time;
    Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    frame.reply_to = arena_strdup(job->arena, job->reply_to);
    frame.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_TOKEN_RENEWED;
    frame.token_renewed = &body;
    return frame.reply_to ? frame_encode(job->subprotocol, &frame, &job->answer) : err_out_of_memory();
}

static struct err *send_message(struct job *job, struct rpc_ctx *ctx, Kongsi__Realtime__V1__ServerFrame *answer)
{
    answer->body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_MESSAGE_SENT;
    return messaging_client_send_message(ctx, job->frame->send_message, &answer->message_sent);
}

static struct err *mark_read(struct job *job, struct rpc_ctx *ctx, Kongsi__Realtime__V1__ServerFrame *answer)
{
    answer->body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_READ_MARKED;
    return messaging_client_mark_read(ctx, job->frame->mark_read, &answer->read_marked);
}

/* The edge logs what is our own fault, once; the rest is the client's business. */
static void log_fault(const struct rpc_ctx *ctx, const struct err *error)
{
    if (error->code != ERR_INTERNAL && error->code != ERR_UNKNOWN && error->code != ERR_DATA_LOSS) {
        return;
    }
    char trace_id[33] = "";
    snprintf(trace_id, sizeof(trace_id), "%.32s", strlen(ctx->traceparent) > 3 ? ctx->traceparent + 3 : "");
    log_set_context("realtime", trace_id);
    log_err(LOG_LEVEL_ERROR, error, "a command failed");
    log_set_context("realtime", NULL);
}

static struct err *command(struct job *job, struct realtime *realtime)
{
    struct rpc_ctx ctx;
    job_context(job, realtime, job->arena, &ctx);
    Kongsi__Realtime__V1__ServerFrame answer = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    struct err *error = job->kind == JOB_SEND_MESSAGE ? send_message(job, &ctx, &answer) : mark_read(job, &ctx, &answer);
    if (error) {
        log_fault(&ctx, error);
        return error;
    }
    answer.reply_to = arena_strdup(job->arena, job->reply_to);
    return answer.reply_to ? frame_encode(job->subprotocol, &answer, &job->answer) : err_out_of_memory();
}

void job_run(struct job *job, struct realtime *realtime)
{
    if (atomic_load(&job->cancelled)) {
        return;
    }
    if (deadline_left_ms(job->deadline_ms) == 0) {
        job->error = err_new(&KONGSI_DEADLINE_EXCEEDED, "the queue was too long, try again");
        return;
    }
    switch (job->kind) {
    case JOB_SIGN_IN:
        job->error = job_sign_in(job, realtime);
        break;
    case JOB_RENEW:
    case JOB_RECHECK:
        job->error = renew(job, realtime);
        break;
    case JOB_SEND_MESSAGE:
    case JOB_MARK_READ:
        job->error = command(job, realtime);
        break;
    }
}
