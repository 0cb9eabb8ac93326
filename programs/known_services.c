#include "programs/known_services.h"

#include "gen/identity_topics.h"

const char *const known_services[] = {"identity", "messaging", "gateway", "realtime", NULL};

const struct service_issuer known_issuer = {.component = "identity",
    .keys_method = "kongsi.identity.v1.IdentityService/GetJwks",
    .session_topic = IDENTITY_TOPIC_SESSION,
    .session_ended_type = IDENTITY_EVENT_SESSION_ENDED};
