#include "libshared/rpc/page_token.h"

#include "gen/kongsi_errors.h"

#include <sodium.h>
#include <stdint.h>
#include <string.h>

/* Bytes of a token: version, number of keys, per key two bytes of length and the key, then the authentication. Base64url
 * outside. */
#define VERSION 1
#define MAC_SIZE 16
#define HEAD_SIZE 2
#define TOKEN_SIZE_MAX (HEAD_SIZE + PAGE_TOKEN_KEYS_MAX * 2 + PAGE_TOKEN_KEYS_SIZE_MAX_BYTES + MAC_SIZE)
#define TOKEN_TEXT_LENGTH_MAX 500

static unsigned char token_key[crypto_generichash_KEYBYTES];

void page_token_set_key(const char *service_key)
{
    static const char purpose[] = "kongsi page token";
    (void)crypto_generichash(token_key, sizeof(token_key), (const unsigned char *)service_key, strlen(service_key),
        (const unsigned char *)purpose, sizeof(purpose) - 1);
}

/* The query goes in by its hash, so that its end and the token's beginning cannot be confused. */
static void make_mac(const char *query, const unsigned char *token, size_t length, unsigned char mac[MAC_SIZE])
{
    unsigned char query_hash[32];
    (void)crypto_generichash(query_hash, sizeof(query_hash), (const unsigned char *)query, strlen(query), NULL, 0);
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, token_key, sizeof(token_key), MAC_SIZE);
    (void)crypto_generichash_update(&state, query_hash, sizeof(query_hash));
    (void)crypto_generichash_update(&state, token, length);
    (void)crypto_generichash_final(&state, mac, MAC_SIZE);
}

static struct err *write_keys(const struct page_token *position, unsigned char *token, size_t *ret_length)
{
    size_t length = 0, keys_size = 0;
    token[length++] = VERSION;
    token[length++] = (unsigned char)position->count;
    for (size_t i = 0; i < position->count; i++) {
        size_t size = strlen(position->keys[i]);
        keys_size += size;
        if (keys_size > PAGE_TOKEN_KEYS_SIZE_MAX_BYTES) {
            return err_new(&KONGSI_INTERNAL, "keys of a page token have %zu bytes, at most %d", keys_size,
                PAGE_TOKEN_KEYS_SIZE_MAX_BYTES);
        }
        token[length++] = (unsigned char)(size >> 8);
        token[length++] = (unsigned char)(size & 0xff);
        memcpy(token + length, position->keys[i], size);
        length += size;
    }
    *ret_length = length;
    return NULL;
}

struct err *page_token_make(struct arena *arena, const char *query, const struct page_token *position, const char **ret_text)
{
    if (position->count == 0 || position->count > PAGE_TOKEN_KEYS_MAX) {
        return err_new(
            &KONGSI_INTERNAL, "a page token has %zu keys, 1 to %d are possible", position->count, PAGE_TOKEN_KEYS_MAX);
    }
    unsigned char token[TOKEN_SIZE_MAX];
    size_t length;
    ERR_TRY(write_keys(position, token, &length));
    make_mac(query, token, length, token + length);
    length += MAC_SIZE;
    size_t text_size = sodium_base64_ENCODED_LEN(length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *text = arena_alloc(arena, text_size);
    if (!text) {
        return err_out_of_memory();
    }
    sodium_bin2base64(text, text_size, token, length, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    *ret_text = text;
    return NULL;
}

static bool read_keys(struct arena *arena, const unsigned char *token, size_t length, struct page_token *position)
{
    size_t at = HEAD_SIZE;
    position->count = token[1];
    for (size_t i = 0; i < position->count; i++) {
        if (length - at < 2) {
            return false;
        }
        size_t size = (size_t)token[at] << 8 | token[at + 1];
        at += 2;
        if (length - at < size) {
            return false;
        }
        position->keys[i] = arena_strndup(arena, (const char *)token + at, size);
        if (!position->keys[i]) {
            return false;
        }
        at += size;
    }
    return at == length;
}

static bool parse(struct arena *arena, const char *query, const char *text, size_t key_count, struct page_token *position)
{
    unsigned char token[TOKEN_SIZE_MAX], mac[MAC_SIZE];
    size_t length, text_length = strlen(text);
    if (text_length > TOKEN_TEXT_LENGTH_MAX || sodium_base642bin(token, sizeof(token), text, text_length, NULL, &length,
                                                   NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
        return false;
    }
    if (length < HEAD_SIZE + MAC_SIZE || token[0] != VERSION || token[1] != key_count || key_count > PAGE_TOKEN_KEYS_MAX) {
        return false;
    }
    length -= MAC_SIZE;
    make_mac(query, token, length, mac);
    return sodium_memcmp(mac, token + length, MAC_SIZE) == 0 && read_keys(arena, token, length, position);
}

struct err *page_token_parse(
    struct arena *arena, const char *query, const char *text, size_t key_count, struct page_token *ret_position)
{
    struct page_token position = {.count = 0};
    if (text && text[0] && !parse(arena, query, text, key_count, &position)) {
        return err_new(&KONGSI_PAGE_TOKEN_INVALID, "page_token was not made by this list for this query; begin without one");
    }
    *ret_position = position;
    return NULL;
}
