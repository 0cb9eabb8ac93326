/* messaging's events: messages, conversations and their members, read cursors. */
#include "gen/kongsi_errors.h"
#include "gen/messaging_topics.h"
#include "kongsi/messaging/v1/events.pb-c.h"
#include "services/realtime/event.h"
#include "services/realtime/loop.h"

#include <string.h>

/* Reads the event's body, checked: what is on the bus may be broken too. */
static struct err *read_body(const struct bus_delivery *delivery, struct arena *arena,
    const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **ret_body)
{
    ERR_TRY(schema_check(schema_find_message(schema_kongsi(), descriptor->name), delivery->data));
    return rpc_unpack(arena, descriptor, delivery->data, ret_body);
}

static struct err *read_uuid(const char *text, const char *field, struct uuid *ret_uuid)
{
    if (uuid_parse(text, ret_uuid)) {
        return NULL;
    }
    return err_new(&KONGSI_BODY_INVALID, "an event has the %s \"%.40s\", which is no UUID", field, text);
}

static void free_event(struct hub_event **event)
{
    hub_event_free(*event);
}
#define EVENT_AUTO __attribute__((cleanup(free_event))) struct hub_event *

static struct err *new_event(enum hub_event_kind kind, const struct bus_delivery *delivery, const char *conversation_id,
    size_t user_count, struct hub_event **ret_event)
{
    struct uuid id;
    ERR_TRY(read_uuid(conversation_id, "conversation_id", &id));
    struct hub_event *event = hub_event_new(kind, user_count);
    if (!event) {
        return err_out_of_memory();
    }
    event->conversation_id = id;
    event->time = delivery->time;
    *ret_event = event;
    return NULL;
}

static struct err *post(struct realtime *realtime, struct hub_event **event)
{
    struct hub_event *posted = *event;
    *event = NULL;
    return loop_post_event(realtime->loop, posted);
}

struct err *event_messaging_message(const struct bus_delivery *delivery, struct db_tx *tx, struct arena *arena, void *state)
{
    (void)tx;
    struct realtime *realtime = state;
    if (!loop_has_sockets(realtime->loop) || strcmp(delivery->type, MESSAGING_EVENT_MESSAGE_SENT) != 0) {
        return NULL;
    }
    ProtobufCMessage *body;
    ERR_TRY(read_body(delivery, arena, &kongsi__messaging__v1__message_sent__descriptor, &body));
    Kongsi__Messaging__V1__Message *message = ((Kongsi__Messaging__V1__MessageSent *)body)->message;
    if (!message || message->seq < 1) {
        return err_new(&KONGSI_BODY_INVALID, "a MessageSent event has no message with a seq");
    }
    EVENT_AUTO event = NULL;
    ERR_TRY(new_event(HUB_MESSAGE, delivery, message->conversation_id, 0, &event));
    event->seq = message->seq;
    Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    frame.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_MESSAGE;
    frame.message = message;
    ERR_TRY(push_new(&frame, &event->push));
    return post(realtime, &event);
}

struct err *event_messaging_read_cursor(
    const struct bus_delivery *delivery, struct db_tx *tx, struct arena *arena, void *state)
{
    (void)tx;
    struct realtime *realtime = state;
    if (!loop_has_sockets(realtime->loop) || strcmp(delivery->type, MESSAGING_EVENT_READ_CURSOR_ADVANCED) != 0) {
        return NULL;
    }
    ProtobufCMessage *body;
    ERR_TRY(read_body(delivery, arena, &kongsi__messaging__v1__read_cursor_advanced__descriptor, &body));
    Kongsi__Messaging__V1__ReadCursor *cursor = ((Kongsi__Messaging__V1__ReadCursorAdvanced *)body)->read_cursor;
    if (!cursor) {
        return err_new(&KONGSI_BODY_INVALID, "a ReadCursorAdvanced event has no read_cursor");
    }
    EVENT_AUTO event = NULL;
    ERR_TRY(new_event(HUB_READ_CURSOR, delivery, cursor->conversation_id, 0, &event));
    Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    frame.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_READ_CURSOR;
    frame.read_cursor = cursor;
    ERR_TRY(push_new(&frame, &event->push));
    return post(realtime, &event);
}

