/* Any bytes as protobuf: what schema_check accepts, protobuf-c unpacks, and JSON can say; the message that protobuf-c packs
 * again says the same, and so does the JSON read back. What is refused does no harm. */
#include "libshared/rpc/json.h"
#include "tests/fuzz/fuzz_types.h"

#include <stdlib.h>
#include <string.h>

#define OUTPUT_SIZE_MAX_BYTES ((size_t)64 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes view(const struct buf *buf)
{
    return (struct bytes){(const uint8_t *)buf->data, buf->length};
}

/* protobuf-c takes -0.0 for the default value and leaves it out. */
static void drop_minus_zero(struct buf *json)
{
    static const char MINUS_ZERO[] = "-0.0";
    char *at = json->data;
    while ((at = memmem(at, json->length - (size_t)(at - json->data), MINUS_ZERO, strlen(MINUS_ZERO)))) {
        char *rest = at + strlen(MINUS_ZERO);
        *at++ = '0';
        memmove(at, rest, json->length - (size_t)(rest - json->data));
        json->length -= strlen(MINUS_ZERO) - 1;
    }
}

static void check_same_json(struct fuzz_type type, struct bytes wire, const struct buf *want)
{
    BUF_AUTO json;
    BUF_AUTO want_copy;
    buf_init(&json, OUTPUT_SIZE_MAX_BYTES);
    buf_init(&want_copy, OUTPUT_SIZE_MAX_BYTES);
    check(!json_from_wire(type.message, wire, &json));
    buf_append(&want_copy, want->data, want->length);
    drop_minus_zero(&json);
    drop_minus_zero(&want_copy);
    check(json.length == want_copy.length && memcmp(json.data, want_copy.data, json.length) == 0);
}

static void check_unpacked(struct fuzz_type type, struct bytes wire, const struct buf *json)
{
    ProtobufCMessage *message = protobuf_c_message_unpack(type.descriptor, NULL, wire.length, wire.data);
    check(message);
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = malloc(length ? length : 1);
    check(packed);
    protobuf_c_message_pack(message, packed);
    protobuf_c_message_free_unpacked(message, NULL);
    check_same_json(type, (struct bytes){packed, length}, json);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct fuzz_type type = fuzz_type(data[0]);
    struct bytes wire = {data + 1, size - 1};
    BUF_AUTO json;
    BUF_AUTO wire_again;
    buf_init(&json, OUTPUT_SIZE_MAX_BYTES);
    buf_init(&wire_again, OUTPUT_SIZE_MAX_BYTES);
    ERR_AUTO refused = schema_check(type.message, wire);
    ERR_AUTO unprintable = json_from_wire(type.message, wire, &json);
    if (refused) {
        check(utf8_valid(refused->message, strlen(refused->message)));
        return 0;
    }
    check(!unprintable);
    check_unpacked(type, wire, &json);
    check(!json_to_wire(type.message, json.data, json.length, &wire_again));
    check_same_json(type, view(&wire_again), &json);
    return 0;
}
