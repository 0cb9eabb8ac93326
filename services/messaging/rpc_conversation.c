#include "gen/kongsi_errors.h"
#include "gen/messaging_rpc.h"
#include "libshared/rpc/page_token.h"
#include "services/messaging/access.h"
#include "services/messaging/client_identity.h"
#include "services/messaging/store.h"

/* The page a token of ListConversations stands for belongs to one person. */
static const char *list_query(struct rpc_ctx *ctx)
{
    char user[UUID_TEXT_SIZE];
    return arena_printf(ctx->arena, "ListConversations %s", uuid_format(ctx->caller.user_id, user));
}

static struct err *make_draft(
    struct rpc_ctx *ctx, const CreateConversationRequest *request, struct conversation_draft *draft)
{
    *draft = (struct conversation_draft){.kind = (int)request->kind,
        .name = request->name,
        .creator_id = ctx->caller.user_id,
        .other_ids = arena_calloc(ctx->arena, request->n_member_ids + 1, sizeof(struct uuid)),
        .other_count = request->n_member_ids};
    if (!draft->other_ids) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < request->n_member_ids; i++) {
        draft->other_ids[i] = checked_uuid(request->member_ids[i]);
    }
    conversation_draft_normalise(draft);
    return conversation_check_draft(draft);
}

struct err *messaging_create_conversation(
    struct rpc_ctx *ctx, const CreateConversationRequest *request, Conversation *response)
{
    bool answered;
    ERR_TRY(store_request_find(ctx, request->request_id, &request->base, &response->base, &answered));
    if (answered) {
        return NULL;
    }
    struct conversation_draft draft;
    ERR_TRY(make_draft(ctx, request, &draft));
    ERR_TRY(client_identity_check_users(ctx, draft.other_ids, draft.other_count));
    struct err *error = store_conversation_create(ctx, &draft, request, response);
    return store_request_settle(ctx, error, request->request_id, &request->base, &response->base);
}

struct err *messaging_get_conversation(struct rpc_ctx *ctx, const GetConversationRequest *request, Conversation *response)
{
    return store_conversation_get(ctx, checked_uuid(request->conversation_id), response);
}

static struct err *parse_page(struct rpc_ctx *ctx, const char *query, const char *token, struct conversation_key *key,
    const struct conversation_key **ret_after)
{
    struct page_token position;
    ERR_TRY(page_token_parse(ctx->arena, query, token, 2, &position));
    *ret_after = NULL;
    if (position.count == 0) {
        return NULL;
    }
    if (!str_to_int64(position.keys[0], &key->activity_time.us) || !uuid_parse(position.keys[1], &key->id)) {
        return err_new(&KONGSI_PAGE_TOKEN_INVALID, "page_token was not made by this list");
    }
    *ret_after = key;
    return NULL;
}

static struct err *make_page(struct rpc_ctx *ctx, const char *query, const struct conversation_key *last, char **ret_token)
{
    char id[UUID_TEXT_SIZE];
    struct page_token position = {.count = 2,
        .keys = {arena_printf(ctx->arena, "%lld", (long long)last->activity_time.us), uuid_format(last->id, id)}};
    if (!position.keys[0]) {
        return err_out_of_memory();
    }
    const char *text;
    ERR_TRY(page_token_make(ctx->arena, query, &position, &text));
    *ret_token = (char *)text;
    return NULL;
}

struct err *messaging_list_conversations(
    struct rpc_ctx *ctx, const ListConversationsRequest *request, ListConversationsResponse *response)
{
    struct conversation_key key, last;
    const struct conversation_key *after;
    const char *query = list_query(ctx);
    if (!query) {
        return err_out_of_memory();
    }
    ERR_TRY(parse_page(ctx, query, request->page_token, &key, &after));
    int limit = request->page_size ? request->page_size : CONVERSATION_PAGE_SIZE_DEFAULT;
    ERR_TRY(store_conversation_list(ctx, after, limit, &response->conversations, &response->n_conversations, &last));
    return response->n_conversations == (size_t)limit ? make_page(ctx, query, &last, &response->next_page_token) : NULL;
}

struct err *messaging_update_conversation(
    struct rpc_ctx *ctx, const UpdateConversationRequest *request, Conversation *response)
{
    bool answered;
    struct access access;
    ERR_TRY(access_conversation_by_id(ctx, request->conversation_id, &access));
    ERR_TRY(store_request_find(ctx, request->request_id, &request->base, &response->base, &answered));
    if (answered) {
        return NULL;
    }
    ERR_TRY(conversation_check_manage(&access));
    ERR_TRY(conversation_check_name(request->name));
    struct err *error = store_conversation_rename(ctx, &access, request, response);
    return store_request_settle(ctx, error, request->request_id, &request->base, &response->base);
}
