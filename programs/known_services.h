/* The one list of services in the code. */
#pragma once

#include "libshared/service/service.h"

/* Names of all services there are, NULL-terminated: their sections may stand in any program's configuration file. */
extern const char *const known_services[];

/* Who issues access tokens. */
extern const struct service_issuer known_issuer;

extern const struct service_def identity_service;
extern const struct service_def messaging_service;
extern const struct service_def gateway_service;
extern const struct service_def realtime_service;
