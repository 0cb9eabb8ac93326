#include "libshared/bus/bus_kafka.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"

#include <string.h>
#include <time.h>

#define TOPIC_BYTES_MAX "2097152" /* max.message.bytes: above BUS_EVENT_SIZE_MAX_BYTES and its headers */
#define ERROR_SIZE 512
#define SETTLE_PAUSE_MS 100

static const struct bus_kafka_setting COMMON[] = {
    {"client.id", "kongsi"},
    {"socket.keepalive.enable", "true"},
    {"socket.nagle.disable", "true"},
    {"reconnect.backoff.ms", "100"},
    {"reconnect.backoff.max.ms", "2000"},
    {"topic.metadata.refresh.interval.ms", "10000"},
    {"message.max.bytes", TOPIC_BYTES_MAX},
    {"log.connection.close", "false"},
    {NULL, NULL},
};

struct err *bus_kafka_err(rd_kafka_resp_err_t code, const char *attempt)
{
    return err_new(&KONGSI_UNAVAILABLE, "kafka: %s: %s (%s)", attempt, rd_kafka_err2str(code), rd_kafka_err2name(code));
}

/* Runs on librdkafka's threads. Who uses a client tells, calmly, when it cannot do its work; the rest is for a close look.
 */
static void forward_log(const rd_kafka_t *client, int level, const char *facility, const char *text)
{
    (void)client;
    log_write(level <= 2 ? LOG_LEVEL_WARN : LOG_LEVEL_DEBUG, "kafka: %s: %s", facility, text);
}

static struct err *apply(rd_kafka_conf_t *conf, const struct bus_kafka_setting *settings)
{
    char text[ERROR_SIZE];
    for (; settings->key; settings++) {
        if (rd_kafka_conf_set(conf, settings->key, settings->value, text, sizeof(text)) != RD_KAFKA_CONF_OK) {
            return err_new(&KONGSI_INTERNAL, "kafka refuses the setting %s=%s: %s", settings->key, settings->value, text);
        }
    }
    return NULL;
}

struct err *bus_kafka_conf(const struct bus *bus, const struct bus_kafka_setting *settings, rd_kafka_conf_t **ret_conf)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const struct bus_kafka_setting brokers[] = {{"bootstrap.servers", bus->kafka_brokers}, {NULL, NULL}};
    struct err *error = apply(conf, COMMON);
    error = error ? error : apply(conf, brokers);
    error = error ? error : apply(conf, settings);
    if (error) {
        rd_kafka_conf_destroy(conf);
        return error;
    }
    rd_kafka_conf_set_log_cb(conf, forward_log);
    *ret_conf = conf;
    return NULL;
}

struct err *bus_kafka_client(rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **ret_client)
{
    char text[ERROR_SIZE];
    rd_kafka_t *client = rd_kafka_new(type, conf, text, sizeof(text));
    if (!client) {
        rd_kafka_conf_destroy(conf);
        return err_new(&KONGSI_UNAVAILABLE, "kafka: cannot make a client: %s", text);
    }
    *ret_client = client;
    return NULL;
}

static int partitions_of(const rd_kafka_metadata_t *metadata, const char *topic)
{
    for (int i = 0; i < metadata->topic_cnt; i++) {
        if (strcmp(metadata->topics[i].topic, topic) == 0) {
            return metadata->topics[i].partition_cnt;
        }
    }
    return 0;
}

static struct err *create_result(const rd_kafka_CreateTopics_result_t *result)
{
    size_t count;
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(result, &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[i]);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            return err_new(&KONGSI_UNAVAILABLE, "kafka: cannot create the topic %s: %s",
                rd_kafka_topic_result_name(topics[i]), rd_kafka_topic_result_error_string(topics[i]));
        }
    }
    return NULL;
}

static struct err *create(rd_kafka_t *client, rd_kafka_NewTopic_t **topics, size_t count)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, topics, count, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 2 * BUS_KAFKA_TIMEOUT_MS);
    struct err *error = NULL;
    if (!event) {
        error =
            err_new(&KONGSI_UNAVAILABLE, "kafka: no answer on creating topics within %d s", 2 * BUS_KAFKA_TIMEOUT_MS / 1000);
    } else if (rd_kafka_event_error(event)) {
        error = bus_kafka_err(rd_kafka_event_error(event), "cannot create topics");
    } else {
        error = create_result(rd_kafka_event_CreateTopics_result(event));
    }
    if (event) {
        rd_kafka_event_destroy(event);
    }
    rd_kafka_queue_destroy(queue);
    return error;
}

