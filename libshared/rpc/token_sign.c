/* Signing access tokens with an EC P-256 key from a PEM file. */
#include "libshared/rpc/token_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"

#include <errno.h>
#include <jansson.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define COORDINATE_SIZE 32
#define COORDINATE_TEXT_SIZE sodium_base64_ENCODED_LEN(COORDINATE_SIZE, sodium_base64_VARIANT_URLSAFE_NO_PADDING)
#define MICROSECONDS INT64_C(1000000)

struct token_signer {
    cjose_jwk_t *jwk;
    char kid[COORDINATE_TEXT_SIZE], x[COORDINATE_TEXT_SIZE], y[COORDINATE_TEXT_SIZE];
};

static int refuse_passphrase(char *buffer, int size, int writing, void *context)
{
    (void)buffer;
    (void)size;
    (void)writing;
    (void)context;
    return 0;
}

static struct err *read_pem(const char *path, EVP_PKEY **ret_key)
{
    FILE *file = fopen(path, "re");
    if (!file) {
        return err_new(&KONGSI_CONFIG_INVALID, "cannot read the signing key %s: %m", path);
    }
    struct stat status;
    if (fstat(fileno(file), &status) == 0 && (status.st_mode & (S_IRWXG | S_IRWXO))) {
        log_warn("the signing key %s can be read by others: chmod 600 it", path);
    }
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, refuse_passphrase, NULL);
    fclose(file);
    char group[32] = "";
    if (key && EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 && strcmp(group, "prime256v1") == 0) {
        *ret_key = key;
        return NULL;
    }
    EVP_PKEY_free(key);
    return err_new(&KONGSI_CONFIG_INVALID,
        "%s is no unencrypted EC P-256 private key in PEM; make one with: openssl genpkey "
        "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
        path);
}

static bool get_number(const EVP_PKEY *key, const char *name, uint8_t number[COORDINATE_SIZE])
{
    BIGNUM *value = NULL;
    bool got =
        EVP_PKEY_get_bn_param(key, name, &value) == 1 && BN_bn2binpad(value, number, COORDINATE_SIZE) == COORDINATE_SIZE;
    BN_clear_free(value);
    return got;
}

static void encode(const uint8_t bytes[COORDINATE_SIZE], char text[COORDINATE_TEXT_SIZE])
{
    sodium_bin2base64(text, COORDINATE_TEXT_SIZE, bytes, COORDINATE_SIZE, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* RFC 7638: SHA-256 of the required members in the order of their names. */
static bool make_thumbprint(struct token_signer *signer)
{
    char members[256];
    uint8_t digest[crypto_hash_sha256_BYTES];
    int length = snprintf(
        members, sizeof(members), "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}", signer->x, signer->y);
    crypto_hash_sha256(digest, (const uint8_t *)members, (size_t)length);
    encode(digest, signer->kid);
    return cjose_jwk_set_kid(signer->jwk, signer->kid, strlen(signer->kid), NULL);
}

static bool take_key(const EVP_PKEY *key, struct token_signer *signer)
{
    uint8_t d[COORDINATE_SIZE], x[COORDINATE_SIZE], y[COORDINATE_SIZE];
    bool got = get_number(key, OSSL_PKEY_PARAM_PRIV_KEY, d) && get_number(key, OSSL_PKEY_PARAM_EC_PUB_X, x) &&
               get_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, y);
    if (got) {
        cjose_jwk_ec_keyspec spec = {
            .crv = CJOSE_JWK_EC_P_256, .d = d, .dlen = sizeof(d), .x = x, .xlen = sizeof(x), .y = y, .ylen = sizeof(y)};
        signer->jwk = cjose_jwk_create_EC_spec(&spec, NULL);
        encode(x, signer->x);
        encode(y, signer->y);
    }
    sodium_memzero(d, sizeof(d));
    return signer->jwk && make_thumbprint(signer);
}

struct err *token_signer_open(const char *pem_path, struct token_signer **ret_signer)
{
    EVP_PKEY *key;
    if (sodium_init() < 0) {
        return err_new(&KONGSI_INTERNAL, "libsodium cannot start");
    }
    ERR_TRY(read_pem(pem_path, &key));
    struct token_signer *signer = calloc(1, sizeof(*signer));
    bool taken = signer && take_key(key, signer);
    EVP_PKEY_free(key);
    if (!taken) {
        token_signer_close(signer);
        return err_new(&KONGSI_CONFIG_INVALID, "the signing key %s cannot be used", pem_path);
    }
    *ret_signer = signer;
    return NULL;
}

void token_signer_close(struct token_signer *signer)
{
    if (signer) {
        cjose_jwk_release(signer->jwk);
        free(signer);
    }
}

struct token_public_key token_signer_public_key(const struct token_signer *signer)
{
    return (struct token_public_key){.kid = signer->kid, .x = signer->x, .y = signer->y};
}

static char *print_claims(const struct token_claims *claims)
{
    char org[UUID_TEXT_SIZE], user[UUID_TEXT_SIZE], session[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:s}", "iss", TOKEN_ISSUER, "aud", TOKEN_AUDIENCE,
        "sub", uuid_format(claims->user_id, user), "org", uuid_format(claims->org_id, org), "sid",
        uuid_format(claims->session_id, session), "scope", claims->permissions, "iat",
        (json_int_t)(claims->issue_time.us / MICROSECONDS), "exp", (json_int_t)(claims->expire_time.us / MICROSECONDS),
        "jti", uuid_format(uuid_v7(claims->issue_time), id));
    char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

static cjose_jws_t *sign(const struct token_signer *signer, const char *payload)
{
    cjose_header_t *header = cjose_header_new(NULL);
    cjose_jws_t *jws = NULL;
    if (header && cjose_header_set(header, "alg", "ES256", NULL) && cjose_header_set(header, "typ", TOKEN_TYPE, NULL) &&
        cjose_header_set(header, "kid", signer->kid, NULL)) {
        jws = cjose_jws_sign(signer->jwk, header, (const uint8_t *)payload, strlen(payload), NULL);
    }
    cjose_header_release(header);
    return jws;
}

struct err *token_sign(
    struct token_signer *signer, struct arena *arena, const struct token_claims *claims, const char **ret_token)
{
    char *payload = print_claims(claims);
    cjose_jws_t *jws = payload ? sign(signer, payload) : NULL;
    const char *text = NULL;
    char *token = jws && cjose_jws_export(jws, &text, NULL) ? arena_strdup(arena, text) : NULL;
    cjose_jws_release(jws);
    free(payload);
    if (!token) {
        return err_new(&KONGSI_INTERNAL, "an access token could not be signed");
    }
    if (strlen(token) > TOKEN_SIZE_MAX_BYTES) {
        return err_new(&KONGSI_INTERNAL, "an access token has %zu bytes, at most %d", strlen(token), TOKEN_SIZE_MAX_BYTES);
    }
    *ret_token = token;
    return NULL;
}
