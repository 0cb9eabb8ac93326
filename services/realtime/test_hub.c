/* The hub's rules as scripts: what happens on the left, what sockets are sent on the right.
 *
 *   in S USER     socket S (a digit) of the person is added       sub S C N     it has conversation C up to seq N
 *   msg C N       a message                                       read C        a read cursor
 *   upd C         the conversation is renamed                     join C U N    persons (U: "ab") join when last_seq is N
 *   leave C U     a person is removed                             end U K       session K of the person has ended
 *   mark          notes the position                              replay S      replays from there
 *   out S         the socket is gone
 *
 * Sent: "1:A6" message 6 of A to socket 1, "1:pull-A", "1:changed-A", "1:removed-A", "1:read-A", "1:end". A session is named
 * as its socket. */
#include "services/realtime/hub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SOCKETS 10

struct world {
    struct hub *hub;
    struct hub_socket sockets[SOCKETS];
    uint64_t mark;
    bool complete; /* the last replay */
};

static char sent[8192];

static struct uuid id(char c)
{
    struct uuid uuid = {0};
    uuid.bytes[0] = (uint8_t)c;
    return uuid;
}

static void note(const struct hub_socket *socket, const char *what)
{
    size_t length = strlen(sent);
    snprintf(sent + length, sizeof(sent) - length, "%s%c:%s", length ? " " : "", socket->session_id.bytes[0], what);
}

static void sink_send(struct hub_socket *socket, struct push *push)
{
    const struct frame *frame = push_frame(push, FRAME_PROTO);
    const unsigned char *content = frame->bytes + FRAME_HEADROOM_BYTES; /* field 1, its length, the label */
    char label[64];
    snprintf(label, sizeof(label), "%.*s", content[1], (const char *)content + 2);
    note(socket, label);
}

static void sink_pull_now(struct hub_socket *socket, const struct uuid *conversation_id)
{
    char label[] = "pull-?";
    label[5] = conversation_id ? (char)conversation_id->bytes[0] : '*';
    note(socket, label);
}

static void sink_end(struct hub_socket *socket, enum hub_end why)
{
    note(socket, why == HUB_END_SESSION ? "end" : "memory");
}

static const struct hub_sink SINK = {sink_send, sink_pull_now, sink_end};

