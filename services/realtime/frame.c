#include "services/realtime/frame.h"

#include "gen/kongsi_errors.h"
#include "gen/realtime_errors.h"
#include "libshared/base/log.h"
#include "libshared/rpc/json.h"
#include "libshared/rpc/rpc.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define SERVER_FRAME "kongsi.realtime.v1.ServerFrame"
#define CLIENT_FRAME "kongsi.realtime.v1.ClientFrame"

const char *frame_subprotocol_name(enum frame_subprotocol subprotocol)
{
    return subprotocol == FRAME_JSON ? "kongsi.v1+json" : "kongsi.v1+proto";
}

/* ---- frames ---- */

static struct frame *frame_new(size_t length)
{
    struct frame *frame = malloc(sizeof(*frame) + FRAME_HEADROOM_BYTES + length);
    if (frame) {
        frame->references = 1;
        frame->length = length;
    }
    return frame;
}

struct frame *frame_ref(struct frame *frame)
{
    frame->references++;
    return frame;
}

void frame_unref(struct frame *frame)
{
    if (frame && --frame->references == 0) {
        free(frame);
    }
}

static struct err *encode_proto(const Kongsi__Realtime__V1__ServerFrame *message, struct frame **ret_frame)
{
    struct frame *frame = frame_new(kongsi__realtime__v1__server_frame__get_packed_size(message));
    if (!frame) {
        return err_out_of_memory();
    }
    kongsi__realtime__v1__server_frame__pack(message, frame->bytes + FRAME_HEADROOM_BYTES);
    *ret_frame = frame;
    return NULL;
}

static struct err *json_from_proto(const struct frame *proto, struct frame **ret_frame)
{
    const struct schema_message *schema = schema_find_message(schema_kongsi(), SERVER_FRAME);
    struct bytes wire = {.data = proto->bytes + FRAME_HEADROOM_BYTES, .length = proto->length};
    BUF_AUTO json;
    buf_init(&json, FRAME_JSON_SIZE_MAX_BYTES);
    ERR_TRY(json_from_wire(schema, wire, &json));
    struct frame *frame = frame_new(json.length);
    if (!frame) {
        return err_out_of_memory();
    }
    memcpy(frame->bytes + FRAME_HEADROOM_BYTES, json.data, json.length);
    *ret_frame = frame;
    return NULL;
}

struct err *frame_encode(
    enum frame_subprotocol subprotocol, const Kongsi__Realtime__V1__ServerFrame *message, struct frame **ret_frame)
{
    struct frame *proto;
    ERR_TRY(encode_proto(message, &proto));
    if (subprotocol == FRAME_PROTO) {
        *ret_frame = proto;
        return NULL;
    }
    struct err *error = json_from_proto(proto, ret_frame);
    frame_unref(proto);
    return error;
}

/* ---- reading ---- */

/* A client may say ids of at most 64 characters; anything else is not repeated in the answer to a refused frame. */
static const char *usable_id(struct arena *arena, const char *id)
{
    size_t length = id ? strlen(id) : 0;
    if (length == 0 || length > FRAME_ID_LENGTH_MAX_BYTES || !utf8_valid(id, length)) {
        return "";
    }
    const char *copy = arena_strdup(arena, id);
    return copy ? copy : "";
}

/* The id of a frame that is JSON, but not a ClientFrame. */
static const char *json_id(struct bytes bytes, struct arena *arena)
{
    json_t *root = json_loadb((const char *)bytes.data, bytes.length, JSON_REJECT_DUPLICATES, NULL);
    const char *id = usable_id(arena, json_string_value(json_object_get(root, "id")));
    json_decref(root);
    return id;
}

static struct err *frame_invalid(struct err *error)
{
    if (!err_is(error, &KONGSI_BODY_INVALID)) {
        return error;
    }
    struct err *mapped = err_new(&REALTIME_FRAME_INVALID, "%s", error->message);
    err_free(error);
    return mapped;
}

static struct err *decode_wire(
    struct bytes wire, struct arena *arena, const Kongsi__Realtime__V1__ClientFrame **ret_frame, const char **ret_id)
{
    const struct schema_message *schema = schema_find_message(schema_kongsi(), CLIENT_FRAME);
    struct err *error = schema_check(schema, wire);
    ProtobufCMessage *message;
    struct err *unpack_error = rpc_unpack(arena, &kongsi__realtime__v1__client_frame__descriptor, wire, &message);
    if (unpack_error) {
        err_free(error);
        return frame_invalid(unpack_error);
    }
    const Kongsi__Realtime__V1__ClientFrame *frame = (const Kongsi__Realtime__V1__ClientFrame *)message;
    *ret_id = usable_id(arena, frame->id); /* also of a frame the rules refuse, so that its sender learns which */
    if (error) {
        return frame_invalid(error);
    }
    *ret_frame = frame;
    return NULL;
}

