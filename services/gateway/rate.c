/* A full bucket says nothing, so the table keeps only the buckets used lately: in a full set the one untouched the longest
 * gives way. */
#include "services/gateway/rate.h"

#include "libshared/base/check.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS 16
#define SETS 512                       /* of a shard */
#define WAYS 8                         /* 65,536 buckets in all */
#define UNITS_PER_TOKEN INT64_C(60000) /* so that a bucket of n a minute fills by n units a millisecond */

struct bucket {
    uint64_t key; /* 0: free */
    int64_t level;
    int64_t touched_ms;
};

struct shard {
    pthread_mutex_t mutex;
    struct bucket sets[SETS][WAYS];
};

struct rate_limiter {
    int64_t per_minute[RATE_CLASSES];
    unsigned char secret[crypto_shorthash_KEYBYTES]; /* nobody outside can aim at another's bucket */
    struct shard shards[SHARDS];
};

struct rate_limiter *rate_limiter_new(const int64_t per_minute[RATE_CLASSES])
{
    if (sodium_init() < 0) {
        return NULL;
    }
    struct rate_limiter *limiter = calloc(1, sizeof(*limiter));
    if (!limiter) {
        return NULL;
    }
    for (int i = 0; i < RATE_CLASSES; i++) {
        check(per_minute[i] > 0);
        limiter->per_minute[i] = per_minute[i];
    }
    randombytes_buf(limiter->secret, sizeof(limiter->secret));
    for (int i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&limiter->shards[i].mutex, NULL);
    }
    return limiter;
}

void rate_limiter_free(struct rate_limiter *limiter)
{
    if (limiter) {
        for (int i = 0; i < SHARDS; i++) {
            pthread_mutex_destroy(&limiter->shards[i].mutex);
        }
        free(limiter);
    }
}

static uint64_t hash_key(const struct rate_limiter *limiter, int rate_class, const char *key)
{
    uint64_t hash;
    _Static_assert(crypto_shorthash_BYTES == sizeof(hash), "SipHash gives 64 bits");
    crypto_shorthash((unsigned char *)&hash, (const unsigned char *)key, strlen(key), limiter->secret);
    hash = (hash & ~UINT64_C(3)) | (uint64_t)rate_class; /* a person's classes never share a bucket */
    return hash ? hash : RATE_CLASSES;
}

/* The key's bucket as it was left, or a full one in the place of the one untouched the longest. */
static struct bucket *find_bucket(struct bucket set[WAYS], uint64_t key, int64_t capacity, int64_t now_ms)
{
    struct bucket *oldest = &set[0];
    for (int way = 0; way < WAYS; way++) {
        if (set[way].key == key) {
            return &set[way];
        }
        if (!set[way].key || (oldest->key && set[way].touched_ms < oldest->touched_ms)) {
            oldest = &set[way];
        }
    }
    *oldest = (struct bucket){.key = key, .level = capacity, .touched_ms = now_ms};
    return oldest;
}

bool rate_limiter_take(
    struct rate_limiter *limiter, int rate_class, const char *key, int64_t now_ms, int64_t *ret_retry_after_ms)
{
    check(rate_class >= 0 && rate_class < RATE_CLASSES);
    int64_t per_minute = limiter->per_minute[rate_class], capacity = per_minute * UNITS_PER_TOKEN;
    uint64_t hash = hash_key(limiter, rate_class, key);
    struct shard *shard = &limiter->shards[hash >> 2 & (SHARDS - 1)];
    pthread_mutex_lock(&shard->mutex);
    struct bucket *bucket = find_bucket(shard->sets[hash >> 8 & (SETS - 1)], hash, capacity, now_ms);
    int64_t passed_ms = now_ms > bucket->touched_ms ? now_ms - bucket->touched_ms : 0;
    passed_ms = passed_ms < UNITS_PER_TOKEN ? passed_ms : UNITS_PER_TOKEN; /* it is full after a minute */
    bucket->level += passed_ms * per_minute;
    bucket->level = bucket->level < capacity ? bucket->level : capacity;
    bucket->touched_ms += passed_ms > 0 ? now_ms - bucket->touched_ms : 0;
    bool taken = bucket->level >= UNITS_PER_TOKEN;
    if (taken) {
        bucket->level -= UNITS_PER_TOKEN;
    } else {
        *ret_retry_after_ms = (UNITS_PER_TOKEN - bucket->level + per_minute - 1) / per_minute;
    }
    pthread_mutex_unlock(&shard->mutex);
    return taken;
}