static struct push *labelled(const char *format, ...) __attribute__((format(printf, 1, 2)));
static struct push *labelled(const char *format, ...)
{
    char label[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(label, sizeof(label), format, arguments);
    va_end(arguments);
    Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    frame.reply_to = label;
    struct push *push;
    assert_null(push_new(&frame, &push));
    return push;
}

static struct hub_event *new_event(enum hub_event_kind kind, char conversation, const char *users)
{
    struct hub_event *event = hub_event_new(kind, strlen(users));
    assert_non_null(event);
    event->conversation_id = id(conversation);
    for (size_t i = 0; users[i]; i++) {
        event->user_ids[i] = id(users[i]);
    }
    return event;
}

static void publish(struct world *world, const char *what, char conversation, const char *users, int64_t number)
{
    struct hub_event *event;
    if (strcmp(what, "msg") == 0) {
        event = new_event(HUB_MESSAGE, conversation, "");
        event->push = labelled("%c%d", conversation, (int)number);
    } else if (strcmp(what, "read") == 0) {
        event = new_event(HUB_READ_CURSOR, conversation, "");
        event->push = labelled("read-%c", conversation);
    } else if (strcmp(what, "upd") == 0) {
        event = new_event(HUB_CONVERSATION_UPDATED, conversation, "");
        event->push = labelled("changed-%c", conversation);
    } else {
        bool joins = strcmp(what, "join") == 0;
        event = new_event(joins ? HUB_MEMBERS_ADDED : HUB_MEMBER_REMOVED, conversation, users);
        event->push = labelled("changed-%c", conversation);
        event->removed_push = joins ? NULL : labelled("removed-%c", conversation);
    }
    event->seq = number;
    hub_publish(world->hub, event);
}

static void end_session(struct world *world, char user, char session)
{
    char users[2] = {user, '\0'};
    struct hub_event *event = new_event(HUB_SESSION_ENDED, '\0', users);
    event->session_id = id(session);
    hub_publish(world->hub, event);
}

static void step(struct world *world, const char *text)
{
    char what[16] = "";
    char first = '\0';
    char second[16] = "";
    int third = 0;
    assert_true(sscanf(text, "%15s %c %15s %d", what, &first, second, &third) >= 1);
    struct hub_socket *socket = first >= '0' && first <= '9' ? &world->sockets[first - '0'] : NULL;
    if (strcmp(what, "in") == 0) {
        assert_true(hub_add(world->hub, socket, id(second[0]), id(first)));
    } else if (strcmp(what, "sub") == 0) {
        assert_true(hub_subscribe(world->hub, socket, id(second[0]), third));
    } else if (strcmp(what, "out") == 0) {
        hub_remove(world->hub, socket);
    } else if (strcmp(what, "mark") == 0) {
        world->mark = hub_position(world->hub);
    } else if (strcmp(what, "replay") == 0) {
        world->complete = hub_replay(world->hub, socket, world->mark);
    } else if (strcmp(what, "end") == 0) {
        end_session(world, first, second[0]);
    } else {
        bool numbered = strcmp(what, "msg") == 0;
        publish(world, what, first, second, numbered ? atoi(second) : third);
    }
}

static void run(struct world *world, const char *script)
{
    char text[1024];
    snprintf(text, sizeof(text), "%s", script);
    char *rest = NULL;
    for (char *line = strtok_r(text, ";", &rest); line; line = strtok_r(NULL, ";", &rest)) {
        step(world, line);
    }
}

static struct world world_new(void)
{
    struct world world = {.hub = hub_new(&SINK), .complete = true};
    assert_non_null(world.hub);
    sent[0] = '\0';
    return world;
}

static void world_end(struct world *world)
{
    for (size_t i = 0; i < SOCKETS; i++) {
        hub_remove(world->hub, &world->sockets[i]);
    }
    hub_free(world->hub);
}

static const struct {
    const char *name, *script, *want;
} CASES[] = {
    /* the rule of messages */
    {"the next one is sent", "in 1 a; sub 1 A 5; msg A 6; msg A 7", "1:A6 1:A7"},
    {"what it has is not sent again", "in 1 a; sub 1 A 5; msg A 5; msg A 3; msg A 6; msg A 6", "1:A6"},
    {"a gap is a pull, then it goes on", "in 1 a; sub 1 A 5; msg A 8; msg A 9; msg A 7", "1:pull-A 1:A9"},
    {"the first message of all", "in 1 a; sub 1 A 0; msg A 1", "1:A1"},
    {"conversations do not mix", "in 1 a; sub 1 A 5; sub 1 B 9; msg B 10; msg A 6; msg C 1", "1:B10 1:A6"},
    {"each socket has its own place", "in 1 a; in 2 b; sub 1 A 5; sub 2 A 6; msg A 6; msg A 7", "1:A6 1:A7 2:A7"},
    {"two sockets of a person", "in 1 a; in 2 a; sub 1 A 0; sub 2 A 0; msg A 1", "1:A1 2:A1"},
    {"subscribing again only moves forward", "in 1 a; sub 1 A 5; sub 1 A 3; msg A 5; sub 1 A 8; msg A 9", "1:A9"},
    {"nobody there", "msg A 1; read A; upd A; join A ab 0; leave A a; end a 1", ""},
    {"a socket that is gone", "in 1 a; sub 1 A 0; msg A 1; out 1; msg A 2; out 1", "1:A1"},
    {"a socket that comes again", "in 1 a; sub 1 A 0; out 1; in 1 a; sub 1 A 4; msg A 5", "1:A5"},
    {"read cursors go to the conversation", "in 1 a; in 2 b; sub 1 A 0; sub 2 B 0; read A; read B", "1:read-A 2:read-B"},

    /* members */
    {"who joins is told and gets what follows", "in 1 a; join A a 3; msg A 4", "1:changed-A 1:A4"},
    {"the others are told too", "in 1 a; in 2 b; sub 1 A 3; join A b 3; msg A 4", "2:changed-A 1:changed-A 1:A4 2:A4"},
    {"created with members", "in 1 a; in 2 b; in 3 c; join A ab 0; msg A 1", "1:changed-A 2:changed-A 1:A1 2:A1"},
    {"a message came before the news of joining", "in 1 a; msg A 4; msg A 5; join A a 3; msg A 6",
        "1:changed-A 1:A4 1:A5 1:A6"},
    {"messages from before joining are not sent", "in 1 a; msg A 2; msg A 3; join A a 3", "1:changed-A"},
    {"late news of joining changes nothing", "in 1 a; sub 1 A 7; join A a 0; msg A 7; msg A 8", "1:changed-A 1:A8"},
    {"who is removed is told, and gets nothing more",
        "in 1 a; in 2 b; sub 1 A 3; sub 2 A 3; leave A a; msg A 4; read A; upd A",
        "1:removed-A 2:changed-A 2:A4 2:read-A 2:changed-A"},
    {"removed twice", "in 1 a; sub 1 A 3; leave A a; leave A a", "1:removed-A"},
    {"removed and back: nothing twice", "in 1 a; sub 1 A 5; leave A a; join A a 3; msg A 5; msg A 6",
        "1:removed-A 1:changed-A 1:A6"},
    {"back after more was said", "in 1 a; sub 1 A 5; leave A a; msg A 6; join A a 6; msg A 7",
        "1:removed-A 1:changed-A 1:A7"},
    {"removed from what it never had", "in 1 a; leave A a; msg A 1", ""},
    {"renamed", "in 1 a; in 2 b; sub 1 A 0; sub 2 B 0; upd A", "1:changed-A"},

    /* the race of loading and living */
    {"sent between mark and load is not sent again", "mark; msg A 6; in 1 a; sub 1 A 6; replay 1; msg A 7", "1:A7"},
    {"sent after the load, before the socket was in", "mark; msg A 6; msg A 7; in 1 a; sub 1 A 6; replay 1; msg A 8",
        "1:A7 1:A8"},
    {"sent before the mark is not replayed", "msg A 6; mark; in 1 a; sub 1 A 5; replay 1", ""},
    {"a gap in the replay", "mark; msg A 8; in 1 a; sub 1 A 6; replay 1; msg A 9", "1:pull-A 1:A9"},
    {"replay is for the one socket", "in 2 b; sub 2 A 6; mark; msg A 7; in 1 a; sub 1 A 6; replay 1", "2:A7 1:A7"},
    {"joined meanwhile", "mark; join A ab 2; msg A 3; in 1 a; replay 1; msg A 4", "1:changed-A 1:A3 1:A4"},
    {"joined meanwhile, after a message", "mark; msg A 3; join A a 2; in 1 a; replay 1", "1:changed-A 1:A3"},
    {"removed meanwhile", "mark; leave A a; msg A 3; in 1 a; sub 1 A 2; replay 1", "1:removed-A"},
    {"old news of leaving and coming", "mark; leave A a; join A a 2; in 1 a; sub 1 A 5; replay 1; msg A 6",
        "1:removed-A 1:changed-A 1:A6"},
    {"renamed meanwhile", "mark; upd A; read A; in 1 a; sub 1 A 2; replay 1", "1:changed-A 1:read-A"},

    /* sessions */
    {"only the session that ended", "in 1 a; in 2 a; in 3 b; end a 2", "2:end"},
    {"another person's", "in 1 a; end b 1", ""},
    {"ended while signing in", "mark; end a 1; in 1 a; replay 1", "1:end"},
    {"ended before the mark", "end a 1; mark; in 1 a; replay 1", ""},
};

static void test_scripts(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct world world = world_new();
        run(&world, CASES[i].script);
        if (strcmp(sent, CASES[i].want) != 0 || !world.complete) {
            fail_msg("%s: got \"%s\", want \"%s\"", CASES[i].name, sent, CASES[i].want);
        }
        world_end(&world);
    }
}

