/* First answers of requests with a request_id (AIP-155). */
#include "services/identity/store_internal.h"

#include <sodium.h>
#include <string.h>

/* Over the request's type and wire form: tells a repeat from another request under the same id. */
static struct err *hash_request(
    struct arena *arena, const ProtobufCMessage *request, unsigned char hash[crypto_hash_sha256_BYTES])
{
    struct bytes wire;
    ERR_TRY(rpc_pack(arena, request, &wire));
    crypto_hash_sha256_state state;
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(
        &state, (const unsigned char *)request->descriptor->name, strlen(request->descriptor->name) + 1);
    crypto_hash_sha256_update(&state, wire.data, wire.length);
    crypto_hash_sha256_final(&state, hash);
    return NULL;
}

static struct err *forget_old(struct rpc_ctx *ctx, struct db_tx *tx)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_instant(&params, instant_add_ms(ctx->now, -REQUEST_KEEP_MS));
    return db_send(tx, &IDENTITY_SQL_request_delete_old, &params);
}

static struct err *fill_first_answer(struct rpc_ctx *ctx, struct db_tx *tx, const char *request_id,
    const unsigned char hash[crypto_hash_sha256_BYTES], ProtobufCMessage *response)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, checked_uuid(request_id));
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &IDENTITY_SQL_request_get, &params, &result));
    struct bytes first = db_get_bytes(result, 0, 0);
    if (first.length != crypto_hash_sha256_BYTES || memcmp(first.data, hash, first.length) != 0) {
        return err_new(&KONGSI_REQUEST_ID_REUSED, "request_id %s was answered before, for a different request", request_id);
    }
    ProtobufCMessage *answer;
    ERR_TRY(rpc_unpack(ctx->arena, response->descriptor, db_get_bytes(result, 0, 1), &answer));
    memcpy(response, answer, response->descriptor->sizeof_message);
    return NULL;
}

struct err *store_request_claim(struct rpc_ctx *ctx, struct db_tx *tx, const char *request_id,
    const ProtobufCMessage *request, ProtobufCMessage *response, bool *ret_repeat)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    struct bytes answer;
    ERR_TRY(hash_request(ctx->arena, request, hash));
    ERR_TRY(rpc_pack(ctx->arena, response, &answer));
    ERR_TRY(forget_old(ctx, tx));
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, ctx->caller.org_id);
    db_add_uuid(&params, checked_uuid(request_id));
    db_add_bytes(&params, hash, sizeof(hash));
    db_add_bytes(&params, answer.data, answer.length);
    db_add_instant(&params, ctx->now);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_query(tx, &IDENTITY_SQL_request_claim, &params, &result));
    *ret_repeat = db_rows(result) == 0;
    return *ret_repeat ? fill_first_answer(ctx, tx, request_id, hash, response) : NULL;
}
