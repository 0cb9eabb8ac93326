/* Access tokens: the form is checked before any cryptography, the algorithm is ours and not the token's choice. */
#include "libshared/rpc/token_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/rpc/rpc_internal.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SIGNATURE_SIZE 64 /* r and s of P-256 */
#define MICROSECONDS INT64_C(1000000)
#define SECONDS_MAX INT64_C(253402300799) /* the end of year 9999 */

#define INVALID(...) err_new(&KONGSI_TOKEN_INVALID, __VA_ARGS__)

struct token_verifier {
    struct token_keys keys;
    struct token_cache cache;
    struct token_revoked revoked;
};

struct token_verifier *token_verifier_new(token_fetch_jwks fetch, void *context)
{
    struct token_verifier *verifier = sodium_init() >= 0 ? calloc(1, sizeof(*verifier)) : NULL;
    if (verifier) {
        token_keys_init(&verifier->keys, fetch, context);
        token_cache_init(&verifier->cache);
        token_revoked_init(&verifier->revoked);
    }
    return verifier;
}

void token_verifier_free(struct token_verifier *verifier)
{
    if (verifier) {
        token_revoked_deinit(&verifier->revoked);
        token_cache_deinit(&verifier->cache);
        token_keys_deinit(&verifier->keys);
        free(verifier);
    }
}

void token_revoke_session(struct token_verifier *verifier, struct uuid session_id)
{
    token_revoked_add(&verifier->revoked, session_id, instant_now());
}

static void release_json(json_t **json)
{
    json_decref(*json);
}
#define JSON_AUTO __attribute__((cleanup(release_json))) json_t *

static void release_jws(cjose_jws_t **jws)
{
    cjose_jws_release(*jws);
}
#define JWS_AUTO __attribute__((cleanup(release_jws))) cjose_jws_t *

