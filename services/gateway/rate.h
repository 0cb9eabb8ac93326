/* Rate limits: token buckets by class and key (a person, or an address), in a bounded table. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RATE_CLASSES 4 /* kongsi.v1.RateClass */

struct rate_limiter;

/* A bucket of class c holds per_minute[c] tokens and fills at that rate. NULL when out of memory. */
struct rate_limiter *rate_limiter_new(const int64_t per_minute[RATE_CLASSES]);
void rate_limiter_free(struct rate_limiter *limiter);
/* Takes a token; false and how long to wait when there is none. Thread-safe. */
bool rate_limiter_take(
    struct rate_limiter *limiter, int rate_class, const char *key, int64_t now_ms, int64_t *ret_retry_after_ms);
