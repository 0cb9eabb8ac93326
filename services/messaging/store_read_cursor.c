/* Read cursors: moved in batches by group commit; receipts follow from their steps. */
#include "services/messaging/store.h"

#include "gen/messaging_sql.h"
#include "services/messaging/fill.h"

/* One mark, from submit to answer. */
struct mark_item {
    struct uuid org_id, conversation_id, user_id;
    int64_t seq;
    const char *traceparent;
    /* answered by the batch */
    int64_t read_seq;
    struct instant read_time;
    bool has_read_time;
};

/* The cursors of a batch that move: one entry each. */
struct advance_set {
    size_t count;
    struct uuid *conversation_ids, *user_ids;
    int64_t *seqs;
};

static struct err *prepare(
    struct db_tx *tx, struct arena *arena, struct mark_item *const *items, size_t count, struct db_result **ret_result)
{
    struct uuid *conversation_ids = arena_calloc(arena, count, sizeof(*conversation_ids));
    struct uuid *user_ids = arena_calloc(arena, count, sizeof(*user_ids));
    if (!conversation_ids || !user_ids) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        conversation_ids[i] = items[i]->conversation_id;
        user_ids[i] = items[i]->user_id;
    }
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, items[0]->org_id);
    db_add_uuid_array(&params, conversation_ids, count);
    db_add_uuid_array(&params, user_ids, count);
    ERR_TRY(db_send(tx, &MESSAGING_SQL_read_cursor_lock, &params));
    return db_query(tx, &MESSAGING_SQL_read_cursor_prepare_batch, &params, ret_result);
}

/* Checks a mark against the cursor as it is; *ret_moves tells whether it goes on. */
static struct err *check_mark(struct mark_item *item, const struct db_result *prepared, int row, bool *ret_moves)
{
    *ret_moves = false;
    if (!db_get_bool(prepared, row, 0)) {
        return store_conversation_not_found(item->conversation_id);
    }
    int64_t last_seq = db_get_int64(prepared, row, 3);
    if (item->seq > last_seq) {
        return err_with(err_new(&MESSAGING_READ_BEYOND_END, "seq %lld is past the last message, %lld", (long long)item->seq,
                            (long long)last_seq),
            "last_seq", "%lld", (long long)last_seq);
    }
    item->read_seq = db_get_int64(prepared, row, 1);
    item->has_read_time = !db_is_null(prepared, row, 2);
    item->read_time = db_get_instant(prepared, row, 2);
    *ret_moves = item->seq > item->read_seq;
    return NULL;
}

/* The place of the item's cursor in the set; the set's count when it is not there. */
static size_t advance_set_find(const struct advance_set *set, const struct mark_item *item)
{
    size_t i = 0;
    while (i < set->count &&
           !(uuid_equal(set->conversation_ids[i], item->conversation_id) && uuid_equal(set->user_ids[i], item->user_id))) {
        i++;
    }
    return i;
}

/* Several marks of one cursor become the furthest. */
static void advance_set_add(struct advance_set *set, const struct mark_item *item)
{
    size_t place = advance_set_find(set, item);
    if (place < set->count) {
        set->seqs[place] = set->seqs[place] > item->seq ? set->seqs[place] : item->seq;
        return;
    }
    set->conversation_ids[place] = item->conversation_id;
    set->user_ids[place] = item->user_id;
    set->seqs[place] = item->seq;
    set->count++;
}

static struct err *advance(
    struct db_tx *tx, struct arena *arena, struct uuid org_id, const struct advance_set *set, struct instant now)
{
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, org_id);
    db_add_uuid_array(&params, set->conversation_ids, set->count);
    db_add_uuid_array(&params, set->user_ids, set->count);
    db_add_int64_array(&params, set->seqs, set->count);
    db_add_instant(&params, now);
    return db_send(tx, &MESSAGING_SQL_read_cursor_advance_batch, &params);
}

static struct err *append_advanced(struct messaging *messaging, struct db_tx *tx, struct arena *arena,
    const struct mark_item *first, const struct advance_set *set, struct instant now)
{
    struct bus_event *events = arena_calloc(arena, set->count, sizeof(*events));
    Kongsi__Messaging__V1__ReadCursorAdvanced *bodies = arena_calloc(arena, set->count, sizeof(*bodies));
    ReadCursor *cursors = arena_calloc(arena, set->count, sizeof(*cursors));
    char *org_id = fill_uuid(arena, first->org_id);
    if (!events || !bodies || !cursors || !org_id) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < set->count; i++) {
        ERR_TRY(fill_read_cursor(arena, set->conversation_ids[i], set->user_ids[i], set->seqs[i], &now, &cursors[i]));
        kongsi__messaging__v1__read_cursor_advanced__init(&bodies[i]);
        bodies[i].org_id = org_id;
        bodies[i].read_cursor = &cursors[i];
        events[i] = (struct bus_event){.key = set->conversation_ids[i], .body = &bodies[i].base};
    }
    return bus_append(messaging->env->log, tx, arena, now, first->traceparent, first->org_id, events, set->count);
}