struct err *frame_decode(enum frame_subprotocol subprotocol, struct bytes bytes, struct arena *arena,
    const Kongsi__Realtime__V1__ClientFrame **ret_frame, const char **ret_id)
{
    *ret_id = "";
    if (subprotocol == FRAME_PROTO) {
        return decode_wire(bytes, arena, ret_frame, ret_id);
    }
    const struct schema_message *schema = schema_find_message(schema_kongsi(), CLIENT_FRAME);
    BUF_AUTO wire;
    buf_init(&wire, FRAME_SIZE_MAX_BYTES);
    struct err *error = json_to_wire(schema, (const char *)bytes.data, bytes.length, &wire);
    if (error) {
        *ret_id = json_id(bytes, arena);
        return frame_invalid(error);
    }
    struct bytes copy = {.data = arena_memdup(arena, wire.data, wire.length), .length = wire.length};
    return copy.data ? decode_wire(copy, arena, ret_frame, ret_id) : err_out_of_memory();
}

/* ---- pushes ---- */

struct push {
    unsigned references;
    struct frame *frames[FRAME_SUBPROTOCOLS]; /* FRAME_PROTO always, others when first asked for */
};

struct err *push_new(const Kongsi__Realtime__V1__ServerFrame *message, struct push **ret_push)
{
    struct push *push = calloc(1, sizeof(*push));
    if (!push) {
        return err_out_of_memory();
    }
    struct err *error = encode_proto(message, &push->frames[FRAME_PROTO]);
    if (error) {
        free(push);
        return error;
    }
    push->references = 1;
    *ret_push = push;
    return NULL;
}

struct frame *push_frame(struct push *push, enum frame_subprotocol subprotocol)
{
    struct frame **frame = &push->frames[subprotocol];
    if (!*frame) {
        struct err *error = json_from_proto(push->frames[FRAME_PROTO], frame);
        if (error) {
            log_err(LOG_LEVEL_ERROR, error, "cannot encode a push");
            err_free(error);
        }
    }
    return *frame;
}

struct push *push_ref(struct push *push)
{
    push->references++;
    return push;
}

void push_unref(struct push *push)
{
    if (!push || --push->references > 0) {
        return;
    }
    for (int i = 0; i < FRAME_SUBPROTOCOLS; i++) {
        frame_unref(push->frames[i]);
    }
    free(push);
}

size_t push_size_bytes(const struct push *push)
{
    return push ? push->frames[FRAME_PROTO]->length : 0;
}

/* ---- bodies ---- */

struct err *push_new_pull_now(const struct uuid *conversation_ids, size_t count, struct push **ret_push)
{
    Kongsi__Realtime__V1__PullNow body = KONGSI__REALTIME__V1__PULL_NOW__INIT;
    Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    char(*texts)[UUID_TEXT_SIZE] = calloc(count + 1, sizeof(*texts));
    char **ids = calloc(count + 1, sizeof(*ids));
    struct err *error = texts && ids ? NULL : err_out_of_memory();
    if (!error) {
        for (size_t i = 0; i < count; i++) {
            uuid_format(conversation_ids[i], texts[i]);
            ids[i] = texts[i];
        }
        body.n_conversation_ids = count;
        body.conversation_ids = ids;
        frame.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_PULL_NOW;
        frame.pull_now = &body;
        error = push_new(&frame, ret_push);
    }
    free(ids);
    free(texts);
    return error;
}

struct err *push_new_conversation_changed(struct uuid conversation_id, bool removed, struct push **ret_push)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(conversation_id, text);
    Kongsi__Realtime__V1__ConversationChanged body = KONGSI__REALTIME__V1__CONVERSATION_CHANGED__INIT;
    body.conversation_id = text;
    body.removed = removed;
    Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    frame.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_CONVERSATION_CHANGED;
    frame.conversation_changed = &body;
    return push_new(&frame, ret_push);
}

/* protobuf-c's messages have no const texts, but packing does not write. */
static char *text(const char *value)
{
    return (char *)(uintptr_t)value;
}

struct err *frame_encode_err(
    enum frame_subprotocol subprotocol, const char *reply_to, const struct err *error, struct frame **ret_frame)
{
    Kongsi__Realtime__V1__FrameError__MetadataEntry entries[ERR_METADATA_MAX];
    Kongsi__Realtime__V1__FrameError__MetadataEntry *entry_list[ERR_METADATA_MAX];
    for (size_t i = 0; i < error->metadata_count; i++) {
        entries[i] =
            (Kongsi__Realtime__V1__FrameError__MetadataEntry)KONGSI__REALTIME__V1__FRAME_ERROR__METADATA_ENTRY__INIT;
        entries[i].key = error->metadata[i].key;
        entries[i].value = error->metadata[i].value;
        entry_list[i] = &entries[i];
    }
    Kongsi__Realtime__V1__FrameError body = KONGSI__REALTIME__V1__FRAME_ERROR__INIT;
    body.code = (int32_t)error->code;
    body.status = text(err_code_name(error->code));
    body.message = error->message;
    body.reason = error->reason;
    body.domain = error->domain;
    body.n_metadata = error->metadata_count;
    body.metadata = entry_list;
    body.retriable = error->retriable;
    Kongsi__Realtime__V1__ServerFrame frame = KONGSI__REALTIME__V1__SERVER_FRAME__INIT;
    frame.reply_to = text(reply_to);
    frame.body_case = KONGSI__REALTIME__V1__SERVER_FRAME__BODY_ERROR;
    frame.error = &body;
    return frame_encode(subprotocol, &frame, ret_frame);
}
