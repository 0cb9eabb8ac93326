#include "libshared/rpc/json.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/kongsi_errors.h"
#include "kongsi/messaging/v1/message.pb-c.h"
#include "test_types.pb-c.h"
#include "test_types_set.h"

#define TEXT(text) text, sizeof(text) - 1

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

static struct err *write_json(
    const struct schema *schema, const char *name, const char *wire, size_t length, struct buf *json)
{
    const struct schema_message *message = schema_find_message(schema, name);
    assert_non_null(message);
    uint8_t *exact = malloc(length ? length : 1); /* so that a sanitizer sees a read past the end */
    memcpy(exact, wire, length);
    struct err *error = json_from_wire(message, (struct bytes){exact, length}, json);
    free(exact);
    return error;
}

static void test_absent_fields(void **state)
{
    BUF_AUTO json;
    buf_init(&json, 65536);
    assert_null(write_json(*state, "kongsi.test.v1.Rules", "", 0, &json));
    assert_string_equal(json.data, "{\"id\":\"\",\"email\":\"\",\"day\":\"\",\"language\":\"\",\"bounded\":\"\",\"blob\":"
                                   "\"\",\"number\":0,\"unsigned_number\":\"0\","
                                   "\"fraction\":0,\"ids\":[],\"numbers\":[],\"password\":\"\",\"labels\":{},\"colour\":"
                                   "\"COLOUR_UNSPECIFIED\",\"plain\":\"\","
                                   "\"large\":\"0\",\"not_negative\":\"0\",\"not_positive\":0}");
    buf_reset(&json);
    assert_null(write_json(*state, "kongsi.test.v1.Inner3", "", 0, &json));
    assert_string_equal(json.data, "{}");
}

