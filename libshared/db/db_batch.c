/* A submitter puts its item, which lives on its own stack, into one queue; a writer that is free takes the oldest together
 * with all others of the same organization, commits them in one transaction, and wakes their submitters. While a writer
 * waits for the disk, the next batch gathers by itself: no artificial delay. */
#include "libshared/db/db_batch.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"
#include "libshared/db/db_metrics.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <utlist.h>

#define WRITERS_MAX 8
#define ITEMS_MAX 1000
#define DEADLINE_DEFAULT_MS 30000
#define RUN_TIMEOUT_MS 10000 /* of one transaction, whatever longer deadlines its items have */

enum item_state { ITEM_QUEUED, ITEM_TAKEN, ITEM_DONE };

struct item {
    void *value;
    struct uuid org_id;
    int64_t deadline_ms;
    enum item_state state;
    struct err *error; /* of ITEM_DONE */
    pthread_cond_t done;
    struct item *prev, *next;
};

struct db_batch {
    struct db_pool *pool;
    struct db_batch_options options;
    struct db_batch_metrics *metrics;
    pthread_t writers[WRITERS_MAX];
    int writer_count;
    pthread_condattr_t monotonic;

    pthread_mutex_t lock; /* guards all below and the items' state */
    pthread_cond_t work;  /* something is queued, or it is time to go */
    pthread_cond_t left;  /* a submitter has gone */
    struct item *queue;   /* oldest first */
    int queue_length;
    int submitters; /* threads inside db_batch_submit */
    bool closing;
};

/* The items of one transaction, and what became of each. */
struct group {
    struct db_batch *batch;
    struct uuid org_id;
    size_t count;
    struct item **items; /* [options.items_max] */
    void **values;       /* the same, as `run` gets them */
    struct err **errors;
};

/* --- errors ---------------------------------------------------------------------------------------------------------- */

static struct err *copy_error(const struct err *error)
{
    struct err *copy = err_restore(error->code, error->domain, error->reason, error->message, error->retriable);
    for (size_t i = 0; i < error->metadata_count; i++) {
        copy = err_with(copy, error->metadata[i].key, "%s", error->metadata[i].value);
    }
    if (copy != err_out_of_memory()) {
        copy->file = error->file;
        copy->line = error->line;
    }
    return copy;
}

/* No item can be at fault, so trying them apart would only add load to what already fails, or write twice. */
static bool is_of_surroundings(const struct err *error)
{
    static const struct err_reason *const REASONS[] = {
        &KONGSI_UNAVAILABLE, &KONGSI_WRITE_UNCERTAIN, &KONGSI_OVERLOADED, &KONGSI_DEADLINE_EXCEEDED, &KONGSI_STORAGE_FULL};
    for (size_t i = 0; i < sizeof(REASONS) / sizeof(REASONS[0]); i++) {
        if (err_is(error, REASONS[i])) {
            return true;
        }
    }
    return false;
}

static void clear_errors(struct group *group, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        err_free(group->errors[i]);
        group->errors[i] = NULL;
    }
}

/* The transaction's failure is the failure of each of its items; takes over `error`. */
static void fail_all(struct group *group, size_t first, size_t count, struct err *error)
{
    clear_errors(group, first, count);
    for (size_t i = first; i < first + count; i++) {
        group->errors[i] = copy_error(error);
    }
    err_free(error);
}

/* --- running a group ------------------------------------------------------------------------------------------------- */

/* The latest of the items' deadlines: an impatient one must not fail the others. */
static int64_t group_deadline(const struct group *group, size_t first, size_t count)
{
    int64_t latest_ms = 0;
    for (size_t i = first; i < first + count; i++) {
        latest_ms = group->items[i]->deadline_ms > latest_ms ? group->items[i]->deadline_ms : latest_ms;
    }
    int64_t limit_ms = clock_monotonic_ms() + RUN_TIMEOUT_MS;
    return latest_ms < limit_ms ? latest_ms : limit_ms;
}