static void test_ring_forgets_by_number(void **state)
{
    (void)state;
    struct world world = world_new();
    run(&world, "mark");
    for (int i = 1; i <= HUB_RING_EVENTS_MAX; i++) {
        publish(&world, "read", 'X', "", 0);
    }
    run(&world, "in 1 a; sub 1 A 0; replay 1");
    assert_true(world.complete); /* exactly all are there */
    publish(&world, "msg", 'A', "", 1);
    run(&world, "in 2 b; sub 2 A 0; replay 2");
    assert_false(world.complete);
    assert_string_equal(sent, "1:A1 2:A1"); /* what is left was sent all the same */
    run(&world, "mark; replay 2");
    assert_true(world.complete);
    world_end(&world);
}

static void test_ring_forgets_by_size(void **state)
{
    (void)state;
    struct world world = world_new();
    char *large = malloc(1024 * 1024);
    memset(large, 'x', 1024 * 1024 - 1);
    large[1024 * 1024 - 1] = '\0';
    run(&world, "mark");
    for (int i = 0; i < 10; i++) {
        struct hub_event *event = new_event(HUB_READ_CURSOR, 'X', "");
        Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
        frame.reply_to = large;
        assert_null(push_new(&frame, &event->push));
        hub_publish(world.hub, event);
    }
    run(&world, "in 1 a; replay 1");
    assert_false(world.complete); /* each counts twice, for its two forms: ten are more than 16 MiB */
    free(large);
    world_end(&world);
}

