#include "gen/kongsi_errors.h"
#include "gen/messaging_rpc.h"
#include "libshared/rpc/page_token.h"
#include "services/messaging/access.h"
#include "services/messaging/client_identity.h"
#include "services/messaging/store.h"

struct err *messaging_list_members(struct rpc_ctx *ctx, const ListMembersRequest *request, ListMembersResponse *response)
{
    struct access access;
    ERR_TRY(access_conversation_by_id(ctx, request->conversation_id, &access));
    const char *query = arena_printf(ctx->arena, "ListMembers %s", request->conversation_id);
    if (!query) {
        return err_out_of_memory();
    }
    struct page_token position;
    ERR_TRY(page_token_parse(ctx->arena, query, request->page_token, 1, &position));
    struct uuid after;
    if (position.count && !uuid_parse(position.keys[0], &after)) {
        return err_new(&KONGSI_PAGE_TOKEN_INVALID, "page_token was not made by this list");
    }
    int limit = request->page_size ? request->page_size : MEMBER_PAGE_SIZE_DEFAULT;
    ERR_TRY(store_member_list(
        ctx, access.conversation_id, position.count ? &after : NULL, limit, &response->members, &response->n_members));
    if (response->n_members == (size_t)limit) {
        struct page_token next = {.count = 1, .keys = {response->members[limit - 1]->user_id}};
        const char *text;
        ERR_TRY(page_token_make(ctx->arena, query, &next, &text));
        response->next_page_token = (char *)text;
    }
    return NULL;
}

struct err *messaging_add_members(struct rpc_ctx *ctx, const AddMembersRequest *request, AddMembersResponse *response)
{
    bool answered;
    struct access access;
    ERR_TRY(access_conversation_by_id(ctx, request->conversation_id, &access));
    ERR_TRY(store_request_find(ctx, request->request_id, &request->base, &response->base, &answered));
    if (answered) {
        return NULL;
    }
    ERR_TRY(conversation_check_manage(&access));
    struct conversation_draft draft = {.creator_id = ctx->caller.user_id,
        .other_ids = arena_calloc(ctx->arena, request->n_user_ids + 1, sizeof(struct uuid)),
        .other_count = request->n_user_ids};
    if (!draft.other_ids) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < request->n_user_ids; i++) {
        draft.other_ids[i] = checked_uuid(request->user_ids[i]);
    }
    conversation_draft_normalise(&draft);
    ERR_TRY(client_identity_check_users(ctx, draft.other_ids, draft.other_count));
    struct err *error = store_member_add(ctx, &access, draft.other_ids, draft.other_count, request, response);
    return store_request_settle(ctx, error, request->request_id, &request->base, &response->base);
}

struct err *messaging_remove_member(struct rpc_ctx *ctx, const RemoveMemberRequest *request, RemoveMemberResponse *response)
{
    (void)response;
    struct access access;
    ERR_TRY(access_conversation_by_id(ctx, request->conversation_id, &access));
    return store_member_remove(ctx, &access, checked_uuid(request->user_id));
}

struct err *messaging_list_memberships(
    struct rpc_ctx *ctx, const ListMembershipsRequest *request, ListMembershipsResponse *response)
{
    (void)request;
    return store_membership_list(ctx, response);
}
