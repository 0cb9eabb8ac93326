/* Sign-in: who it is, which conversations there are, and the messages since the client's cursors. */
#include "gen/kongsi_errors.h"
#include "gen/messaging_client.h"
#include "gen/messaging_errors.h"
#include "libshared/base/log.h"
#include "services/realtime/job.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE_MAX 200
#define PAGE_ARENA_CAP_BYTES ((size_t)64 * 1024 * 1024)

/* What a resume has left, and the conversations it leaves to the client. */
struct resume {
    struct job *job;
    struct realtime *realtime;
    size_t messages_left;
    size_t bytes_left;
    bool stopped; /* nothing more is fetched: all that is left is named */
    struct uuid *more;
    size_t more_count;
};

static struct err *add_push(struct job *job, const Kongsi__Realtime__V1__ServerFrame *message, size_t *ret_length)
{
    if (job->push_count == job->push_capacity) {
        size_t capacity = job->push_capacity ? 2 * job->push_capacity : 16;
        struct frame **pushes = realloc(job->pushes, capacity * sizeof(struct frame *));
        if (!pushes) {
            return err_out_of_memory();
        }
        job->pushes = pushes;
        job->push_capacity = capacity;
    }
    ERR_TRY(frame_encode(job->subprotocol, message, &job->pushes[job->push_count]));
    *ret_length = job->pushes[job->push_count++]->length;
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return uuid_compare(
        ((const struct job_subscription *)a)->conversation_id, ((const struct job_subscription *)b)->conversation_id);
}

static struct err *load_memberships(struct job *job, struct realtime *realtime)
{
    struct rpc_ctx ctx;
    job_context(job, realtime, job->arena, &ctx);
    Kongsi__Messaging__V1__ListMembershipsRequest request = KONGSI__MESSAGING__V1__LIST_MEMBERSHIPS_REQUEST__INIT;
    Kongsi__Messaging__V1__ListMembershipsResponse *response;
    ERR_TRY(messaging_client_list_memberships(&ctx, &request, &response));
    job->subscriptions = arena_calloc(job->arena, response->n_memberships, sizeof(*job->subscriptions));
    if (!job->subscriptions) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < response->n_memberships; i++) {
        const Kongsi__Messaging__V1__Membership *membership = response->memberships[i];
        struct job_subscription *subscription = &job->subscriptions[job->subscription_count];
        if (!uuid_parse(membership->conversation_id, &subscription->conversation_id)) {
            return err_new(&KONGSI_INTERNAL, "a membership has the conversation_id \"%.40s\"", membership->conversation_id);
        }
        subscription->last_seq = membership->last_seq;
        subscription->sent_seq = membership->last_seq;
        job->subscription_count++;
    }
    qsort(job->subscriptions, job->subscription_count, sizeof(*job->subscriptions), compare);
    return NULL;
}

static struct job_subscription *find_subscription(const struct job *job, struct uuid conversation_id)
{
    struct job_subscription key = {.conversation_id = conversation_id};
    return job->subscription_count == 0 ? NULL
                                        : bsearch(&key, job->subscriptions, job->subscription_count, sizeof(key), compare);
}

/* ---- resume ---- */

/* The client pulls this one itself, up to last_seq and beyond: live messages go on behind it. */
static void leave_to_client(struct resume *resume, struct job_subscription *subscription)
{
    resume->more[resume->more_count++] = subscription->conversation_id;
    if (subscription->sent_seq < subscription->last_seq) {
        subscription->sent_seq = subscription->last_seq;
    }
}

static struct err *push_message(struct resume *resume, Kongsi__Messaging__V1__Message *message)
{
    Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    frame.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_MESSAGE;
    frame.message = message;
    size_t length;
    ERR_TRY(add_push(resume->job, &frame, &length));
    resume->messages_left--;
    resume->bytes_left -= length < resume->bytes_left ? length : resume->bytes_left;
    return NULL;
}

