#include "services/identity/password_hash.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"
#include "libshared/base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash fits");

struct password_hasher {
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    int free_places, waiting;
    struct password_cost cost;
};

struct password_hasher *password_hasher_new(struct password_cost cost, int concurrency)
{
    struct password_hasher *hasher = calloc(1, sizeof(*hasher));
    if (!hasher) {
        return NULL;
    }
    hasher->cost = cost;
    hasher->free_places = concurrency;
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    check(pthread_mutex_init(&hasher->mutex, NULL) == 0);
    check(pthread_cond_init(&hasher->freed, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    return hasher;
}

void password_hasher_free(struct password_hasher *hasher)
{
    if (!hasher) {
        return;
    }
    pthread_cond_destroy(&hasher->freed);
    pthread_mutex_destroy(&hasher->mutex);
    free(hasher);
}

static bool wait_for_place(struct password_hasher *hasher, int64_t deadline_ms)
{
    struct timespec deadline = {.tv_sec = deadline_ms / 1000, .tv_nsec = (deadline_ms % 1000) * 1000000};
    while (hasher->free_places == 0) {
        if (pthread_cond_timedwait(&hasher->freed, &hasher->mutex, &deadline) == ETIMEDOUT) {
            return hasher->free_places > 0;
        }
    }
    return true;
}

static struct err *take_place(struct password_hasher *hasher, int64_t deadline_ms)
{
    struct err *error = NULL;
    pthread_mutex_lock(&hasher->mutex);
    if (hasher->free_places == 0 && hasher->waiting >= PASSWORD_HASH_QUEUE_MAX) {
        error = err_new(&KONGSI_OVERLOADED, "%d passwords are waiting to be checked; try again shortly", hasher->waiting);
    } else {
        hasher->waiting++;
        if (!wait_for_place(hasher, deadline_ms)) {
            error = err_new(&KONGSI_DEADLINE_EXCEEDED, "the password could not be checked in time; try again shortly");
        } else {
            hasher->free_places--;
        }
        hasher->waiting--;
    }
    pthread_mutex_unlock(&hasher->mutex);
    return error;
}

static void leave_place(struct password_hasher *hasher)
{
    pthread_mutex_lock(&hasher->mutex);
    hasher->free_places++;
    pthread_cond_signal(&hasher->freed);
    pthread_mutex_unlock(&hasher->mutex);
}

static struct err *no_memory(const struct password_hasher *hasher)
{
    return err_new(&KONGSI_OUT_OF_MEMORY, "a password check needs %zu bytes of memory", hasher->cost.memory_bytes);
}

struct err *password_hash(
    struct password_hasher *hasher, const char *password, int64_t deadline_ms, char hash[PASSWORD_HASH_SIZE])
{
    ERR_TRY(take_place(hasher, deadline_ms));
    char made[crypto_pwhash_STRBYTES];
    int status = crypto_pwhash_str_alg(
        made, password, strlen(password), hasher->cost.operations, hasher->cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13);
    leave_place(hasher);
    if (status != 0) {
        return no_memory(hasher);
    }
    memcpy(hash, made, sizeof(made));
    return NULL;
}

/* The work of a check without a hash to check against. */
static int verify_nothing(const struct password_hasher *hasher, const char *password)
{
    static const unsigned char salt[crypto_pwhash_SALTBYTES] = "nobody's salt";
    unsigned char key[32];
    return crypto_pwhash(key, sizeof(key), password, strlen(password), salt, hasher->cost.operations,
        hasher->cost.memory_bytes, crypto_pwhash_ALG_ARGON2ID13);
}

struct err *password_verify(struct password_hasher *hasher, const char *password, const char *hash, int64_t deadline_ms,
    bool *ret_valid, bool *ret_outdated)
{
    ERR_TRY(take_place(hasher, deadline_ms));
    errno = 0;
    int status = hash ? crypto_pwhash_str_verify(hash, password, strlen(password)) : verify_nothing(hasher, password);
    bool out_of_memory = status != 0 && errno == ENOMEM;
    leave_place(hasher);
    if (out_of_memory) {
        return no_memory(hasher);
    }
    *ret_valid = hash && status == 0;
    if (ret_outdated) {
        *ret_outdated =
            *ret_valid && crypto_pwhash_str_needs_rehash(hash, hasher->cost.operations, hasher->cost.memory_bytes) != 0;
    }
    return NULL;
}
