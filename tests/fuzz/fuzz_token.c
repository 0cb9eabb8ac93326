/* Any bytes as an access token, as header and claims that are well signed, as a key set, as a service proof: what is let in
 * is exactly what the rules allow, and nothing else happens. The first byte chooses. */
#include "libshared/base/check.h"
#include "libshared/rpc/test_keys.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SERVICE_KEY "0123456789abcdef0123456789abcdef"
#define NOW_SECONDS INT64_C(1790000000)

static struct test_issuer g_issuer;

static struct err *verify(struct test_issuer *issuer, struct arena *arena, const char *token, struct rpc_caller *ret_caller)
{
    struct token_verifier *verifier = token_verifier_new(test_issuer_fetch, issuer);
    check(verifier);
    struct instant now = {.us = NOW_SECONDS * 1000000};
    struct err *error = token_verify(verifier, arena, token, now, ret_caller);
    struct rpc_caller again;
    ERR_AUTO second = token_verify(verifier, arena, token, now, &again);
    check((error == NULL) == (second == NULL)); /* the cache answers the same */
    token_verifier_free(verifier);
    return error;
}

/* Nobody without the key makes a token. */
static void fuzz_token(struct arena *arena, const char *text)
{
    struct rpc_caller caller;
    ERR_AUTO error = verify(&g_issuer, arena, text, &caller);
    check(error);
}

/* Header and claims, split at the first line break, signed by the issuer. */
static void fuzz_signed(struct arena *arena, char *text)
{
    char *end = strchr(text, '\n');
    if (!end) {
        return;
    }
    *end = '\0';
    const char *kid = token_signer_public_key(g_issuer.signer).kid;
    char *at = strstr(text, "$K");
    char *header = at ? arena_printf(arena, "%.*s%s%s", (int)(at - text), text, kid, at + 2) : text;
    char *token = test_forge(&g_issuer, arena, header, end + 1, TEST_ES256);
    struct rpc_caller caller;
    ERR_AUTO error = verify(&g_issuer, arena, token, &caller);
    if (!error) {
        check(caller.kind == RPC_CALLER_USER && caller.permissions);
        check(caller.token_expire_time.us > NOW_SECONDS * 1000000);
        check(
            caller.token_expire_time.us <= (NOW_SECONDS + TOKEN_CLOCK_SKEW_SECONDS + TOKEN_LIFETIME_MAX_SECONDS) * 1000000);
        check(strstr(header, "ES256") || strstr(header, "\\u"));
    }
}

static void fuzz_key_set(struct arena *arena, const char *text)
{
    struct test_issuer issuer = g_issuer;
    snprintf(issuer.jwks, sizeof(issuer.jwks), "%s", text);
    const char *token = test_issuer_token(&g_issuer, arena, "a");
    struct rpc_caller caller;
    ERR_AUTO error = verify(&issuer, arena, token, &caller);
    check(error); /* the fresh key's coordinates cannot be guessed */
}

static void fuzz_proof(struct arena *arena, const char *text)
{
    const char *name;
    ERR_AUTO error = service_proof_verify(SERVICE_KEY, text, (struct instant){.us = NOW_SECONDS * 1000000}, arena, &name);
    check(error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!g_issuer.key) {
        test_issuer_init(&g_issuer);
    }
    if (size == 0 || memchr(data, '\0', size)) {
        return 0;
    }
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    char *text = arena_strndup(arena, (const char *)data + 1, size - 1);
    switch (data[0]) {
    case 't':
        fuzz_token(arena, text);
        break;
    case 's':
        fuzz_signed(arena, text);
        break;
    case 'k':
        fuzz_key_set(arena, text);
        break;
    case 'p':
        fuzz_proof(arena, text);
        break;
    default:
        break;
    }
    return 0;
}
