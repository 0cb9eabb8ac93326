/* First answers of requests with a request_id (AIP-155). */
#include "services/messaging/store.h"

#include "gen/kongsi_errors.h"
#include "gen/messaging_sql.h"

#include <sodium.h>
#include <string.h>

#define REQUEST_KEEP_MS (INT64_C(7) * 24 * 3600 * 1000)

/* SHA-256 over the request's type and wire form: tells a repeat from another request under the same id. */
static struct err *digest_request(
    struct arena *arena, const ProtobufCMessage *request, unsigned char ret_digest[crypto_hash_sha256_BYTES])
{
    struct bytes wire;
    ERR_TRY(rpc_pack(arena, request, &wire));
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(
        &state, (const unsigned char *)request->descriptor->name, strlen(request->descriptor->name) + 1);
    crypto_hash_sha256_update(&state, wire.data, wire.length);
    crypto_hash_sha256_final(&state, ret_digest);
    return NULL;
}

struct err *store_request_find(struct rpc_ctx *ctx, const char *request_id, const ProtobufCMessage *request,
    ProtobufCMessage *response, bool *ret_answered)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    ERR_TRY(digest_request(ctx->arena, request, digest));
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, ctx->caller.user_id);
    db_add_uuid(&params, checked_uuid(request_id));
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(messaging_of(ctx)->env->db, messaging_scope(ctx), &MESSAGING_SQL_request_find, &params, &result));
    *ret_answered = db_rows(result) == 1;
    if (!*ret_answered) {
        return NULL;
    }
    struct bytes first = db_get_bytes(result, 0, 0);
    if (first.length != sizeof(digest) || memcmp(first.data, digest, sizeof(digest)) != 0) {
        return err_new(&KONGSI_REQUEST_ID_REUSED, "request_id %s was answered before, for a different request", request_id);
    }
    ProtobufCMessage *answer;
    ERR_TRY(rpc_unpack(ctx->arena, response->descriptor, db_get_bytes(result, 0, 1), &answer));
    memcpy(response, answer, response->descriptor->sizeof_message);
    return NULL;
}

struct err *store_request_remember(struct rpc_ctx *ctx, struct db_tx *tx, const char *request_id,
    const ProtobufCMessage *request, const ProtobufCMessage *response)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    ERR_TRY(digest_request(ctx->arena, request, digest));
    struct bytes answer;
    ERR_TRY(rpc_pack(ctx->arena, response, &answer));
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, ctx->caller.user_id);
    db_add_uuid(&params, checked_uuid(request_id));
    db_add_bytes(&params, digest, sizeof(digest));
    db_add_bytes(&params, answer.data, answer.length);
    db_add_instant(&params, ctx->now);
    db_add_instant(&params, instant_add_ms(ctx->now, -REQUEST_KEEP_MS));
    return db_query(tx, &MESSAGING_SQL_request_insert, &params, NULL);
}

struct err *store_request_settle(struct rpc_ctx *ctx, struct err *error, const char *request_id,
    const ProtobufCMessage *request, ProtobufCMessage *response)
{
    if (!error || !err_is(error, &KONGSI_CONFLICT)) {
        return error;
    }
    bool answered = false;
    struct err *find_error = store_request_find(ctx, request_id, request, response, &answered);
    if (!find_error && !answered) {
        return error;
    }
    err_free(error);
    return find_error;
}
