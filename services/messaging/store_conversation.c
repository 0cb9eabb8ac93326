#include "services/messaging/store.h"

#include "gen/kongsi_errors.h"
#include "gen/messaging_sql.h"
#include "services/messaging/fill.h"

struct err *store_conversation_not_found(struct uuid conversation_id)
{
    char text[UUID_TEXT_SIZE];
    return err_new(
        &MESSAGING_CONVERSATION_NOT_FOUND, "no conversation you are in has the id %s", uuid_format(conversation_id, text));
}

struct err *store_access_find(struct rpc_ctx *ctx, struct uuid conversation_id, struct access *ret_access)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, conversation_id);
    db_add_uuid(&params, ctx->caller.user_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(messaging_of(ctx)->env->db, messaging_scope(ctx), &MESSAGING_SQL_conversation_access, &params, &result));
    if (db_rows(result) == 0) {
        return store_conversation_not_found(conversation_id);
    }
    *ret_access = (struct access){.conversation_id = conversation_id,
        .user_id = ctx->caller.user_id,
        .kind = db_get_int(result, 0, 0),
        .last_seq = db_get_int64(result, 0, 1),
        .member_count = db_get_int(result, 0, 2),
        .role = db_get_int(result, 0, 3),
        .join_seq = db_get_int64(result, 0, 4),
        .read_seq = db_get_int64(result, 0, 5)};
    return NULL;
}

/* Columns of conversation_list. */
enum {
    COLUMN_ID,
    COLUMN_KIND,
    COLUMN_NAME,
    COLUMN_OWNER_ID,
    COLUMN_PEER_ID,
    COLUMN_MEMBER_COUNT,
    COLUMN_LAST_SEQ,
    COLUMN_CREATE_TIME,
    COLUMN_ACTIVITY_TIME,
    COLUMN_ROLE,
    COLUMN_READ_SEQ,
    COLUMN_MESSAGE_ID,
    COLUMN_SENDER_ID,
    COLUMN_REQUEST_ID,
    COLUMN_MESSAGE_TIME,
    COLUMN_BODY,
    COLUMN_UNREAD_COUNT,
};

static struct err *fill_last_message(struct arena *arena, const struct db_result *result, int row, Message **ret_message)
{
    if (db_is_null(result, row, COLUMN_MESSAGE_ID)) {
        return NULL;
    }
    struct message_row message = {.id = db_get_uuid(result, row, COLUMN_MESSAGE_ID),
        .conversation_id = db_get_uuid(result, row, COLUMN_ID),
        .sender_id = db_get_uuid(result, row, COLUMN_SENDER_ID),
        .request_id = db_get_uuid(result, row, COLUMN_REQUEST_ID),
        .seq = db_get_int64(result, row, COLUMN_LAST_SEQ),
        .create_time = db_get_instant(result, row, COLUMN_MESSAGE_TIME),
        .body = db_get_text_copy(result, row, COLUMN_BODY, arena)};
    *ret_message = arena_alloc(arena, sizeof(**ret_message));
    if (!message.body || !*ret_message) {
        return err_out_of_memory();
    }
    return fill_message(arena, &message, *ret_message);
}

static struct err *fill_conversation(
    struct arena *arena, const struct db_result *result, int row, Conversation *conversation)
{
    kongsi__messaging__v1__conversation__init(conversation);
    conversation->id = fill_uuid(arena, db_get_uuid(result, row, COLUMN_ID));
    conversation->kind = (Kongsi__Messaging__V1__ConversationKind)db_get_int(result, row, COLUMN_KIND);
    conversation->name = db_get_text_copy(result, row, COLUMN_NAME, arena);
    if (!db_is_null(result, row, COLUMN_OWNER_ID)) {
        conversation->owner_id = fill_uuid(arena, db_get_uuid(result, row, COLUMN_OWNER_ID));
    }
    if (!db_is_null(result, row, COLUMN_PEER_ID)) {
        conversation->peer_id = fill_uuid(arena, db_get_uuid(result, row, COLUMN_PEER_ID));
    }
    conversation->member_count = db_get_int(result, row, COLUMN_MEMBER_COUNT);
    conversation->last_seq = db_get_int64(result, row, COLUMN_LAST_SEQ);
    conversation->create_time = fill_instant(arena, db_get_instant(result, row, COLUMN_CREATE_TIME));
    conversation->activity_time = fill_instant(arena, db_get_instant(result, row, COLUMN_ACTIVITY_TIME));
    conversation->role = (Kongsi__Messaging__V1__MemberRole)db_get_int(result, row, COLUMN_ROLE);
    conversation->read_seq = db_get_int64(result, row, COLUMN_READ_SEQ);
    conversation->unread_count = db_get_int64(result, row, COLUMN_UNREAD_COUNT);
    if (!conversation->id || !conversation->name || !conversation->owner_id || !conversation->peer_id ||
        !conversation->create_time || !conversation->activity_time) {
        return err_out_of_memory();
    }
    return fill_last_message(arena, result, row, &conversation->last_message);
}