/* ---- conversations ---- */

/* What all of them come to: somebody in or out, and everybody in the conversation is told that it changed. */
static struct err *post_change(struct realtime *realtime, const struct bus_delivery *delivery, enum hub_event_kind kind,
    const char *conversation_id, char *const *user_ids, size_t user_count, int64_t seq)
{
    EVENT_AUTO event = NULL;
    ERR_TRY(new_event(kind, delivery, conversation_id, user_count, &event));
    event->seq = seq;
    for (size_t i = 0; i < user_count; i++) {
        ERR_TRY(read_uuid(user_ids[i], "member_id", &event->user_ids[i]));
    }
    ERR_TRY(push_new_conversation_changed(event->conversation_id, false, &event->push));
    if (kind == HUB_MEMBER_REMOVED) {
        ERR_TRY(push_new_conversation_changed(event->conversation_id, true, &event->removed_push));
    }
    return post(realtime, &event);
}

static struct err *created(struct realtime *realtime, const struct bus_delivery *delivery, struct arena *arena)
{
    ProtobufCMessage *message;
    ERR_TRY(read_body(delivery, arena, &kongsi__messaging__v1__conversation_created__descriptor, &message));
    const Kongsi__Messaging__V1__ConversationCreated *body = (const Kongsi__Messaging__V1__ConversationCreated *)message;
    return post_change(
        realtime, delivery, HUB_MEMBERS_ADDED, body->conversation_id, body->member_ids, body->n_member_ids, 0);
}

static struct err *updated(struct realtime *realtime, const struct bus_delivery *delivery, struct arena *arena)
{
    ProtobufCMessage *message;
    ERR_TRY(read_body(delivery, arena, &kongsi__messaging__v1__conversation_updated__descriptor, &message));
    const Kongsi__Messaging__V1__ConversationUpdated *body = (const Kongsi__Messaging__V1__ConversationUpdated *)message;
    return post_change(realtime, delivery, HUB_CONVERSATION_UPDATED, body->conversation_id, NULL, 0, 0);
}

static struct err *members_added(struct realtime *realtime, const struct bus_delivery *delivery, struct arena *arena)
{
    ProtobufCMessage *message;
    ERR_TRY(read_body(delivery, arena, &kongsi__messaging__v1__members_added__descriptor, &message));
    const Kongsi__Messaging__V1__MembersAdded *body = (const Kongsi__Messaging__V1__MembersAdded *)message;
    return post_change(
        realtime, delivery, HUB_MEMBERS_ADDED, body->conversation_id, body->member_ids, body->n_member_ids, body->join_seq);
}

static struct err *member_removed(struct realtime *realtime, const struct bus_delivery *delivery, struct arena *arena)
{
    ProtobufCMessage *message;
    ERR_TRY(read_body(delivery, arena, &kongsi__messaging__v1__member_removed__descriptor, &message));
    const Kongsi__Messaging__V1__MemberRemoved *body = (const Kongsi__Messaging__V1__MemberRemoved *)message;
    return post_change(realtime, delivery, HUB_MEMBER_REMOVED, body->conversation_id, &body->member_id, 1, 0);
}

struct err *event_messaging_conversation(
    const struct bus_delivery *delivery, struct db_tx *tx, struct arena *arena, void *state)
{
    (void)tx;
    static const struct {
        const char *type;
        struct err *(*deliver)(struct realtime *realtime, const struct bus_delivery *delivery, struct arena *arena);
    } TYPES[] = {
        {MESSAGING_EVENT_CONVERSATION_CREATED, created},
        {MESSAGING_EVENT_CONVERSATION_UPDATED, updated},
        {MESSAGING_EVENT_MEMBERS_ADDED, members_added},
        {MESSAGING_EVENT_MEMBER_REMOVED, member_removed},
    };
    struct realtime *realtime = state;
    for (size_t i = 0; i < sizeof(TYPES) / sizeof(TYPES[0]) && loop_has_sockets(realtime->loop); i++) {
        if (strcmp(delivery->type, TYPES[i].type) == 0) {
            return TYPES[i].deliver(realtime, delivery, arena);
        }
    }
    return NULL; /* a newer type: nothing we could tell */
}
