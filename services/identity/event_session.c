#include "services/identity/event_session.h"

#include "gen/identity_topics.h"
#include "services/identity/identity.h"

#include <string.h>

struct err *event_session(const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *state)
{
    (void)tx;
    (void)arena;
    const struct identity *identity = state;
    if (strcmp(event->type, IDENTITY_EVENT_SESSION_ENDED) == 0) {
        token_revoke_session(identity->env->tokens, event->key);
    }
    return NULL;
}
