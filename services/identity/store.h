/* What identity keeps: one function a query or transaction. Errors: those of db.h, and the reasons named. Texts and messages
 * that come back live in the arena of the request. */
#pragma once

#include "services/identity/identifier.h"
#include "services/identity/identity.h"
#include "services/identity/import.h"

/* store_organization.c */

/* Reason of both: ORGANIZATION_NOT_FOUND. */
ERR_RESULT struct err *store_organization_get(struct rpc_ctx *ctx, struct uuid org_id, Organization *ret_organization);
ERR_RESULT struct err *store_organization_find(struct rpc_ctx *ctx, const char *slug, struct uuid *ret_org_id);
/* Remembers the organization as the answer to the request; a repeat fills the first answer in. Reasons: SLUG_TAKEN,
 * KONGSI_REQUEST_ID_REUSED. */
ERR_RESULT struct err *store_organization_create(
    struct rpc_ctx *ctx, const CreateOrganizationRequest *request, Organization *organization);

/* store_department.c */

/* Reason: DEPARTMENT_NOT_FOUND. */
ERR_RESULT struct err *store_department_get(struct rpc_ctx *ctx, struct uuid department_id, Department *ret_department);

/* Where a page begins: behind a row's key values; NULL: at the beginning. */
struct store_position {
    const char *name;
    struct uuid id;
};
/* In order of name, at most `limit`. */
ERR_RESULT struct err *store_department_list(
    struct rpc_ctx *ctx, const struct store_position *after, int limit, Department ***ret_departments, size_t *ret_count);
/* As store_organization_create. Reasons: DEPARTMENT_NOT_FOUND (the parent), EXTERNAL_ID_TAKEN, KONGSI_REQUEST_ID_REUSED. */
ERR_RESULT struct err *store_department_create(
    struct rpc_ctx *ctx, const CreateDepartmentRequest *request, Department *department);

/* store_user.c */

/* Reason: USER_NOT_FOUND. */
ERR_RESULT struct err *store_user_get(struct rpc_ctx *ctx, struct uuid user_id, User *ret_user);
struct store_user_filter {
    const struct uuid *department_id; /* NULL: any */
    const char *pattern;              /* for ILIKE; NULL: any */
    bool show_left;
};
/* In order of display name, at most `limit`. */
ERR_RESULT struct err *store_user_list(struct rpc_ctx *ctx, const struct store_user_filter *filter,
    const struct store_position *after, int limit, User ***ret_users, size_t *ret_count);
ERR_RESULT struct err *store_user_list_by_ids(
    struct rpc_ctx *ctx, const struct uuid *ids, size_t count, User ***ret_users, size_t *ret_count);
/* Says UserUpdated, and ends the sessions of who loses a role. Reason: USER_NOT_FOUND. */
ERR_RESULT struct err *store_user_set_role(
    struct rpc_ctx *ctx, struct uuid org_id, const char *external_id, int role, User *ret_user);

/* store_session.c */

/* Whose the identifiers are; *ret_found false: nobody's, or of several organizations. */
ERR_RESULT struct err *store_identifier_find(struct rpc_ctx *ctx, const struct identifier *candidates, size_t count,
    const char *slug, bool *ret_found, struct uuid *ret_org_id, struct uuid *ret_user_id);

struct store_credential {
    const char *password_hash; /* NULL: has none */
    int status, role;
};
ERR_RESULT struct err *store_credential_get(
    struct rpc_ctx *ctx, struct uuid org_id, struct uuid user_id, struct store_credential *ret_credential);
ERR_RESULT struct err *store_credential_put(
    struct rpc_ctx *ctx, struct uuid org_id, struct uuid user_id, const char *password_hash);

struct store_session {
    struct uuid org_id, id, user_id;
    const char *device_name;
    struct instant expire_time;
};
/* Forgets old sessions of the person on the way. Reason: CREDENTIALS_INVALID when the person is not active any more. */
ERR_RESULT struct err *store_session_create(struct rpc_ctx *ctx, const struct store_session *session);

struct store_refreshed {
    enum refresh_verdict verdict;
    struct uuid user_id;
    int role;
    int32_t generation;         /* of the token to issue */
    struct instant issue_time;  /* of that one, the first time */
    struct instant expire_time; /* of the session */
};
/* Takes the next step of the session under its lock; a token used before ends the session. No such session is
 * REFRESH_REFUSED. */
ERR_RESULT struct err *store_session_refresh(struct rpc_ctx *ctx, const struct refresh_token *token,
    int64_t token_lifetime_ms, struct store_refreshed *ret_refreshed);
/* A repeat succeeds. */
ERR_RESULT struct err *store_session_end(struct rpc_ctx *ctx, struct uuid org_id, struct uuid session_id);

/* store_invitation.c */

struct store_invitation {
    struct uuid org_id;
    const void *token_hash; /* 32 bytes */
};
/* Takes the place of an earlier one. Reasons: USER_NOT_FOUND, USER_NOT_ACTIVE. */
ERR_RESULT struct err *store_invitation_put(
    struct rpc_ctx *ctx, const struct store_invitation *invitation, struct uuid user_id, struct instant expire_time);
/* Whose it is. Reason: INVITATION_INVALID. */
ERR_RESULT struct err *store_invitation_find(struct rpc_ctx *ctx, const struct store_invitation *invitation, User *ret_user);
/* Uses it up: the password is set, who was invited is active, older sessions end, and the new one begins. Reason:
 * INVITATION_INVALID. */
ERR_RESULT struct err *store_invitation_accept(struct rpc_ctx *ctx, const struct store_invitation *invitation,
    const struct store_session *session, const char *password_hash, User *ret_user);

/* store_import.c */

struct store_import;

/* Begins the transaction of an import and reads the directory as it is into `arena`. Other imports of the organization wait.
 * Reason: ORGANIZATION_NOT_FOUND. */
ERR_RESULT struct err *store_import_begin(struct rpc_ctx *ctx, struct uuid org_id, struct arena *arena,
    struct store_import **ret_import, struct import_directory *ret_directory);
/* Does what the plan says and commits, events included. password_hash: of the people the plan activates. */
ERR_RESULT struct err *store_import_apply(
    struct store_import *import, const struct import_plan *plan, const char *password_hash);
/* Ends what has not been applied. NULL is fine. */
void store_import_end(struct store_import *import);
static inline void store_import_cleanup(struct store_import **import)
{
    store_import_end(*import);
}
#define STORE_IMPORT_AUTO __attribute__((cleanup(store_import_cleanup))) struct store_import *

/* store_avatar.c */

struct store_avatar {
    const char *etag, *media_type, *file_name;
    size_t size_bytes;
};
/* Reason: AVATAR_NOT_FOUND. */
ERR_RESULT struct err *store_avatar_get(struct rpc_ctx *ctx, struct uuid user_id, struct store_avatar *ret_avatar);
/* The caller's own. Both say UserUpdated if anything changes; *ret_old_file: what is to be deleted now, or NULL. Reason:
 * USER_NOT_FOUND. */
ERR_RESULT struct err *store_avatar_put(struct rpc_ctx *ctx, const struct store_avatar *avatar, const char **ret_old_file);
ERR_RESULT struct err *store_avatar_delete(struct rpc_ctx *ctx, const char **ret_old_file);
