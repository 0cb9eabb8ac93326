/* Argon2id, a few at a time: each one takes memory_bytes for a tenth of a second, so that their number bounds the memory of
 * the process and the processors they hold. Thread-safe. */
#pragma once

#include "libshared/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PASSWORD_HASH_SIZE 128
/* More waiting than this are sent away at once. */
#define PASSWORD_HASH_QUEUE_MAX 128

struct password_hasher;

struct password_cost {
    uint64_t operations;
    size_t memory_bytes;
};

/* NULL when out of memory. */
struct password_hasher *password_hasher_new(struct password_cost cost, int concurrency);
void password_hasher_free(struct password_hasher *hasher);

/* Reasons of both: KONGSI_OVERLOADED for a full queue, KONGSI_DEADLINE_EXCEEDED when none became free in time,
 * KONGSI_OUT_OF_MEMORY. */
ERR_RESULT struct err *password_hash(
    struct password_hasher *hasher, const char *password, int64_t deadline_ms, char hash[PASSWORD_HASH_SIZE]);
/* Whether the password belongs to the hash. Without one (NULL) the same work is done, and the answer is false. *ret_outdated
 * (may be NULL): the hash was made at another cost and is to be made anew. */
ERR_RESULT struct err *password_verify(struct password_hasher *hasher, const char *password, const char *hash,
    int64_t deadline_ms, bool *ret_valid, bool *ret_outdated);
