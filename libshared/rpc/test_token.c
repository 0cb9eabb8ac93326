/* Access tokens and service proofs: what is good passes, everything else is refused for its reason. */
#include "libshared/rpc/test_keys.h"
#include "libshared/rpc/token_internal.h"

#include "gen/kongsi_errors.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define ORG "0192d9a0-0000-7000-8000-000000000001"
#define USER "0192d9a0-0000-7000-8000-000000000002"
#define SESSION "0192d9a0-0000-7000-8000-000000000003"
#define NOW INT64_C(1790000000) /* of the tokens made here */

static struct test_issuer g_issuer;

static int setup(void **state)
{
    (void)state;
    test_issuer_init(&g_issuer);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_issuer_deinit(&g_issuer);
    return 0;
}

static struct instant at(int64_t seconds)
{
    return (struct instant){.us = seconds * 1000000};
}

/* With every ' turned into ", and $K the key's name. */
static char *json_of(struct arena *arena, const char *text)
{
    char *json = arena_alloc(arena, strlen(text) + 128);
    char *out = json;
    for (; *text; text++) {
        if (strncmp(text, "$K", 2) == 0) {
            out += sprintf(out, "%s", token_signer_public_key(g_issuer.signer).kid);
            text++;
        } else {
            *out++ = *text == '\'' ? '"' : *text;
        }
    }
    *out = '\0';
    return json;
}

#define HEADER "{'alg':'ES256','typ':'at+jwt','kid':'$K'}"
#define IDS "'iss':'kongsi','aud':'kongsi','sub':'" USER "','org':'" ORG "','sid':'" SESSION "','scope':'a.b c.*'"
#define TIMES "'iat':1790000000,'exp':1790000600"
#define CLAIMS "{" IDS "," TIMES ",'jti':'1'}"
#define NESTED_20 "[[[[[[[[[[[[[[[[[[[["

struct forgery {
    const char *name, *header, *claims;
    enum test_signature how;
    int64_t now;
    const struct err_reason *want; /* NULL: good */
};

