/* Our own options of fields, messages and methods, which protobuf-c leaves in the unknown fields of the descriptors. Private
 * to schema*.c. */
#pragma once

#include "libshared/rpc/schema.h"

#include <google/protobuf/descriptor.pb-c.h>

/* Each fills the part of its target that options say; `options` may be NULL. Reason: KONGSI_INTERNAL. */
ERR_RESULT struct err *schema_options_of_field(const Google__Protobuf__FieldOptions *options, struct schema_field *field);
ERR_RESULT struct err *schema_options_of_message(
    struct arena *arena, const Google__Protobuf__MessageOptions *options, struct schema_message *message);
ERR_RESULT struct err *schema_options_of_method(
    struct arena *arena, const Google__Protobuf__MethodOptions *options, struct schema_method *method);
