#include "services/realtime/hub.h"

#include "services/realtime/ring.h"

#include <stdlib.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

/* A socket in a conversation. */
struct subscription {
    struct hub_socket *socket;
    struct hub_conversation *conversation;
    int64_t sent_seq;
    bool removed; /* the person is out; kept, so that somebody who comes back is not sent anything twice */
    struct subscription *next, *prev; /* of the conversation */
    struct subscription *socket_next; /* of the socket */
};

struct hub_conversation {
    struct uuid id;
    struct subscription *subscriptions;
    UT_hash_handle hh;
};

struct hub_user {
    struct uuid id;
    struct hub_socket *sockets;
    UT_hash_handle hh;
};

struct hub {
    const struct hub_sink *sink;
    struct hub_user *users;
    struct hub_conversation *conversations;
    struct ring ring;
};

struct hub *hub_new(const struct hub_sink *sink)
{
    struct hub *hub = calloc(1, sizeof(*hub));
    if (hub) {
        hub->sink = sink;
    }
    return hub;
}

void hub_free(struct hub *hub)
{
    if (!hub) {
        return;
    }
    ring_clear(&hub->ring);
    free(hub);
}

uint64_t hub_position(const struct hub *hub)
{
    return hub->ring.next;
}

/* ---- the index ---- */

static struct hub_user *find_user(struct hub *hub, struct uuid id)
{
    struct hub_user *user;
    HASH_FIND(hh, hub->users, &id, sizeof(id), user);
    return user;
}

static struct hub_user *get_user(struct hub *hub, struct uuid id)
{
    struct hub_user *user = find_user(hub, id);
    if (user) {
        return user;
    }
    user = calloc(1, sizeof(*user));
    if (!user) {
        return NULL;
    }
    user->id = id;
    HASH_ADD(hh, hub->users, id, sizeof(user->id), user);
    if (!user->hh.tbl) { /* the table could not grow */
        free(user);
        return NULL;
    }
    return user;
}

static struct hub_conversation *find_conversation(struct hub *hub, struct uuid id)
{
    struct hub_conversation *conversation;
    HASH_FIND(hh, hub->conversations, &id, sizeof(id), conversation);
    return conversation;
}

static struct hub_conversation *get_conversation(struct hub *hub, struct uuid id)
{
    struct hub_conversation *conversation = find_conversation(hub, id);
    if (conversation) {
        return conversation;
    }
    conversation = calloc(1, sizeof(*conversation));
    if (!conversation) {
        return NULL;
    }
    conversation->id = id;
    HASH_ADD(hh, hub->conversations, id, sizeof(conversation->id), conversation);
    if (!conversation->hh.tbl) {
        free(conversation);
        return NULL;
    }
    return conversation;
}

static struct subscription *find_subscription(const struct hub_socket *socket, struct uuid conversation_id)
{
    for (struct subscription *s = socket->subscriptions; s; s = s->socket_next) {
        if (uuid_equal(s->conversation->id, conversation_id)) {
            return s;
        }
    }
    return NULL;
}

bool hub_add(struct hub *hub, struct hub_socket *socket, struct uuid user_id, struct uuid session_id)
{
    struct hub_user *user = get_user(hub, user_id);
    if (!user) {
        return false;
    }
    socket->user_id = user_id;
    socket->session_id = session_id;
    socket->user = user;
    socket->subscriptions = NULL;
    DL_APPEND(user->sockets, socket);
    return true;
}

static void add_subscription(
    struct hub_socket *socket, struct hub_conversation *conversation, struct subscription *subscription)
{
    subscription->socket = socket;
    subscription->conversation = conversation;
    subscription->socket_next = socket->subscriptions;
    socket->subscriptions = subscription;
    DL_APPEND(conversation->subscriptions, subscription);
}

static struct subscription *subscribe(
    struct hub *hub, struct hub_socket *socket, struct uuid conversation_id, int64_t sent_seq)
{
    struct subscription *subscription = find_subscription(socket, conversation_id);
    if (!subscription) {
        subscription = calloc(1, sizeof(*subscription));
        struct hub_conversation *conversation = subscription ? get_conversation(hub, conversation_id) : NULL;
        if (!conversation) {
            free(subscription);
            return NULL;
        }
        add_subscription(socket, conversation, subscription);
    }
    subscription->removed = false;
    if (sent_seq > subscription->sent_seq) {
        subscription->sent_seq = sent_seq;
    }
    return subscription;
}

bool hub_subscribe(struct hub *hub, struct hub_socket *socket, struct uuid conversation_id, int64_t sent_seq)
{
    return subscribe(hub, socket, conversation_id, sent_seq) != NULL;
}

static void remove_subscription(struct hub *hub, struct subscription *subscription)
{
    struct hub_conversation *conversation = subscription->conversation;
    DL_DELETE(conversation->subscriptions, subscription);
    free(subscription);
    if (!conversation->subscriptions) {
        HASH_DEL(hub->conversations, conversation);
        free(conversation);
    }
}

