/* identity's own session events: sessions that another process of identity has ended. */
#pragma once

#include "libshared/bus/bus.h"

struct err *event_session(const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *state);
