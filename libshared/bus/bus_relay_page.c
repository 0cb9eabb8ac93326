/* A page is produced whole and waited for whole, so that order needs no thought: when anything fails, the producer is thrown
 * away and the log read again from the bookmarks. */
#include "libshared/bus/bus_relay_page.h"

#include "gen/bus_sql.h"
#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"

#include <inttypes.h>
#include <string.h>

#define PAGE_SIZE 1000
#define FLUSH_STEP_MS 100
#define ACKNOWLEDGE_TIMEOUT_MS 20000 /* above message.timeout.ms */
#define STOP_TIMEOUT_MS 3000         /* the same when the bus is stopping */

struct bus_relay_item {
    struct bus_delivery event;
    int64_t published;    /* the bookmark it was read behind */
    int64_t known_offset; /* the last offset Kafka gave in this partition, as the bookmark has it */
    size_t *waiting;      /* of the page; NULL: answered */
    rd_kafka_resp_err_t code;
    int64_t offset;
};

void bus_relay_acknowledged(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
    (void)client;
    (void)opaque;
    struct bus_relay_item *item = message->_private;
    item->code = message->err;
    item->offset = message->offset;
    if (item->waiting) {
        (*item->waiting)--;
        item->waiting = NULL;
    }
}

static void item_from_row(struct bus_relay_item *item, const struct db_result *rows, int row)
{
    item->published = db_get_int64(rows, row, 2);
    item->known_offset = db_get_int64(rows, row, 3);
    item->offset = BUS_OFFSET_NONE;
    item->code = RD_KAFKA_RESP_ERR__TIMED_OUT; /* until it is answered */
    item->event = (struct bus_delivery){.topic = db_get_text(rows, row, 0),
        .shard = db_get_int(rows, row, 1),
        .position = db_get_int64(rows, row, 4),
        .id = db_get_uuid(rows, row, 5),
        .org_id = db_get_uuid(rows, row, 6),
        .type = db_get_text(rows, row, 7),
        .key = db_get_uuid(rows, row, 8),
        .time = db_get_instant(rows, row, 9),
        .traceparent = db_get_text(rows, row, 10),
        .data = db_get_bytes(rows, row, 11)};
}

struct err *bus_relay_page_read(struct bus_relay_page *page, const struct bus_log *log, struct arena *arena)
{
    struct db_params params = db_params_new(arena);
    db_add_text_array(&params, (const char *const *)log->topics, log->topic_count);
    db_add_int(&params, PAGE_SIZE);
    db_add_int64(&params, BUS_PAGE_MAX_BYTES);
    struct db_scope scope = db_scope_system(clock_monotonic_ms() + BUS_DB_TIMEOUT_MS);
    ERR_TRY(db_run(log->pool, scope, &BUS_SQL_relay_read, &params, &page->rows));
    page->count = (size_t)db_rows(page->rows);
    page->items = arena_calloc(arena, page->count + 1, sizeof(*page->items));
    if (!page->items) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < page->count; i++) {
        item_from_row(&page->items[i], page->rows, (int)i);
    }
    return NULL;
}

static struct err *produce(
    struct bus_relay_page *page, struct bus_relay_item *item, const char *component, rd_kafka_t *client)
{
    char key[UUID_TEXT_SIZE];
    const struct bus_delivery *event = &item->event;
    rd_kafka_headers_t *headers = bus_kafka_headers_new(component, event);
    if (!headers) {
        return err_out_of_memory();
    }
    uuid_format(event->key, key);
    rd_kafka_resp_err_t code = rd_kafka_producev(client, RD_KAFKA_V_TOPIC(event->topic), RD_KAFKA_V_PARTITION(event->shard),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key, UUID_TEXT_LENGTH),
        RD_KAFKA_V_VALUE((void *)(uintptr_t)event->data.data, event->data.length), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_TIMESTAMP(event->time.us / 1000), RD_KAFKA_V_OPAQUE(item), RD_KAFKA_V_END);
    if (code) {
        rd_kafka_headers_destroy(headers);
        return bus_kafka_err(code, "cannot produce");
    }
    item->waiting = &page->waiting;
    page->waiting++;
    return NULL;
}

