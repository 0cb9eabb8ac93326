#include "libshared/rpc/schema_options.h"

#include "gen/kongsi_errors.h"
#include "google/api/http.pb-c.h"
#include "kongsi/v1/options.pb-c.h"
#include "libshared/rpc/wire.h"

#include <string.h>

/* Extension numbers; schemas/kongsi/v1/options.proto and google/api/annotations.proto assign them. */
#define OPTION_FIELD 50100
#define OPTION_METHOD 50101
#define OPTION_EVENT 50102
#define OPTION_HTTP 72295728

#define schema_broken(...) err_new(&KONGSI_INTERNAL, "schema: " __VA_ARGS__)

/* Unpacks an extension that protobuf-c left unread; several pieces of one are merged, as protobuf merges messages, by
 * joining their bytes. *ret_message stays NULL when the option is not there. */
static struct err *read_option(
    const ProtobufCMessage *options, uint32_t number, const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret_message)
{
    BUF_AUTO joined;
    buf_init(&joined, 65536);
    bool found = false;
    for (unsigned i = 0; options && i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *unknown = &options->unknown_fields[i];
        if (unknown->tag != number) {
            continue;
        }
        struct wire_reader reader = wire_reader((struct bytes){unknown->data, unknown->len});
        struct bytes piece = wire_read_bytes(&reader);
        if (unknown->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED || reader.failed) {
            return schema_broken("option %u is not a message", number);
        }
        found = true;
        buf_append(&joined, piece.data, piece.length);
    }
    if (joined.failed) {
        return err_out_of_memory();
    }
    ProtobufCMessage *message =
        found ? protobuf_c_message_unpack(type, NULL, joined.length, (const uint8_t *)(joined.data ? joined.data : ""))
              : NULL;
    if (found && !message) {
        return schema_broken("option %u cannot be read", number);
    }
    *ret_message = message;
    return NULL;
}

static void option_cleanup(ProtobufCMessage **option)
{
    if (*option) {
        protobuf_c_message_free_unpacked(*option, NULL);
    }
}
#define OPTION_AUTO __attribute__((cleanup(option_cleanup))) ProtobufCMessage *

static void set_limits(const Kongsi__V1__FieldRules *rules, struct schema_field *field)
{
    int32_t length_default = field->type == SCHEMA_STRING ? SCHEMA_STRING_LENGTH_DEFAULT_MAX : INT32_MAX;
    field->min_length = rules->min_length;
    field->max_length = rules->max_length ? rules->max_length : length_default;
    field->max_items = rules->max_items ? rules->max_items : SCHEMA_ITEMS_DEFAULT_MAX;
    field->has_minimum = rules->lower_case == KONGSI__V1__FIELD_RULES__LOWER_MINIMUM;
    field->has_maximum = rules->upper_case == KONGSI__V1__FIELD_RULES__UPPER_MAXIMUM;
    field->minimum = field->has_minimum ? rules->minimum : 0;
    field->maximum = field->has_maximum ? rules->maximum : 0;
}

struct err *schema_options_of_field(const Google__Protobuf__FieldOptions *options, struct schema_field *field)
{
    static const Kongsi__V1__FieldRules NO_RULES = KONGSI__V1__FIELD_RULES__INIT;
    OPTION_AUTO option = NULL;
    ERR_TRY(read_option(options ? &options->base : NULL, OPTION_FIELD, &kongsi__v1__field_rules__descriptor, &option));
    const Kongsi__V1__FieldRules *rules = option ? (const Kongsi__V1__FieldRules *)option : &NO_RULES;
    field->required = rules->required;
    field->secret = rules->secret;
    field->format = (enum schema_format)rules->format;
    set_limits(rules, field);
    if (field->required && field->type == SCHEMA_BOOL && !field->repeated) {
        return schema_broken("field %s cannot be required: a false bool is absent in proto3", field->name);
    }
    if (field->format != SCHEMA_FORMAT_NONE && field->type != SCHEMA_STRING) {
        return schema_broken("field %s has a format and is no string", field->name);
    }
    return NULL;
}

