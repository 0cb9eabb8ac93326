/* Between the files of access tokens; nothing of it is for others. */
#pragma once

#include "libshared/rpc/token.h"

#include <cjose/cjose.h>
#include <pthread.h>
#include <stdatomic.h>

#define TOKEN_ISSUER "kongsi"
#define TOKEN_AUDIENCE "kongsi"
#define TOKEN_TYPE "at+jwt" /* RFC 9068, section 2.1 */
#define TOKEN_KID_SIZE 128
#define TOKEN_KEYS_MAX 16
#define TOKEN_REFETCH_MS 5000
#define TOKEN_DIGEST_SIZE 32

/* --- the issuer's public keys: token_keys.c --- */

struct token_key {
    char kid[TOKEN_KID_SIZE];
    cjose_jwk_t *jwk;
};

struct token_keys {
    token_fetch_jwks fetch;
    void *context;
    pthread_rwlock_t lock; /* of keys */
    struct token_key keys[TOKEN_KEYS_MAX];
    size_t count;
    pthread_mutex_t fetching; /* one at a time; of next_fetch_ms */
    int64_t next_fetch_ms;
};

void token_keys_init(struct token_keys *keys, token_fetch_jwks fetch, void *context);
void token_keys_deinit(struct token_keys *keys);
/* Verifies the signature with the key `kid`; fetches the keys when it is unknown. */
ERR_RESULT struct err *token_keys_verify(struct token_keys *keys, const char *kid, cjose_jws_t *jws);

/* --- what was verified before: token_cache.c --- */

#define TOKEN_CACHE_SHARDS 16
#define TOKEN_CACHE_WAYS 4
#define TOKEN_CACHE_SETS (TOKEN_CACHE_MAX / TOKEN_CACHE_SHARDS / TOKEN_CACHE_WAYS)

struct token_cache_entry;

struct token_cache {
    struct {
        pthread_mutex_t mutex;
        struct token_cache_entry *entries[TOKEN_CACHE_SETS][TOKEN_CACHE_WAYS];
    } shards[TOKEN_CACHE_SHARDS];
};

void token_cache_init(struct token_cache *cache);
void token_cache_deinit(struct token_cache *cache);
/* The caller of a token seen before; its texts in the arena. false: not known. Expiry is not looked at. */
bool token_cache_find(
    struct token_cache *cache, const uint8_t digest[TOKEN_DIGEST_SIZE], struct arena *arena, struct rpc_caller *ret_caller);
/* Remembers; in a full set the entry that expires first gives way. */
void token_cache_add(struct token_cache *cache, const uint8_t digest[TOKEN_DIGEST_SIZE], const struct rpc_caller *caller);

/* --- sessions that have ended: token_revoked.c --- */

#define TOKEN_REVOKED_MAX 65536

struct token_revoked_session;

struct token_revoked {
    pthread_rwlock_t lock;
    struct token_revoked_session *sessions; /* uthash, the oldest first */
    atomic_size_t count;
};

void token_revoked_init(struct token_revoked *revoked);
void token_revoked_deinit(struct token_revoked *revoked);
void token_revoked_add(struct token_revoked *revoked, struct uuid session_id, struct instant now);
bool token_revoked_has(struct token_revoked *revoked, struct uuid session_id);
