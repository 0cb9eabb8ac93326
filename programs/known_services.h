/* All services there are: the one list in the code. */
#pragma once

#include "libshared/service/service.h"

extern const struct service_def identity_service;
extern const struct service_def messaging_service;
extern const struct service_def gateway_service;
extern const struct service_def realtime_service;
