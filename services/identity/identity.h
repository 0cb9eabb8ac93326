/* The identity service inside: its state and what its files share. */
#pragma once

#include "gen/identity_errors.h"
#include "gen/identity_types.h"
#include "libshared/base/check.h"
#include "libshared/rpc/token.h"
#include "libshared/service/service.h"
#include "services/identity/password_hash.h"
#include "services/identity/refresh_token.h"

#define USER_PAGE_SIZE_DEFAULT 100
#define DEPARTMENT_PAGE_SIZE_DEFAULT 200
#define USER_BATCH_MAX 500
#define AVATAR_SIZE_MAX_BYTES ((size_t)1024 * 1024)
#define DAY_MS ((int64_t)24 * 3600 * 1000)
/* How long answers of requests with a request_id, and sessions that are over, are kept. */
#define REQUEST_KEEP_MS (7 * DAY_MS)
#define SESSION_KEEP_MS (30 * DAY_MS)

struct identity_config {
    char *address;
    int64_t port;
    char *signing_key_file;
    char *development_password;
    char *avatar_dir;
    int64_t access_token_seconds;
    int64_t refresh_token_days;
    int64_t session_days;
    int64_t invitation_days;
    int64_t password_hash_concurrency;
    int64_t password_hash_operations;
    int64_t password_hash_memory_kib;
};

struct identity {
    const struct service_env *env;
    const struct identity_config *config;
    struct token_signer *signer;
    struct password_hasher *hasher;
    uint8_t refresh_key[REFRESH_KEY_SIZE];
};

static inline struct identity *identity_of(const struct rpc_ctx *ctx)
{
    return ctx->service;
}

/* The UUID of a field that the schema's rules have checked. */
static inline struct uuid checked_uuid(const char *text)
{
    struct uuid uuid;
    check(uuid_parse(text, &uuid));
    return uuid;
}