static struct db_params list_params(
    struct rpc_ctx *ctx, const struct conversation_key *after, int limit, const struct uuid *only_id)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, ctx->caller.user_id);
    db_add_instant_or_null(&params, after ? &after->activity_time : NULL);
    db_add_uuid_or_null(&params, after ? &after->id : NULL);
    db_add_int(&params, limit);
    db_add_uuid_or_null(&params, only_id);
    return params;
}

static struct err *fill_only(struct rpc_ctx *ctx, struct uuid id, const struct db_result *result, Conversation *conversation)
{
    if (db_rows(result) == 0) {
        return store_conversation_not_found(id);
    }
    return fill_conversation(ctx->arena, result, 0, conversation);
}

struct err *store_conversation_get(struct rpc_ctx *ctx, struct uuid conversation_id, Conversation *ret_conversation)
{
    struct db_params params = list_params(ctx, NULL, 1, &conversation_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(messaging_of(ctx)->env->db, messaging_scope(ctx), &MESSAGING_SQL_conversation_list, &params, &result));
    return fill_only(ctx, conversation_id, result, ret_conversation);
}

static struct err *get_in_tx(struct rpc_ctx *ctx, struct db_tx *tx, struct uuid id, Conversation *conversation)
{
    struct db_params params = list_params(ctx, NULL, 1, &id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &MESSAGING_SQL_conversation_list, &params, &result));
    return fill_only(ctx, id, result, conversation);
}

struct err *store_conversation_list(struct rpc_ctx *ctx, const struct conversation_key *after, int limit,
    Conversation ***ret_conversations, size_t *ret_count, struct conversation_key *ret_last)
{
    struct db_params params = list_params(ctx, after, limit, NULL);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(messaging_of(ctx)->env->db, messaging_scope(ctx), &MESSAGING_SQL_conversation_list, &params, &result));
    int count = db_rows(result);
    Conversation **list = arena_calloc(ctx->arena, (size_t)count + 1, sizeof(Conversation *));
    Conversation *items = arena_calloc(ctx->arena, (size_t)count + 1, sizeof(Conversation));
    if (!list || !items) {
        return err_out_of_memory();
    }
    for (int row = 0; row < count; row++) {
        list[row] = &items[row];
        ERR_TRY(fill_conversation(ctx->arena, result, row, list[row]));
        *ret_last = (struct conversation_key){
            db_get_instant(result, row, COLUMN_ACTIVITY_TIME), db_get_uuid(result, row, COLUMN_ID)};
    }
    *ret_conversations = list;
    *ret_count = (size_t)count;
    return NULL;
}

/* The members of a new conversation: everyone of the draft, the creator first. */
static struct err *insert_members(
    struct rpc_ctx *ctx, struct db_tx *tx, struct uuid id, const struct conversation_draft *draft)
{
    size_t count = draft->other_count + 1;
    struct uuid *user_ids = arena_calloc(ctx->arena, count, sizeof(*user_ids));
    int32_t *roles = arena_calloc(ctx->arena, count, sizeof(*roles));
    if (!user_ids || !roles) {
        return err_out_of_memory();
    }
    user_ids[0] = draft->creator_id;
    roles[0] = draft->kind == CONVERSATION_KIND_GROUP ? MEMBER_ROLE_OWNER : MEMBER_ROLE_MEMBER;
    for (size_t i = 1; i < count; i++) {
        user_ids[i] = draft->other_ids[i - 1];
        roles[i] = MEMBER_ROLE_MEMBER;
    }
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, id);
    db_add_uuid_array(&params, user_ids, count);
    db_add_int_array(&params, roles, count);
    db_add_int64(&params, 0);
    db_add_instant(&params, ctx->now);
    return db_query(tx, &MESSAGING_SQL_member_insert, &params, NULL);
}

