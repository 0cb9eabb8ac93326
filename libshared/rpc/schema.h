/* The compiled schemas at run time: message types, fields with their rules, methods with their HTTP mapping and access.
 *
 * Loaded once from the FileDescriptorSet that protoc wrote (embedded at build), read-only afterwards, shared by all threads.
 * The gateway, the codec, the field checks and the RPC server all work from it; nothing is written per endpoint. */
#pragma once

#include "libshared/base/arena.h"
#include "libshared/base/err.h"
#include "libshared/base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum schema_type { /* values of FieldDescriptorProto.Type */
    SCHEMA_DOUBLE = 1,
    SCHEMA_FLOAT = 2,
    SCHEMA_INT64 = 3,
    SCHEMA_UINT64 = 4,
    SCHEMA_INT32 = 5,
    SCHEMA_FIXED64 = 6,
    SCHEMA_FIXED32 = 7,
    SCHEMA_BOOL = 8,
    SCHEMA_STRING = 9,
    SCHEMA_MESSAGE = 11,
    SCHEMA_BYTES = 12,
    SCHEMA_UINT32 = 13,
    SCHEMA_ENUM = 14,
    SCHEMA_SFIXED32 = 15,
    SCHEMA_SFIXED64 = 16,
    SCHEMA_SINT32 = 17,
    SCHEMA_SINT64 = 18,
};

/* kongsi.v1.FieldFormat */
enum schema_format {
    SCHEMA_FORMAT_NONE = 0,
    SCHEMA_FORMAT_UUID = 1,
    SCHEMA_FORMAT_EMAIL = 2,
    SCHEMA_FORMAT_DATE = 3,
    SCHEMA_FORMAT_LANGUAGE = 4
};

#define SCHEMA_FIELDS_MAX 128 /* of one message */
#define SCHEMA_ONEOFS_MAX 8   /* of one message */
#define SCHEMA_DEPTH_MAX 32   /* messages within messages */
#define SCHEMA_STRING_LENGTH_DEFAULT_MAX 1024
#define SCHEMA_ITEMS_DEFAULT_MAX 1000

struct schema_enum_value {
    const char *name; /* as in the schema: "MEMBER_ROLE_OWNER" */
    int32_t number;
};

struct schema_enum {
    const char *full_name;
    const struct schema_enum_value *values;
    size_t value_count;
};

struct schema_field {
    const char *name;      /* "conversation_id": printed in JSON */
    const char *json_name; /* "conversationId": accepted too */
    const char *json_key;  /* "\"conversation_id\":", ready to print */
    size_t json_key_length;
    uint32_t number;
    enum schema_type type;
    bool repeated;
    bool map;                              /* repeated entry message with key and value */
    int oneof_index;                       /* -1: none */
    const struct schema_message *message;  /* of SCHEMA_MESSAGE */
    const struct schema_enum *enumeration; /* of SCHEMA_ENUM */
    /* rules */
    bool required, secret;
    enum schema_format format;
    int32_t min_length, max_length, max_items; /* effective: defaults filled in */
    bool has_minimum, has_maximum;
    int64_t minimum, maximum;
};

struct schema_name {
    const char *name;
    size_t length;
    const struct schema_field *field;
};

struct schema_message {
    const char *full_name;             /* "kongsi.messaging.v1.SendMessageRequest" */
    const struct schema_field *fields; /* by number */
    size_t field_count;
    const struct schema_name *names; /* of its fields, both forms, sorted for look-up */
    size_t name_count;
    const struct schema_field *request_id; /* its field of that name, or NULL */
    const char *event_topic, *event_type;  /* of a domain event, else NULL */
    bool timestamp;                        /* google.protobuf.Timestamp: a string in JSON */
};

/* kongsi.v1.Access */
enum schema_access { SCHEMA_ACCESS_NOBODY = 0, SCHEMA_ACCESS_PUBLIC = 1, SCHEMA_ACCESS_USER = 2, SCHEMA_ACCESS_SERVICE = 3 };

enum schema_http_verb {
    SCHEMA_HTTP_NONE,
    SCHEMA_HTTP_GET,
    SCHEMA_HTTP_PUT,
    SCHEMA_HTTP_POST,
    SCHEMA_HTTP_DELETE,
    SCHEMA_HTTP_PATCH
};

struct schema_method {
    const char *service;   /* "kongsi.messaging.v1.MessagingService" */
    const char *component; /* "messaging": the part of the package between "kongsi." and ".v" */
    const char *name;      /* "SendMessage" */
    const struct schema_message *input, *output;
    enum schema_access access;
    const char *permission;      /* "" none */
    int rate_class;              /* kongsi.v1.RateClass */
    int32_t body_size_max_bytes; /* 0: the general limit */
    bool no_side_effects;
    enum schema_http_verb verb;
    const char *path; /* "/v1/conversations/{conversation_id}:markRead"; NULL: not routed */
    bool body;        /* the whole request comes as JSON */
};

struct schema;

/* Reads a FileDescriptorSet; `set` is not needed afterwards. Reason: KONGSI_INTERNAL with what is wrong (it is our own build
 * output). Refused: recursive message types (protobuf-c has no recursion limit), proto2, proto3 `optional`, groups, types of
 * google.protobuf besides Timestamp, more fields or a deeper nesting than the limits, a path whose {field} the request
 * lacks. */
ERR_RESULT struct err *schema_load(struct bytes set, struct schema **ret_schema);
void schema_free(struct schema *schema);
const struct schema_message *schema_find_message(const struct schema *schema, const char *full_name);
const struct schema_method *schema_find_method(const struct schema *schema, const char *service, const char *method);
const struct schema_method *schema_methods(const struct schema *schema, size_t *ret_count);
const struct schema_field *schema_find_field(
    const struct schema_message *message, const char *name, size_t length); /* by either name */
const struct schema_field *schema_find_field_number(const struct schema_message *message, uint32_t number);

/* The embedded set, loaded once; aborts if it is broken. */
const struct schema *schema_kongsi(void);

/* Checks a message on the wire against the rules: well-formed, every string valid UTF-8 without NUL, declared enum values,
 * timestamps within years 1 to 9999, required fields, formats, lengths, counts, map keys only once. What it accepts,
 * protobuf-c unpacks to the same values; therefore a field on the wire in another type's form and a repeated occurrence of a
 * singular message (which protobuf merges) are refused. Empty values of fields that are not required count as absent.
 * Unknown fields are left alone. Reasons: KONGSI_BODY_INVALID, KONGSI_FIELD_INVALID (metadata field = path "text.body",
 * value, limit; a secret's value is "(hidden)"). */
ERR_RESULT struct err *schema_check(const struct schema_message *message, struct bytes wire);
