/* Rules of messages. Pure. */
#pragma once

#include "libshared/base/err.h"

#include <stdint.h>

/* Whether a text can be sent: it has a visible character (its length is checked by the schema). Reason: CONTENT_MISSING. */
ERR_RESULT struct err *message_check_text(const char *body);

/* Which way a list of messages goes, from where. */
struct message_cursor {
    bool forward; /* seq > from, oldest first; else seq < from, newest first */
    int64_t from_seq;
};
/* Reason: CURSOR_AMBIGUOUS. */
ERR_RESULT struct err *message_cursor_make(
    int64_t after_seq, int64_t before_seq, bool forward, struct message_cursor *ret_cursor);
