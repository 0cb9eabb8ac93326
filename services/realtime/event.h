/* Domain events on their way to the sockets. On consumer threads; `state` is struct realtime. */
#pragma once

#include "libshared/bus/bus.h"

struct err *event_messaging_message(const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *state);
struct err *event_messaging_conversation(
    const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *state);
struct err *event_messaging_read_cursor(
    const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *state);
struct err *event_identity_session(const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *state);