void hub_remove(struct hub *hub, struct hub_socket *socket)
{
    struct hub_user *user = socket->user;
    if (!user) {
        return;
    }
    while (socket->subscriptions) {
        struct subscription *subscription = socket->subscriptions;
        socket->subscriptions = subscription->socket_next;
        remove_subscription(hub, subscription);
    }
    DL_DELETE(user->sockets, socket);
    socket->user = NULL;
    if (!user->sockets) {
        HASH_DEL(hub->users, user);
        free(user);
    }
}

/* ---- what happens ---- */

static bool concerns_user(const struct hub_event *event, struct uuid user_id)
{
    for (size_t i = 0; i < event->user_count; i++) {
        if (uuid_equal(event->user_ids[i], user_id)) {
            return true;
        }
    }
    return false;
}

/* The rule of messages. */
static void offer(struct hub *hub, struct subscription *subscription, const struct hub_event *message)
{
    if (subscription->removed || message->seq <= subscription->sent_seq) {
        return;
    }
    bool next = message->seq == subscription->sent_seq + 1;
    subscription->sent_seq = message->seq;
    if (next) {
        hub->sink->send(subscription->socket, message->push);
    } else {
        hub->sink->pull_now(subscription->socket, &subscription->conversation->id);
    }
}

/* Messages may arrive before the news that somebody joined: they come on another topic. */
static void offer_ring(struct hub *hub, struct subscription *subscription)
{
    for (uint64_t position = hub->ring.oldest; position < hub->ring.next; position++) {
        const struct hub_event *event = ring_get(&hub->ring, position);
        if (event->kind == HUB_MESSAGE && uuid_equal(event->conversation_id, subscription->conversation->id)) {
            offer(hub, subscription, event);
        }
    }
}

static void join(struct hub *hub, struct hub_socket *socket, const struct hub_event *event)
{
    struct subscription *subscription = subscribe(hub, socket, event->conversation_id, event->seq);
    if (!subscription) {
        hub->sink->end(socket, HUB_END_MEMORY);
        return;
    }
    hub->sink->send(socket, event->push);
    offer_ring(hub, subscription);
}

static void leave(struct hub *hub, struct hub_socket *socket, const struct hub_event *event)
{
    struct subscription *subscription = find_subscription(socket, event->conversation_id);
    if (subscription && !subscription->removed) {
        subscription->removed = true;
        hub->sink->send(socket, event->removed_push);
    }
}

/* What the event means for a socket of one of its users. */
static void apply_to_user_socket(struct hub *hub, struct hub_socket *socket, const struct hub_event *event)
{
    if (event->kind == HUB_MEMBERS_ADDED) {
        join(hub, socket, event);
    } else if (event->kind == HUB_MEMBER_REMOVED) {
        leave(hub, socket, event);
    } else if (event->kind == HUB_SESSION_ENDED && uuid_equal(socket->session_id, event->session_id)) {
        hub->sink->end(socket, HUB_END_SESSION);
    }
}

/* What it means for a socket in its conversation. */
static void apply_to_subscription(struct hub *hub, struct subscription *subscription, const struct hub_event *event)
{
    if (event->kind == HUB_MESSAGE) {
        offer(hub, subscription, event);
    } else if (event->push && !subscription->removed && !concerns_user(event, subscription->socket->user_id)) {
        hub->sink->send(subscription->socket, event->push); /* those it names have been told by apply_to_user_socket */
    }
}

void hub_publish(struct hub *hub, struct hub_event *event)
{
    for (size_t i = 0; i < event->user_count; i++) {
        struct hub_user *user = find_user(hub, event->user_ids[i]);
        struct hub_socket *socket = NULL;
        DL_FOREACH (user ? user->sockets : NULL, socket) {
            apply_to_user_socket(hub, socket, event);
        }
    }
    struct hub_conversation *conversation = find_conversation(hub, event->conversation_id);
    struct subscription *subscription = NULL;
    DL_FOREACH (conversation ? conversation->subscriptions : NULL, subscription) {
        apply_to_subscription(hub, subscription, event);
    }
    ring_add(&hub->ring, event);
}

bool hub_replay(struct hub *hub, struct hub_socket *socket, uint64_t position)
{
    bool complete = position >= hub->ring.oldest;
    for (position = complete ? position : hub->ring.oldest; position < hub->ring.next; position++) {
        const struct hub_event *event = ring_get(&hub->ring, position);
        if (concerns_user(event, socket->user_id)) {
            apply_to_user_socket(hub, socket, event);
        }
        struct subscription *subscription = find_subscription(socket, event->conversation_id);
        if (subscription) {
            apply_to_subscription(hub, subscription, event);
        }
    }
    return complete;
}
