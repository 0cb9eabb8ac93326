/* identity's user events: who has left the organization leaves all groups. */
#include "services/messaging/event_identity.h"

#include "gen/identity_topics.h"
#include "gen/kongsi_errors.h"
#include "kongsi/identity/v1/events.pb-c.h"
#include "services/messaging/store.h"

#include <string.h>

struct err *event_identity_user(const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *state)
{
    if (strcmp(event->type, IDENTITY_EVENT_USER_UPDATED) != 0) {
        return NULL;
    }
    ProtobufCMessage *message;
    ERR_TRY(rpc_unpack(arena, &kongsi__identity__v1__user_updated__descriptor, event->data, &message));
    const Kongsi__Identity__V1__UserUpdated *updated = (const Kongsi__Identity__V1__UserUpdated *)message;
    struct uuid user_id;
    if (!updated->user || !uuid_parse(updated->user->id, &user_id)) {
        return err_new(&KONGSI_BODY_INVALID, "a UserUpdated event has no user with an id");
    }
    if (updated->user->status != KONGSI__IDENTITY__V1__USER_STATUS__USER_STATUS_LEFT) {
        return NULL;
    }
    return store_member_remove_everywhere(state, tx, arena, event, user_id);
}
