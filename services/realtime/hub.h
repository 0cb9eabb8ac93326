/* Who is to be sent what: the index of sockets by person and by conversation, and the last events.
 *
 * Pure: no sockets of the system, no threads, no clock. All calls come from one thread. What is to be sent goes to the sink.
 *
 * The rule of messages: each socket has a `sent_seq` per conversation. A message of seq s is sent if s = sent_seq + 1; if it
 * lies further ahead, pull_now for the conversation is sent instead; if it is not ahead, it was sent before. So a socket
 * sees strictly increasing seqs without gaps, or is told to pull.
 *
 * The ring closes the race between loading a person's memberships and live events: note hub_position before the load, add
 * the socket with what was loaded, then hub_replay from the noted position. */
#pragma once

#include "libshared/base/uuid.h"
#include "services/realtime/frame.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HUB_RING_EVENTS_MAX 4096
#define HUB_RING_SIZE_MAX_BYTES ((size_t)16 * 1024 * 1024)

enum hub_event_kind {
    HUB_MESSAGE,
    HUB_READ_CURSOR,
    HUB_CONVERSATION_UPDATED,
    HUB_MEMBERS_ADDED, /* or created with its first members */
    HUB_MEMBER_REMOVED,
    HUB_SESSION_ENDED,
};

/* Something that happened; on the heap, freed with hub_event_free. */
struct hub_event {
    enum hub_event_kind kind;
    struct uuid conversation_id;
    int64_t seq;           /* of the message; of HUB_MEMBERS_ADDED the last seq when they joined */
    struct uuid *user_ids; /* added or removed; of HUB_SESSION_ENDED the person */
    size_t user_count;
    struct uuid session_id;    /* of HUB_SESSION_ENDED */
    struct push *push;         /* for the sockets of the conversation */
    struct push *removed_push; /* of HUB_MEMBER_REMOVED: for the one who is out */
    struct instant time;       /* when it happened */
    struct hub_event *next;    /* for queues of those who carry it */
};

/* NULL when out of memory. */
struct hub_event *hub_event_new(enum hub_event_kind kind, size_t user_count);
void hub_event_free(struct hub_event *event);

/* The hub's part of a socket; its owner embeds it. */
struct hub_socket {
    struct uuid user_id, session_id;
    struct hub_user *user; /* NULL: not in the hub */
    struct hub_socket *next, *prev;
    struct subscription *subscriptions;
};

enum hub_end { HUB_END_SESSION, HUB_END_MEMORY };

/* Where things go. The calls come from within hub functions and must not change the hub. */
struct hub_sink {
    void (*send)(struct hub_socket *socket, struct push *push);
    void (*pull_now)(struct hub_socket *socket, const struct uuid *conversation_id); /* NULL: all */
    void (*end)(struct hub_socket *socket, enum hub_end why);
};

struct hub;

struct hub *hub_new(const struct hub_sink *sink); /* NULL: out of memory */
/* All sockets must have been removed. */
void hub_free(struct hub *hub);

/* The position the next event will have. */
uint64_t hub_position(const struct hub *hub);
/* Adds a socket of the person. false: out of memory. */
bool hub_add(struct hub *hub, struct hub_socket *socket, struct uuid user_id, struct uuid session_id);
/* The socket has the conversation up to `sent_seq`. A repeat only moves it forward. false: out of memory. */
bool hub_subscribe(struct hub *hub, struct hub_socket *socket, struct uuid conversation_id, int64_t sent_seq);
/* Sends the socket what happened from the position on. false: the ring does not reach back that far; what it has was sent,
 * the caller has to say pull_now for all, and to make sure of the session itself. */
bool hub_replay(struct hub *hub, struct hub_socket *socket, uint64_t position);
/* Takes the socket out. One that is not in is fine. */
void hub_remove(struct hub *hub, struct hub_socket *socket);
/* Sends the event to whom it concerns and keeps it in the ring. Takes ownership. */
void hub_publish(struct hub *hub, struct hub_event *event);
