/* The last events, by position: bounded in number and bytes, the oldest go first. */
#pragma once

#include "services/realtime/hub.h"

struct ring {
    struct hub_event *events[HUB_RING_EVENTS_MAX];
    uint64_t oldest, next; /* positions; empty when equal */
    size_t size_bytes;
};

/* Takes ownership. */
void ring_add(struct ring *ring, struct hub_event *event);
/* NULL: forgotten, or not yet there. */
const struct hub_event *ring_get(const struct ring *ring, uint64_t position);
void ring_clear(struct ring *ring);