/* One page behind sent_seq. *ret_more: there are messages it did not bring. */
static struct err *fetch_page(struct resume *resume, struct job_subscription *subscription, bool *ret_more)
{
    ARENA_AUTO arena = arena_new(PAGE_ARENA_CAP_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    char conversation_id[UUID_TEXT_SIZE];
    uuid_format(subscription->conversation_id, conversation_id);
    Kongsi__Messaging__V1__ListMessagesRequest request = KONGSI__MESSAGING__V1__LIST_MESSAGES_REQUEST__INIT;
    request.conversation_id = conversation_id;
    request.after_seq = subscription->sent_seq;
    request.forward = true;
    request.page_size = (int32_t)(resume->messages_left < PAGE_SIZE_MAX ? resume->messages_left : PAGE_SIZE_MAX);
    struct rpc_ctx ctx;
    job_context(resume->job, resume->realtime, arena, &ctx);
    Kongsi__Messaging__V1__ListMessagesResponse *page;
    ERR_TRY(messaging_client_list_messages(&ctx, &request, &page));
    for (size_t i = 0; i < page->n_messages; i++) {
        if (page->messages[i]->seq != subscription->sent_seq + 1 || resume->messages_left == 0 || resume->bytes_left == 0) {
            *ret_more = true;
            return NULL;
        }
        ERR_TRY(push_message(resume, page->messages[i]));
        subscription->sent_seq = page->messages[i]->seq;
    }
    if (page->last_seq > subscription->last_seq) {
        subscription->last_seq = page->last_seq;
    }
    *ret_more = page->n_messages > 0 && page->has_more;
    return NULL;
}

static struct err *resume_conversation(struct resume *resume, struct job_subscription *subscription)
{
    bool more = true;
    while (more && resume->messages_left > 0 && resume->bytes_left > 0) {
        int64_t before = subscription->sent_seq;
        ERR_TRY(fetch_page(resume, subscription, &more));
        if (subscription->sent_seq == before) {
            break;
        }
    }
    if (more) {
        leave_to_client(resume, subscription);
    }
    return NULL;
}

static struct err *push_removed(struct job *job, char *conversation_id)
{
    Kongsi__Realtime__V1__ConversationChanged body = KONGSI__REALTIME__V1__CONVERSATION_CHANGED__INIT;
    body.conversation_id = conversation_id;
    body.removed = true;
    Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    frame.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_CONVERSATION_CHANGED;
    frame.conversation_changed = &body;
    size_t length;
    return add_push(job, &frame, &length);
}

static struct err *resume_cursor(struct resume *resume, const Kongsi__Realtime__V1__Cursor *cursor)
{
    struct uuid conversation_id;
    if (!uuid_parse(cursor->conversation_id, &conversation_id)) {
        return NULL; /* the schema's check has refused it before */
    }
    struct job_subscription *subscription = find_subscription(resume->job, conversation_id);
    if (!subscription) {
        return push_removed(resume->job, cursor->conversation_id);
    }
    if (subscription->resumed) {
        return NULL; /* named twice: the first counts */
    }
    subscription->resumed = true;
    if (cursor->seq == subscription->last_seq) {
        return NULL;
    }
    if (cursor->seq > subscription->last_seq) {
        leave_to_client(resume, subscription); /* from before a restored backup, or made up: it has to look */
        return NULL;
    }
    subscription->sent_seq = cursor->seq;
    if (resume->stopped || resume->messages_left == 0 || resume->bytes_left == 0) {
        leave_to_client(resume, subscription);
        return NULL;
    }
    struct err *error = resume_conversation(resume, subscription);
    if (!error) {
        return NULL;
    }
    bool gone = err_is(error, &MESSAGING_CONVERSATION_NOT_FOUND); /* left since the load: the event is on its way */
    if (!gone) {
        log_err(LOG_LEVEL_WARN, error, "a resume is cut short, the client will pull");
        leave_to_client(resume, subscription);
        resume->stopped = true;
    }
    err_free(error);
    return NULL;
}

static struct err *push_more(struct resume *resume)
{
    Kongsi__Realtime__V1__PullNow body = KONGSI__REALTIME__V1__PULL_NOW__INIT;
    char **ids = arena_calloc(resume->job->arena, resume->more_count, sizeof(*ids));
    for (size_t i = 0; ids && i < resume->more_count; i++) {
        ids[i] = arena_alloc(resume->job->arena, UUID_TEXT_SIZE);
        if (!ids[i]) {
            return err_out_of_memory();
        }
        uuid_format(resume->more[i], ids[i]);
    }
    if (!ids) {
        return err_out_of_memory();
    }
    body.n_conversation_ids = resume->more_count;
    body.conversation_ids = ids;
    Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    frame.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_PULL_NOW;
    frame.pull_now = &body;
    size_t length;
    metric_add(&realtime_pull_now, 1);
    return add_push(resume->job, &frame, &length);
}

static struct err *resume_all(struct job *job, struct realtime *realtime)
{
    const Kongsi__Realtime__V1__SignIn *sign_in = job->frame->sign_in;
    struct resume resume = {.job = job,
        .realtime = realtime,
        .messages_left = RESUME_MESSAGES_MAX,
        .bytes_left = RESUME_SIZE_MAX_BYTES,
        .more = arena_calloc(job->arena, sign_in->n_resume, sizeof(struct uuid))};
    if (!resume.more) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < sign_in->n_resume; i++) {
        ERR_TRY(resume_cursor(&resume, sign_in->resume[i]));
    }
    return resume.more_count > 0 ? push_more(&resume) : NULL;
}

/* ---- the answer ---- */

static struct err *answer_signed_in(struct job *job, struct realtime *realtime)
{
    char user_id[UUID_TEXT_SIZE];
    char session_id[UUID_TEXT_SIZE];
    uuid_format(job->caller.user_id, user_id);
    uuid_format(job->caller.session_id, session_id);
    Google__Protobuf__Timestamp expire_time = frame_timestamp(job->caller.token_expire_time);
    Kongsi__Realtime__V1__SignedIn body = KONGSI__REALTIME__V1__SIGNED_IN__INIT;
    body.user_id = user_id;
    body.session_id = session_id;
    body.token_expire_time = &expire_time;
    body.ping_interval_seconds = (int32_t)realtime->config->ping_interval_seconds;
    Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    frame.reply_to = arena_strdup(job->arena, job->reply_to);
    frame.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_SIGNED_IN;
    frame.signed_in = &body;
    return frame.reply_to ? frame_encode(job->subprotocol, &frame, &job->answer) : err_out_of_memory();
}

struct err *job_sign_in(struct job *job, struct realtime *realtime)
{
    ERR_TRY(job_verify(job, realtime));
    ERR_TRY(load_memberships(job, realtime));
    ERR_TRY(resume_all(job, realtime));
    return answer_signed_in(job, realtime);
}
