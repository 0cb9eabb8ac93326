/* Group commit: many threads submit, few writers commit what has gathered in one transaction.
 *
 * Items of one batch belong to one organization (the scope of the transaction). A submit returns after the commit that holds its
 * item. When a batch of several items fails for a reason other than KONGSI_UNAVAILABLE or KONGSI_WRITE_UNCERTAIN, its items run again one by
 * one, so that a bad item fails alone. */
#pragma once

#include "libshared/db/db.h"

struct db_batch;

struct db_batch_options {
    const char *name;  /* in metrics: kongsi_db_batch_… */
    int writers;       /* 1..8 connections at most at work */
    int items_max;     /* in one transaction, 1..1000 */
    int queue_max;     /* waiting items; past it submit answers KONGSI_OVERLOADED */
    /* Does the work of `count` items: statements and events on `tx`, not the commit. An item that must be refused gets its own error in
     * errors[i] (the others go on). Results are written through the items. `arena` lives until the items are answered. */
    struct err *(*run)(struct db_tx *tx, struct arena *arena, void *const *items, size_t count, struct err **errors,
                       void *context);
    void *context;
};

ERR_RESULT struct err *db_batch_open(struct db_pool *pool, const struct db_batch_options *options, struct db_batch **ret_batch);
/* Waits for waiting items to be committed, then stops the writers. */
void db_batch_close(struct db_batch *batch);
/* Blocks until the item's commit or its failure. Past the deadline it answers KONGSI_WRITE_UNCERTAIN if the item may be in a transaction under way; the item must not be touched by the
 * batch after submit has returned (the implementation copies nothing: so it waits for the writer to let go, bounded by the transaction's own deadline). */
ERR_RESULT struct err *db_batch_submit(struct db_batch *batch, struct uuid org_id, void *item, int64_t deadline_ms);
