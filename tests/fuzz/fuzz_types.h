/* The messages that fuzz_json and fuzz_wire try: the first byte of an input chooses one. */
#pragma once

#include "libshared/base/check.h"
#include "libshared/rpc/schema.h"

#include "kongsi/identity/v1/identity_service.pb-c.h"
#include "kongsi/realtime/v1/frame.pb-c.h"
#include "test_types.pb-c.h"
#include "test_types_set.h"

struct fuzz_type {
    const struct schema_message *message;
    const ProtobufCMessageDescriptor *descriptor;
};

static inline struct fuzz_type fuzz_type(uint8_t choice)
{
    static struct schema *test_schema;
    static const ProtobufCMessageDescriptor *const TYPES[] = {
        &kongsi__test__v1__everything__descriptor,
        &kongsi__test__v1__rules__descriptor,
        &kongsi__realtime__v1__client_frame__descriptor,
        &kongsi__realtime__v1__server_frame__descriptor,
        &kongsi__identity__v1__import_directory_request__descriptor,
    };
    if (!test_schema) {
        check(!schema_load((struct bytes){test_types_set, sizeof(test_types_set)}, &test_schema));
    }
    struct fuzz_type type = {.descriptor = TYPES[choice % (sizeof(TYPES) / sizeof(TYPES[0]))]};
    type.message = schema_find_message(
        choice % (sizeof(TYPES) / sizeof(TYPES[0])) < 2 ? test_schema : schema_kongsi(), type.descriptor->name);
    check(type.message);
    return type;
}