static void wait_for_answers(const struct bus_relay_page *page, struct bus *bus, rd_kafka_t *client)
{
    int64_t start_ms = clock_monotonic_ms();
    while (page->waiting > 0) {
        int64_t patience_ms = bus_is_stopping(bus) ? STOP_TIMEOUT_MS : ACKNOWLEDGE_TIMEOUT_MS;
        if (clock_monotonic_ms() - start_ms >= patience_ms) {
            return;
        }
        rd_kafka_flush(client, FLUSH_STEP_MS);
    }
}

struct err *bus_relay_page_produce(
    struct bus_relay_page *page, struct bus *bus, const struct bus_log *log, rd_kafka_t *client)
{
    for (size_t i = 0; i < page->count; i++) {
        ERR_TRY(produce(page, &page->items[i], log->component, client));
    }
    wait_for_answers(page, bus, client);
    for (size_t i = 0; i < page->count && !page->failure; i++) {
        page->failure = page->items[i].code;
    }
    return NULL;
}

bool bus_relay_page_is_overwritten(const struct bus_relay_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        const struct bus_relay_item *item = &page->items[i];
        if (!item->code && item->known_offset != BUS_OFFSET_NONE && item->offset <= item->known_offset) {
            return true;
        }
    }
    return false;
}

/* The bookmarks a page moves, as columns. */
struct marks {
    const char **topics;
    int32_t *shards;
    int64_t *published, *positions, *offsets;
    size_t count;
};

static bool marks_init(struct marks *marks, struct arena *arena, size_t room)
{
    marks->topics = arena_calloc(arena, room, sizeof(*marks->topics));
    marks->shards = arena_calloc(arena, room, sizeof(*marks->shards));
    marks->published = arena_calloc(arena, room, sizeof(*marks->published));
    marks->positions = arena_calloc(arena, room, sizeof(*marks->positions));
    marks->offsets = arena_calloc(arena, room, sizeof(*marks->offsets));
    return marks->topics && marks->shards && marks->published && marks->positions && marks->offsets;
}

static bool is_same_shard(const struct bus_delivery *a, const struct bus_delivery *b)
{
    return a->shard == b->shard && strcmp(a->topic, b->topic) == 0;
}

/* Of each shard the last item before the first that failed. */
static size_t collect(struct marks *marks, const struct bus_relay_page *page)
{
    size_t published = 0;
    bool broken = false;
    for (size_t i = 0; i < page->count; i++) {
        const struct bus_relay_item *item = &page->items[i];
        bool first = i == 0 || !is_same_shard(&page->items[i - 1].event, &item->event);
        broken = (!first && broken) || item->code != RD_KAFKA_RESP_ERR_NO_ERROR;
        if (broken) {
            continue;
        }
        if (first) {
            marks->topics[marks->count] = item->event.topic;
            marks->shards[marks->count] = item->event.shard;
            marks->published[marks->count++] = item->published;
        }
        marks->positions[marks->count - 1] = item->event.position;
        marks->offsets[marks->count - 1] = item->offset;
        published++;
    }
    return published;
}

struct err *bus_relay_page_advance(const struct bus_relay_page *page, const struct bus_log *log, struct arena *arena,
    const char *cluster_id, size_t *ret_published)
{
    struct marks marks = {.count = 0};
    if (!marks_init(&marks, arena, page->count + 1)) {
        return err_out_of_memory();
    }
    size_t published = collect(&marks, page);
    if (marks.count == 0) {
        return NULL;
    }
    struct db_params params = db_params_new(arena);
    db_add_text_array(&params, marks.topics, marks.count);
    db_add_int_array(&params, marks.shards, marks.count);
    db_add_int64_array(&params, marks.published, marks.count);
    db_add_int64_array(&params, marks.positions, marks.count);
    db_add_int64_array(&params, marks.offsets, marks.count);
    db_add_text(&params, cluster_id);
    struct db_scope scope = db_scope_system(clock_monotonic_ms() + BUS_DB_TIMEOUT_MS);
    ERR_TRY(db_run(log->pool, scope, &BUS_SQL_relay_positions_advance, &params, NULL));
    *ret_published = published;
    return NULL;
}
