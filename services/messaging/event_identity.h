/* Consumers of identity's events. */
#pragma once

#include "services/messaging/messaging.h"

struct err *event_identity_user(const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *state);
