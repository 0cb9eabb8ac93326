#include "services/identity/invitation.h"

#include <sodium.h>
#include <string.h>

#define SECRET_SIZE 32
#define TOKEN_BYTES (16 + SECRET_SIZE)

_Static_assert(INVITATION_TOKEN_SIZE == sodium_base64_ENCODED_LEN(TOKEN_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
    "INVITATION_TOKEN_SIZE is the length of the text form");
_Static_assert(INVITATION_HASH_SIZE == crypto_hash_sha256_BYTES, "the hash is SHA-256");

static void fill_token(const uint8_t bytes[TOKEN_BYTES], struct invitation_token *token)
{
    memcpy(token->org_id.bytes, bytes, 16);
    crypto_hash_sha256(token->hash, bytes, TOKEN_BYTES);
    sodium_bin2base64(token->text, sizeof(token->text), bytes, TOKEN_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void invitation_token_new(struct uuid org_id, struct invitation_token *ret_token)
{
    uint8_t bytes[TOKEN_BYTES];
    memcpy(bytes, org_id.bytes, 16);
    randombytes_buf(bytes + 16, SECRET_SIZE);
    fill_token(bytes, ret_token);
}

bool invitation_token_parse(const char *text, struct invitation_token *ret_token)
{
    uint8_t bytes[TOKEN_BYTES];
    size_t length;
    if (sodium_base642bin(
            bytes, sizeof(bytes), text, strlen(text), NULL, &length, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        length != sizeof(bytes)) {
        return false;
    }
    fill_token(bytes, ret_token);
    return true;
}
