/* The one list of services in the code. */
#pragma once

#include "libshared/service/service.h"

/* Names of all services there are, NULL-terminated: their sections may stand in any program's configuration file. */
extern const char *const known_services[];

/* Who answers the keys of access tokens. */
#define KNOWN_KEYS_METHOD "kongsi.identity.v1.IdentityService/GetJwks"

extern const struct service_def identity_service;
extern const struct service_def messaging_service;
extern const struct service_def gateway_service;
extern const struct service_def realtime_service;
