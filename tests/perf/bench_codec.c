/* What the codec costs: ns of CPU a call, for a message as people send it, a page of 50 messages, and an import of 8 MiB.
 *
 *   bench_codec [MILLISECONDS]     300 for each row by default */
#include "libshared/base/check.h"
#include "libshared/rpc/json.h"

#include "kongsi/identity/v1/identity_service.pb-c.h"
#include "kongsi/messaging/v1/messaging_service.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ID "0193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e10"
#define SIZE_MAX_BYTES ((size_t)32 * 1024 * 1024)
#define PAGE_MESSAGES 50
#define IMPORT_SIZE_BYTES ((size_t)8 * 1024 * 1024)

struct sample {
    const char *name;
    const struct schema_message *message;
    const ProtobufCMessageDescriptor *descriptor;
    struct buf json, wire, out;
};

static int64_t cpu_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static struct bytes view(const struct buf *buf)
{
    return (struct bytes){(const uint8_t *)buf->data, buf->length};
}

static void read_json(struct sample *sample)
{
    buf_reset(&sample->out);
    check(!json_to_wire(sample->message, sample->json.data, sample->json.length, &sample->out));
}

static void check_rules(struct sample *sample)
{
    check(!schema_check(sample->message, view(&sample->wire)));
}

static void write_json(struct sample *sample)
{
    buf_reset(&sample->out);
    check(!json_from_wire(sample->message, view(&sample->wire), &sample->out));
}

static void unpack(struct sample *sample)
{
    struct bytes wire = view(&sample->wire);
    ProtobufCMessage *message = protobuf_c_message_unpack(sample->descriptor, NULL, wire.length, wire.data);
    check(message);
    protobuf_c_message_free_unpacked(message, NULL);
}

static void measure(const char *what, void (*run)(struct sample *sample), struct sample *sample, int64_t ms)
{
    int64_t calls = 0;
    int64_t begin = cpu_ns();
    do {
        run(sample);
        calls++;
    } while (cpu_ns() - begin < ms * 1000000);
    double ns = (double)(cpu_ns() - begin) / (double)calls;
    printf("%-14s %-28s %12.0f ns %8.0f MB/s of JSON\n", sample->name, what, ns, (double)sample->json.length * 1e3 / ns);
}

static void fill_page(struct buf *json)
{
    buf_append_text(json, "{\"messages\":[");
    for (int i = 0; i < PAGE_MESSAGES; i++) {
        buf_printf(json,
            "%s{\"id\":\"" ID "\",\"conversation_id\":\"" ID "\",\"seq\":\"%d\",\"sender_id\":\"" ID
            "\",\"create_time\":\"2026-11-22T08:00:00.120Z\",\"request_id\":\"" ID
            "\",\"text\":{\"body\":\"a message of ordinary length, as people send them 從早到晚\"}}",
            i ? "," : "", i + 1);
    }
    buf_append_text(json, "],\"has_more\":true,\"last_seq\":\"50\"}");
}

static void fill_import(struct buf *json)
{
    buf_append_text(json, "{\"dry_run\":true,\"staff_csv\":\"");
    for (size_t i = 0; i < IMPORT_SIZE_BYTES / 4; i++) {
        buf_append(json, "YSxi", 4);
    }
    buf_append_text(json, "\"}");
}

static void run_sample(struct sample *sample, const char *message, int64_t ms)
{
    sample->message = schema_find_message(schema_kongsi(), message);
    buf_init(&sample->wire, SIZE_MAX_BYTES);
    buf_init(&sample->out, SIZE_MAX_BYTES);
    check(!json_to_wire(sample->message, sample->json.data, sample->json.length, &sample->wire));
    measure("JSON to wire", read_json, sample, ms);
    measure("schema_check", check_rules, sample, ms);
    measure("unpack (protobuf-c)", unpack, sample, ms);
    measure("wire to JSON", write_json, sample, ms);
    buf_deinit(&sample->json);
    buf_deinit(&sample->wire);
    buf_deinit(&sample->out);
}

int main(int argc, char **argv)
{
    int64_t ms = argc > 1 ? strtol(argv[1], NULL, 10) : 300;
    struct sample send = {.name = "send message", .descriptor = &kongsi__messaging__v1__send_message_request__descriptor};
    struct sample page = {.name = "50 messages", .descriptor = &kongsi__messaging__v1__list_messages_response__descriptor};
    struct sample import = {
        .name = "import 8 MiB", .descriptor = &kongsi__identity__v1__import_directory_request__descriptor};
    buf_init(&send.json, SIZE_MAX_BYTES);
    buf_init(&page.json, SIZE_MAX_BYTES);
    buf_init(&import.json, SIZE_MAX_BYTES);
    buf_append_text(&send.json,
        "{\"conversation_id\":\"" ID "\",\"request_id\":\"" ID "\",\"text\":{\"body\":\"早晨, 今日幾點開會?\"}}");
    fill_page(&page.json);
    fill_import(&import.json);
    run_sample(&send, "kongsi.messaging.v1.SendMessageRequest", ms);
    run_sample(&page, "kongsi.messaging.v1.ListMessagesResponse", ms);
    run_sample(&import, "kongsi.identity.v1.ImportDirectoryRequest", ms);
    return 0;
}
