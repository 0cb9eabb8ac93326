/* The issuer's public keys (RFC 7517), fetched when a token names one that is not known, but not more often than every 5
 * seconds. */
#include "libshared/rpc/token_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "libshared/rpc/rpc_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define JWKS_SIZE_MAX_BYTES ((size_t)64 * 1024)
#define JWKS_DEPTH_MAX 4

void token_keys_init(struct token_keys *keys, token_fetch_jwks fetch, void *context)
{
    keys->fetch = fetch;
    keys->context = context;
    pthread_rwlock_init(&keys->lock, NULL);
    pthread_mutex_init(&keys->fetching, NULL);
}

static void release_keys(struct token_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        cjose_jwk_release(keys[i].jwk);
    }
}

void token_keys_deinit(struct token_keys *keys)
{
    release_keys(keys->keys, keys->count);
    pthread_rwlock_destroy(&keys->lock);
    pthread_mutex_destroy(&keys->fetching);
}

static bool text_is(const json_t *object, const char *name, const char *want)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && strcmp(text, want) == 0;
}

/* A public P-256 key with a name; anything else in the set is not for us and passed over. */
static bool read_key(const json_t *entry, struct token_key *ret_key)
{
    const char *kid = json_string_value(json_object_get(entry, "kid"));
    const json_t *use = json_object_get(entry, "use");
    const json_t *alg = json_object_get(entry, "alg");
    if (!kid || strlen(kid) >= TOKEN_KID_SIZE || !text_is(entry, "kty", "EC") || !text_is(entry, "crv", "P-256") ||
        (use && !text_is(entry, "use", "sig")) || (alg && !text_is(entry, "alg", "ES256"))) {
        return false;
    }
    json_t *public = json_pack("{s:s, s:s, s:O, s:O, s:s}", "kty", "EC", "crv", "P-256", "x", json_object_get(entry, "x"),
        "y", json_object_get(entry, "y"), "kid", kid);
    char *text = public ? json_dumps(public, JSON_COMPACT) : NULL;
    ret_key->jwk = text ? cjose_jwk_import(text, strlen(text), NULL) : NULL;
    free(text);
    json_decref(public);
    if (!ret_key->jwk) {
        return false;
    }
    snprintf(ret_key->kid, sizeof(ret_key->kid), "%s", kid);
    return true;
}

static size_t read_keys(const char *json, struct token_key *keys)
{
    size_t length = strlen(json);
    if (length > JWKS_SIZE_MAX_BYTES || !rpc_json_is_shallow(json, length, JWKS_DEPTH_MAX)) {
        return 0;
    }
    json_t *root = json_loadb(json, length, JSON_REJECT_DUPLICATES, NULL);
    json_t *list = json_object_get(root, "keys");
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(list) && count < TOKEN_KEYS_MAX; i++) {
        count += read_key(json_array_get(list, i), &keys[count]);
    }
    json_decref(root);
    return count;
}

/* Called with `fetching` held. */
static struct err *fetch(struct token_keys *keys)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    const char *json;
    if (!arena) {
        return err_out_of_memory();
    }
    ERR_TRY(keys->fetch(keys->context, arena, &json));
    struct token_key fresh[TOKEN_KEYS_MAX];
    size_t count = read_keys(json, fresh);
    if (count == 0) {
        return err_new(&KONGSI_UNAVAILABLE, "the issuer's key set holds no usable ES256 key");
    }
    pthread_rwlock_wrlock(&keys->lock);
    release_keys(keys->keys, keys->count);
    memcpy(keys->keys, fresh, count * sizeof(*fresh));
    keys->count = count;
    pthread_rwlock_unlock(&keys->lock);
    return NULL;
}

/* false: no key has the name. */
static bool verify_with(struct token_keys *keys, const char *kid, cjose_jws_t *jws, bool *ret_good)
{
    bool known = false;
    pthread_rwlock_rdlock(&keys->lock);
    for (size_t i = 0; i < keys->count && !known; i++) {
        if (strcmp(keys->keys[i].kid, kid) == 0) {
            known = true;
            *ret_good = cjose_jws_verify(jws, keys->keys[i].jwk, NULL);
        }
    }
    pthread_rwlock_unlock(&keys->lock);
    return known;
}

static bool have_keys(struct token_keys *keys)
{
    pthread_rwlock_rdlock(&keys->lock);
    bool have = keys->count > 0;
    pthread_rwlock_unlock(&keys->lock);
    return have;
}

/* The next fetch is due 5 s after this one, when there are keys; without any, as soon as somebody needs them again. */
static struct err *fetch_if_due(struct token_keys *keys)
{
    struct err *error = NULL;
    pthread_mutex_lock(&keys->fetching);
    if (clock_monotonic_ms() >= keys->next_fetch_ms) {
        error = fetch(keys);
        keys->next_fetch_ms = clock_monotonic_ms() + (have_keys(keys) ? TOKEN_REFETCH_MS : TOKEN_REFETCH_MS / 10);
    }
    pthread_mutex_unlock(&keys->fetching);
    if (error && have_keys(keys)) {
        log_err(LOG_LEVEL_WARN, error, "the issuer's keys could not be fetched again");
        err_free(error);
        error = NULL;
    }
    return error;
}

struct err *token_keys_verify(struct token_keys *keys, const char *kid, cjose_jws_t *jws)
{
    bool good = false;
    if (!verify_with(keys, kid, jws, &good)) {
        ERR_TRY(fetch_if_due(keys));
        if (!verify_with(keys, kid, jws, &good)) {
            return have_keys(keys)
                       ? err_new(&KONGSI_TOKEN_INVALID, "no key of ours has signed the token")
                       : err_new(&KONGSI_UNAVAILABLE, "the keys that verify tokens cannot be had for the moment");
        }
    }
    return good ? NULL : err_new(&KONGSI_TOKEN_INVALID, "the token's signature is wrong");
}
