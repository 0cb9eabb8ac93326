/* What the store_*.c files share. */
#pragma once

#include "gen/identity_sql.h"
#include "gen/kongsi_errors.h"
#include "kongsi/identity/v1/events.pb-c.h"
#include "services/identity/store.h"

static inline struct db_pool *store_pool(const struct rpc_ctx *ctx)
{
    return identity_of(ctx)->env->db;
}

static inline struct db_scope store_scope(const struct rpc_ctx *ctx, struct uuid org_id)
{
    return db_scope_org(org_id, ctx->deadline_ms);
}

/* store_request.c */

/* Remembers `response` as the answer to the request. When it was answered before, the first answer is filled in instead, and
 * *ret_repeat is true: the transaction has nothing left to do. Reason: KONGSI_REQUEST_ID_REUSED. */
ERR_RESULT struct err *store_request_claim(struct rpc_ctx *ctx, struct db_tx *tx, const char *request_id,
    const ProtobufCMessage *request, ProtobufCMessage *response, bool *ret_repeat);

/* store_department.c */

/* The rows of a department statement. */
ERR_RESULT struct err *store_departments_fill(
    struct arena *arena, const struct db_result *result, Department ***ret_departments);

/* store_user.c */

ERR_RESULT struct err *store_users_fill(struct arena *arena, const struct db_result *result, User ***ret_users);
/* The row of a user statement; USER_NOT_FOUND without one, naming `id`. */
ERR_RESULT struct err *store_user_fill_one(
    struct arena *arena, const struct db_result *result, const char *id, User *ret_user);
/* The user under the row's lock, until the transaction ends. Reason: USER_NOT_FOUND. */
ERR_RESULT struct err *store_user_lock(
    struct rpc_ctx *ctx, struct db_tx *tx, struct uuid org_id, struct uuid user_id, User *ret_user);

/* store_event.c */

/* Events of one transaction, gathered, and appended as its last act. */
struct store_events {
    struct arena *arena;
    char *org_id;
    struct bus_event *items;
    size_t count, capacity;
};

ERR_RESULT struct err *store_events_init(
    struct store_events *events, struct arena *arena, struct uuid org_id, size_t capacity);
/* At most `capacity` of them together. What they show must live until the append. */
ERR_RESULT struct err *store_event_user(struct store_events *events, const User *user, bool created);
ERR_RESULT struct err *store_event_department(struct store_events *events, const Department *department, bool created);
ERR_RESULT struct err *store_event_session_ended(struct store_events *events, struct uuid session_id, struct uuid user_id);
ERR_RESULT struct err *store_events_append(
    struct rpc_ctx *ctx, struct db_tx *tx, struct uuid org_id, const struct store_events *events);

/* store_session.c */

/* Sessions that a transaction has ended. */
struct store_ended {
    struct uuid *ids, *user_ids;
    size_t count;
};

ERR_RESULT struct err *store_sessions_end_of_users(struct rpc_ctx *ctx, struct db_tx *tx, struct uuid org_id,
    const struct uuid *user_ids, size_t user_count, struct store_ended *ret_ended);
ERR_RESULT struct err *store_events_ended(struct store_events *events, const struct store_ended *ended);
/* After the commit: their tokens stop working in this process at once; the others hear it by the event. */
void store_sessions_revoke(struct rpc_ctx *ctx, const struct store_ended *ended);
ERR_RESULT struct err *store_session_insert(struct rpc_ctx *ctx, struct db_tx *tx, const struct store_session *session);
