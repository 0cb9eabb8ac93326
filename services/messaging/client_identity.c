#include "services/messaging/client_identity.h"

#include "gen/identity_client.h"
#include "services/messaging/fill.h"

#include <strings.h>

typedef Kongsi__Identity__V1__User DirectoryUser;

static bool can_be_written_to(const DirectoryUser *user)
{
    return user->status == KONGSI__IDENTITY__V1__USER_STATUS__USER_STATUS_ACTIVE ||
           user->status == KONGSI__IDENTITY__V1__USER_STATUS__USER_STATUS_INVITED;
}

static bool is_listed(const Kongsi__Identity__V1__BatchGetUsersResponse *users, const char *id)
{
    for (size_t i = 0; i < users->n_users; i++) {
        if (strcasecmp(users->users[i]->id, id) == 0) {
            return can_be_written_to(users->users[i]);
        }
    }
    return false;
}

struct err *client_identity_check_users(struct rpc_ctx *ctx, const struct uuid *user_ids, size_t count)
{
    if (count == 0) {
        return NULL; /* identity takes no empty list */
    }
    Kongsi__Identity__V1__BatchGetUsersRequest request = KONGSI__IDENTITY__V1__BATCH_GET_USERS_REQUEST__INIT;
    request.user_ids = arena_calloc(ctx->arena, count + 1, sizeof(*request.user_ids));
    if (!request.user_ids) {
        return err_out_of_memory();
    }
    for (; request.n_user_ids < count; request.n_user_ids++) {
        request.user_ids[request.n_user_ids] = fill_uuid(ctx->arena, user_ids[request.n_user_ids]);
        if (!request.user_ids[request.n_user_ids]) {
            return err_out_of_memory();
        }
    }
    Kongsi__Identity__V1__BatchGetUsersResponse *users;
    ERR_TRY(identity_client_batch_get_users(ctx, &request, &users));
    for (size_t i = 0; i < count; i++) {
        if (!is_listed(users, request.user_ids[i])) {
            return err_with(err_new(&MESSAGING_USER_NOT_FOUND, "the user %s is not an active person of your organization",
                                request.user_ids[i]),
                "user_id", "%s", request.user_ids[i]);
        }
    }
    return NULL;
}
