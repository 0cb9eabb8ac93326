/* The messaging service as a value. */
#include "gen/identity_topics.h"
#include "gen/messaging_rpc.h"
#include "gen/messaging_sql.h"
#include "gen/messaging_topics.h"
#include "programs/known_services.h"
#include "services/messaging/event_identity.h"
#include "services/messaging/store.h"

#include <stdlib.h>

#define READ_WRITERS 1

static const struct config_field CONFIG_FIELDS[] = {
    {.key = "address",
        .type = CONFIG_STRING,
        .offset = offsetof(struct messaging_config, address),
        .default_text = "127.0.0.1",
        .help = "Address the service's RPC port listens on."},
    {.key = "port",
        .type = CONFIG_INT,
        .offset = offsetof(struct messaging_config, port),
        .default_text = "18102",
        .minimum = 1,
        .maximum = 65535,
        .help = "The service's RPC port."},
    {.key = "send_writers",
        .type = CONFIG_INT,
        .offset = offsetof(struct messaging_config, send_writers),
        .default_text = "2",
        .minimum = 1,
        .maximum = 8,
        .help = "Database connections that commit sent messages at the same time."},
    {.key = "send_batch_max",
        .type = CONFIG_INT,
        .offset = offsetof(struct messaging_config, send_batch_max),
        .default_text = "200",
        .minimum = 1,
        .maximum = 1000,
        .help = "Messages committed in one transaction at most."},
    {.key = "send_queue_max",
        .type = CONFIG_INT,
        .offset = offsetof(struct messaging_config, send_queue_max),
        .default_text = "5000",
        .minimum = 1,
        .maximum = 100000,
        .help = "Messages that wait for their commit at most; past it a send answers OVERLOADED."},
    {.key = NULL},
};

static struct err *open_batches(struct messaging *messaging, const struct messaging_config *config)
{
    struct db_batch_options options = {.name = "message_send",
        .writers = (int)config->send_writers,
        .items_max = (int)config->send_batch_max,
        .queue_max = (int)config->send_queue_max,
        .run = store_message_run_batch,
        .context = messaging};
    ERR_TRY(db_batch_open(messaging->env->db, &options, &messaging->send_batch));
    options.name = "read_mark";
    options.writers = READ_WRITERS;
    options.run = store_read_cursor_run_batch;
    return db_batch_open(messaging->env->db, &options, &messaging->read_batch);
}

static void stop(void *state)
{
    struct messaging *messaging = state;
    db_batch_close(messaging->send_batch);
    db_batch_close(messaging->read_batch);
    free(messaging);
}

static struct err *start(const struct service_env *env, void **ret_state)
{
    struct messaging *messaging = calloc(1, sizeof(*messaging));
    if (!messaging) {
        return err_out_of_memory();
    }
    messaging->env = env;
    struct err *error = open_batches(messaging, env->config);
    if (error) {
        stop(messaging);
        return error;
    }
    *ret_state = messaging;
    return NULL;
}

static const struct rpc_service *const RPC[] = {&messaging_rpc_messaging_service, NULL};

static const struct service_consumer CONSUMERS[] = {
    {.name = "messaging.identity_users",
        .component = "identity",
        .topic = IDENTITY_TOPIC_USER,
        .start = BUS_START_OLDEST,
        .deliver = event_identity_user},
    {.name = NULL},
};

const struct service_def messaging_service = {
    .name = "messaging",
    .rpc = RPC,
    .config_fields = CONFIG_FIELDS,
    .config_size_bytes = sizeof(struct messaging_config),
    .migrations = messaging_sql_migrations,
    .statements = messaging_sql_statements,
    .topics = messaging_topics,
    .consumers = CONSUMERS,
    .port_config_offset = offsetof(struct messaging_config, port),
    .address_config_offset = offsetof(struct messaging_config, address),
    .start = start,
    .stop = stop,
};