/* Inserts the conversation's own row. *ret_id is that of an older direct conversation when there is one. */
static struct err *insert_conversation(
    struct rpc_ctx *ctx, struct db_tx *tx, const struct conversation_draft *draft, struct uuid *ret_id, bool *ret_made)
{
    struct uuid id = uuid_v7(ctx->now);
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    *ret_made = true;
    if (draft->kind == CONVERSATION_KIND_GROUP) {
        *ret_id = id;
        db_add_uuid(&params, id);
        db_add_text(&params, draft->name);
        db_add_uuid(&params, draft->creator_id);
        db_add_int(&params, (int32_t)draft->other_count + 1);
        db_add_instant(&params, ctx->now);
        return db_query(tx, &MESSAGING_SQL_conversation_insert_group, &params, NULL);
    }
    bool creator_first = uuid_compare(draft->creator_id, draft->other_ids[0]) < 0;
    struct uuid low = creator_first ? draft->creator_id : draft->other_ids[0];
    struct uuid high = creator_first ? draft->other_ids[0] : draft->creator_id;
    struct db_params find = params;
    db_add_uuid(&find, low);
    db_add_uuid(&find, high);
    db_add_uuid(&params, id);
    db_add_uuid(&params, low);
    db_add_uuid(&params, high);
    db_add_instant(&params, ctx->now);
    DB_RESULT_AUTO inserted = NULL;
    ERR_TRY(db_query(tx, &MESSAGING_SQL_conversation_insert_direct, &params, &inserted));
    if (db_rows(inserted) == 1) {
        *ret_id = id;
        return NULL;
    }
    *ret_made = false;
    DB_RESULT_AUTO found = NULL;
    ERR_TRY(db_query(tx, &MESSAGING_SQL_conversation_find_direct, &find, &found));
    *ret_id = db_get_uuid(found, 0, 0);
    return NULL;
}

static struct err *append_created(
    struct rpc_ctx *ctx, struct db_tx *tx, const struct conversation_draft *draft, struct uuid id)
{
    Kongsi__Messaging__V1__ConversationCreated *event = arena_alloc(ctx->arena, sizeof(*event));
    char **member_ids = arena_calloc(ctx->arena, draft->other_count + 1, sizeof(*member_ids));
    if (!event || !member_ids) {
        return err_out_of_memory();
    }
    kongsi__messaging__v1__conversation_created__init(event);
    event->org_id = fill_uuid(ctx->arena, ctx->caller.org_id);
    event->conversation_id = fill_uuid(ctx->arena, id);
    event->kind = (Kongsi__Messaging__V1__ConversationKind)draft->kind;
    event->name = (char *)draft->name;
    event->actor_id = fill_uuid(ctx->arena, draft->creator_id);
    event->n_member_ids = draft->other_count + 1;
    event->member_ids = member_ids;
    member_ids[0] = event->actor_id;
    bool complete = event->org_id && event->conversation_id && event->actor_id;
    for (size_t i = 0; i < draft->other_count; i++) {
        member_ids[i + 1] = fill_uuid(ctx->arena, draft->other_ids[i]);
        complete = complete && member_ids[i + 1];
    }
    if (!complete) {
        return err_out_of_memory();
    }
    struct bus_event bus_event = {.key = id, .body = &event->base};
    return bus_append(
        messaging_of(ctx)->env->log, tx, ctx->arena, ctx->now, ctx->traceparent, ctx->caller.org_id, &bus_event, 1);
}

struct err *store_conversation_create(struct rpc_ctx *ctx, const struct conversation_draft *draft,
    const CreateConversationRequest *request, Conversation *ret_conversation)
{
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(messaging_of(ctx)->env->db, messaging_scope(ctx), &tx));
    struct uuid id;
    bool made;
    ERR_TRY(insert_conversation(ctx, tx, draft, &id, &made));
    if (made) {
        ERR_TRY(insert_members(ctx, tx, id, draft));
    }
    ERR_TRY(get_in_tx(ctx, tx, id, ret_conversation));
    ERR_TRY(store_request_remember(ctx, tx, request->request_id, &request->base, &ret_conversation->base));
    if (made) {
        ERR_TRY(append_created(ctx, tx, draft, id));
    }
    return db_commit_auto(tx);
}

struct err *store_conversation_rename(struct rpc_ctx *ctx, const struct access *access,
    const UpdateConversationRequest *request, Conversation *ret_conversation)
{
    DB_TX_AUTO tx = NULL;
    ERR_TRY(db_begin(messaging_of(ctx)->env->db, messaging_scope(ctx), &tx));
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, access->conversation_id);
    db_add_text(&params, request->name);
    ERR_TRY(db_query(tx, &MESSAGING_SQL_conversation_rename, &params, NULL));
    ERR_TRY(get_in_tx(ctx, tx, access->conversation_id, ret_conversation));
    ERR_TRY(store_request_remember(ctx, tx, request->request_id, &request->base, &ret_conversation->base));
    Kongsi__Messaging__V1__ConversationUpdated event = KONGSI__MESSAGING__V1__CONVERSATION_UPDATED__INIT;
    event.org_id = fill_uuid(ctx->arena, ctx->caller.org_id);
    event.conversation_id = ret_conversation->id;
    event.name = request->name;
    event.actor_id = fill_uuid(ctx->arena, ctx->caller.user_id);
    if (!event.org_id || !event.actor_id) {
        return err_out_of_memory();
    }
    struct bus_event bus_event = {.key = access->conversation_id, .body = &event.base};
    ERR_TRY(bus_append(
        messaging_of(ctx)->env->log, tx, ctx->arena, ctx->now, ctx->traceparent, ctx->caller.org_id, &bus_event, 1));
    return db_commit_auto(tx);
}
