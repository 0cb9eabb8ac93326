#include "libshared/rpc/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/kongsi_errors.h"
#include "libshared/rpc/json.h"
#include "test_types.pb-c.h"
#include "test_types_set.h"

#define ID "0193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e10"
#define ID_FIELD "\"id\":\"" ID "\""
#define NOTHING NULL, NULL, NULL

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

static const char *text_or_nothing(const char *text)
{
    return text ? text : "(none)";
}

/* `field` NULL: accepted. */
static void expect(const struct err *error, const char *field, const char *value, const char *limit)
{
    if (error) {
        print_message("      %s\n", error->message);
    }
    assert_int_equal(error != NULL, field != NULL);
    if (error) {
        assert_true(err_is(error, &KONGSI_FIELD_INVALID));
        assert_string_equal(text_or_nothing(err_get_metadata(error, "field")), field);
        assert_string_equal(text_or_nothing(err_get_metadata(error, "value")), value);
        assert_string_equal(text_or_nothing(err_get_metadata(error, "limit")), limit);
    }
}

static void test_rules(void **state)
{
    static const struct {
        const char *name, *json;
        const char *field, *value, *limit;
    } CASES[] = {
        {"only what is required", "{" ID_FIELD "}", NOTHING},
        {"required and absent", "{}", "id", "", "required"},
        {"required and empty", "{\"id\":\"\"}", "id", "", "required"},
        {"a UUID in upper case", "{\"id\":\"0193A7D8-6F3C-7C1A-8D11-3F2B5A9C7E10\"}", NOTHING},
        {"a UUID too short", "{\"id\":\"0193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e1\"}", "id", "0193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e1",
            "UUID"},
        {"a UUID with braces", "{\"id\":\"{193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e1}\"}", "id",
            "{193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e1}", "UUID"},
        {"an e-mail", "{" ID_FIELD ",\"email\":\"joyce.szeto@harbour.example\"}", NOTHING},
        {"an e-mail in Chinese", "{" ID_FIELD ",\"email\":\"詠詩@公司.香港\"}", NOTHING},
        {"an empty e-mail is absent", "{" ID_FIELD ",\"email\":\"\"}", NOTHING},
        {"two @", "{" ID_FIELD ",\"email\":\"a@b@c\"}", "email", "a@b@c", "EMAIL"},
        {"no @", "{" ID_FIELD ",\"email\":\"a.b\"}", "email", "a.b", "EMAIL"},
        {"nothing before @", "{" ID_FIELD ",\"email\":\"@b\"}", "email", "@b", "EMAIL"},
        {"nothing after @", "{" ID_FIELD ",\"email\":\"a@\"}", "email", "a@", "EMAIL"},
        {"a space", "{" ID_FIELD ",\"email\":\"a b@c\"}", "email", "a b@c", "EMAIL"},
        {"an ideographic space", "{" ID_FIELD ",\"email\":\"a\\u3000b@c\"}", "email", "a\u3000b@c", "EMAIL"},
        {"an em space", "{" ID_FIELD ",\"email\":\"a@c\\u2003\"}", "email", "a@c\u2003", "EMAIL"},
        {"a day", "{" ID_FIELD ",\"day\":\"2024-02-29\"}", NOTHING},
        {"no such day", "{" ID_FIELD ",\"day\":\"2026-02-29\"}", "day", "2026-02-29", "DATE"},
        {"a day without zeros", "{" ID_FIELD ",\"day\":\"2026-2-1\"}", "day", "2026-2-1", "DATE"},
        {"a language", "{" ID_FIELD ",\"language\":\"zh-HK\"}", NOTHING},
        {"another language", "{" ID_FIELD ",\"language\":\"zh\"}", "language", "zh", "LANGUAGE"},
        {"as short as may be", "{" ID_FIELD ",\"bounded\":\"早晨\"}", NOTHING},
        {"as long as may be", "{" ID_FIELD ",\"bounded\":\"早晨早晨\"}", NOTHING},
        {"too short", "{" ID_FIELD ",\"bounded\":\"早\"}", "bounded", "1", "2"},
        {"too long", "{" ID_FIELD ",\"bounded\":\"早晨早晨!\"}", "bounded", "5", "4"},
        {"bytes as long as may be", "{" ID_FIELD ",\"blob\":\"AAAAAA==\"}", NOTHING},
        {"bytes too long", "{" ID_FIELD ",\"blob\":\"AAAAAAA=\"}", "blob", "5", "4"},
        {"bytes too short", "{" ID_FIELD ",\"blob\":\"AA==\"}", "blob", "1", "2"},
        {"a number at its maximum", "{" ID_FIELD ",\"number\":5}", NOTHING},
        {"past the maximum", "{" ID_FIELD ",\"number\":6}", "number", "6", "5"},
        {"at the minimum", "{" ID_FIELD ",\"number\":-2}", NOTHING},
        {"below the minimum", "{" ID_FIELD ",\"number\":-3}", "number", "-3", "-2"},
        {"an unsigned number", "{" ID_FIELD ",\"unsigned_number\":10}", NOTHING},
        {"an unsigned number beyond int64", "{" ID_FIELD ",\"unsigned_number\":\"18446744073709551615\"}", "unsigned_number",
            "18446744073709551615", "10"},
        {"zero that is below the minimum is absent", "{" ID_FIELD ",\"unsigned_number\":0}", NOTHING},
        {"only a minimum", "{" ID_FIELD ",\"large\":\"4\"}", "large", "4", "5"},
        {"only a minimum, and large", "{" ID_FIELD ",\"large\":\"9223372036854775807\"}", NOTHING},
        {"not negative", "{" ID_FIELD ",\"not_negative\":1}", NOTHING},
        {"negative", "{" ID_FIELD ",\"not_negative\":-1}", "not_negative", "-1", "0"},
        {"not positive", "{" ID_FIELD ",\"not_positive\":-1}", NOTHING},
        {"positive", "{" ID_FIELD ",\"not_positive\":1}", "not_positive", "1", "0"},
        {"a fraction", "{" ID_FIELD ",\"fraction\":9.75}", NOTHING},
        {"a fraction too large", "{" ID_FIELD ",\"fraction\":10.5}", "fraction", "10.5", "10"},
        {"a fraction too small", "{" ID_FIELD ",\"fraction\":0.5}", "fraction", "0.5", "1"},
        {"not a number at all", "{" ID_FIELD ",\"fraction\":\"NaN\"}", "fraction", "nan", "10"},
        {"a list", "{" ID_FIELD ",\"ids\":[\"" ID "\",\"" ID "\"]}", NOTHING},
        {"a list too long", "{" ID_FIELD ",\"ids\":[\"" ID "\",\"" ID "\",\"" ID "\"]}", "ids", "3", "2"},
        {"a wrong element", "{" ID_FIELD ",\"ids\":[\"" ID "\",\"x\"]}", "ids[1]", "x", "UUID"},
        {"an empty element", "{" ID_FIELD ",\"ids\":[\"\"]}", "ids[0]", "", "UUID"},
        {"numbers", "{" ID_FIELD ",\"numbers\":[1,2,3]}", NOTHING},
        {"a wrong number among them", "{" ID_FIELD ",\"numbers\":[1,2,4]}", "numbers[2]", "4", "3"},
        {"zero among them is not absent", "{" ID_FIELD ",\"numbers\":[1,0]}", "numbers[1]", "0", "1"},
        {"too many numbers", "{" ID_FIELD ",\"numbers\":[1,1,1,1]}", "numbers", "4", "3"},
        {"a secret too long", "{" ID_FIELD ",\"password\":\"123456789\"}", "password", "(hidden)", "8"},
        {"a map", "{" ID_FIELD ",\"labels\":{\"a\":\"1\",\"b\":\"2\"}}", NOTHING},
        {"a map too large", "{" ID_FIELD ",\"labels\":{\"a\":\"1\",\"b\":\"2\",\"c\":\"3\"}}", "labels", "3", "2"},
        {"the default limit of a string", "{" ID_FIELD ",\"plain\":\"\"}", NOTHING},
        {"a oneof's own rule", "{" ID_FIELD ",\"one\":\"1234\"}", "one", "4", "3"},
        {"required within", "{" ID_FIELD ",\"inner\":{}}", "inner.body", "", "required"},
        {"too long within", "{" ID_FIELD ",\"inner\":{\"body\":\"1234\"}}", "inner.body", "4", "3"},
        {"required within an absent message", "{" ID_FIELD ",\"inner\":null}", NOTHING},
        {"a required list", "{" ID_FIELD ",\"inner\":{\"body\":\"1\",\"list\":[{\"ids\":[],\"deep\":{}}]}}",
            "inner.list[0].ids", "", "required"},
        {"a required message", "{" ID_FIELD ",\"two\":{\"body\":\"1\",\"list\":[{\"ids\":[\"" ID "\"]}]}}",
            "two.list[0].deep", "", "required"},
        {"a required number",
            "{" ID_FIELD ",\"two\":{\"body\":\"1\",\"list\":[{\"ids\":[\"" ID "\"],\"deep\":{},\"number\":0}]}}",
            "two.list[0].number", "", "required"},
        {"a required enum",
            "{" ID_FIELD ",\"two\":{\"body\":\"1\",\"list\":[{\"ids\":[\"" ID
            "\"],\"deep\":{},\"number\":1,\"colour\":0}]}}",
            "two.list[0].colour", "", "required"},
    };
    const struct schema_message *rules = schema_find_message(*state, "kongsi.test.v1.Rules");
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        BUF_AUTO wire;
        buf_init(&wire, 65536);
        assert_null(json_to_wire(rules, CASES[i].json, strlen(CASES[i].json), &wire));
        ERR_AUTO error = schema_check(rules, (struct bytes){(const uint8_t *)wire.data, wire.length});
        expect(error, CASES[i].field, CASES[i].value, CASES[i].limit);
    }
}

