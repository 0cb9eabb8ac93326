/* Sessions that have ended, remembered as long as a token of theirs could live. */
#include "libshared/rpc/token_internal.h"

#include "libshared/base/log.h"

#include <stdlib.h>
#include <uthash.h>

struct token_revoked_session {
    struct uuid id;
    struct instant forget_time;
    UT_hash_handle hh;
};

void token_revoked_init(struct token_revoked *revoked)
{
    pthread_rwlock_init(&revoked->lock, NULL);
}

static void forget(struct token_revoked *revoked, struct token_revoked_session *session)
{
    HASH_DEL(revoked->sessions, session);
    free(session);
    atomic_fetch_sub(&revoked->count, 1);
}

void token_revoked_deinit(struct token_revoked *revoked)
{
    struct token_revoked_session *session, *next;
    HASH_ITER (hh, revoked->sessions, session, next) {
        forget(revoked, session);
    }
    pthread_rwlock_destroy(&revoked->lock);
}

/* The oldest stand first. */
static void make_room(struct token_revoked *revoked, struct instant now)
{
    struct token_revoked_session *session, *next;
    HASH_ITER (hh, revoked->sessions, session, next) {
        bool full = atomic_load(&revoked->count) >= TOKEN_REVOKED_MAX;
        if (!full && session->forget_time.us > now.us) {
            return;
        }
        if (session->forget_time.us > now.us) {
            log_warn("more than %d sessions ended within an hour: the oldest is forgotten early", TOKEN_REVOKED_MAX);
        }
        forget(revoked, session);
    }
}

void token_revoked_add(struct token_revoked *revoked, struct uuid session_id, struct instant now)
{
    struct token_revoked_session *session = calloc(1, sizeof(*session));
    if (!session) {
        log_error("out of memory: tokens of an ended session stay good until they expire");
        return;
    }
    session->id = session_id;
    session->forget_time = instant_add_ms(now, (TOKEN_LIFETIME_MAX_SECONDS + TOKEN_CLOCK_SKEW_SECONDS) * INT64_C(1000));
    struct token_revoked_session *known;
    pthread_rwlock_wrlock(&revoked->lock);
    HASH_FIND(hh, revoked->sessions, &session_id, sizeof(session_id), known);
    if (known) {
        forget(revoked, known);
    }
    make_room(revoked, now);
    HASH_ADD(hh, revoked->sessions, id, sizeof(session->id), session);
    atomic_fetch_add(&revoked->count, 1);
    pthread_rwlock_unlock(&revoked->lock);
}

bool token_revoked_has(struct token_revoked *revoked, struct uuid session_id)
{
    if (atomic_load(&revoked->count) == 0) {
        return false;
    }
    struct token_revoked_session *known;
    pthread_rwlock_rdlock(&revoked->lock);
    HASH_FIND(hh, revoked->sessions, &session_id, sizeof(session_id), known);
    pthread_rwlock_unlock(&revoked->lock);
    return known != NULL;
}