static struct err *run_transaction(struct group *group, size_t first, size_t count)
{
    struct db_batch *batch = group->batch;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(batch->pool, db_scope_org(group->org_id, group_deadline(group, first, count)), &tx));
    ERR_TRY(batch->options.run(tx, arena, group->values + first, count, group->errors + first, batch->options.context));
    ERR_TRY(db_commit_auto(tx));
    metric_add(&batch->metrics->transactions, 1);
    metric_add(&batch->metrics->items, (int64_t)count);
    return NULL;
}

/* Commits items first … first + count - 1 together; if one of them spoils it, in halves, so that a bad item costs its group
 * no more than a few extra transactions. Recursion: log2 of items_max deep. */
static void run_items(struct group *group, size_t first, size_t count)
{
    struct err *error = run_transaction(group, first, count);
    if (!error) {
        return;
    }
    if (count == 1 || is_of_surroundings(error)) {
        fail_all(group, first, count, error);
        return;
    }
    err_free(error);
    clear_errors(group, first, count);
    metric_add(&group->batch->metrics->retries, 1);
    run_items(group, first, count / 2);
    run_items(group, first + count / 2, count - count / 2);
}

/* --- the queue ------------------------------------------------------------------------------------------------------- */

static void unqueue(struct db_batch *batch, struct item *item)
{
    DL_DELETE(batch->queue, item);
    batch->queue_length--;
    metric_add(&batch->metrics->queue_length, -1);
}

static void take_group(struct db_batch *batch, struct group *group)
{
    group->org_id = batch->queue->org_id;
    group->count = 0;
    struct item *item, *next;
    DL_FOREACH_SAFE (batch->queue, item, next) {
        if (group->count == (size_t)batch->options.items_max) {
            break;
        }
        if (uuid_equal(item->org_id, group->org_id)) {
            unqueue(batch, item);
            item->state = ITEM_TAKEN;
            group->items[group->count] = item;
            group->values[group->count] = item->value;
            group->errors[group->count] = NULL;
            group->count++;
        }
    }
}

static void answer(struct item *item, struct err *error)
{
    item->error = error;
    item->state = ITEM_DONE;
    pthread_cond_signal(&item->done); /* with the lock held: the item is gone once its submitter has it */
}

static void write_until_closed(struct db_batch *batch, struct group *group)
{
    pthread_mutex_lock(&batch->lock);
    for (;;) {
        while (!batch->queue && !batch->closing) {
            pthread_cond_wait(&batch->work, &batch->lock);
        }
        if (!batch->queue) {
            break;
        }
        take_group(batch, group);
        pthread_mutex_unlock(&batch->lock);
        run_items(group, 0, group->count);
        pthread_mutex_lock(&batch->lock);
        for (size_t i = 0; i < group->count; i++) {
            answer(group->items[i], group->errors[i]);
        }
    }
    pthread_mutex_unlock(&batch->lock);
}

static void *writer_main(void *argument)
{
    struct group *group = argument;
    write_until_closed(group->batch, group);
    free(group);
    return NULL;
}

/* --- the interface --------------------------------------------------------------------------------------------------- */

/* One block: the group and its three arrays. */
static struct group *group_new(struct db_batch *batch)
{
    size_t count = (size_t)batch->options.items_max;
    struct group *group = calloc(1, sizeof(*group) + 3 * count * sizeof(void *));
    if (group) {
        group->batch = batch;
        group->items = (struct item **)(group + 1);
        group->values = (void **)(group->items + count);
        group->errors = (struct err **)(group->values + count);
    }
    return group;
}

static struct err *start_writer(struct db_batch *batch)
{
    struct group *group = group_new(batch);
    if (!group) {
        return err_out_of_memory();
    }
    if (pthread_create(&batch->writers[batch->writer_count], NULL, writer_main, group) != 0) {
        free(group);
        return err_new(&KONGSI_UNAVAILABLE, "cannot start a thread for batch %s", batch->options.name);
    }
    batch->writer_count++;
    return NULL;
}

