/* identity's session events: an ended session's tokens are refused and its sockets closed. */
#include "gen/identity_topics.h"
#include "gen/kongsi_errors.h"
#include "kongsi/identity/v1/events.pb-c.h"
#include "libshared/rpc/token.h"
#include "services/realtime/event.h"
#include "services/realtime/loop.h"

#include <string.h>

struct err *event_identity_session(const struct bus_delivery *delivery, struct db_tx *tx, struct arena *arena, void *state)
{
    (void)tx;
    struct realtime *realtime = state;
    if (strcmp(delivery->type, IDENTITY_EVENT_SESSION_ENDED) != 0) {
        return NULL;
    }
    const ProtobufCMessageDescriptor *descriptor = &kongsi__identity__v1__session_ended__descriptor;
    ERR_TRY(schema_check(schema_find_message(schema_kongsi(), descriptor->name), delivery->data));
    ProtobufCMessage *message;
    ERR_TRY(rpc_unpack(arena, descriptor, delivery->data, &message));
    const Kongsi__Identity__V1__SessionEnded *body = (const Kongsi__Identity__V1__SessionEnded *)message;
    struct uuid user_id;
    struct uuid session_id;
    if (!uuid_parse(body->user_id, &user_id) || !uuid_parse(body->session_id, &session_id)) {
        return err_new(&KONGSI_BODY_INVALID, "a SessionEnded event has no user_id and session_id");
    }
    token_revoke_session(realtime->env->tokens, session_id); /* before the sockets are closed: nobody comes back with it */
    struct hub_event *event = hub_event_new(HUB_SESSION_ENDED, 1);
    if (!event) {
        return err_out_of_memory();
    }
    event->user_ids[0] = user_id;
    event->session_id = session_id;
    event->time = delivery->time;
    return loop_post_event(realtime->loop, event);
}
