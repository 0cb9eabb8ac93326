/* Access tokens (JWT, RFC 9068, ES256 only) and the services' own proof.
 *
 * Claims: iss "kongsi", aud "kongsi", sub user id, org, sid session id, scope, iat, exp, jti. The algorithm is pinned: a
 * header with anything but ES256, `crit`, or an embedded key is refused; typ is "at+jwt". A token lives an hour at most.
 * Verified tokens are cached by a digest of the token until they expire (at most 16,384). All functions are thread-safe. */
#pragma once

#include "libshared/rpc/rpc.h"

#define TOKEN_SIZE_MAX_BYTES 4096
#define TOKEN_CLOCK_SKEW_SECONDS 60
#define TOKEN_CACHE_MAX 16384
#define TOKEN_LIFETIME_MAX_SECONDS 3600

struct token_verifier;

/* Fetches the JWKS as JSON text into the arena; called on the first token and on an unknown kid, at most once in 5 seconds.
 */
typedef struct err *(*token_fetch_jwks)(void *context, struct arena *arena, const char **ret_json);

struct token_verifier *token_verifier_new(token_fetch_jwks fetch, void *context);
void token_verifier_free(struct token_verifier *verifier);
/* Verifies; texts of the caller live in the arena. Reasons: KONGSI_TOKEN_INVALID, KONGSI_TOKEN_EXPIRED, KONGSI_UNAVAILABLE
 * (no keys to be had). */
ERR_RESULT struct err *token_verify(struct token_verifier *verifier, struct arena *arena, const char *token,
    struct instant now, struct rpc_caller *ret_caller);
/* Tokens of an ended session are refused from now on, until they would have expired anyway. */
void token_revoke_session(struct token_verifier *verifier, struct uuid session_id);

/* Signing, for identity. */
struct token_signer;
ERR_RESULT struct err *token_signer_open(const char *pem_path, struct token_signer **ret_signer);
void token_signer_close(struct token_signer *signer);
struct token_claims {
    struct uuid org_id, user_id, session_id;
    const char *permissions;
    struct instant issue_time, expire_time;
};
ERR_RESULT struct err *token_sign(
    struct token_signer *signer, struct arena *arena, const struct token_claims *claims, const char **ret_token);
/* The public key's parts for a JWK: kid is its RFC 7638 thumbprint. Live as long as the signer. */
struct token_public_key {
    const char *kid, *x, *y;
};
struct token_public_key token_signer_public_key(const struct token_signer *signer);

/* "Kongsi-Service <name>.<unix expiry>.<hex HMAC-SHA-256>", good for 60 seconds. */
ERR_RESULT struct err *service_proof_make(
    const char *service_key, const char *name, struct instant now, struct arena *arena, const char **ret_header);
ERR_RESULT struct err *service_proof_verify(
    const char *service_key, const char *header, struct instant now, struct arena *arena, const char **ret_name);
