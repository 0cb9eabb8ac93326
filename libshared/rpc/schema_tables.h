/* What a loaded schema consists of. Private to schema*.c. */
#pragma once

#include "libshared/rpc/schema.h"

struct schema {
    struct arena *arena;             /* holds all below */
    struct schema_message *messages; /* by full name */
    size_t message_count;
    struct schema_enum *enums; /* by full name */
    size_t enum_count;
    struct schema_method *methods; /* by service, then name */
    size_t method_count;
};

/* Order of struct schema_name: by bytes, shorter first. */
int schema_name_compare(const char *a, size_t a_length, const char *b, size_t b_length);
