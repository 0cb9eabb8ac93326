#include "services/realtime/ring.h"

#include <stdlib.h>

struct hub_event *hub_event_new(enum hub_event_kind kind, size_t user_count)
{
    struct hub_event *event = calloc(1, sizeof(*event));
    if (!event) {
        return NULL;
    }
    event->kind = kind;
    event->user_count = user_count;
    event->user_ids = user_count > 0 ? calloc(user_count, sizeof(*event->user_ids)) : NULL;
    if (user_count > 0 && !event->user_ids) {
        free(event);
        return NULL;
    }
    return event;
}

void hub_event_free(struct hub_event *event)
{
    if (!event) {
        return;
    }
    push_unref(event->push);
    push_unref(event->removed_push);
    free(event->user_ids);
    free(event);
}

/* Twice the push, for its second form. */
static size_t event_size_bytes(const struct hub_event *event)
{
    return sizeof(*event) + event->user_count * sizeof(*event->user_ids) + 2 * push_size_bytes(event->push);
}

static void drop_oldest(struct ring *ring)
{
    struct hub_event **place = &ring->events[ring->oldest++ % HUB_RING_EVENTS_MAX];
    ring->size_bytes -= event_size_bytes(*place);
    hub_event_free(*place);
    *place = NULL;
}

void ring_add(struct ring *ring, struct hub_event *event)
{
    size_t size_bytes = event_size_bytes(event);
    while (ring->next - ring->oldest == HUB_RING_EVENTS_MAX ||
           (ring->next > ring->oldest && ring->size_bytes + size_bytes > HUB_RING_SIZE_MAX_BYTES)) {
        drop_oldest(ring);
    }
    ring->events[ring->next++ % HUB_RING_EVENTS_MAX] = event;
    ring->size_bytes += size_bytes;
}

const struct hub_event *ring_get(const struct ring *ring, uint64_t position)
{
    return position >= ring->oldest && position < ring->next ? ring->events[position % HUB_RING_EVENTS_MAX] : NULL;
}

void ring_clear(struct ring *ring)
{
    while (ring->oldest < ring->next) {
        drop_oldest(ring);
    }
}