static void test_default_lengths(void **state)
{
    const struct schema_message *rules = schema_find_message(*state, "kongsi.test.v1.Rules");
    for (int over = 0; over < 2; over++) {
        BUF_AUTO json;
        BUF_AUTO wire;
        buf_init(&json, 65536);
        buf_init(&wire, 65536);
        buf_append_text(&json, "{" ID_FIELD ",\"plain\":\"");
        for (int i = 0; i < SCHEMA_STRING_LENGTH_DEFAULT_MAX + over; i++) {
            buf_append_text(&json, "晨");
        }
        buf_append_text(&json, "\"}");
        assert_null(json_to_wire(rules, json.data, json.length, &wire));
        ERR_AUTO error = schema_check(rules, (struct bytes){(const uint8_t *)wire.data, wire.length});
        expect(error, over ? "plain" : NULL, "1025", "1024");
    }
}

/* "id" of Rules in 38 bytes, so that only what follows can be wrong. */
#define WIRE_ID "\x0a\x24" ID
#define WIRE(bytes) WIRE_ID bytes, sizeof(WIRE_ID bytes) - 1

/* What no JSON can say. `field` NULL with `broken`: KONGSI_BODY_INVALID; NULL without: accepted. */
static void test_wire(void **state)
{
    static const struct {
        const char *name;
        const char *wire;
        size_t length;
        bool broken;
        const char *field, *value, *limit;
    } CASES[] = {
        {"nothing more", WIRE(""), false, NOTHING},
        {"a later occurrence wins", WIRE("\x0a\x24" ID), false, NOTHING},
        {"the later one is empty", WIRE("\x0a\x00"), false, "id", "", "required"},
        {"an unknown field", WIRE("\xf8\x07\x05"), false, NOTHING},
        {"an unknown field that ends too early",
            WIRE("\xfa\x07\x05"
                 "abc"),
            true, NOTHING},
        {"field number 0", WIRE("\x00\x01"), true, NOTHING},
        {"the largest field number", WIRE("\xf8\xff\xff\xff\x0f\x01"), false, NOTHING},
        {"a field number past it", WIRE("\xf8\xff\xff\xff\x1f\x01"), true, NOTHING},
        {"a tag of six bytes", WIRE("\xb8\x80\x80\x80\x80\x00\x01"), true, NOTHING},
        {"a group", WIRE("\x0b\x0c"), true, NOTHING},
        {"an unknown group", WIRE("\xfb\x07\xfc\x07"), true, NOTHING},
        {"wire type 6", WIRE("\xfe\x07\x01"), true, NOTHING},
        {"a tag that ends too early", WIRE("\x80"), true, NOTHING},
        {"a tag without its value", WIRE("\x38"), true, NOTHING},
        {"a number of eleven bytes", WIRE("\x38\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"), true, NOTHING},
        {"a number past 64 bits", WIRE("\x38\x81\x80\x80\x80\x80\x80\x80\x80\x80\x02"), true, NOTHING},
        {"a number longer than needed", WIRE("\x38\x81\x80\x00"), false, NOTHING},
        {"bits past an int32 do not count", WIRE("\x38\x81\x80\x80\x80\x80\x20"), false, NOTHING},
        {"a text as a number", WIRE("\x10\x01"), true, NOTHING},
        {"a number as a text", WIRE("\x3a\x01\x01"), true, NOTHING},
        {"a length past the end",
            WIRE("\x82\x01\x05"
                 "abc"),
            true, NOTHING},
        {"a length of six bytes", WIRE("\x82\x01\x81\x80\x80\x80\x80\x00x"), true, NOTHING},
        {"a fixed64 cut short", WIRE("\x49\x00\x00\x00"), true, NOTHING},
        {"not UTF-8", WIRE("\x82\x01\x02\xc0\x80"), false, "plain", "(not UTF-8)", "UTF-8"},
        {"a lone surrogate", WIRE("\x82\x01\x03\xed\xa0\x80"), false, "plain", "(not UTF-8)", "UTF-8"},
        {"NUL",
            WIRE("\x82\x01\x03"
                 "a\0b"),
            false, "plain", "a", "no NUL"},
        {"a declared enum value", WIRE("\x78\x01"), false, NOTHING},
        {"an enum value nobody declared", WIRE("\x78\x02"), false, "colour", "2", "kongsi.test.v1.Colour"},
        {"a negative enum value", WIRE("\x78\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01"), false, NOTHING},
        {"an unpacked number of a list", WIRE("\x58\x01\x58\x03"), false, NOTHING},
        {"packed and unpacked", WIRE("\x58\x01\x5a\x02\x02\x04"), false, "numbers[2]", "4", "3"},
        {"a packed run that is cut", WIRE("\x5a\x02\x01\x80"), true, NOTHING},
        {"a message twice", WIRE("\x6a\x03\x0a\x01x\x6a\x03\x0a\x01x"), false, "inner", "2 occurrences", "1"},
        {"two members of a oneof, the last is right", WIRE("\xa2\x01\x01x\xaa\x01\x03\x0a\x01x"), false, NOTHING},
        {"a member again after another", WIRE("\xaa\x01\x03\x0a\x01x\xa2\x01\x01x\xaa\x01\x03\x0a\x01x"), false, NOTHING},
        {"a map entry without anything", WIRE("\x72\x00"), false, NOTHING},
        {"a map key twice", WIRE("\x72\x06\x0a\x01k\x12\x01v\x72\x03\x0a\x01k"), false, "labels[k]", "2 occurrences", "1"},
        {"a map key that is not UTF-8", WIRE("\x72\x03\x0a\x01\xff"), false, "labels[]", "(not UTF-8)", "UTF-8"},
        {"a map value that is not UTF-8", WIRE("\x72\x06\x0a\x01k\x12\x01\xff"), false, "labels[k]", "(not UTF-8)", "UTF-8"},
        {"a map value as a number", WIRE("\x72\x05\x0a\x01k\x10\x01"), true, NOTHING},
        {"a time", WIRE("\x8a\x01\x04\x08\x01\x10\x02"), false, NOTHING},
        {"a time of the wrong type", WIRE("\x8a\x01\x02\x0a\x00"), true, NOTHING},
        {"the year 10000", WIRE("\x8a\x01\x07\x08\x80\x83\xd1\xff\xaf\x07"), false, "time", "253402300800 s 0 ns",
            "0001..9999"},
        {"negative nanoseconds", WIRE("\x8a\x01\x0b\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), false, "time",
            "0 s -1 ns", "0001..9999"},
    };
    const struct schema_message *rules = schema_find_message(*state, "kongsi.test.v1.Rules");
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        uint8_t *exact = malloc(CASES[i].length); /* so that a sanitizer sees a read past the end */
        memcpy(exact, CASES[i].wire, CASES[i].length);
        ERR_AUTO error = schema_check(rules, (struct bytes){exact, CASES[i].length});
        Kongsi__Test__V1__Rules *message = kongsi__test__v1__rules__unpack(NULL, CASES[i].length, exact);
        free(exact);
        if (CASES[i].broken) {
            assert_non_null(error);
            print_message("      %s\n", error->message);
            assert_true(err_is(error, &KONGSI_BODY_INVALID));
        } else {
            expect(error, CASES[i].field, CASES[i].value, CASES[i].limit);
        }
        assert_true(error || message); /* what passes the check, protobuf-c takes */
        if (message) {
            kongsi__test__v1__rules__free_unpacked(message, NULL);
        }
    }
}

static void test_long_values_are_cut(void **state)
{
    const struct schema_message *rules = schema_find_message(*state, "kongsi.test.v1.Rules");
    BUF_AUTO wire;
    buf_init(&wire, 65536);
    char json[1024] = "{\"id\":\"";
    for (int i = 0; i < 200; i++) {
        strcat(json, "晨");
    }
    strcat(json, "\"}");
    assert_null(json_to_wire(rules, json, strlen(json), &wire));
    ERR_AUTO error = schema_check(rules, (struct bytes){(const uint8_t *)wire.data, wire.length});
    assert_non_null(error);
    const char *value = err_get_metadata(error, "value");
    assert_true(utf8_valid(value, strlen(value)));
    assert_int_equal(utf8_length(value, strlen(value)), 101); /* and the sign that there is more */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rules, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_default_lengths, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_wire, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_long_values_are_cut, load_types, free_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