struct err *schema_options_of_message(
    struct arena *arena, const Google__Protobuf__MessageOptions *options, struct schema_message *message)
{
    OPTION_AUTO option = NULL;
    ERR_TRY(read_option(options ? &options->base : NULL, OPTION_EVENT, &kongsi__v1__event_rules__descriptor, &option));
    if (!option) {
        return NULL;
    }
    const Kongsi__V1__EventRules *rules = (const Kongsi__V1__EventRules *)option;
    if (str_is_empty(rules->topic) || str_is_empty(rules->type)) {
        return schema_broken("event %s lacks topic or type", message->full_name);
    }
    message->event_topic = arena_strdup(arena, rules->topic);
    message->event_type = arena_strdup(arena, rules->type);
    return message->event_topic && message->event_type ? NULL : err_out_of_memory();
}

/* Every {field} of the path is one of the request's own fields that a text can fill. */
static struct err *check_path(const struct schema_method *method)
{
    for (const char *at = method->path; (at = strchr(at, '{')); at++) {
        const char *end = strchr(at, '}');
        size_t length = end ? (size_t)(end - at - 1) : 0;
        const struct schema_field *field = end ? schema_find_field(method->input, at + 1, length) : NULL;
        if (!field || field->repeated || (field->message && !field->message->timestamp)) {
            return schema_broken("path %s of %s has a part that no field of %s can take", method->path, method->name,
                method->input->full_name);
        }
    }
    return NULL;
}

static struct err *read_http(
    struct arena *arena, const Google__Protobuf__MethodOptions *options, struct schema_method *method)
{
    static const struct {
        Google__Api__HttpRule__PatternCase pattern;
        enum schema_http_verb verb;
    } VERBS[] = {
        {GOOGLE__API__HTTP_RULE__PATTERN_GET, SCHEMA_HTTP_GET},
        {GOOGLE__API__HTTP_RULE__PATTERN_PUT, SCHEMA_HTTP_PUT},
        {GOOGLE__API__HTTP_RULE__PATTERN_POST, SCHEMA_HTTP_POST},
        {GOOGLE__API__HTTP_RULE__PATTERN_DELETE, SCHEMA_HTTP_DELETE},
        {GOOGLE__API__HTTP_RULE__PATTERN_PATCH, SCHEMA_HTTP_PATCH},
    };
    OPTION_AUTO option = NULL;
    ERR_TRY(read_option(options ? &options->base : NULL, OPTION_HTTP, &google__api__http_rule__descriptor, &option));
    if (!option) {
        return NULL;
    }
    const Google__Api__HttpRule *rule = (const Google__Api__HttpRule *)option;
    for (size_t i = 0; i < sizeof(VERBS) / sizeof(VERBS[0]); i++) {
        if (rule->pattern_case == VERBS[i].pattern) {
            method->verb = VERBS[i].verb;
        }
    }
    bool body_known = strcmp(rule->body, "") == 0 || strcmp(rule->body, "*") == 0;
    if (method->verb == SCHEMA_HTTP_NONE || rule->get[0] != '/' || !body_known) {
        return schema_broken("the HTTP mapping of %s lacks a path, or its body is neither empty nor \"*\"", method->name);
    }
    method->body = rule->body[0] == '*';
    method->path = arena_strdup(arena, rule->get); /* members of a oneof share their place */
    return method->path ? check_path(method) : err_out_of_memory();
}

struct err *schema_options_of_method(
    struct arena *arena, const Google__Protobuf__MethodOptions *options, struct schema_method *method)
{
    OPTION_AUTO option = NULL;
    ERR_TRY(read_option(options ? &options->base : NULL, OPTION_METHOD, &kongsi__v1__method_rules__descriptor, &option));
    method->no_side_effects =
        options && options->idempotency_level == GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS;
    method->permission = "";
    if (option) {
        const Kongsi__V1__MethodRules *rules = (const Kongsi__V1__MethodRules *)option;
        method->access = (enum schema_access)rules->access;
        method->rate_class = (int)rules->rate;
        method->body_size_max_bytes = rules->body_size_max_bytes;
        method->permission = arena_strdup(arena, rules->permission);
        if (!method->permission) {
            return err_out_of_memory();
        }
    }
    return read_http(arena, options, method);
}
