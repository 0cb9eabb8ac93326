/* The event log: a service's domain events, kept in its own database in commit order, read by position.
 *
 * A change and its events commit together: bus_append is the last thing a transaction does before db_commit. Events of one
 * key keep their order; per topic and shard positions are 1, 2, 3, … without gaps, in commit order. shard = hash_fnv1a(key's
 * 16 bytes) % BUS_SHARDS: for ever, Kafka's partition is the shard. */
#pragma once

#include "libshared/base/arena.h"
#include "libshared/base/clock.h"
#include "libshared/base/err.h"
#include "libshared/base/uuid.h"
#include "libshared/db/db.h"
#include "libshared/db/db_migrate.h"
#include "libshared/rpc/rpc.h"

#include <protobuf-c/protobuf-c.h>

#define BUS_SHARDS 32
#define BUS_EVENT_SIZE_MAX_BYTES ((size_t)1024 * 1024)
#define BUS_TRIES_MAX 5 /* then the event is parked in dead_letters */
#define BUS_RETENTION_DAYS_DEFAULT 7
#define BUS_TOPICS_MAX 64   /* of one log */
#define BUS_APPEND_MAX 5000 /* events of one bus_append */

/* What a service wants said. Topic and type come from the message's EventRules in the schema. */
struct bus_event {
    struct uuid key; /* the aggregate's id: ce_subject, decides the shard */
    const ProtobufCMessage *body;
};

struct bus_log;

/* The log of a service in its database. Pool: the service's own. `topics`: NULL-terminated, all topics the service owns. */
struct bus_log_options {
    const char *component; /* "messaging": ce_source "/kongsi/messaging" */
    struct db_pool *pool;
    const char *const *topics;
    int retention_days;
};
ERR_RESULT struct err *bus_log_open(const struct bus_log_options *options, struct bus_log **ret_log);
void bus_log_close(struct bus_log *log);
/* Appends to the log inside the transaction, whose scope must be org_id's; takes the shards' head rows in one order. Wakes
 * readers after the commit. Nothing may be queued on `tx` after it but db_commit. ctx gives traceparent and time. */
ERR_RESULT struct err *bus_append(struct bus_log *log, struct db_tx *tx, struct arena *arena, struct instant now,
    const char *traceparent, struct uuid org_id, const struct bus_event *events, size_t count);
/* The RPC service kongsi.bus.v1.EventLogService over a log (generated table: gen/bus_rpc.h): registered under the
 * component's name; its state is the log. */
extern const struct rpc_service bus_rpc_event_log_service;

/* Migrations and statements every service with a log or consumers adds to its own (gen/bus_sql.h). */
extern const struct db_migration *const bus_migrations[];
extern const struct db_statement *const bus_statements[];

/* An event as a consumer gets it. Lives for the call. */
struct bus_delivery {
    const char *topic;
    int shard;
    int64_t position;
    struct uuid id, org_id, key;
    const char *type; /* "kongsi.messaging.message.sent.v1" */
    struct instant time;
    const char *traceparent;
    struct bytes data;
};

enum bus_start { BUS_START_OLDEST, BUS_START_NEWEST };

/* A consumer of one topic. Two kinds:
 * - durable (`pool` set): the effect and the new position commit in one transaction; poison events are parked in
 * dead_letters after BUS_TRIES_MAX;
 * - volatile (`pool` NULL, for edges): positions live in memory, start at the newest; `deliver` gets tx NULL.
 * `deliver` runs on the consumer's thread, one event at a time per shard, in order of position. */
struct bus_consumer_options {
    const char *name;      /* durable bookmark's name: "messaging.identity_users" */
    const char *component; /* owner of the topic: "identity" */
    const char *topic;
    enum bus_start start; /* for a consumer without bookmark */
    struct db_pool *pool;
    struct err *(*deliver)(const struct bus_delivery *event, struct db_tx *tx, struct arena *arena, void *context);
    void *context;
};

enum bus_transport { BUS_EMBEDDED, BUS_KAFKA };

struct bus;

/* The process's side of the bus: runs relays (log → Kafka, when the transport is Kafka) and consumers. */
struct bus_options {
    enum bus_transport transport;
    const char *kafka_brokers;
    struct rpc_net *net; /* to read others' logs */
};
ERR_RESULT struct err *bus_open(const struct bus_options *options, struct bus **ret_bus);
/* Adds before bus_start. */
ERR_RESULT struct err *bus_add_log(struct bus *bus, struct bus_log *log);
ERR_RESULT struct err *bus_add_consumer(struct bus *bus, const struct bus_consumer_options *options);
ERR_RESULT struct err *bus_start(struct bus *bus);
/* Stops consumers and relays, each after the event under way. Readers that wait on an added log are sent away
 * (KONGSI_UNAVAILABLE). */
void bus_stop(struct bus *bus);
void bus_close(struct bus *bus);

/* For operators. */

/* Lets the relay publish again what the log retained since `from`. Consumers skip what they had. */
ERR_RESULT struct err *bus_republish(struct bus_log *log, struct instant from);

struct bus_replay {
    int delivered, failed;
};
/* Delivers the parked events of a durable consumer of `bus` (added, need not be started) once more, oldest first, at most
 * 1,000: each in a transaction of its own. One that fails again stays parked. Reason: KONGSI_ROW_NOT_FOUND for a consumer
 * nobody added. */
ERR_RESULT struct err *bus_replay_dead_letters(struct bus *bus, const char *consumer, struct bus_replay *ret_replay);
