/* How a service shows that it is one of ours: a name and an expiry under a key they all share. Whoever hears a proof could
 * use it for its 60 seconds: the ports of services belong into a network of their own. */
#include "libshared/rpc/token.h"

#include "gen/kongsi_errors.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SCHEME "Kongsi-Service "
#define LIFETIME_SECONDS 60
#define NAME_SIZE 64
#define STATEMENT_SIZE (NAME_SIZE + 24)
#define MICROSECONDS INT64_C(1000000)
#define HEX_SIZE (2 * crypto_auth_hmacsha256_BYTES + 1)
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_-"

static void authenticate(const char *service_key, const char *statement, uint8_t mac[crypto_auth_hmacsha256_BYTES])
{
    crypto_auth_hmacsha256_state state;
    crypto_auth_hmacsha256_init(&state, (const uint8_t *)service_key, strlen(service_key));
    crypto_auth_hmacsha256_update(
        &state, (const uint8_t *)SCHEME, strlen(SCHEME)); /* no other use of the key gives such a code */
    crypto_auth_hmacsha256_update(&state, (const uint8_t *)statement, strlen(statement));
    crypto_auth_hmacsha256_final(&state, mac);
}

static bool name_is_valid(const char *name, size_t length)
{
    return length > 0 && length < NAME_SIZE && strspn(name, NAME_CHARACTERS) >= length;
}

struct err *service_proof_make(
    const char *service_key, const char *name, struct instant now, struct arena *arena, const char **ret_header)
{
    if (!name_is_valid(name, strlen(name))) {
        return err_new(&KONGSI_INTERNAL, "%s is no name of a service", name);
    }
    char statement[STATEMENT_SIZE], hex[HEX_SIZE];
    uint8_t mac[crypto_auth_hmacsha256_BYTES];
    snprintf(statement, sizeof(statement), "%s.%lld", name, (long long)(now.us / MICROSECONDS + LIFETIME_SECONDS));
    authenticate(service_key, statement, mac);
    *ret_header = arena_printf(arena, SCHEME "%s.%s", statement, sodium_bin2hex(hex, sizeof(hex), mac, sizeof(mac)));
    return *ret_header ? NULL : err_out_of_memory();
}

/* "name.expiry", "hex" */
static bool split(
    const char *header, char statement[STATEMENT_SIZE], size_t *ret_name_length, int64_t *ret_expiry, const char **ret_hex)
{
    if (strncasecmp(header, SCHEME, strlen(SCHEME)) != 0) {
        return false;
    }
    const char *name = header + strlen(SCHEME);
    size_t name_length = strcspn(name, ".");
    const char *expiry = name + name_length + (name[name_length] == '.');
    size_t expiry_length = strspn(expiry, "0123456789");
    if (!name_is_valid(name, name_length) || expiry_length == 0 || expiry_length > 12 || expiry[expiry_length] != '.') {
        return false;
    }
    size_t statement_length = (size_t)(expiry + expiry_length - name);
    memcpy(statement, name, statement_length);
    statement[statement_length] = '\0';
    *ret_name_length = name_length;
    *ret_hex = expiry + expiry_length + 1;
    return str_to_int64(statement + name_length + 1, ret_expiry);
}

struct err *service_proof_verify(
    const char *service_key, const char *header, struct instant now, struct arena *arena, const char **ret_name)
{
    char statement[STATEMENT_SIZE];
    const char *hex;
    size_t name_length, mac_size;
    int64_t expiry, now_seconds = now.us / MICROSECONDS;
    uint8_t mac[crypto_auth_hmacsha256_BYTES], want[crypto_auth_hmacsha256_BYTES];
    if (!split(header, statement, &name_length, &expiry, &hex) || strlen(hex) != HEX_SIZE - 1 ||
        sodium_hex2bin(mac, sizeof(mac), hex, HEX_SIZE - 1, NULL, &mac_size, NULL) != 0 || mac_size != sizeof(mac)) {
        return err_new(&KONGSI_TOKEN_INVALID, "the service proof is malformed");
    }
    authenticate(service_key, statement, want);
    if (sodium_memcmp(mac, want, sizeof(mac)) != 0) {
        return err_new(&KONGSI_TOKEN_INVALID, "the service proof is wrong: do all services have the same key?");
    }
    if (expiry <= now_seconds) {
        return err_new(&KONGSI_TOKEN_EXPIRED, "the service proof has expired; are the clocks right?");
    }
    if (expiry > now_seconds + LIFETIME_SECONDS + TOKEN_CLOCK_SKEW_SECONDS) {
        return err_new(&KONGSI_TOKEN_INVALID, "the service proof is from the future; are the clocks right?");
    }
    *ret_name = arena_strndup(arena, statement, name_length);
    return *ret_name ? NULL : err_out_of_memory();
}