struct err *db_batch_open(struct db_pool *pool, const struct db_batch_options *options, struct db_batch **ret_batch)
{
    check(options->writers >= 1 && options->writers <= WRITERS_MAX);
    check(options->items_max >= 1 && options->items_max <= ITEMS_MAX && options->queue_max >= 1 && options->run);
    struct db_batch *batch = calloc(1, sizeof(*batch));
    struct db_batch_metrics *metrics = db_batch_metrics_of(options->name);
    if (!batch || !metrics) {
        free(batch);
        return err_out_of_memory();
    }
    batch->pool = pool;
    batch->options = *options;
    batch->metrics = metrics;
    pthread_condattr_init(&batch->monotonic);
    pthread_condattr_setclock(&batch->monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&batch->lock, NULL);
    pthread_cond_init(&batch->work, NULL);
    pthread_cond_init(&batch->left, NULL);
    for (int i = 0; i < options->writers; i++) {
        struct err *error = start_writer(batch);
        if (error) {
            db_batch_close(batch);
            return error;
        }
    }
    *ret_batch = batch;
    return NULL;
}

void db_batch_close(struct db_batch *batch)
{
    if (!batch) {
        return;
    }
    pthread_mutex_lock(&batch->lock);
    batch->closing = true;
    pthread_cond_broadcast(&batch->work);
    pthread_mutex_unlock(&batch->lock);
    for (int i = 0; i < batch->writer_count; i++) {
        pthread_join(batch->writers[i], NULL);
    }
    pthread_mutex_lock(&batch->lock);
    while (batch->submitters > 0) { /* answered already, on their way out */
        pthread_cond_wait(&batch->left, &batch->lock);
    }
    pthread_mutex_unlock(&batch->lock);
    pthread_cond_destroy(&batch->left);
    pthread_cond_destroy(&batch->work);
    pthread_mutex_destroy(&batch->lock);
    pthread_condattr_destroy(&batch->monotonic);
    free(batch);
}

/* Waits for the answer. An item still in the queue at its deadline is taken back; one in a transaction stays, for the writer
 * holds it: the transaction's own deadline bounds the wait. */
static struct err *wait_for_answer(struct db_batch *batch, struct item *item)
{
    struct timespec until = {.tv_sec = item->deadline_ms / 1000, .tv_nsec = item->deadline_ms % 1000 * 1000000};
    while (item->state != ITEM_DONE) {
        if (item->state == ITEM_TAKEN) {
            pthread_cond_wait(&item->done, &batch->lock);
        } else if (pthread_cond_timedwait(&item->done, &batch->lock, &until) == ETIMEDOUT && item->state == ITEM_QUEUED) {
            unqueue(batch, item);
            return err_new(&KONGSI_DEADLINE_EXCEEDED, "the database was too busy to take this in time");
        }
    }
    return item->error;
}

static struct err *submit(struct db_batch *batch, struct item *item)
{
    if (batch->closing) {
        return err_new(&KONGSI_UNAVAILABLE, "the service is stopping");
    }
    if (batch->queue_length == batch->options.queue_max) {
        metric_add(&batch->metrics->refusals, 1);
        return err_new(&KONGSI_OVERLOADED, "%d writes are already waiting", batch->options.queue_max);
    }
    pthread_cond_init(&item->done, &batch->monotonic);
    DL_APPEND(batch->queue, item);
    batch->queue_length++;
    metric_add(&batch->metrics->queue_length, 1);
    pthread_cond_signal(&batch->work);
    struct err *error = wait_for_answer(batch, item);
    pthread_cond_destroy(&item->done);
    return error;
}

struct err *db_batch_submit(struct db_batch *batch, struct uuid org_id, void *item, int64_t deadline_ms)
{
    if (deadline_ms == 0) {
        deadline_ms = clock_monotonic_ms() + DEADLINE_DEFAULT_MS;
    }
    if (deadline_left_ms(deadline_ms) == 0) {
        return err_new(&KONGSI_DEADLINE_EXCEEDED, "the time for this is over");
    }
    int64_t start_us = clock_monotonic_us();
    struct db_batch_metrics *metrics = batch->metrics; /* the batch may be closed as soon as the lock is free */
    struct item queued = {.value = item, .org_id = org_id, .deadline_ms = deadline_ms};
    pthread_mutex_lock(&batch->lock);
    batch->submitters++;
    struct err *error = submit(batch, &queued);
    batch->submitters--;
    pthread_cond_signal(&batch->left);
    pthread_mutex_unlock(&batch->lock);
    metric_observe_us(&metrics->commit_seconds, clock_monotonic_us() - start_us);
    return error;
}
