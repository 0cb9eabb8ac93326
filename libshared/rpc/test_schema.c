#include "libshared/rpc/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/kongsi_errors.h"
#include "gen/schema_set.h"
#include "test_types_set.h"
#include <google/protobuf/descriptor.pb-c.h>

#define TEST_PACKAGE "kongsi.test.v1."

static int load_types(void **state)
{
    struct schema *schema = NULL;
    ERR_AUTO error = schema_load((struct bytes){test_types_set, sizeof(test_types_set)}, &schema);
    *state = schema;
    return error ? -1 : 0;
}

static int free_types(void **state)
{
    schema_free(*state);
    return 0;
}

static const struct schema_field *field_of(const struct schema *schema, const char *message_name, const char *name)
{
    const struct schema_message *message = schema_find_message(schema, message_name);
    assert_non_null(message);
    const struct schema_field *field = schema_find_field(message, name, strlen(name));
    assert_non_null(field);
    return field;
}

static void test_fields(void **state)
{
    static const struct {
        const char *name, *json_name, *json_key;
        uint32_t number;
        enum schema_type type;
        bool repeated, map;
        int oneof_index;
    } CASES[] = {
        {"double_value", "doubleValue", "\"double_value\":", 1, SCHEMA_DOUBLE, false, false, -1},
        {"fixed32_value", "fixed32Value", "\"fixed32_value\":", 7, SCHEMA_FIXED32, false, false, -1},
        {"sint64s", "sint64s", "\"sint64s\":", 37, SCHEMA_SINT64, true, false, -1},
        {"messages", "messages", "\"messages\":", 30, SCHEMA_MESSAGE, true, false, -1},
        {"leaf_by_int32", "leafByInt32", "\"leaf_by_int32\":", 42, SCHEMA_MESSAGE, true, true, -1},
        {"choice_colour", "choiceColour", "\"choice_colour\":", 55, SCHEMA_ENUM, false, false, 0},
        {"other_leaf", "otherLeaf", "\"other_leaf\":", 62, SCHEMA_MESSAGE, false, false, 1},
        {"CamelName", "CamelName", "\"CamelName\":", 500, SCHEMA_STRING, false, false, -1},
        {"name_2_with_3digits", "name2With3digits", "\"name_2_with_3digits\":", 70000, SCHEMA_STRING, false, false, -1},
    };
    const struct schema_message *everything = schema_find_message(*state, TEST_PACKAGE "Everything");
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        const struct schema_field *field = schema_find_field_number(everything, CASES[i].number);
        assert_non_null(field);
        assert_ptr_equal(field, schema_find_field(everything, CASES[i].name, strlen(CASES[i].name)));
        assert_ptr_equal(field, schema_find_field(everything, CASES[i].json_name, strlen(CASES[i].json_name)));
        assert_string_equal(field->name, CASES[i].name);
        assert_string_equal(field->json_name, CASES[i].json_name);
        assert_string_equal(field->json_key, CASES[i].json_key);
        assert_int_equal(field->json_key_length, strlen(CASES[i].json_key));
        assert_int_equal(field->type, CASES[i].type);
        assert_int_equal(field->repeated, CASES[i].repeated);
        assert_int_equal(field->map, CASES[i].map);
        assert_int_equal(field->oneof_index, CASES[i].oneof_index);
    }
}

static void test_unknown_names(void **state)
{
    static const uint32_t NUMBERS[] = {0, 19, 63, 501, 69999, 70001, UINT32_MAX};
    static const char *const NAMES[] = {"", "double", "double_valu", "double_value ", "doublevalue", "DOUBLE_VALUE"};
    const struct schema_message *everything = schema_find_message(*state, TEST_PACKAGE "Everything");
    for (size_t i = 0; i < sizeof(NUMBERS) / sizeof(NUMBERS[0]); i++) {
        assert_null(schema_find_field_number(everything, NUMBERS[i]));
    }
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        assert_null(schema_find_field(everything, NAMES[i], strlen(NAMES[i])));
    }
    assert_null(schema_find_message(*state, "Everything"));
    assert_null(schema_find_message(*state, "google.protobuf.DescriptorProto")); /* recursive, left out */
    assert_null(schema_find_method(*state, TEST_PACKAGE "TestService", "get"));
    assert_null(schema_find_method(*state, TEST_PACKAGE "OtherService", "Get"));
}