struct err *store_read_cursor_run_batch(
    struct db_tx *tx, struct arena *arena, void *const *items, size_t count, struct err **errors, void *context)
{
    struct mark_item *const *marks = (struct mark_item *const *)items;
    struct advance_set set = {.conversation_ids = arena_calloc(arena, count, sizeof(struct uuid)),
        .user_ids = arena_calloc(arena, count, sizeof(struct uuid)),
        .seqs = arena_calloc(arena, count, sizeof(int64_t))};
    if (!set.conversation_ids || !set.user_ids || !set.seqs) {
        return err_out_of_memory();
    }
    DB_RESULT_AUTO prepared = NULL;
    ERR_TRY(prepare(tx, arena, marks, count, &prepared));
    for (size_t i = 0; i < count; i++) {
        bool moves;
        errors[i] = check_mark(marks[i], prepared, (int)i, &moves);
        if (moves) {
            advance_set_add(&set, marks[i]);
        }
    }
    if (set.count == 0) {
        return NULL;
    }
    struct instant now = instant_now();
    ERR_TRY(advance(tx, arena, marks[0]->org_id, &set, now));
    ERR_TRY(append_advanced(context, tx, arena, marks[0], &set, now));
    for (size_t i = 0; i < count;
         i++) { /* a mark that stays behind another of its batch gets the cursor as it is now, too */
        size_t place = advance_set_find(&set, marks[i]);
        if (place < set.count && !errors[i]) {
            marks[i]->read_seq = set.seqs[place];
            marks[i]->read_time = now;
            marks[i]->has_read_time = true;
        }
    }
    return NULL;
}

struct err *store_read_cursor_mark(struct rpc_ctx *ctx, const MarkReadRequest *request, ReadCursor *ret_cursor)
{
    struct mark_item item = {.org_id = ctx->caller.org_id,
        .conversation_id = checked_uuid(request->conversation_id),
        .user_id = ctx->caller.user_id,
        .seq = request->seq,
        .traceparent = ctx->traceparent};
    ERR_TRY(db_batch_submit(messaging_of(ctx)->read_batch, item.org_id, &item, ctx->deadline_ms));
    return fill_read_cursor(ctx->arena, item.conversation_id, item.user_id, item.read_seq,
        item.has_read_time ? &item.read_time : NULL, ret_cursor);
}

static struct err *find_sender(struct rpc_ctx *ctx, struct uuid conversation_id, int64_t seq, struct uuid *ret_sender_id)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, conversation_id);
    db_add_int64(&params, seq);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(messaging_of(ctx)->env->db, messaging_scope(ctx), &MESSAGING_SQL_message_find_sender, &params, &result));
    if (db_rows(result) == 0) {
        return err_new(&MESSAGING_MESSAGE_NOT_FOUND, "the conversation has no message with seq %lld", (long long)seq);
    }
    *ret_sender_id = db_get_uuid(result, 0, 0);
    return NULL;
}

/* Rows with a read time come first, those without follow: two lists in one array. */
static struct err *fill_receipts(struct arena *arena, const struct db_result *result, ListReceiptsResponse *response)
{
    size_t count = (size_t)db_rows(result);
    Receipt *receipts = arena_calloc(arena, count + 1, sizeof(*receipts));
    Receipt **list = arena_calloc(arena, count + 1, sizeof(*list));
    if (!receipts || !list) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        kongsi__messaging__v1__receipt__init(&receipts[i]);
        list[i] = &receipts[i];
        receipts[i].user_id = fill_uuid(arena, db_get_uuid(result, (int)i, 0));
        bool read = !db_is_null(result, (int)i, 1);
        receipts[i].read_time = read ? fill_instant(arena, db_get_instant(result, (int)i, 1)) : NULL;
        if (!receipts[i].user_id || (read && !receipts[i].read_time)) {
            return err_out_of_memory();
        }
        response->n_read += read;
    }
    response->read = list;
    response->unread = list + response->n_read;
    response->n_unread = count - response->n_read;
    return NULL;
}

struct err *store_receipt_list(struct rpc_ctx *ctx, struct uuid conversation_id, int64_t seq, ListReceiptsResponse *response)
{
    struct uuid sender_id;
    ERR_TRY(find_sender(ctx, conversation_id, seq, &sender_id));
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, conversation_id);
    db_add_int64(&params, seq);
    db_add_uuid(&params, sender_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(messaging_of(ctx)->env->db, messaging_scope(ctx), &MESSAGING_SQL_receipt_list, &params, &result));
    return fill_receipts(ctx->arena, result, response);
}
