/* An issuer of access tokens for tests: a fresh key, its JWKS, and tokens nobody would issue. */
#pragma once

#include "libshared/base/check.h"
#include "libshared/rpc/token.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct test_issuer {
    EVP_PKEY *key;
    struct token_signer *signer;
    char jwks[1024];
    int fetches;
    bool away; /* fetching fails */
};

static inline void test_issuer_init(struct test_issuer *issuer)
{
    char path[] = "/tmp/kongsi_test_key_XXXXXX";
    int fd = mkstemp(path);
    check(fd >= 0 && sodium_init() >= 0);
    FILE *file = fdopen(fd, "w");
    issuer->key = EVP_EC_gen("P-256");
    check(issuer->key && PEM_write_PrivateKey(file, issuer->key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
    struct err *error = token_signer_open(path, &issuer->signer);
    check(!error);
    unlink(path);
    struct token_public_key key = token_signer_public_key(issuer->signer);
    snprintf(issuer->jwks, sizeof(issuer->jwks),
        "{\"keys\":[{\"kty\":\"RSA\",\"kid\":\"other\",\"n\":\"AQAB\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"crv\":\"P-256\","
        "\"x\":\"%s\","
        "\"y\":\"%s\",\"kid\":\"%s\",\"alg\":\"ES256\",\"use\":\"sig\"}]}",
        key.x, key.y, key.kid);
    issuer->fetches = 0;
    issuer->away = false;
}

static inline void test_issuer_deinit(struct test_issuer *issuer)
{
    token_signer_close(issuer->signer);
    EVP_PKEY_free(issuer->key);
}

static inline struct err *test_issuer_fetch(void *context, struct arena *arena, const char **ret_json)
{
    struct test_issuer *issuer = context;
    static const struct err_reason AWAY = {"test.kongsi", "AWAY", ERR_UNAVAILABLE};
    issuer->fetches++;
    if (issuer->away) {
        return err_new(&AWAY, "the issuer is away");
    }
    *ret_json = arena_strdup(arena, issuer->jwks);
    return NULL;
}

static inline const char *test_issuer_token(struct test_issuer *issuer, struct arena *arena, const char *permissions)
{
    struct instant now = instant_now();
    struct token_claims claims = {.org_id = uuid_v7(now),
        .user_id = uuid_v7(now),
        .session_id = uuid_v7(now),
        .permissions = permissions,
        .issue_time = now,
        .expire_time = instant_add_ms(now, 600000)};
    const char *token;
    struct err *error = token_sign(issuer->signer, arena, &claims, &token);
    check(!error);
    return token;
}

static inline char *test_base64(struct arena *arena, const void *bytes, size_t length)
{
    size_t size = sodium_base64_encoded_len(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = arena_alloc(arena, size);
    return sodium_bin2base64(text, size, bytes, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

enum test_signature { TEST_ES256, TEST_HS256_X, TEST_HS256_PEM, TEST_UNSIGNED, TEST_OTHER_KEY, TEST_DER };

static inline size_t sign_es256(EVP_PKEY *key, const char *input, bool der, unsigned char *signature)
{
    unsigned char encoded[128];
    size_t encoded_length = sizeof(encoded);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    check(EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) == 1);
    check(EVP_DigestSign(context, encoded, &encoded_length, (const unsigned char *)input, strlen(input)) == 1);
    EVP_MD_CTX_free(context);
    if (der) {
        memcpy(signature, encoded, encoded_length);
        return encoded_length;
    }
    const unsigned char *at = encoded;
    ECDSA_SIG *parts = d2i_ECDSA_SIG(NULL, &at, (long)encoded_length);
    check(parts && BN_bn2binpad(ECDSA_SIG_get0_r(parts), signature, 32) == 32);
    check(BN_bn2binpad(ECDSA_SIG_get0_s(parts), signature + 32, 32) == 32);
    ECDSA_SIG_free(parts);
    return 64;
}

/* The public key as the confused would use it: as a shared secret. */
static inline size_t sign_hs256(const struct test_issuer *issuer, const char *input, bool pem, unsigned char *signature)
{
    char secret[1024];
    struct token_public_key key = token_signer_public_key(issuer->signer);
    int length = snprintf(secret, sizeof(secret), "%s", key.x);
    if (pem) {
        BIO *bio = BIO_new(BIO_s_mem());
        PEM_write_bio_PUBKEY(bio, issuer->key);
        length = BIO_read(bio, secret, sizeof(secret));
        BIO_free(bio);
    }
    unsigned int signature_length = 0;
    HMAC(EVP_sha256(), secret, length, (const unsigned char *)input, strlen(input), signature, &signature_length);
    return signature_length;
}

/* A token with any header, any claims, signed in any way. */
static inline char *test_forge(
    const struct test_issuer *issuer, struct arena *arena, const char *header, const char *claims, enum test_signature how)
{
    char *input =
        arena_printf(arena, "%s.%s", test_base64(arena, header, strlen(header)), test_base64(arena, claims, strlen(claims)));
    unsigned char signature[128];
    size_t length = 0;
    if (how == TEST_HS256_X || how == TEST_HS256_PEM) {
        length = sign_hs256(issuer, input, how == TEST_HS256_PEM, signature);
    } else if (how == TEST_OTHER_KEY) {
        EVP_PKEY *other = EVP_EC_gen("P-256");
        length = sign_es256(other, input, false, signature);
        EVP_PKEY_free(other);
    } else if (how != TEST_UNSIGNED) {
        length = sign_es256(issuer->key, input, how == TEST_DER, signature);
    }
    return arena_printf(arena, "%s.%s", input, test_base64(arena, signature, length));
}