/* A long random history: whatever comes in whatever order, nobody sees a seq twice or out of order, and every gap is
 * announced. */
static void test_random_history(void **state)
{
    (void)state;
    static int64_t seen[SOCKETS];
    unsigned seed = 20260727;
    struct world world = world_new();
    run(&world, "in 1 a; in 2 a; in 3 b; sub 1 A 0; sub 2 A 0; sub 3 A 0");
    memset(seen, 0, sizeof(seen));
    int64_t last = 0;
    for (int i = 0; i < 20000; i++) {
        sent[0] = '\0';
        int64_t seq = last + 1;
        int dice = rand_r(&seed) % 10;
        if (dice == 0) {
            seq = last > 3 ? last - rand_r(&seed) % 3 : 1; /* again */
        } else if (dice == 1) {
            seq = last + 2 + rand_r(&seed) % 3; /* lost some */
        }
        publish(&world,
            dice == 2   ? "leave"
            : dice == 3 ? "join"
                        : "msg",
            'A', dice == 2 || dice == 3 ? "a" : "", dice == 3 ? last : seq);
        last = dice != 2 && dice != 3 && seq > last ? seq : last;
        char *rest = NULL;
        for (char *part = strtok_r(sent, " ", &rest); part; part = strtok_r(NULL, " ", &rest)) {
            int64_t *mine = &seen[part[0] - '0'];
            if (part[2] == 'A') {
                int64_t got = atoll(part + 3);
                assert_true(got == *mine + 1 || (part[0] != '3' && got > *mine));
                *mine = got;
            } else if (strcmp(part + 2, "pull-A") == 0) {
                assert_true(seq > *mine + 1);
                *mine = seq;
            }
        }
    }
    assert_int_equal(seen[3], last); /* b was in all the time and is up to date */
    world_end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_ring_forgets_by_number),
        cmocka_unit_test(test_ring_forgets_by_size),
        cmocka_unit_test(test_random_history),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