/* The metadata of all topics: to ask for one by name could make the broker create it with its default number of partitions.
 */
static struct err *missing_topics(rd_kafka_t *client, const char *const *topics, size_t count, int partitions,
    rd_kafka_NewTopic_t **ret_missing, size_t *ret_count)
{
    const rd_kafka_metadata_t *metadata;
    rd_kafka_resp_err_t code = rd_kafka_metadata(client, 1, NULL, &metadata, BUS_KAFKA_TIMEOUT_MS);
    if (code) {
        return bus_kafka_err(code, "cannot list topics");
    }
    struct err *error = NULL;
    char text[ERROR_SIZE];
    for (size_t i = 0; i < count && !error; i++) {
        int there = partitions_of(metadata, topics[i]);
        if (there == partitions) {
            continue;
        }
        if (there != 0) {
            error = err_new(&KONGSI_CONFIG_INVALID,
                "kafka: the topic %s has %d partitions instead of %d; delete it, it is made again", topics[i], there,
                partitions);
            break;
        }
        rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(topics[i], partitions, -1, text, sizeof(text));
        if (!topic) {
            error = err_new(&KONGSI_INTERNAL, "kafka refuses the topic %s: %s", topics[i], text);
            break;
        }
        rd_kafka_NewTopic_set_config(topic, "max.message.bytes", TOPIC_BYTES_MAX);
        ret_missing[(*ret_count)++] = topic;
    }
    rd_kafka_metadata_destroy(metadata);
    return error;
}

struct err *bus_kafka_ensure_topics(rd_kafka_t *client, const char *const *topics, size_t count, int partitions)
{
    rd_kafka_NewTopic_t *missing[BUS_TOPICS_MAX];
    size_t missing_count = 0;
    struct err *error = missing_topics(client, topics, count, partitions, missing, &missing_count);
    if (!error && missing_count > 0) {
        error = create(client, missing, missing_count);
    }
    rd_kafka_NewTopic_destroy_array(missing, missing_count);
    return error;
}

/* Where a topic was just made, its brokers need a moment until they lead it. */
static bool is_settling(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

static void refresh_metadata(rd_kafka_t *client)
{
    const rd_kafka_metadata_t *metadata;
    if (!rd_kafka_metadata(client, 1, NULL, &metadata, BUS_KAFKA_TIMEOUT_MS)) {
        rd_kafka_metadata_destroy(metadata);
    }
}

static rd_kafka_resp_err_t ask_ends(rd_kafka_t *client, rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        list->elems[i].offset = RD_KAFKA_OFFSET_END; /* the "time" of the end, as the ListOffsets request has it */
    }
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(client, list, BUS_KAFKA_TIMEOUT_MS);
    for (int i = 0; i < list->cnt && !code; i++) {
        code = list->elems[i].err;
    }
    return code;
}

static void copy_ends(const rd_kafka_topic_partition_list_t *list, const char *const *topics, size_t count, int64_t *ends)
{
    for (int i = 0; i < list->cnt; i++) {
        for (size_t topic = 0; topic < count; topic++) {
            if (strcmp(topics[topic], list->elems[i].topic) == 0) {
                ends[topic * BUS_SHARDS + (size_t)list->elems[i].partition] = list->elems[i].offset;
            }
        }
    }
}

struct err *bus_kafka_end_offsets(rd_kafka_t *client, const char *const *topics, size_t count, int64_t *ends)
{
    const struct timespec pause = {.tv_nsec = SETTLE_PAUSE_MS * 1000000};
    int64_t until_ms = clock_monotonic_ms() + BUS_KAFKA_TIMEOUT_MS;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)count * BUS_SHARDS);
    for (size_t topic = 0; topic < count; topic++) {
        rd_kafka_topic_partition_list_add_range(list, topics[topic], 0, BUS_SHARDS - 1);
    }
    rd_kafka_resp_err_t code = ask_ends(client, list);
    while (is_settling(code) && clock_monotonic_ms() < until_ms) {
        nanosleep(&pause, NULL);
        refresh_metadata(client);
        code = ask_ends(client, list);
    }
    if (!code) {
        copy_ends(list, topics, count, ends);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? bus_kafka_err(code, "cannot learn the partitions' ends") : NULL;
}