static void test_forgeries(void **state)
{
    (void)state;
    const struct forgery cases[] = {
        {"good", HEADER, CLAIMS, TEST_ES256, NOW, NULL},
        {"typ in full, which we never write", "{'alg':'ES256','typ':'application/at+jwt','kid':'$K'}", CLAIMS, TEST_ES256,
            NOW, &KONGSI_TOKEN_INVALID},
        {"alg none", "{'alg':'none','typ':'at+jwt','kid':'$K'}", CLAIMS, TEST_UNSIGNED, NOW, &KONGSI_TOKEN_INVALID},
        {"alg None", "{'alg':'None','typ':'at+jwt','kid':'$K'}", CLAIMS, TEST_UNSIGNED, NOW, &KONGSI_TOKEN_INVALID},
        {"ES256 without signature", HEADER, CLAIMS, TEST_UNSIGNED, NOW, &KONGSI_TOKEN_INVALID},
        {"HS256 with the public key", "{'alg':'HS256','typ':'at+jwt','kid':'$K'}", CLAIMS, TEST_HS256_PEM, NOW,
            &KONGSI_TOKEN_INVALID},
        {"HS256 with x", "{'alg':'HS256','typ':'at+jwt','kid':'$K'}", CLAIMS, TEST_HS256_X, NOW, &KONGSI_TOKEN_INVALID},
        {"HMAC called ES256", HEADER, CLAIMS, TEST_HS256_PEM, NOW, &KONGSI_TOKEN_INVALID},
        {"ES384", "{'alg':'ES384','typ':'at+jwt','kid':'$K'}", CLAIMS, TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"alg twice", "{'alg':'none','alg':'ES256','typ':'at+jwt','kid':'$K'}", CLAIMS, TEST_ES256, NOW,
            &KONGSI_TOKEN_INVALID},
        {"no alg", "{'typ':'at+jwt','kid':'$K'}", CLAIMS, TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"typ JWT", "{'alg':'ES256','typ':'JWT','kid':'$K'}", CLAIMS, TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"no kid", "{'alg':'ES256','typ':'at+jwt'}", CLAIMS, TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"another key", HEADER, CLAIMS, TEST_OTHER_KEY, NOW, &KONGSI_TOKEN_INVALID},
        {"key that came along", "{'alg':'ES256','typ':'at+jwt','kid':'$K','jwk':'x'}", CLAIMS, TEST_ES256, NOW,
            &KONGSI_TOKEN_INVALID},
        {"jku", "{'alg':'ES256','typ':'at+jwt','kid':'$K','jku':'https://evil'}", CLAIMS, TEST_ES256, NOW,
            &KONGSI_TOKEN_INVALID},
        {"crit", "{'alg':'ES256','typ':'at+jwt','kid':'$K','crit':['exp']}", CLAIMS, TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"crit, flat", "{'alg':'ES256','typ':'at+jwt','kid':'$K','crit':1}", CLAIMS, TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"DER signature", HEADER, CLAIMS, TEST_DER, NOW, &KONGSI_TOKEN_INVALID},
        {"header no object", "'x'", CLAIMS, TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"deep header", "{'alg':" NESTED_20, CLAIMS, TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"claims no object", HEADER, "[1]", TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"claims no JSON", HEADER, "{'iss':", TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"wrong issuer", HEADER,
            "{'iss':'k0ngsi','aud':'kongsi','sub':'" USER "','org':'" ORG "','sid':'" SESSION "','scope':''," TIMES "}",
            TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"wrong audience", HEADER,
            "{'iss':'kongsi','aud':'other','sub':'" USER "','org':'" ORG "','sid':'" SESSION "','scope':''," TIMES "}",
            TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"no scope", HEADER,
            "{'iss':'kongsi','aud':'kongsi','sub':'" USER "','org':'" ORG "','sid':'" SESSION "'," TIMES "}", TEST_ES256,
            NOW, &KONGSI_TOKEN_INVALID},
        {"user no UUID", HEADER,
            "{'iss':'kongsi','aud':'kongsi','sub':'me','org':'" ORG "','sid':'" SESSION "','scope':''," TIMES "}",
            TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"no times", HEADER, "{" IDS "}", TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"exp a text", HEADER, "{" IDS ",'iat':1790000000,'exp':'1790000600'}", TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"exp a fraction", HEADER, "{" IDS ",'iat':1790000000,'exp':1790000600.5}", TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"exp huge", HEADER, "{" IDS ",'iat':1790000000,'exp':9223372036854775807}", TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"lives too long", HEADER, "{" IDS ",'iat':1790000000,'exp':1790003601}", TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"not before", HEADER, "{" IDS "," TIMES ",'nbf':1790000300}", TEST_ES256, NOW, &KONGSI_TOKEN_INVALID},
        {"not before, within the skew", HEADER, "{" IDS "," TIMES ",'nbf':1790000060}", TEST_ES256, NOW, NULL},
        {"one second left", HEADER, CLAIMS, TEST_ES256, NOW + 599, NULL},
        {"just expired", HEADER, CLAIMS, TEST_ES256, NOW + 600, &KONGSI_TOKEN_EXPIRED},
        {"issued a minute ahead", HEADER, CLAIMS, TEST_ES256, NOW - 60, NULL},
        {"issued further ahead", HEADER, CLAIMS, TEST_ES256, NOW - 61, &KONGSI_TOKEN_INVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct forgery *forgery = &cases[i];
        struct token_verifier *verifier = token_verifier_new(test_issuer_fetch, &g_issuer);
        struct arena *arena = arena_new(1 << 20);
        char *token =
            test_forge(&g_issuer, arena, json_of(arena, forgery->header), json_of(arena, forgery->claims), forgery->how);
        for (int again = 0; again < 2; again++) { /* the second time from the cache, when it is good */
            struct rpc_caller caller = {.kind = RPC_CALLER_ANONYMOUS};
            ERR_AUTO error = token_verify(verifier, arena, token, at(forgery->now), &caller);
            if (forgery->want ? !err_is(error, forgery->want) : error != NULL) {
                fail_msg("%s: %s", forgery->name, error ? error->message : "accepted");
            }
            assert_int_equal(caller.kind, forgery->want ? RPC_CALLER_ANONYMOUS : RPC_CALLER_USER);
        }
        arena_free(arena);
        token_verifier_free(verifier);
    }
}

static void test_caller(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    struct token_verifier *verifier = token_verifier_new(test_issuer_fetch, &g_issuer);
    char *token = test_forge(&g_issuer, arena, json_of(arena, HEADER), json_of(arena, CLAIMS), TEST_ES256);
    for (int again = 0; again < 2; again++) {
        struct rpc_caller caller;
        char text[UUID_TEXT_SIZE];
        assert_null(token_verify(verifier, arena, token, at(NOW), &caller));
        assert_string_equal(uuid_format(caller.org_id, text), ORG);
        assert_string_equal(uuid_format(caller.user_id, text), USER);
        assert_string_equal(uuid_format(caller.session_id, text), SESSION);
        assert_string_equal(caller.permissions, "a.b c.*");
        assert_int_equal(caller.token_expire_time.us, (NOW + 600) * 1000000);
    }
    token_verifier_free(verifier);
}

static void test_malformed(void **state)
{
    (void)state;
    static const char *const TOKENS[] = {"", ".", "..", "...", "a.b.c", "a.b", "a.b.c.d", "eyJhbGciOiJFUzI1NiJ9..",
        "\xff.\xff.\xff", "e30.e30.", "e30=.e30=.AAAA", " e30.e30.AAAA"};
    ARENA_AUTO arena = arena_new(1 << 20);
    struct token_verifier *verifier = token_verifier_new(test_issuer_fetch, &g_issuer);
    struct rpc_caller caller;
    for (size_t i = 0; i < sizeof(TOKENS) / sizeof(TOKENS[0]); i++) {
        ERR_AUTO error = token_verify(verifier, arena, TOKENS[i], at(NOW), &caller);
        assert_true(err_is(error, &KONGSI_TOKEN_INVALID));
    }
    char *large = arena_alloc(arena, TOKEN_SIZE_MAX_BYTES + 2);
    memset(large, 'a', TOKEN_SIZE_MAX_BYTES + 1);
    ERR_AUTO error = token_verify(verifier, arena, large, at(NOW), &caller);
    assert_true(err_is(error, &KONGSI_TOKEN_INVALID));
    token_verifier_free(verifier);
}

/* Every single changed character is seen. */
static void test_tampered(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(16 << 20);
    struct token_verifier *verifier = token_verifier_new(test_issuer_fetch, &g_issuer);
    char *token = test_forge(&g_issuer, arena, json_of(arena, HEADER), json_of(arena, CLAIMS), TEST_ES256);
    for (size_t i = 0; i < strlen(token); i++) {
        char *tampered = arena_strdup(arena, token);
        tampered[i] = tampered[i] == 'A' ? 'B' : 'A';
        struct rpc_caller caller;
        ERR_AUTO error = token_verify(verifier, arena, tampered, at(NOW), &caller);
        if (!err_is(error, &KONGSI_TOKEN_INVALID)) {
            fail_msg("character %zu: %s", i, error ? error->message : "accepted");
        }
    }
    token_verifier_free(verifier);
}

static void test_keys_are_fetched_seldom(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    struct token_verifier *verifier = token_verifier_new(test_issuer_fetch, &g_issuer);
    struct rpc_caller caller;
    g_issuer.fetches = 0;
    for (int i = 0; i < 20; i++) {
        char *header = json_of(arena, arena_printf(arena, "{'alg':'ES256','typ':'at+jwt','kid':'k%d'}", i));
        char *token = test_forge(&g_issuer, arena, header, json_of(arena, CLAIMS), TEST_ES256);
        ERR_AUTO error = token_verify(verifier, arena, token, at(NOW), &caller);
        assert_true(err_is(error, &KONGSI_TOKEN_INVALID));
    }
    assert_int_equal(g_issuer.fetches, 1);
    char *token = test_forge(&g_issuer, arena, json_of(arena, HEADER), json_of(arena, CLAIMS), TEST_ES256);
    assert_null(token_verify(verifier, arena, token, at(NOW), &caller));
    assert_int_equal(g_issuer.fetches, 1);
    token_verifier_free(verifier);
}

/* Without keys the answer is "try again", and the next try soon after works. */
static void test_issuer_away(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    struct token_verifier *verifier = token_verifier_new(test_issuer_fetch, &g_issuer);
    char *token = test_forge(&g_issuer, arena, json_of(arena, HEADER), json_of(arena, CLAIMS), TEST_ES256);
    struct rpc_caller caller;
    g_issuer.away = true;
    for (int i = 0; i < 3; i++) {
        ERR_AUTO error = token_verify(verifier, arena, token, at(NOW), &caller);
        assert_int_equal(error->code, ERR_UNAVAILABLE);
    }
    g_issuer.away = false;
    usleep(600 * 1000);
    assert_null(token_verify(verifier, arena, token, at(NOW), &caller));
    token_verifier_free(verifier);
}

static void test_broken_key_sets(void **state)
{
    (void)state;
    static const char *const SETS[] = {"", "{}", "[]", "{\"keys\":1}", "{\"keys\":[]}", "{\"keys\":[1,{},{\"kty\":\"EC\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":\"AA\",\"y\":\"AA\"}]}",
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"a\",\"x\":1,\"y\":2}]}",
        "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\",\"kid\":\"a\"}]}", "{\"keys\":[[[[[[1]]]]]]}"};
    ARENA_AUTO arena = arena_new(1 << 20);
    char *token = test_forge(&g_issuer, arena, json_of(arena, HEADER), json_of(arena, CLAIMS), TEST_ES256);
    struct test_issuer broken = g_issuer;
    for (size_t i = 0; i < sizeof(SETS) / sizeof(SETS[0]); i++) {
        snprintf(broken.jwks, sizeof(broken.jwks), "%s", SETS[i]);
        struct token_verifier *verifier = token_verifier_new(test_issuer_fetch, &broken);
        struct rpc_caller caller;
        ERR_AUTO error = token_verify(verifier, arena, token, at(NOW), &caller);
        assert_int_equal(error->code, ERR_UNAVAILABLE);
        token_verifier_free(verifier);
    }
}

static void test_revoked_session(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    struct token_verifier *verifier = token_verifier_new(test_issuer_fetch, &g_issuer);
    const char *token = test_issuer_token(&g_issuer, arena, "a"), *other = test_issuer_token(&g_issuer, arena, "a");
    struct rpc_caller caller;
    assert_null(token_verify(verifier, arena, token, instant_now(), &caller));
    token_revoke_session(verifier, caller.session_id);
    token_revoke_session(verifier, caller.session_id); /* a repeat changes nothing */
    ERR_AUTO error = token_verify(verifier, arena, token, instant_now(), &caller);
    assert_true(err_is(error, &KONGSI_TOKEN_INVALID));
    assert_null(token_verify(verifier, arena, other, instant_now(), &caller));
    token_verifier_free(verifier);
}

static void test_revoked_is_bounded(void **state)
{
    (void)state;
    struct token_revoked revoked = {0};
    token_revoked_init(&revoked);
    struct uuid first = uuid_v7(at(NOW)), last = first;
    token_revoked_add(&revoked, first, at(NOW));
    for (int i = 0; i < 100; i++) {
        last = uuid_v7(at(NOW));
        token_revoked_add(&revoked, last, at(NOW));
    }
    assert_int_equal(revoked.count, 101);
    assert_true(token_revoked_has(&revoked, first));
    token_revoked_add(&revoked, uuid_v7(at(NOW)), at(NOW + TOKEN_LIFETIME_MAX_SECONDS + TOKEN_CLOCK_SKEW_SECONDS + 1));
    assert_int_equal(revoked.count, 1); /* the others could not have a living token any more */
    assert_false(token_revoked_has(&revoked, last));
    token_revoked_deinit(&revoked);
}

static void test_cache_is_bounded(void **state)
{
    (void)state;
    struct token_cache *cache = calloc(1, sizeof(*cache));
    ARENA_AUTO arena = arena_new(64 << 20);
    token_cache_init(cache);
    size_t found = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < 3 * TOKEN_CACHE_MAX; i++) {
            uint8_t digest[TOKEN_DIGEST_SIZE];
            crypto_generichash(digest, sizeof(digest), (const uint8_t *)&i, sizeof(i), NULL, 0);
            struct rpc_caller caller = {.kind = RPC_CALLER_USER, .permissions = "p", .token_expire_time = at(i)};
            if (pass == 0) {
                token_cache_add(cache, digest, &caller);
            } else {
                found += token_cache_find(cache, digest, arena, &caller);
            }
        }
    }
    assert_true(found > TOKEN_CACHE_MAX * 8 / 10 && found <= TOKEN_CACHE_MAX);
    token_cache_deinit(cache);
    free(cache);
}