static void test_types(void **state)
{
    const struct schema_field *colour = field_of(*state, TEST_PACKAGE "Everything", "enum_value");
    assert_string_equal(colour->enumeration->full_name, TEST_PACKAGE "Colour");
    assert_int_equal(colour->enumeration->value_count, 4);
    assert_string_equal(colour->enumeration->values[2].name, "COLOUR_NEGATIVE");
    assert_int_equal(colour->enumeration->values[2].number, -3);
    assert_string_equal(
        field_of(*state, TEST_PACKAGE "Everything", "message_value")->message->full_name, TEST_PACKAGE "Leaf");
    assert_true(field_of(*state, TEST_PACKAGE "Everything", "time_value")->message->timestamp);
    const struct schema_message *event = schema_find_message(*state, TEST_PACKAGE "SomethingDone");
    assert_string_equal(event->event_topic, "kongsi.test.thing.v1");
    assert_string_equal(event->event_type, "kongsi.test.thing.done.v1");
    const struct schema_message *request = schema_find_message(*state, TEST_PACKAGE "TestRequest");
    assert_null(request->event_topic);
    assert_non_null(request->request_id);
    assert_string_equal(request->request_id->name, "request_id");
    assert_null(event->request_id);
}

static void test_rules(void **state)
{
    static const struct {
        const char *name;
        bool required, secret;
        enum schema_format format;
        int32_t min_length, max_length, max_items;
        bool has_minimum, has_maximum;
        int64_t minimum, maximum;
    } CASES[] = {
        {"id", true, false, SCHEMA_FORMAT_UUID, 0, 1024, 1000, false, false, 0, 0},
        {"email", false, false, SCHEMA_FORMAT_EMAIL, 0, 1024, 1000, false, false, 0, 0},
        {"bounded", false, false, SCHEMA_FORMAT_NONE, 2, 4, 1000, false, false, 0, 0},
        {"blob", false, false, SCHEMA_FORMAT_NONE, 2, 4, 1000, false, false, 0, 0},
        {"number", false, false, SCHEMA_FORMAT_NONE, 0, INT32_MAX, 1000, true, true, -2, 5},
        {"not_negative", false, false, SCHEMA_FORMAT_NONE, 0, INT32_MAX, 1000, true, false, 0, 0},
        {"not_positive", false, false, SCHEMA_FORMAT_NONE, 0, INT32_MAX, 1000, false, true, 0, 0},
        {"large", false, false, SCHEMA_FORMAT_NONE, 0, INT32_MAX, 1000, true, false, 5, 0},
        {"ids", false, false, SCHEMA_FORMAT_UUID, 0, 1024, 2, false, false, 0, 0},
        {"password", false, true, SCHEMA_FORMAT_NONE, 0, 8, 1000, false, false, 0, 0},
        {"plain", false, false, SCHEMA_FORMAT_NONE, 0, 1024, 1000, false, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        const struct schema_field *field = field_of(*state, TEST_PACKAGE "Rules", CASES[i].name);
        assert_int_equal(field->required, CASES[i].required);
        assert_int_equal(field->secret, CASES[i].secret);
        assert_int_equal(field->format, CASES[i].format);
        assert_int_equal(field->min_length, CASES[i].min_length);
        assert_int_equal(field->max_length, CASES[i].max_length);
        assert_int_equal(field->max_items, CASES[i].max_items);
        assert_int_equal(field->has_minimum, CASES[i].has_minimum);
        assert_int_equal(field->has_maximum, CASES[i].has_maximum);
        assert_int_equal(field->minimum, CASES[i].minimum);
        assert_int_equal(field->maximum, CASES[i].maximum);
    }
}

static void test_methods(void **state)
{
    const struct schema_method *get = schema_find_method(*state, TEST_PACKAGE "TestService", "Get");
    assert_non_null(get);
    assert_string_equal(get->component, "test");
    assert_string_equal(get->input->full_name, TEST_PACKAGE "TestRequest");
    assert_string_equal(get->output->full_name, TEST_PACKAGE "Leaf");
    assert_int_equal(get->access, SCHEMA_ACCESS_USER);
    assert_string_equal(get->permission, "test.read");
    assert_int_equal(get->rate_class, 2);
    assert_int_equal(get->body_size_max_bytes, 77);
    assert_true(get->no_side_effects);
    assert_int_equal(get->verb, SCHEMA_HTTP_GET);
    assert_string_equal(get->path, "/v1/things/{thing_id}");
    assert_false(get->body);
    const struct schema_method *act = schema_find_method(*state, TEST_PACKAGE "TestService", "Act");
    assert_non_null(act);
    assert_int_equal(act->verb, SCHEMA_HTTP_POST);
    assert_int_equal(act->access, SCHEMA_ACCESS_PUBLIC);
    assert_string_equal(act->permission, "");
    assert_true(act->body);
    assert_false(act->no_side_effects);
    const struct schema_method *hidden = schema_find_method(*state, TEST_PACKAGE "TestService", "Hidden");
    assert_non_null(hidden);
    assert_int_equal(hidden->access, SCHEMA_ACCESS_NOBODY); /* a method that says nothing is open to nobody */
    assert_int_equal(hidden->verb, SCHEMA_HTTP_NONE);
    assert_null(hidden->path);
}

/* Every method of ours says who may call it, and only those with a permission are open to persons. */
static void test_own_methods(void **state)
{
    (void)state;
    size_t count = 0;
    const struct schema_method *methods = schema_methods(schema_kongsi(), &count);
    assert_true(count > 30);
    for (size_t i = 0; i < count; i++) {
        print_message("method: %s.%s\n", methods[i].service, methods[i].name);
        assert_int_not_equal(methods[i].access, SCHEMA_ACCESS_NOBODY);
        assert_int_equal(methods[i].access == SCHEMA_ACCESS_USER, methods[i].permission[0] != '\0');
        assert_false(methods[i].access == SCHEMA_ACCESS_SERVICE && methods[i].verb != SCHEMA_HTTP_NONE);
        assert_false(methods[i].verb == SCHEMA_HTTP_GET && !methods[i].no_side_effects);
        assert_ptr_equal(&methods[i], schema_find_method(schema_kongsi(), methods[i].service, methods[i].name));
    }
    assert_non_null(schema_find_message(schema_kongsi(), "kongsi.messaging.v1.SendMessageRequest")->request_id);
}

typedef Google__Protobuf__FileDescriptorSet FileSet;
typedef Google__Protobuf__FileDescriptorProto FileProto;

static FileProto *test_file(FileSet *set)
{
    return set->file[set->n_file - 1]; /* imports come first */
}

static Google__Protobuf__FieldDescriptorProto *test_field(FileSet *set, const char *message, const char *name)
{
    FileProto *file = test_file(set);
    for (size_t i = 0; i < file->n_message_type; i++) {
        Google__Protobuf__DescriptorProto *proto = file->message_type[i];
        for (size_t f = 0; strcmp(proto->name, message) == 0 && f < proto->n_field; f++) {
            if (strcmp(proto->field[f]->name, name) == 0) {
                return proto->field[f];
            }
        }
    }
    fail_msg("no field %s.%s", message, name);
    return NULL;
}

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = value ? strdup(value) : NULL;
}

