/* Reading the directory: who am I, departments, users. */
#include "gen/identity_rpc.h"
#include "gen/kongsi_errors.h"
#include "libshared/rpc/fill.h"
#include "libshared/rpc/page_token.h"
#include "services/identity/directory.h"
#include "services/identity/store.h"

#include <string.h>

/* Page tokens of both lists hold a name and an id. */
#define POSITION_KEYS 2

static int page_size(int32_t wanted, int normal)
{
    return wanted > 0 ? wanted : normal;
}

/* Where the page begins; *ret_after NULL: at the beginning. */
static struct err *read_position(struct rpc_ctx *ctx, const char *query, const char *token, struct store_position *position,
    const struct store_position **ret_after)
{
    struct page_token keys;
    ERR_TRY(page_token_parse(ctx->arena, query, token, POSITION_KEYS, &keys));
    *ret_after = NULL;
    if (keys.count > 0) {
        position->name = keys.keys[0];
        if (!uuid_parse(keys.keys[1], &position->id)) {
            return err_new(&KONGSI_PAGE_TOKEN_INVALID, "page_token does not hold a position; begin without one");
        }
        *ret_after = position;
    }
    return NULL;
}

static struct err *write_position(struct rpc_ctx *ctx, const char *query, const char *name, const char *id, char **ret_token)
{
    const struct page_token keys = {.keys = {name, id}, .count = POSITION_KEYS};
    const char *token = NULL;
    ERR_TRY(page_token_make(ctx->arena, query, &keys, &token));
    *ret_token = (char *)token;
    return NULL;
}

static struct err *list_permissions(struct rpc_ctx *ctx, const char *permissions, Me *response)
{
    char *rest = arena_strdup(ctx->arena, permissions);
    response->permissions = arena_calloc(ctx->arena, strlen(permissions) + 1, sizeof(*response->permissions));
    if (!rest || !response->permissions) {
        return err_out_of_memory();
    }
    for (char *word = strtok_r(rest, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        response->permissions[response->n_permissions++] = word;
    }
    return NULL;
}

struct err *identity_get_me(struct rpc_ctx *ctx, const GetMeRequest *request, Me *response)
{
    (void)request;
    response->user = arena_alloc(ctx->arena, sizeof(*response->user));
    response->organization = arena_alloc(ctx->arena, sizeof(*response->organization));
    if (!response->user || !response->organization) {
        return err_out_of_memory();
    }
    ERR_TRY(store_user_get(ctx, ctx->caller.user_id, response->user));
    ERR_TRY(store_organization_get(ctx, ctx->caller.org_id, response->organization));
    return list_permissions(ctx, ctx->caller.permissions ? ctx->caller.permissions : "", response);
}

struct err *identity_list_departments(
    struct rpc_ctx *ctx, const ListDepartmentsRequest *request, ListDepartmentsResponse *response)
{
    int limit = page_size(request->page_size, DEPARTMENT_PAGE_SIZE_DEFAULT);
    struct store_position position;
    const struct store_position *after;
    char *query = arena_printf(ctx->arena, "ListDepartments %s", fill_uuid(ctx->arena, ctx->caller.org_id));
    if (!query) {
        return err_out_of_memory();
    }
    ERR_TRY(read_position(ctx, query, request->page_token, &position, &after));
    /* One more than asked for tells whether there is another page. */
    ERR_TRY(store_department_list(ctx, after, limit + 1, &response->departments, &response->n_departments));
    if (response->n_departments <= (size_t)limit) {
        return NULL;
    }
    response->n_departments = (size_t)limit;
    const Department *last = response->departments[limit - 1];
    char *name = directory_cut_name(ctx->arena, last->name);
    return name ? write_position(ctx, query, name, last->id, &response->next_page_token) : err_out_of_memory();
}

struct err *identity_get_department(struct rpc_ctx *ctx, const GetDepartmentRequest *request, Department *response)
{
    return store_department_get(ctx, checked_uuid(request->department_id), response);
}

struct err *identity_list_users(struct rpc_ctx *ctx, const ListUsersRequest *request, ListUsersResponse *response)
{
    int limit = page_size(request->page_size, USER_PAGE_SIZE_DEFAULT);
    struct uuid department_id;
    struct store_position position;
    const struct store_position *after;
    char *query = arena_printf(ctx->arena, "ListUsers %s %s %d %s", fill_uuid(ctx->arena, ctx->caller.org_id),
        request->department_id, request->show_left, request->query);
    struct store_user_filter filter = {
        .department_id = uuid_parse(request->department_id, &department_id) ? &department_id : NULL,
        .pattern = request->query[0] ? directory_pattern(ctx->arena, request->query) : NULL,
        .show_left = request->show_left};
    if (!query || (request->query[0] && !filter.pattern)) {
        return err_out_of_memory();
    }
    ERR_TRY(read_position(ctx, query, request->page_token, &position, &after));
    ERR_TRY(store_user_list(ctx, &filter, after, limit + 1, &response->users, &response->n_users));
    if (response->n_users <= (size_t)limit) {
        return NULL;
    }
    response->n_users = (size_t)limit;
    const User *last = response->users[limit - 1];
    return write_position(ctx, query, last->display_name, last->id, &response->next_page_token);
}

struct err *identity_get_user(struct rpc_ctx *ctx, const GetUserRequest *request, User *response)
{
    return store_user_get(ctx, checked_uuid(request->user_id), response);
}

struct err *identity_batch_get_users(
    struct rpc_ctx *ctx, const BatchGetUsersRequest *request, BatchGetUsersResponse *response)
{
    struct uuid *ids = arena_calloc(ctx->arena, request->n_user_ids, sizeof(*ids));
    if (!ids) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < request->n_user_ids; i++) {
        ids[i] = checked_uuid(request->user_ids[i]);
    }
    return store_user_list_by_ids(ctx, ids, request->n_user_ids, &response->users, &response->n_users);
}
