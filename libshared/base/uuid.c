#include "libshared/base/uuid.h"

#include "libshared/base/check.h"
#include "libshared/base/str.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

/* Version 7 with a counter (RFC 9562, section 6.2, method 1): 48 bits of milliseconds, 26 of a counter that begins at a
 * random value in its lower half every millisecond, 48 of randomness. */
#define COUNTER_BITS 26
#define COUNTER_MAX ((UINT32_C(1) << COUNTER_BITS) - 1)
#define MS_MAX ((INT64_C(1) << 48) - 1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t last_ms;
static uint32_t last_counter;

static void fill_random(void *bytes, size_t length)
{
    uint8_t *at = bytes;
    while (length > 0) {
        ssize_t got = getrandom(at, length, 0);
        check(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            length -= (size_t)got;
        }
    }
}

/* The next (millisecond, counter) pair, after all given before. */
static void next_tick(int64_t now_ms, uint32_t random, int64_t *ret_ms, uint32_t *ret_counter)
{
    pthread_mutex_lock(&lock);
    if (now_ms > last_ms) {
        last_ms = now_ms;
        last_counter = random & (COUNTER_MAX >> 1);
    } else if (last_counter == COUNTER_MAX) {
        last_ms++;
        last_counter = random & (COUNTER_MAX >> 1);
    } else {
        last_counter++;
    }
    *ret_ms = last_ms;
    *ret_counter = last_counter;
    pthread_mutex_unlock(&lock);
}

struct uuid uuid_v7(struct instant now)
{
    struct uuid uuid;
    uint32_t random;
    fill_random(&random, sizeof(random));
    fill_random(uuid.bytes + 10, 6);
    int64_t now_ms = now.us < 0 ? 0 : now.us / 1000;
    int64_t ms;
    uint32_t counter;
    next_tick(now_ms > MS_MAX ? MS_MAX : now_ms, random, &ms, &counter);
    for (int i = 0; i < 6; i++) {
        uuid.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    uuid.bytes[6] = (uint8_t)(0x70 | counter >> 22);
    uuid.bytes[7] = (uint8_t)(counter >> 14);
    uuid.bytes[8] = (uint8_t)(0x80 | (counter >> 8 & 0x3f));
    uuid.bytes[9] = (uint8_t)counter;
    return uuid;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_dash_place(size_t place)
{
    return place == 8 || place == 13 || place == 18 || place == 23;
}

bool uuid_parse(const char *text, struct uuid *ret_uuid)
{
    if (!text || strnlen(text, UUID_TEXT_SIZE) != UUID_TEXT_LENGTH) {
        return false;
    }
    struct uuid uuid;
    size_t count = 0;
    for (size_t i = 0; i < UUID_TEXT_LENGTH;) {
        if (is_dash_place(i)) {
            if (text[i++] != '-') {
                return false;
            }
            continue;
        }
        int high = hex_value(text[i]);
        int low = hex_value(text[i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        uuid.bytes[count++] = (uint8_t)(high << 4 | low);
        i += 2;
    }
    *ret_uuid = uuid;
    return true;
}

const char *uuid_format(struct uuid uuid, char text[UUID_TEXT_SIZE])
{
    static const char DIGITS[] = "0123456789abcdef";
    size_t place = 0;
    for (size_t i = 0; i < sizeof(uuid.bytes); i++) {
        if (is_dash_place(place)) {
            text[place++] = '-';
        }
        text[place++] = DIGITS[uuid.bytes[i] >> 4];
        text[place++] = DIGITS[uuid.bytes[i] & 0xf];
    }
    text[place] = '\0';
    return text;
}

bool uuid_equal(struct uuid a, struct uuid b)
{
    return uuid_compare(a, b) == 0;
}

bool uuid_is_nil(struct uuid uuid)
{
    return uuid_equal(uuid, (struct uuid){0});
}

int uuid_compare(struct uuid a, struct uuid b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes));
}

uint64_t uuid_hash(struct uuid uuid)
{
    return hash_fnv1a(uuid.bytes, sizeof(uuid.bytes));
}