static void break_recursion(FileSet *set)
{
    set_text(&test_field(set, "Leaf", "leaves")->type_name, "." TEST_PACKAGE "Leaf");
}

static void break_circle(FileSet *set)
{
    Google__Protobuf__FieldDescriptorProto *flag = test_field(set, "Leaf2", "flag");
    flag->type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE;
    set_text(&flag->type_name, "." TEST_PACKAGE "Everything");
}

static void break_type(FileSet *set)
{
    set_text(&test_field(set, "Leaf", "leaves")->type_name, ".google.protobuf.Struct");
}

static void break_enum(FileSet *set)
{
    set_text(&test_field(set, "Everything", "enum_value")->type_name, NULL);
}

static void break_optional(FileSet *set)
{
    test_field(set, "Leaf", "count")->has_proto3_optional = 1;
    test_field(set, "Leaf", "count")->proto3_optional = 1;
}

static void break_group(FileSet *set)
{
    test_field(set, "Leaf", "count")->type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP;
}

static void break_syntax(FileSet *set)
{
    set_text(&test_file(set)->syntax, "proto2");
}

static void break_package(FileSet *set)
{
    set_text(&test_file(set)->package, NULL);
}

static void break_field_name(FileSet *set)
{
    set_text(&test_field(set, "Leaf", "count")->name, NULL);
}

static void break_json_name(FileSet *set)
{
    set_text(&test_field(set, "Leaf", "count")->json_name, "name");
}

