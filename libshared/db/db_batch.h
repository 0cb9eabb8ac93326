/* Group commit: many threads submit, few writers commit what has gathered in one transaction.
 *
 * Items of one batch belong to one organization (the scope of the transaction). A submit returns after the commit that holds
 * its item. When a batch of several items fails for a reason that an item may have caused, its items run again in smaller
 * groups down to single ones, so that a bad item fails alone. Failures of the surroundings are every item's answer at once:
 * KONGSI_UNAVAILABLE, KONGSI_WRITE_UNCERTAIN, KONGSI_OVERLOADED, KONGSI_DEADLINE_EXCEEDED, KONGSI_STORAGE_FULL. */
#pragma once

#include "libshared/db/db.h"

struct db_batch;

struct db_batch_options {
    const char *name; /* in metrics: kongsi_db_batch_… */
    int writers;      /* 1..8 connections at most at work */
    int items_max;    /* in one transaction, 1..1000 */
    int queue_max;    /* waiting items; past it submit answers KONGSI_OVERLOADED */
    /* Does the work of `count` items: statements and events on `tx`, not the commit. An item that must be refused gets its
     * own error in errors[i] (the others go on). Results are written through the items, into their own memory: `arena` is
     * for one attempt and gone before the items are answered. May be called again for the same item after a failed attempt.
     */
    struct err *(*run)(
        struct db_tx *tx, struct arena *arena, void *const *items, size_t count, struct err **errors, void *context);
    void *context;
};

ERR_RESULT struct err *db_batch_open(
    struct db_pool *pool, const struct db_batch_options *options, struct db_batch **ret_batch);
/* Waits for waiting items to be committed, then stops the writers; new items are refused with KONGSI_UNAVAILABLE. NULL is
 * fine. */
void db_batch_close(struct db_batch *batch);
/* Blocks until the item's commit or its failure. At the deadline (monotonic; 0: in 30 s) an item that still waits is taken
 * back and answered KONGSI_DEADLINE_EXCEEDED; one in a transaction under way is waited for, at most as long as that
 * transaction may take (10 s), and gets its true outcome. After submit has returned the batch does not touch the item. */
ERR_RESULT struct err *db_batch_submit(struct db_batch *batch, struct uuid org_id, void *item, int64_t deadline_ms);
