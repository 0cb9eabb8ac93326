#include "services/identity/refresh_token.h"

#include <sodium.h>
#include <string.h>

#define BODY_SIZE (16 + 16 + 4)
#define TOKEN_BYTES (BODY_SIZE + crypto_auth_hmacsha256_BYTES)

_Static_assert(REFRESH_TOKEN_SIZE == sodium_base64_ENCODED_LEN(TOKEN_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING),
    "REFRESH_TOKEN_SIZE is the length of the text form");

void refresh_token_format(
    const uint8_t key[REFRESH_KEY_SIZE], const struct refresh_token *token, char text[REFRESH_TOKEN_SIZE])
{
    uint8_t bytes[TOKEN_BYTES];
    uint32_t generation = (uint32_t)token->generation;
    memcpy(bytes, token->org_id.bytes, 16);
    memcpy(bytes + 16, token->session_id.bytes, 16);
    for (int i = 0; i < 4; i++) {
        bytes[32 + i] = (uint8_t)(generation >> (24 - 8 * i));
    }
    crypto_auth_hmacsha256(bytes + BODY_SIZE, bytes, BODY_SIZE, key);
    sodium_bin2base64(text, REFRESH_TOKEN_SIZE, bytes, sizeof(bytes), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

bool refresh_token_parse(const uint8_t key[REFRESH_KEY_SIZE], const char *text, struct refresh_token *ret_token)
{
    uint8_t bytes[TOKEN_BYTES];
    size_t length;
    if (sodium_base642bin(
            bytes, sizeof(bytes), text, strlen(text), NULL, &length, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0 ||
        length != sizeof(bytes) || crypto_auth_hmacsha256_verify(bytes + BODY_SIZE, bytes, BODY_SIZE, key) != 0) {
        return false;
    }
    uint32_t generation = 0;
    for (int i = 0; i < 4; i++) {
        generation = generation << 8 | bytes[32 + i];
    }
    memcpy(ret_token->org_id.bytes, bytes, 16);
    memcpy(ret_token->session_id.bytes, bytes + 16, 16);
    ret_token->generation = (int32_t)generation;
    return true;
}

enum refresh_verdict refresh_decide(
    const struct refresh_session *session, int32_t generation, struct instant now, int64_t token_lifetime_ms)
{
    if (session->ended || !session->user_active || now.us >= session->expire_time.us) {
        return REFRESH_REFUSED;
    }
    /* A generation yet to come is one of a database that has been set back. */
    if (generation > session->generation) {
        return REFRESH_REFUSED;
    }
    if (generation == session->generation) {
        return now.us < instant_add_ms(session->rotate_time, token_lifetime_ms).us ? REFRESH_ROTATE : REFRESH_REFUSED;
    }
    /* Only the last one used may come again: once its successor has been used, its answer has arrived. */
    bool repeat =
        generation == session->generation - 1 && now.us <= instant_add_ms(session->rotate_time, REFRESH_REPEAT_MS).us;
    return repeat ? REFRESH_REPEAT : REFRESH_REUSED;
}
