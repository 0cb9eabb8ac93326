/* Rows into the schema's messages, in the arena of the request. */
#pragma once

#include "libshared/rpc/fill.h"
#include "services/messaging/messaging.h"

struct message_row {
    struct uuid id, conversation_id, sender_id, request_id;
    int64_t seq;
    struct instant create_time;
    const char *body; /* not copied */
};
ERR_RESULT struct err *fill_message(struct arena *arena, const struct message_row *row, Message *message);
ERR_RESULT struct err *fill_read_cursor(struct arena *arena, struct uuid conversation_id, struct uuid user_id,
    int64_t read_seq, const struct instant *read_time, ReadCursor *cursor);