struct race {
    struct token_verifier *verifier;
    const char *tokens[8];
};

static void *verify_many(void *context)
{
    struct race *race = context;
    ARENA_AUTO arena = arena_new(1 << 20);
    for (int i = 0; i < 400; i++) {
        struct rpc_caller caller;
        struct err *error = token_verify(race->verifier, arena, race->tokens[i % 8], instant_now(), &caller);
        check(!error);
        arena_reset(arena);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    struct race race = {.verifier = token_verifier_new(test_issuer_fetch, &g_issuer)};
    for (int i = 0; i < 8; i++) {
        race.tokens[i] = test_issuer_token(&g_issuer, arena, "a");
    }
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, verify_many, &race), 0);
    }
    for (int i = 0; i < 50; i++) {
        token_revoke_session(race.verifier, uuid_v7(instant_now()));
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    token_verifier_free(race.verifier);
}

/* Prints how long a hit takes; asserts only that it is far from a verification (about 100 us). */
static void test_hit_is_fast(void **state)
{
    (void)state;
    enum { ROUNDS = 20000 };
    ARENA_AUTO arena = arena_new(1 << 20);
    ARENA_AUTO scratch = arena_new(1 << 20);
    struct token_verifier *verifier = token_verifier_new(test_issuer_fetch, &g_issuer);
    const char *token = test_issuer_token(&g_issuer, arena, "messaging.send messaging.read identity.self");
    struct rpc_caller caller;
    struct instant now = instant_now();
    assert_null(token_verify(verifier, scratch, token, now, &caller));
    int64_t start_us = clock_monotonic_us();
    for (int i = 0; i < ROUNDS; i++) {
        arena_reset(scratch);
        assert_null(token_verify(verifier, scratch, token, now, &caller));
    }
    double each_us = (double)(clock_monotonic_us() - start_us) / ROUNDS;
    print_message("a cached token takes %.2f us\n", each_us);
    assert_true(each_us < 50);
    token_verifier_free(verifier);
}

