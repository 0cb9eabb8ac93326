/* Messages: sent in batches by group commit, listed by seq. */
#include "services/messaging/store.h"

#include "gen/kongsi_errors.h"
#include "gen/messaging_sql.h"
#include "services/messaging/fill.h"

#include <string.h>

/* One send, from submit to answer. Lives on the stack of the thread that waits for it. */
struct send_item {
    struct uuid org_id, conversation_id, sender_id, request_id;
    const char *body;
    const char *traceparent;
    /* answered by the batch */
    struct uuid id;
    int64_t seq;
    struct instant create_time;
};

/* The sends of a batch that still need a row, as arrays. */
struct insert_set {
    size_t count;
    struct send_item **items;
    struct uuid *conversation_ids, *ids, *sender_ids, *request_ids;
    const char **bodies;
};

static bool insert_set_init(struct insert_set *set, struct arena *arena, size_t capacity)
{
    set->count = 0;
    set->items = arena_calloc(arena, capacity, sizeof(struct send_item *));
    set->conversation_ids = arena_calloc(arena, capacity, sizeof(struct uuid));
    set->ids = arena_calloc(arena, capacity, sizeof(struct uuid));
    set->sender_ids = arena_calloc(arena, capacity, sizeof(struct uuid));
    set->request_ids = arena_calloc(arena, capacity, sizeof(struct uuid));
    set->bodies = arena_calloc(arena, capacity, sizeof(char *));
    return set->items && set->conversation_ids && set->ids && set->sender_ids && set->request_ids && set->bodies;
}

static void insert_set_add(struct insert_set *set, struct send_item *item)
{
    set->items[set->count] = item;
    set->conversation_ids[set->count] = item->conversation_id;
    set->ids[set->count] = item->id;
    set->sender_ids[set->count] = item->sender_id;
    set->request_ids[set->count] = item->request_id;
    set->bodies[set->count++] = item->body;
}

/* Locks the conversations and learns, in the same round trip, what each send is: refused, answered before, or new. */
static struct err *prepare(
    struct db_tx *tx, struct arena *arena, const struct insert_set *all, struct db_result **ret_result)
{
    struct db_params lock = db_params_new(arena);
    db_add_uuid(&lock, all->items[0]->org_id);
    db_add_uuid_array(&lock, all->conversation_ids, all->count);
    ERR_TRY(db_send(tx, &MESSAGING_SQL_conversation_lock, &lock));
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, all->items[0]->org_id);
    db_add_uuid_array(&params, all->conversation_ids, all->count);
    db_add_uuid_array(&params, all->sender_ids, all->count);
    db_add_uuid_array(&params, all->request_ids, all->count);
    return db_query(tx, &MESSAGING_SQL_message_prepare_batch, &params, ret_result);
}

/* A repeat gets the first answer, if it is one. */
static struct err *answer_repeat(struct send_item *item, const struct db_result *prepared, int row)
{
    bool same = uuid_equal(db_get_uuid(prepared, row, 2), item->conversation_id) &&
                strcmp(db_get_text(prepared, row, 5), item->body) == 0;
    if (!same) {
        char text[UUID_TEXT_SIZE];
        return err_new(&KONGSI_REQUEST_ID_REUSED, "request_id %s was answered before, for a different message",
            uuid_format(item->request_id, text));
    }
    item->id = db_get_uuid(prepared, row, 1);
    item->seq = db_get_int64(prepared, row, 3);
    item->create_time = db_get_instant(prepared, row, 4);
    return NULL;
}

static struct err *insert(struct db_tx *tx, struct arena *arena, const struct insert_set *set, struct instant now)
{
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, set->items[0]->org_id);
    db_add_uuid_array(&params, set->conversation_ids, set->count);
    db_add_uuid_array(&params, set->ids, set->count);
    db_add_uuid_array(&params, set->sender_ids, set->count);
    db_add_uuid_array(&params, set->request_ids, set->count);
    db_add_text_array(&params, set->bodies, set->count);
    db_add_instant(&params, now);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &MESSAGING_SQL_message_insert_batch, &params, &result));
    if ((size_t)db_rows(result) != set->count) {
        return err_new(&KONGSI_CONFLICT, "a conversation of the batch is gone");
    }
    for (size_t i = 0; i < set->count; i++) {
        set->items[i]->seq = db_get_int64(result, (int)i, 0);
        set->items[i]->create_time = now;
    }
    return NULL;
}

static struct message_row row_of(const struct send_item *item)
{
    return (struct message_row){.id = item->id,
        .conversation_id = item->conversation_id,
        .sender_id = item->sender_id,
        .request_id = item->request_id,
        .seq = item->seq,
        .create_time = item->create_time,
        .body = item->body};
}

