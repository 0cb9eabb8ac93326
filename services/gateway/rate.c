#include "services/gateway/rate.h"

#include "libshared/base/str.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SETS 4096
#define WAYS 4
#define LOCKS 64
#define MS_PER_MINUTE 60000
#define TOKEN_SCALE MS_PER_MINUTE /* buckets count in tokens/60000, so that a millisecond's share is whole */

/* A bucket of one class and key. Empty (key 0) stands for a full one: forgetting a full bucket changes nothing. */
struct bucket {
    uint64_t key;
    int64_t level; /* in tokens * TOKEN_SCALE, at `time_ms` */
    int64_t time_ms;
};

struct rate_limiter {
    int64_t per_minute[RATE_CLASSES];
    pthread_mutex_t locks[LOCKS];
    struct bucket buckets[SETS][WAYS];
};

struct rate_limiter *rate_limiter_new(const int64_t per_minute[RATE_CLASSES])
{
    struct rate_limiter *limiter = calloc(1, sizeof(*limiter));
    if (!limiter) {
        return NULL;
    }
    memcpy(limiter->per_minute, per_minute, sizeof(limiter->per_minute));
    for (int i = 0; i < LOCKS; i++) {
        pthread_mutex_init(&limiter->locks[i], NULL);
    }
    return limiter;
}

void rate_limiter_free(struct rate_limiter *limiter)
{
    for (int i = 0; limiter && i < LOCKS; i++) {
        pthread_mutex_destroy(&limiter->locks[i]);
    }
    free(limiter);
}

static void refill(struct bucket *bucket, int64_t per_minute, int64_t now_ms)
{
    int64_t full = per_minute * TOKEN_SCALE;
    int64_t passed_ms = now_ms > bucket->time_ms ? now_ms - bucket->time_ms : 0;
    bucket->level = passed_ms >= MS_PER_MINUTE ? full : bucket->level + passed_ms * per_minute;
    bucket->level = bucket->level > full ? full : bucket->level;
    bucket->time_ms = now_ms;
}

/* The key's bucket in its set; else the one used longest ago, made new. */
static struct bucket *find_bucket(struct bucket *set, uint64_t key, int64_t per_minute, int64_t now_ms)
{
    struct bucket *oldest = &set[0];
    for (int i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
        if (set[i].key == 0 || (oldest->key != 0 && set[i].time_ms < oldest->time_ms)) {
            oldest = &set[i];
        }
    }
    *oldest = (struct bucket){.key = key, .level = per_minute * TOKEN_SCALE, .time_ms = now_ms};
    return oldest;
}

bool rate_limiter_take(
    struct rate_limiter *limiter, int rate_class, const char *key, int64_t now_ms, int64_t *ret_retry_after_ms)
{
    size_t class_index = rate_class > 0 && rate_class < RATE_CLASSES ? (size_t)rate_class : 0;
    int64_t per_minute = limiter->per_minute[class_index];
    uint64_t hash = (hash_fnv1a(key, strlen(key)) ^ (class_index + 1) * UINT64_C(0x9e3779b97f4a7c15)) | 1;
    size_t set = (hash >> 20) % SETS;
    pthread_mutex_t *lock = &limiter->locks[set % LOCKS];
    pthread_mutex_lock(lock);
    struct bucket *bucket = find_bucket(limiter->buckets[set], hash, per_minute, now_ms);
    refill(bucket, per_minute, now_ms);
    bool taken = bucket->level >= TOKEN_SCALE;
    if (taken) {
        bucket->level -= TOKEN_SCALE;
    } else {
        *ret_retry_after_ms = (TOKEN_SCALE - bucket->level + per_minute - 1) / per_minute;
    }
    pthread_mutex_unlock(lock);
    return taken;
}
