/* The realtime service as a value. */
#include "gen/identity_topics.h"
#include "gen/messaging_topics.h"
#include "programs/known_services.h"
#include "services/realtime/event.h"
#include "services/realtime/loop.h"
#include "services/realtime/worker.h"

#include <stdlib.h>

#define FIELD(member) .key = #member, .offset = offsetof(struct realtime_config, member)

static const struct config_field CONFIG_FIELDS[] = {
    {FIELD(address), .type = CONFIG_STRING, .help = "Address the WebSocket port listens on; empty: all."},
    {FIELD(port), .type = CONFIG_INT, .default_text = "8081", .minimum = 1, .maximum = 65535,
        .help = "The WebSocket port; it also answers /healthz, /readyz and /metrics."},
    {FIELD(allowed_origins), .type = CONFIG_STRING_LIST,
        .help = "Origins of pages that may open a socket, as in https://office.example.hk; empty: pages of the same host."},
    {FIELD(workers), .type = CONFIG_INT, .default_text = "4", .minimum = 1, .maximum = 64,
        .help = "Threads that call the services behind for all sockets."},
    {FIELD(sockets_max), .type = CONFIG_INT, .default_text = "20000", .minimum = 1, .maximum = 500000,
        .help = "Sockets open at the same time; a handshake past it answers 503."},
    {FIELD(queue_bytes_max), .type = CONFIG_INT, .default_text = "262144", .minimum = 4096, .maximum = 16777216,
        .help = "Bytes that wait for one slow socket; past it they are dropped and the client is told to pull."},
    {FIELD(ping_interval_seconds), .type = CONFIG_INT, .default_text = "30", .minimum = 1, .maximum = 3600,
        .help = "Seconds between a client's pings; a socket that is silent for twice as long is closed."},
    {.key = NULL},
};

static void stop(void *state)
{
    struct realtime *realtime = state;
    workers_stop(realtime->workers);
    loop_free(realtime->loop);
    free(realtime);
}

static struct err *start(const struct service_env *env, void **ret_state)
{
    struct realtime *realtime = calloc(1, sizeof(*realtime));
    if (!realtime) {
        return err_out_of_memory();
    }
    realtime->env = env;
    realtime->config = env->config;
    struct err *error = loop_new(realtime, &realtime->loop);
    if (!error) {
        error = workers_start(realtime, &realtime->workers);
    }
    if (error) {
        stop(realtime);
        return error;
    }
    *ret_state = realtime;
    return NULL;
}

static struct err *serve(void *state)
{
    const struct realtime *realtime = state;
    return loop_serve(realtime->loop);
}

static void drain(void *state)
{
    const struct realtime *realtime = state;
    loop_drain(realtime->loop);
}

static const struct service_consumer CONSUMERS[] = {
    {.name = "realtime.messaging_messages",
        .component = "messaging",
        .topic = MESSAGING_TOPIC_MESSAGE,
        .start = BUS_START_NEWEST,
        .is_volatile = true,
        .deliver = event_messaging_message},
    {.name = "realtime.messaging_conversations",
        .component = "messaging",
        .topic = MESSAGING_TOPIC_CONVERSATION,
        .start = BUS_START_NEWEST,
        .is_volatile = true,
        .deliver = event_messaging_conversation},
    {.name = "realtime.messaging_read_cursors",
        .component = "messaging",
        .topic = MESSAGING_TOPIC_READ_CURSOR,
        .start = BUS_START_NEWEST,
        .is_volatile = true,
        .deliver = event_messaging_read_cursor},
    {.name = "realtime.identity_sessions",
        .component = "identity",
        .topic = IDENTITY_TOPIC_SESSION,
        .start = BUS_START_NEWEST,
        .is_volatile = true,
        .deliver = event_identity_session},
    {.name = NULL},
};

const struct service_def realtime_service = {
    .name = "realtime",
    .config_fields = CONFIG_FIELDS,
    .config_size_bytes = sizeof(struct realtime_config),
    .consumers = CONSUMERS,
    .port_config_offset = offsetof(struct realtime_config, port),
    .address_config_offset = offsetof(struct realtime_config, address),
    .own_listener = true,
    .start = start,
    .serve = serve,
    .drain = drain,
    .stop = stop,
};
