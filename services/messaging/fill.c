#include "services/messaging/fill.h"

struct err *fill_message(struct arena *arena, const struct message_row *row, Message *message)
{
    kongsi__messaging__v1__message__init(message);
    Text *text = arena_alloc(arena, sizeof(*text));
    message->id = fill_uuid(arena, row->id);
    message->conversation_id = fill_uuid(arena, row->conversation_id);
    message->sender_id = fill_uuid(arena, row->sender_id);
    message->request_id = fill_uuid(arena, row->request_id);
    message->create_time = fill_instant(arena, row->create_time);
    if (!text || !message->id || !message->conversation_id || !message->sender_id || !message->request_id ||
        !message->create_time) {
        return err_out_of_memory();
    }
    kongsi__messaging__v1__text__init(text);
    text->body = (char *)row->body;
    message->seq = row->seq;
    message->content_case = KONGSI__MESSAGING__V1__MESSAGE__CONTENT_TEXT;
    message->text = text;
    return NULL;
}

struct err *fill_read_cursor(struct arena *arena, struct uuid conversation_id, struct uuid user_id, int64_t read_seq,
    const struct instant *read_time, ReadCursor *cursor)
{
    kongsi__messaging__v1__read_cursor__init(cursor);
    cursor->conversation_id = fill_uuid(arena, conversation_id);
    cursor->user_id = fill_uuid(arena, user_id);
    cursor->read_seq = read_seq;
    cursor->read_time = read_time ? fill_instant(arena, *read_time) : NULL;
    if (!cursor->conversation_id || !cursor->user_id || (read_time && !cursor->read_time)) {
        return err_out_of_memory();
    }
    return NULL;
}