static void test_signer_refuses(void **state)
{
    (void)state;
    char path[] = "/tmp/kongsi_test_key_XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    EVP_PKEY *key = EVP_EC_gen("P-384");
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    EVP_PKEY_free(key);
    struct token_signer *signer = NULL;
    const char *const paths[] = {path, "/nonexistent", "/dev/null", "/etc/passwd"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        ERR_AUTO error = token_signer_open(paths[i], &signer);
        assert_true(err_is(error, &KONGSI_CONFIG_INVALID));
        assert_null(signer);
    }
    unlink(path);
}

/* RFC 7638, section 3.1 has no EC example: the rule itself is recomputed here from the published key. */
static void test_thumbprint(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    struct token_public_key key = token_signer_public_key(g_issuer.signer);
    char *members = arena_printf(arena, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", key.x, key.y);
    unsigned char digest[32];
    crypto_hash_sha256(digest, (const unsigned char *)members, strlen(members));
    assert_string_equal(key.kid, test_base64(arena, digest, sizeof(digest)));
}

#define SERVICE_KEY "0123456789abcdef0123456789abcdef"

static void test_service_proof(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(1 << 20);
    const char *header, *name;
    assert_null(service_proof_make(SERVICE_KEY, "messaging", at(NOW), arena, &header));
    assert_int_equal(strncmp(header, "Kongsi-Service messaging.1790000060.", 36), 0);
    assert_null(service_proof_verify(SERVICE_KEY, header, at(NOW + 59), arena, &name));
    assert_string_equal(name, "messaging");
    const char *dot = strrchr(header, '.');
    const struct {
        const char *key, *header;
        int64_t now;
        const struct err_reason *want;
    } cases[] = {
        {SERVICE_KEY, header, NOW + 60, &KONGSI_TOKEN_EXPIRED},
        {SERVICE_KEY, header, NOW - 60, NULL},
        {SERVICE_KEY, header, NOW - 61, &KONGSI_TOKEN_INVALID},
        {"another key of thirty-two letters", header, NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, arena_printf(arena, "Kongsi-Service identity.1790000060%s", dot), NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, arena_printf(arena, "Kongsi-Service messaging.1790000061%s", dot), NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, arena_printf(arena, "%s0", header), NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, arena_strndup(arena, header, strlen(header) - 1), NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, "Kongsi-Service ", NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, "Kongsi-Service a", NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, "Kongsi-Service ..", NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, "Kongsi-Service a.1.", NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, "Kongsi-Service a b.1790000060.00", NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, "Kongsi-Service messaging.99999999999999999999.00", NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, "Bearer x", NOW, &KONGSI_TOKEN_INVALID},
        {SERVICE_KEY, "", NOW, &KONGSI_TOKEN_INVALID},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ERR_AUTO error = service_proof_verify(cases[i].key, cases[i].header, at(cases[i].now), arena, &name);
        if (cases[i].want ? !err_is(error, cases[i].want) : error != NULL) {
            fail_msg("case %zu: %s", i, error ? error->message : "accepted");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forgeries),
        cmocka_unit_test(test_caller),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_tampered),
        cmocka_unit_test(test_keys_are_fetched_seldom),
        cmocka_unit_test(test_issuer_away),
        cmocka_unit_test(test_broken_key_sets),
        cmocka_unit_test(test_revoked_session),
        cmocka_unit_test(test_revoked_is_bounded),
        cmocka_unit_test(test_cache_is_bounded),
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_hit_is_fast),
        cmocka_unit_test(test_signer_refuses),
        cmocka_unit_test(test_thumbprint),
        cmocka_unit_test(test_service_proof),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