static void break_oneof(FileSet *set)
{
    test_field(set, "Everything", "choice_text")->oneof_index = 8;
}

static void break_message_name(FileSet *set)
{
    set_text(&test_file(set)->message_type[0]->name, NULL);
}

static void break_method_type(FileSet *set)
{
    set_text(&test_file(set)->service[0]->method[0]->input_type, ".kongsi.test.v1.Nothing");
}

static void break_streaming(FileSet *set)
{
    test_file(set)->service[0]->method[0]->has_server_streaming = 1;
    test_file(set)->service[0]->method[0]->server_streaming = 1;
}

static void break_path_field(FileSet *set)
{
    set_text(&test_field(set, "TestRequest", "thing_id")->name, "other_id");
    set_text(&test_field(set, "TestRequest", "other_id")->json_name, "otherId");
}

static void break_path_type(FileSet *set)
{
    test_field(set, "TestRequest", "thing_id")->label = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
}

static void break_required_bool(FileSet *set)
{
    test_field(set, "Rules", "id")->type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BOOL;
}

static void break_format(FileSet *set)
{
    test_field(set, "Rules", "email")->type = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_BYTES;
}

static void break_nothing(FileSet *set)
{
    (void)set;
}

/* What the build could do wrong one day; each refused with a text that names it. The first case shows that the set-up itself
 * is fine. */
static void test_broken_sets(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        void (*breaks)(FileSet *set);
        const char *want; /* part of the message; NULL: loads */
    } CASES[] = {
        {"untouched", break_nothing, NULL},
        {"a message in itself", break_recursion, "contains itself"},
        {"a message in its own parts", break_circle, "contains itself"},
        {"an unknown message type", break_type, "google.protobuf.Struct"},
        {"no enum type", break_enum, "enum_value"},
        {"proto3 optional", break_optional, "optional"},
        {"a group", break_group, "group"},
        {"proto2", break_syntax, "not proto3"},
        {"no package", break_package, "no package"},
        {"no field name", break_field_name, "no name"},
        {"two fields of one JSON name", break_json_name, "two fields called name"},
        {"a oneof that is not declared", break_oneof, "choice_text"},
        {"no message name", break_message_name, "no name"},
        {"a method of an unknown type", break_method_type, "unknown types"},
        {"a streaming method", break_streaming, "streams"},
        {"a path without its field", break_path_field, "{thing_id}"},
        {"a path with a list", break_path_type, "{thing_id}"},
        {"a required bool", break_required_bool, "cannot be required"},
        {"a format of no string", break_format, "email has a format"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        FileSet *set = google__protobuf__file_descriptor_set__unpack(NULL, sizeof(test_types_set), test_types_set);
        CASES[i].breaks(set);
        size_t length = google__protobuf__file_descriptor_set__get_packed_size(set);
        uint8_t *packed = malloc(length);
        google__protobuf__file_descriptor_set__pack(set, packed);
        google__protobuf__file_descriptor_set__free_unpacked(set, NULL);
        struct schema *schema = NULL;
        ERR_AUTO error = schema_load((struct bytes){packed, length}, &schema);
        free(packed);
        assert_int_equal(error == NULL, CASES[i].want == NULL);
        assert_int_equal(schema == NULL, CASES[i].want != NULL);
        if (error) {
            print_message("      %s\n", error->message);
            assert_true(err_is(error, &KONGSI_INTERNAL));
            assert_non_null(strstr(error->message, CASES[i].want));
        }
        schema_free(schema);
    }
}

/* Any cut and many changed bytes: loaded or refused, never a crash. */
static void test_damaged_sets(void **state)
{
    (void)state;
    uint8_t *copy = malloc(sizeof(test_types_set));
    for (size_t i = 0; i < sizeof(test_types_set); i += 7) {
        struct schema *schema = NULL;
        size_t length = i % 2 ? i : sizeof(test_types_set);
        memcpy(copy, test_types_set, sizeof(test_types_set));
        copy[i] = (uint8_t)(copy[i] ^ (1U << (i % 8)));
        ERR_AUTO error = schema_load((struct bytes){copy, length}, &schema);
        assert_int_equal(error == NULL, schema != NULL);
        schema_free(schema);
    }
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fields, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_unknown_names, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_types, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_rules, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_methods, load_types, free_types),
        cmocka_unit_test(test_own_methods),
        cmocka_unit_test(test_broken_sets),
        cmocka_unit_test(test_damaged_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
