#include "services/messaging/message.h"

#include "gen/messaging_errors.h"
#include "libshared/base/str.h"

struct err *message_check_text(const char *body)
{
    if (!str_has_visible(body)) {
        return err_new(&MESSAGING_CONTENT_MISSING, "text.body has no visible character");
    }
    return NULL;
}

struct err *message_cursor_make(int64_t after_seq, int64_t before_seq, bool forward, struct message_cursor *ret_cursor)
{
    if ((after_seq > 0 || forward) && before_seq > 0) {
        return err_new(&MESSAGING_CURSOR_AMBIGUOUS,
            "after_seq %lld (forward %s) and before_seq %lld were both given; a list goes one way", (long long)after_seq,
            forward ? "true" : "false", (long long)before_seq);
    }
    *ret_cursor = after_seq > 0 || forward ? (struct message_cursor){.forward = true, .from_seq = after_seq}
                                           : (struct message_cursor){.from_seq = before_seq > 0 ? before_seq : INT64_MAX};
    return NULL;
}
