/* protobuf-c over an arena. */
#include "libshared/rpc/rpc_internal.h"

#include "gen/kongsi_errors.h"

static void *allocate(void *arena, size_t size_bytes)
{
    return arena_alloc(arena, size_bytes);
}

static void release(void *arena, void *memory)
{
    (void)arena;
    (void)memory; /* goes with the arena */
}

ProtobufCAllocator rpc_arena_allocator(struct arena *arena)
{
    return (ProtobufCAllocator){.alloc = allocate, .free = release, .allocator_data = arena};
}

struct err *rpc_unpack(
    struct arena *arena, const ProtobufCMessageDescriptor *descriptor, struct bytes wire, ProtobufCMessage **ret_message)
{
    if (wire.length > RPC_MESSAGE_SIZE_MAX_BYTES) {
        return err_new(
            &KONGSI_BODY_INVALID, "a message has %zu bytes, at most %zu", wire.length, RPC_MESSAGE_SIZE_MAX_BYTES);
    }
    ProtobufCAllocator allocator = rpc_arena_allocator(arena);
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, wire.length, wire.data);
    if (!message) {
        return err_new(&KONGSI_BODY_INVALID, "the bytes are no %s, or there is no memory for it", descriptor->name);
    }
    *ret_message = message;
    return NULL;
}

struct err *rpc_pack(struct arena *arena, const ProtobufCMessage *message, struct bytes *ret_wire)
{
    size_t length = protobuf_c_message_get_packed_size(message);
    if (length > RPC_MESSAGE_SIZE_MAX_BYTES) {
        return err_new(&KONGSI_INTERNAL, "a %s of %zu bytes is past the limit of %zu", message->descriptor->name, length,
            RPC_MESSAGE_SIZE_MAX_BYTES);
    }
    uint8_t *data = arena_alloc(arena, length ? length : 1);
    if (!data) {
        return err_out_of_memory();
    }
    *ret_wire = (struct bytes){.data = data, .length = protobuf_c_message_pack(message, data)};
    return NULL;
}