/* A part of a token as bytes; NULL when it is not canonical base64url. */
static unsigned char *decode(struct arena *arena, const char *text, size_t length, size_t *ret_length)
{
    unsigned char *bytes = arena_alloc(arena, length + 1);
    if (!bytes || sodium_base642bin(
                      bytes, length, text, length, NULL, ret_length, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
        return NULL;
    }
    return bytes;
}

/* A part of a token as a flat JSON object. */
static json_t *decode_object(struct arena *arena, const char *text, size_t length)
{
    size_t json_length = 0;
    const char *json = (const char *)decode(arena, text, length, &json_length);
    if (!json || !rpc_json_is_shallow(json, json_length, 1)) {
        return NULL;
    }
    json_t *object = json_loadb(json, json_length, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(object)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static bool text_is(const json_t *object, const char *name, const char *want)
{
    const char *text = text_of(object, name);
    return text && strcmp(text, want) == 0;
}

struct parts {
    const char *header, *claims, *signature;
    size_t header_length, claims_length, signature_length;
};

static struct err *split(const char *token, struct parts *ret_parts)
{
    size_t length = strnlen(token, TOKEN_SIZE_MAX_BYTES + 1);
    if (length > TOKEN_SIZE_MAX_BYTES) {
        return INVALID("a token has at most %d bytes", TOKEN_SIZE_MAX_BYTES);
    }
    const char *first = strchr(token, '.');
    const char *second = first ? strchr(first + 1, '.') : NULL;
    if (!second || strchr(second + 1, '.')) {
        return INVALID("a token has three parts");
    }
    *ret_parts = (struct parts){.header = token,
        .header_length = (size_t)(first - token),
        .claims = first + 1,
        .claims_length = (size_t)(second - first - 1),
        .signature = second + 1,
        .signature_length = length - (size_t)(second + 1 - token)};
    return NULL;
}

/* Only what we issue ourselves: no other algorithm, no key that came along, nothing critical (RFC 8725, sections 3.1
 * and 3.10). */
static struct err *check_header(struct arena *arena, const struct parts *parts, const char **ret_kid)
{
    static const char *const REFUSED[] = {"crit", "jwk", "jku", "x5c", "x5u", "x5t", "x5t#S256", "b64", "zip", "enc"};
    JSON_AUTO header = decode_object(arena, parts->header, parts->header_length);
    if (!header || !text_is(header, "alg", "ES256")) {
        return INVALID("the token is not signed with ES256");
    }
    if (!text_is(header, "typ", TOKEN_TYPE)) {
        return INVALID("the token is no access token (typ %s)", TOKEN_TYPE);
    }
    for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++) {
        if (json_object_get(header, REFUSED[i])) {
            return INVALID("the token's header has %s", REFUSED[i]);
        }
    }
    const char *kid = text_of(header, "kid");
    if (!kid || strlen(kid) >= TOKEN_KID_SIZE) {
        return INVALID("the token does not name its key");
    }
    *ret_kid = arena_strdup(arena, kid);
    return *ret_kid ? NULL : err_out_of_memory();
}

static struct err *check_signature(
    struct token_verifier *verifier, struct arena *arena, const char *token, const struct parts *parts, const char *kid)
{
    size_t signature_size = 0;
    if (!decode(arena, parts->signature, parts->signature_length, &signature_size) || signature_size != SIGNATURE_SIZE) {
        return INVALID("the token's signature is malformed");
    }
    JWS_AUTO jws = cjose_jws_import(token, strlen(token), NULL);
    if (!jws) {
        return INVALID("the token is malformed");
    }
    return token_keys_verify(&verifier->keys, kid, jws);
}

static bool time_of(const json_t *claims, const char *name, int64_t *ret_seconds)
{
    const json_t *value = json_object_get(claims, name);
    *ret_seconds = json_integer_value(value);
    return json_is_integer(value) && *ret_seconds >= 0 && *ret_seconds <= SECONDS_MAX;
}

/* The future side may be wrong by the skew of two clocks; an expired token is expired. */
static struct err *check_times(const json_t *claims, struct instant now, struct rpc_caller *caller)
{
    int64_t issued, expires, not_before, now_seconds = now.us / MICROSECONDS;
    if (!time_of(claims, "iat", &issued) || !time_of(claims, "exp", &expires)) {
        return INVALID("the token does not say when it was issued and expires");
    }
    if (issued > now_seconds + TOKEN_CLOCK_SKEW_SECONDS) {
        return INVALID("the token was issued in the future; are the clocks right?");
    }
    if (json_object_get(claims, "nbf") &&
        (!time_of(claims, "nbf", &not_before) || not_before > now_seconds + TOKEN_CLOCK_SKEW_SECONDS)) {
        return INVALID("the token is not good yet");
    }
    if (expires - issued > TOKEN_LIFETIME_MAX_SECONDS) {
        return INVALID("the token lives longer than %d seconds", TOKEN_LIFETIME_MAX_SECONDS);
    }
    caller->token_expire_time = (struct instant){.us = expires * MICROSECONDS};
    return NULL;
}

static struct err *read_claims(
    struct arena *arena, const struct parts *parts, struct instant now, struct rpc_caller *ret_caller)
{
    JSON_AUTO claims = decode_object(arena, parts->claims, parts->claims_length);
    if (!claims) {
        return INVALID("the token's claims are no flat JSON object");
    }
    if (!text_is(claims, "iss", TOKEN_ISSUER) || !text_is(claims, "aud", TOKEN_AUDIENCE)) {
        return INVALID("the token is of another issuer, or for another audience");
    }
    const char *user = text_of(claims, "sub"), *org = text_of(claims, "org"), *session = text_of(claims, "sid");
    const char *scope = text_of(claims, "scope");
    struct rpc_caller caller = {.kind = RPC_CALLER_USER};
    if (!user || !org || !session || !scope || !uuid_parse(user, &caller.user_id) || !uuid_parse(org, &caller.org_id) ||
        !uuid_parse(session, &caller.session_id)) {
        return INVALID("the token lacks sub, org, sid or scope");
    }
    ERR_TRY(check_times(claims, now, &caller));
    caller.permissions = arena_strdup(arena, scope);
    if (!caller.permissions) {
        return err_out_of_memory();
    }
    *ret_caller = caller;
    return NULL;
}

static struct err *verify(struct token_verifier *verifier, struct arena *arena, const char *token, struct instant now,
    struct rpc_caller *ret_caller)
{
    struct parts parts = {0};
    const char *kid = NULL;
    ERR_TRY(split(token, &parts));
    ERR_TRY(check_header(arena, &parts, &kid));
    ERR_TRY(check_signature(verifier, arena, token, &parts, kid));
    return read_claims(arena, &parts, now, ret_caller);
}

struct err *token_verify(struct token_verifier *verifier, struct arena *arena, const char *token, struct instant now,
    struct rpc_caller *ret_caller)
{
    uint8_t digest[TOKEN_DIGEST_SIZE];
    struct rpc_caller caller;
    size_t length = strnlen(token, TOKEN_SIZE_MAX_BYTES + 1); /* longer ones are refused below, their digest is never kept */
    crypto_generichash(digest, sizeof(digest), (const uint8_t *)token, length, NULL, 0);
    bool cached = token_cache_find(&verifier->cache, digest, arena, &caller);
    if (!cached) {
        ERR_TRY(verify(verifier, arena, token, now, &caller));
    }
    if (caller.token_expire_time.us <= now.us) {
        return err_new(&KONGSI_TOKEN_EXPIRED, "the access token has expired, refresh it");
    }
    if (token_revoked_has(&verifier->revoked, caller.session_id)) {
        return INVALID("the token's session has ended, sign in again");
    }
    if (!cached) {
        token_cache_add(&verifier->cache, digest, &caller);
    }
    *ret_caller = caller;
    return NULL;
}
