/* Any text as JSON: read or refused. What is read has a wire form that protobuf-c takes when it keeps the rules, and JSON →
 * wire → JSON → wire ends where it began. */
#include "libshared/rpc/json.h"
#include "tests/fuzz/fuzz_types.h"

#include <string.h>

#define INPUT_SIZE_MAX_BYTES 8192 /* below it no map has more entries than json_from_wire prints */
#define OUTPUT_SIZE_MAX_BYTES ((size_t)16 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes view(const struct buf *buf)
{
    return (struct bytes){(const uint8_t *)buf->data, buf->length};
}

static void check_err(const struct err *error)
{
    check(utf8_valid(error->message, strlen(error->message)));
    for (size_t i = 0; i < error->metadata_count; i++) {
        check(utf8_valid(error->metadata[i].value, strlen(error->metadata[i].value)));
    }
}

static void check_rules(struct fuzz_type type, struct bytes wire)
{
    ERR_AUTO error = schema_check(type.message, wire);
    if (error) {
        check_err(error);
        return;
    }
    ProtobufCMessage *message =
        protobuf_c_message_unpack(type.descriptor, NULL, wire.length, wire.data ? wire.data : (const uint8_t *)"");
    check(message);
    protobuf_c_message_free_unpacked(message, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > INPUT_SIZE_MAX_BYTES) {
        return 0;
    }
    struct fuzz_type type = fuzz_type(data[0]);
    BUF_AUTO wire;
    BUF_AUTO json;
    BUF_AUTO wire_again;
    buf_init(&wire, OUTPUT_SIZE_MAX_BYTES);
    buf_init(&json, OUTPUT_SIZE_MAX_BYTES);
    buf_init(&wire_again, OUTPUT_SIZE_MAX_BYTES);
    ERR_AUTO error = json_to_wire(type.message, (const char *)data + 1, size - 1, &wire);
    if (error) {
        check_err(error);
        check(wire.length == 0);
        return 0;
    }
    check_rules(type, view(&wire));
    check(!json_from_wire(type.message, view(&wire), &json));
    check(!json_to_wire(type.message, json.data, json.length, &wire_again));
    check(wire.length == wire_again.length);
    check(wire.length == 0 || memcmp(wire.data, wire_again.data, wire.length) == 0);
    return 0;
}