static struct err *append_sent(
    struct messaging *messaging, struct db_tx *tx, struct arena *arena, const struct insert_set *set, struct instant now)
{
    struct bus_event *events = arena_calloc(arena, set->count, sizeof(*events));
    Kongsi__Messaging__V1__MessageSent *bodies = arena_calloc(arena, set->count, sizeof(*bodies));
    Message *messages = arena_calloc(arena, set->count, sizeof(*messages));
    char *org_id = fill_uuid(arena, set->items[0]->org_id);
    if (!events || !bodies || !messages || !org_id) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < set->count; i++) {
        struct message_row row = row_of(set->items[i]);
        ERR_TRY(fill_message(arena, &row, &messages[i]));
        kongsi__messaging__v1__message_sent__init(&bodies[i]);
        bodies[i].org_id = org_id;
        bodies[i].message = &messages[i];
        events[i] = (struct bus_event){.key = row.conversation_id, .body = &bodies[i].base};
    }
    return bus_append(
        messaging->env->log, tx, arena, now, set->items[0]->traceparent, set->items[0]->org_id, events, set->count);
}

struct err *store_message_run_batch(
    struct db_tx *tx, struct arena *arena, void *const *items, size_t count, struct err **errors, void *context)
{
    struct insert_set all, fresh;
    if (!insert_set_init(&all, arena, count) || !insert_set_init(&fresh, arena, count)) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        insert_set_add(&all, items[i]);
    }
    DB_RESULT_AUTO prepared = NULL;
    ERR_TRY(prepare(tx, arena, &all, &prepared));
    for (size_t i = 0; i < count; i++) {
        int row = (int)i;
        if (!db_is_null(prepared, row, 1)) {
            errors[i] = answer_repeat(all.items[i], prepared, row);
        } else if (!db_get_bool(prepared, row, 0)) {
            errors[i] = store_conversation_not_found(all.items[i]->conversation_id);
        } else {
            insert_set_add(&fresh, all.items[i]);
        }
    }
    if (fresh.count == 0) {
        return NULL;
    }
    struct instant now = instant_now();
    ERR_TRY(insert(tx, arena, &fresh, now));
    return append_sent(context, tx, arena, &fresh, now);
}

struct err *store_message_send(struct rpc_ctx *ctx, const SendMessageRequest *request, Message *ret_message)
{
    struct send_item item = {.org_id = ctx->caller.org_id,
        .conversation_id = checked_uuid(request->conversation_id),
        .sender_id = ctx->caller.user_id,
        .request_id = checked_uuid(request->request_id),
        .body = request->text->body,
        .traceparent = ctx->traceparent,
        .id = uuid_v7(ctx->now)};
    struct db_batch *batch = messaging_of(ctx)->send_batch;
    struct err *error = db_batch_submit(batch, item.org_id, &item, ctx->deadline_ms);
    if (err_is(error, &KONGSI_CONFLICT)) { /* a repeat in another writer's batch was quicker: its answer is there now */
        err_free(error);
        error = db_batch_submit(batch, item.org_id, &item, ctx->deadline_ms);
    }
    ERR_TRY(error);
    struct message_row row = row_of(&item);
    return fill_message(ctx->arena, &row, ret_message);
}

struct err *store_message_list(struct rpc_ctx *ctx, struct uuid conversation_id, const struct message_cursor *cursor,
    int limit, Message ***ret_messages, size_t *ret_count)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, conversation_id);
    db_add_int64(&params, cursor->from_seq);
    db_add_int(&params, limit);
    const struct db_statement *statement =
        cursor->forward ? &MESSAGING_SQL_message_list_forward : &MESSAGING_SQL_message_list_backward;
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(messaging_of(ctx)->env->db, messaging_scope(ctx), statement, &params, &result));
    int count = db_rows(result);
    Message **list = arena_calloc(ctx->arena, (size_t)count + 1, sizeof(Message *));
    Message *messages = arena_calloc(ctx->arena, (size_t)count + 1, sizeof(Message));
    if (!list || !messages) {
        return err_out_of_memory();
    }
    for (int i = 0; i < count; i++) {
        struct message_row row = {.id = db_get_uuid(result, i, 0),
            .conversation_id = conversation_id,
            .seq = db_get_int64(result, i, 1),
            .sender_id = db_get_uuid(result, i, 2),
            .request_id = db_get_uuid(result, i, 3),
            .create_time = db_get_instant(result, i, 4),
            .body = db_get_text_copy(result, i, 5, ctx->arena)};
        list[i] = &messages[i];
        ERR_TRY(row.body ? fill_message(ctx->arena, &row, list[i]) : err_out_of_memory());
    }
    *ret_messages = list;
    *ret_count = (size_t)count;
    return NULL;
}