/* Each case gives one field; `want` is how it is printed. */
static void test_values(void **state)
{
    static const struct {
        const char *name;
        const char *wire;
        size_t length;
        const char *want;
    } CASES[] = {
        {"a negative int32", TEXT("\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "\"int32_value\":-1,"},
        {"a negative int32 in five bytes", TEXT("\x28\xff\xff\xff\xff\x0f"), "\"int32_value\":-1,"},
        {"the smallest int32", TEXT("\x28\x80\x80\x80\x80\xf8\xff\xff\xff\xff\x01"), "\"int32_value\":-2147483648,"},
        {"the smallest int64", TEXT("\x18\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
            "\"int64_value\":\"-9223372036854775808\","},
        {"the largest uint64", TEXT("\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            "\"uint64_value\":\"18446744073709551615\","},
        {"the largest uint32", TEXT("\x60\xff\xff\xff\xff\x0f"), "\"uint32_value\":4294967295,"},
        {"a sint32", TEXT("\x80\x01\x03"), "\"sint32_value\":-2,"},
        {"an sfixed32", TEXT("\x75\xfe\xff\xff\xff"), "\"sfixed32_value\":-2,"},
        {"a fixed64", TEXT("\x31\xff\xff\xff\xff\xff\xff\xff\xff"), "\"fixed64_value\":\"18446744073709551615\","},
        {"a bool that is not 1", TEXT("\x40\x02"), "\"bool_value\":true,"},
        {"a float", TEXT("\x15\xcd\xcc\xcc\x3d"), "\"float_value\":0.1,"},
        {"the largest float", TEXT("\x15\xff\xff\x7f\x7f"), "\"float_value\":3.4028235e+38,"},
        {"the smallest float", TEXT("\x15\x01\x00\x00\x00"), "\"float_value\":1.4013e-45,"},
        {"a double", TEXT("\x09\x9a\x99\x99\x99\x99\x99\xb9\x3f"), "\"double_value\":0.1,"},
        {"a double of 17 digits", TEXT("\x09\x9b\x99\x99\x99\x99\x99\xb9\x3f"), "\"double_value\":0.10000000000000002,"},
        {"the largest double", TEXT("\x09\xff\xff\xff\xff\xff\xff\xef\x7f"), "\"double_value\":1.7976931348623157e+308,"},
        {"minus zero", TEXT("\x09\x00\x00\x00\x00\x00\x00\x00\x80"), "\"double_value\":-0.0,"},
        {"minus infinity", TEXT("\x09\x00\x00\x00\x00\x00\x00\xf0\xff"), "\"double_value\":\"-Infinity\","},
        {"not a number", TEXT("\x15\x00\x00\xc0\xff"), "\"float_value\":\"NaN\","},
        {"an enum", TEXT("\x68\x01"), "\"enum_value\":\"COLOUR_RED\","},
        {"a negative enum", TEXT("\x68\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "\"enum_value\":\"COLOUR_NEGATIVE\","},
        {"an enum of a newer schema", TEXT("\x68\x63"), "\"enum_value\":99,"},
        {"a text to escape", TEXT("\x4a\x06\"\\\n\x01/\x7f"), "\"string_value\":\"\\\"\\\\\\n\\u0001/\\u007f\","},
        {"no bytes", TEXT("\x5a\x00"), "\"bytes_value\":\"\","},
        {"one byte", TEXT("\x5a\x01\xff"), "\"bytes_value\":\"/w==\","},
        {"three bytes", TEXT("\x5a\x03\x00\xff\xfe"), "\"bytes_value\":\"AP/+\","},
        {"the first second", TEXT("\x92\x01\x00"), "\"time_value\":\"1970-01-01T00:00:00Z\","},
        {"milliseconds", TEXT("\x92\x01\x08\x08\x01\x10\x80\xca\xb5\xee\x01"),
            "\"time_value\":\"1970-01-01T00:00:01.500Z\","},
        {"nanoseconds", TEXT("\x92\x01\x02\x10\x01"), "\"time_value\":\"1970-01-01T00:00:00.000000001Z\","},
        {"nanoseconds before 1970", TEXT("\x92\x01\x0d\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x01"),
            "\"time_value\":\"1969-12-31T23:59:59.000000001Z\","},
        {"an empty message", TEXT("\x52\x00"), "\"message_value\":{\"name\":\"\",\"count\":0,\"leaves\":[]},"},
        {"packed numbers", TEXT("\xca\x01\x03\x01\x96\x01"), "\"int32s\":[1,150],"},
        {"the same unpacked", TEXT("\xc8\x01\x01\xc8\x01\x96\x01"), "\"int32s\":[1,150],"},
        {"both, with another field between", TEXT("\xca\x01\x02\x01\x02\x40\x01\xc8\x01\x03\xca\x01\x01\x04"),
            "\"int32s\":[1,2,3,4],"},
        {"an empty packed run", TEXT("\xca\x01\x00"), "\"int32s\":[],"},
        {"texts with others between",
            TEXT("\xea\x01\x01"
                 "a\x40\x01\xea\x01\x00\xea\x01\x01"
                 "c"),
            "\"strings\":[\"a\",\"\",\"c\"],"},
        {"the last scalar wins", TEXT("\x28\x01\x28\x02\x28\x03"), "\"int32_value\":3,"},
        {"fields in another order", TEXT("\x40\x01\x28\x05"),
            "\"int32_value\":5,\"fixed64_value\":\"0\",\"fixed32_value\":0,\"bool_value\":true,"},
        {"an unknown field", TEXT("\x98\x01\x05\x28\x05"), "\"int32_value\":5,"},
        {"a map", TEXT("\xca\x02\x06\x0a\x01k\x12\x01v\xca\x02\x00"), "\"text_by_text\":{\"k\":\"v\",\"\":\"\"},"},
        {"a map key twice, the last wins", TEXT("\xca\x02\x06\x0a\x01k\x12\x01v\xca\x02\x06\x0a\x01k\x12\x01w"),
            "\"text_by_text\":{\"k\":\"w\"},"},
        {"a map of messages", TEXT("\xd2\x02\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            "\"leaf_by_int32\":{\"-1\":{\"name\":\"\",\"count\":0,\"leaves\":[]}},"},
        {"a map by bool", TEXT("\xda\x02\x02\x08\x01"), "\"double_by_bool\":{\"true\":0},"},
        {"a map by sint64", TEXT("\xe2\x02\x02\x08\x03"), "\"bytes_by_sint64\":{\"-2\":\"\"},"},
        {"a map by uint64", TEXT("\xea\x02\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            "\"colour_by_uint64\":{\"18446744073709551615\":\"COLOUR_UNSPECIFIED\"},"},
        {"a map of times", TEXT("\xf2\x02\x05\x0d\x01\x00\x00\x00"),
            "\"time_by_fixed32\":{\"1\":\"1970-01-01T00:00:00Z\"},"},
        {"an empty member of a oneof", TEXT("\xa0\x03\x00"), "\"choice_number\":\"0\","},
        {"the last member of a oneof wins", TEXT("\xa0\x03\x00\xb0\x03\x00"),
            "\"time_by_fixed32\":{},\"choice_flag\":false,"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        BUF_AUTO json;
        buf_init(&json, 65536);
        assert_null(write_json(*state, "kongsi.test.v1.Everything", CASES[i].wire, CASES[i].length, &json));
        if (!strstr(json.data, CASES[i].want)) {
            print_message("%s\n", json.data);
        }
        assert_non_null(strstr(json.data, CASES[i].want));
    }
}

static void test_broken(void **state)
{
    static const struct {
        const char *name;
        const char *wire;
        size_t length;
    } CASES[] = {
        {"a cut tag", TEXT("\x80")},
        {"a cut number", TEXT("\x28\x80")},
        {"a length past the end", TEXT("\x4a\x05"
                                       "abc")},
        {"a group", TEXT("\x0b\x0c")},
        {"a number as a text", TEXT("\x48\x01")},
        {"a text as a number", TEXT("\x2a\x01\x01")},
        {"not UTF-8", TEXT("\x4a\x01\xff")},
        {"NUL", TEXT("\x4a\x01\0")},
        {"a cut packed run", TEXT("\xca\x01\x02\x01\x80")},
        {"a cut packed fixed", TEXT("\xda\x01\x03\x01\x01\x01")},
        {"broken within", TEXT("\x52\x01\x80")},
        {"a message twice", TEXT("\x52\x00\x52\x00")},
        {"a time that is none", TEXT("\x92\x01\x01\x80")},
        {"a time past year 9999", TEXT("\x92\x01\x07\x08\x80\x83\xd1\xff\xaf\x07")},
        {"a map entry that is none", TEXT("\xca\x02\x01\x80")},
        {"a map key of another type", TEXT("\xca\x02\x02\x08\x01")},
        {"a map value of another type", TEXT("\xca\x02\x02\x10\x01")},
        {"a map value twice", TEXT("\xd2\x02\x04\x12\x00\x12\x00")},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        BUF_AUTO json;
        buf_init(&json, 65536);
        ERR_AUTO error = write_json(*state, "kongsi.test.v1.Everything", CASES[i].wire, CASES[i].length, &json);
        assert_non_null(error);
        print_message("      %s\n", error->message);
        assert_true(err_is(error, &KONGSI_BODY_INVALID));
    }
}

static void test_map_limit(void **state)
{
    for (int over = 0; over < 2; over++) {
        BUF_AUTO wire;
        BUF_AUTO json;
        buf_init(&wire, 65536);
        buf_init(&json, 65536);
        for (int i = 0; i < JSON_MAP_ENTRIES_MAX + over; i++) {
            buf_append(&wire, "\xd2\x02\x03\x08", 4);
            buf_append_char(&wire, (char)(0x80 | (i & 0x7f)));
            buf_append_char(&wire, (char)(i >> 7));
        }
        ERR_AUTO error = write_json(*state, "kongsi.test.v1.Everything", wire.data, wire.length, &json);
        assert_int_equal(error != NULL, over);
        assert_true(!error || err_is(error, &KONGSI_BODY_INVALID));
    }
}

static void test_out_of_memory(void **state)
{
    static const char WIRE[] =
        "\x5a\x03\x00\xff\xfe\x52\x02\x10\x01\xca\x01\x02\x01\x02\xca\x02\x06\x0a\x01k\x12\x01v\x92\x01\x02\x10\x01";
    BUF_AUTO whole;
    buf_init(&whole, 65536);
    assert_null(write_json(*state, "kongsi.test.v1.Everything", WIRE, sizeof(WIRE) - 1, &whole));
    for (size_t cap = 0; cap <= whole.length; cap++) {
        BUF_AUTO json;
        buf_init(&json, cap);
        ERR_AUTO error = write_json(*state, "kongsi.test.v1.Everything", WIRE, sizeof(WIRE) - 1, &json);
        assert_ptr_equal(error, cap < whole.length ? err_out_of_memory() : NULL);
    }
}

/* Every character of ASCII at every place of a text: printed as the plain way to write a JSON string prints it. */
static void test_every_character(void **state)
{
    for (int place = 0; place < 19; place++) {
        for (int character = 1; character < 0x80; character++) {
            char wire[] = "\x4a\x13...................";
            wire[2 + place] = (char)character;
            BUF_AUTO json;
            BUF_AUTO want;
            buf_init(&json, 65536);
            buf_init(&want, 65536);
            buf_append_text(&want, "\"string_value\":");
            buf_append_json_string(&want, wire + 2, 19);
            assert_null(write_json(*state, "kongsi.test.v1.Everything", wire, 21, &json));
            assert_non_null(strstr(json.data, want.data));
        }
    }
}

/* The shortest text that reads back as the same number. */
static void test_doubles_round_trip(void **state)
{
    const struct schema_message *everything = schema_find_message(*state, "kongsi.test.v1.Everything");
    uint64_t seed = 88172645463325252U;
    for (int i = 0; i < 5000; i++) {
        seed ^= seed << 13; /* xorshift64: the same numbers in every run */
        seed ^= seed >> 7;
        seed ^= seed << 17;
        char wire[9] = {0x09};
        memcpy(wire + 1, &seed, 8);
        double number;
        memcpy(&number, &seed, 8);
        BUF_AUTO json;
        BUF_AUTO back;
        buf_init(&json, 65536);
        buf_init(&back, 65536);
        assert_null(json_from_wire(everything, (struct bytes){(const uint8_t *)wire, 9}, &json));
        assert_null(json_to_wire(everything, json.data, json.length, &back));
        if (isnan(number)) {
            continue;
        }
        assert_int_equal(back.length, 9);
        assert_memory_equal(back.data, wire, 9);
    }
}

/* protobuf-c's bytes of a real message. */
static void test_own_message(void **state)
{
    (void)state;
    Kongsi__Messaging__V1__Message message = KONGSI__MESSAGING__V1__MESSAGE__INIT;
    Kongsi__Messaging__V1__Text text = KONGSI__MESSAGING__V1__TEXT__INIT;
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    char id[] = "0193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e10";
    char body[] = "早晨\n\"☀\"";
    message.id = id;
    message.seq = 42;
    time.seconds = 1795334400;
    time.nanos = 120000000;
    message.create_time = &time;
    message.content_case = KONGSI__MESSAGING__V1__MESSAGE__CONTENT_TEXT;
    message.text = &text;
    text.body = body;
    uint8_t packed[256];
    size_t length = kongsi__messaging__v1__message__pack(&message, packed);
    BUF_AUTO json;
    buf_init(&json, 65536);
    assert_null(write_json(schema_kongsi(), "kongsi.messaging.v1.Message", (const char *)packed, length, &json));
    assert_string_equal(json.data,
        "{\"id\":\"0193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e10\",\"conversation_id\":\"\",\"seq\":\"42\",\"sender_id\":\"\","
        "\"create_time\":\"2026-11-22T08:00:00.120Z\",\"request_id\":\"\",\"text\":{\"body\":\"早晨\\n\\\"☀\\\"\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_absent_fields, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_values, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_broken, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_map_limit, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_out_of_memory, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_every_character, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_doubles_round_trip, load_types, free_types),
        cmocka_unit_test(test_own_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
