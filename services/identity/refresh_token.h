/* Refresh tokens: numbered, authenticated, kept nowhere. Pure.
 *
 * A token says which session it belongs to and which one of the session's tokens it is (its generation: 1, 2, 3, …), under
 * an HMAC with the server's key. The session's row knows the generation that may be used next. So an older one is known to
 * have been used however long ago that was, the successor of a token can be made again when the answer was lost, and a copy
 * of the database gives nobody a token. RFC 9700 section 4.14.2 asks for rotation with detection of reuse. */
#pragma once

#include "libshared/base/clock.h"
#include "libshared/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

#define REFRESH_KEY_SIZE 32
#define REFRESH_TOKEN_SIZE 92 /* base64url of 68 bytes, and NUL */
/* How long after its first use a token gives the same successor again: for an answer that was lost on the way. */
#define REFRESH_REPEAT_MS 5000

struct refresh_token {
    struct uuid org_id, session_id;
    int32_t generation;
};

void refresh_token_format(
    const uint8_t key[REFRESH_KEY_SIZE], const struct refresh_token *token, char text[REFRESH_TOKEN_SIZE]);
/* False for anything that this key did not make. */
bool refresh_token_parse(const uint8_t key[REFRESH_KEY_SIZE], const char *text, struct refresh_token *ret_token);

/* What is known of the session. */
struct refresh_session {
    bool ended, user_active;
    int32_t generation;         /* of the token that may be used next */
    struct instant rotate_time; /* when that one was issued */
    struct instant expire_time; /* of the session */
};

enum refresh_verdict {
    REFRESH_ROTATE,  /* issue the next generation */
    REFRESH_REPEAT,  /* used just now: issue the current generation once more */
    REFRESH_REUSED,  /* used before: end the session */
    REFRESH_REFUSED, /* the session is over, or the token too old */
};

enum refresh_verdict refresh_decide(
    const struct refresh_session *session, int32_t generation, struct instant now, int64_t token_lifetime_ms);
