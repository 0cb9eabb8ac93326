#include "libshared/rpc/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gen/kongsi_errors.h"
#include "kongsi/messaging/v1/messaging_service.pb-c.h"
#include "test_types_set.h"

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

static struct err *read_json(
    const struct schema *schema, const char *name, const char *json, size_t length, struct buf *wire)
{
    const struct schema_message *message = schema_find_message(schema, name);
    assert_non_null(message);
    char *exact = malloc(length ? length : 1); /* so that a sanitizer sees a read past the end */
    memcpy(exact, json, length);
    struct err *error = json_to_wire(message, exact, length, wire);
    free(exact);
    return error;
}

static void assert_hex(const struct buf *wire, const char *want)
{
    char hex[1024] = "";
    assert_true(wire->length < sizeof(hex) / 2);
    for (size_t i = 0; i < wire->length; i++) {
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)wire->data[i]);
    }
    assert_string_equal(hex, want);
}

/* The wire bytes say the number, its form and that default values are left out. */
static void test_values(void **state)
{
    static const struct {
        const char *name, *json, *want;
    } CASES[] = {
        {"nothing", "{}", ""},
        {"white space", " \t\r\n{ \n} ", ""},
        {"null is absent",
            "{\"int32_value\":null,\"strings\":null,\"message_value\":null,\"text_by_text\":null,\"choice_text\":null}", ""},
        {"defaults are left out",
            "{\"int32_value\":0,\"bool_value\":false,\"string_value\":\"\",\"bytes_value\":\"\",\"double_value\":0}", ""},
        {"an enum's default too", "{\"enum_value\":\"COLOUR_UNSPECIFIED\"}", ""},
        {"an empty list and map", "{\"strings\":[],\"int32s\":[],\"text_by_text\":{}}", ""},
        {"an int32", "{\"int32_value\":150}", "289601"},
        {"a negative int32", "{\"int32_value\":-1}", "28ffffffffffffffffff01"},
        {"the other form of the name", "{\"int32Value\":150}", "289601"},
        {"an int32 as text", "{\"int32_value\":\"150\"}", "289601"},
        {"an int32 with an empty fraction", "{\"int32_value\":1.0}", "2801"},
        {"an int32 with an exponent", "{\"int32_value\":1.5e2}", "289601"},
        {"the smallest int32", "{\"int32_value\":-2147483648}", "2880808080f8ffffffff01"},
        {"the largest int64 as text", "{\"int64_value\":\"9223372036854775807\"}", "18ffffffffffffffff7f"},
        {"the smallest int64", "{\"int64_value\":-9223372036854775808}", "1880808080808080808001"},
        {"the largest uint64 as text", "{\"uint64_value\":\"18446744073709551615\"}", "20ffffffffffffffffff01"},
        {"a sint32", "{\"sint32_value\":-1}", "800101"},
        {"the smallest sint64", "{\"sint64_value\":\"-9223372036854775808\"}", "8801ffffffffffffffffff01"},
        {"a fixed32", "{\"fixed32_value\":4294967295}", "3dffffffff"},
        {"an sfixed32", "{\"sfixed32_value\":-2}", "75feffffff"},
        {"an sfixed64", "{\"sfixed64_value\":-2}", "79feffffffffffffff"},
        {"a double", "{\"double_value\":1.5}", "09000000000000f83f"},
        {"a double without fraction", "{\"double_value\":3}", "090000000000000840"},
        {"a double as text", "{\"double_value\":\"-1.5e0\"}", "09000000000000f8bf"},
        {"minus zero", "{\"double_value\":-0.0}", "090000000000000080"},
        {"infinity", "{\"double_value\":\"-Infinity\"}", "09000000000000f0ff"},
        {"not a number", "{\"float_value\":\"NaN\"}", "150000c07f"},
        {"a float", "{\"float_value\":0.1}", "15cdcccc3d"},
        {"true", "{\"bool_value\":true}", "4001"},
        {"a text", "{\"string_value\":\"\\u65e9\\ud83d\\ude00\\\"\\/\"}", "4a09e697a9f09f9880222f"},
        {"bytes", "{\"bytes_value\":\"AP/+\"}", "5a0300fffe"},
        {"bytes of the URL's alphabet", "{\"bytes_value\":\"AP_-\"}", "5a0300fffe"},
        {"bytes with padding", "{\"bytes_value\":\"AA==\"}", "5a0100"},
        {"bytes without padding", "{\"bytes_value\":\"AAA\"}", "5a020000"},
        {"an enum by name", "{\"enum_value\":\"COLOUR_RED\"}", "6801"},
        {"an enum by number", "{\"enum_value\":-3}", "68fdffffffffffffffff01"},
        {"an enum by number as text", "{\"enum_value\":\"1\"}", "6801"},
        {"a message", "{\"message_value\":{\"name\":\"x\",\"count\":2}}", "52050a01781002"},
        {"an empty message", "{\"message_value\":{}}", "5200"},
        {"fields in the order of their numbers", "{\"bool_value\":true,\"int32_value\":1}", "28014001"},
        {"the first second", "{\"time_value\":\"1970-01-01T00:00:00Z\"}", "920100"},
        {"a time", "{\"time_value\":\"1970-01-01T01:00:01.5+01:00\"}",
            "920108080110"
            "80cab5ee01"},
        {"a time before 1970 with nanoseconds", "{\"time_value\":\"1969-12-31T23:59:59.000000001Z\"}",
            "92010d08ffffffffffffffffff011001"},
        {"packed numbers", "{\"int32s\":[1,0,\"150\"]}", "ca010401009601"},
        {"packed fixed", "{\"fixed32s\":[1,0]}", "da01080100000000000000"},
        {"texts with an empty one", "{\"strings\":[\"a\",\"\"]}", "ea010161ea0100"},
        {"messages", "{\"messages\":[{},{\"count\":1}]}", "f20100f201021001"},
        {"a map", "{\"text_by_text\":{\"k\":\"v\",\"\":\"\"}}", "ca02060a016b120176ca0200"},
        {"a map of messages", "{\"leaf_by_int32\":{\"-1\":{}}}", "d2020d08ffffffffffffffffff011200"},
        {"a map by bool", "{\"double_by_bool\":{\"true\":0,\"false\":1}}", "da02020801da020911000000000000f03f"},
        {"a member of a oneof keeps its default", "{\"choice_number\":0}", "a00300"},
        {"an empty text of a oneof", "{\"choice_text\":\"\"}", "9a0300"},
        {"one oneof beside another", "{\"choice_flag\":true,\"other_number\":0}", "b00301e80300"},
        {"null beside a member", "{\"choice_flag\":true,\"choice_text\":null}", "b00301"},
        {"a large field number", "{\"name_2_with_3digits\":\"x\"}",
            "82972201"
            "78"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        BUF_AUTO wire;
        buf_init(&wire, 65536);
        ERR_AUTO error = read_json(*state, "kongsi.test.v1.Everything", CASES[i].json, strlen(CASES[i].json), &wire);
        if (error) {
            print_message("      %s\n", error->message);
        }
        assert_null(error);
        assert_hex(&wire, CASES[i].want);
    }
}

static void test_refused_values(void **state)
{
    static const struct {
        const char *name, *json;
        const char *field, *value;
        const char *limit; /* NULL: any */
    } CASES[] = {
        {"int32 too large", "{\"int32_value\":2147483648}", "int32_value", "2147483648", "-2147483648..2147483647"},
        {"int32 too small", "{\"int32_value\":-2147483649}", "int32_value", "-2147483649", "-2147483648..2147483647"},
        {"int32 with a fraction", "{\"int32_value\":1.5}", "int32_value", "1.5", NULL},
        {"int32 from a huge real", "{\"int32_value\":1e300}", "int32_value", "1.0000000000000001e+300", NULL},
        {"int64 from a real past its range", "{\"int64_value\":9223372036854775808.0}", "int64_value",
            "9.2233720368547758e+18", NULL},
        {"int64 as text too large", "{\"int64_value\":\"9223372036854775808\"}", "int64_value", "9223372036854775808",
            "-9223372036854775808..9223372036854775807"},
        {"uint64 as text too large", "{\"uint64_value\":\"18446744073709551616\"}", "uint64_value", "18446744073709551616",
            "0..18446744073709551615"},
        {"a negative uint32", "{\"uint32_value\":-1}", "uint32_value", "-1", "0..4294967295"},
        {"a negative uint64", "{\"uint64_value\":\"-1\"}", "uint64_value", "-1", NULL},
        {"fixed32 too large", "{\"fixed32_value\":4294967296}", "fixed32_value", "4294967296", NULL},
        {"a number with a plus", "{\"int32_value\":\"+1\"}", "int32_value", "+1", NULL},
        {"a number with a leading zero", "{\"int32_value\":\"01\"}", "int32_value", "01", NULL},
        {"a number with a space", "{\"int32_value\":\" 1\"}", "int32_value", " 1", NULL},
        {"a hexadecimal number", "{\"int32_value\":\"0x1\"}", "int32_value", "0x1", NULL},
        {"an empty number", "{\"int32_value\":\"\"}", "int32_value", "", NULL},
        {"a minus alone", "{\"int32_value\":\"-\"}", "int32_value", "-", NULL},
        {"a bool for a number", "{\"int32_value\":true}", "int32_value", "true", "number"},
        {"a list for a number", "{\"int32_value\":[1]}", "int32_value", "a list", "number"},
        {"a number for a bool", "{\"bool_value\":1}", "bool_value", "1", "true, false"},
        {"a text for a bool", "{\"bool_value\":\"true\"}", "bool_value", "true", "true, false"},
        {"a number for a text", "{\"string_value\":1}", "string_value", "1", "string"},
        {"a real for a text", "{\"string_value\":1.5}", "string_value", "1.5", "string"},
        {"an object for a text", "{\"string_value\":{\"password\":\"x\"}}", "string_value", "an object", "string"},
        {"a text for a message", "{\"message_value\":\"perhaps secret\"}", "message_value", "a string", "object"},
        {"a list for a message", "{\"message_value\":[]}", "message_value", "a list", "object"},
        {"a message for a list", "{\"messages\":{}}", "messages", "an object", "list"},
        {"null in a list", "{\"strings\":[\"a\",null]}", "strings[1]", "null", "string"},
        {"null in a list of messages", "{\"messages\":[null]}", "messages[0]", "null", "object"},
        {"a wrong number in a list", "{\"uint32s\":[1,-1]}", "uint32s[1]", "-1", NULL},
        {"a wrong value deep down", "{\"messages\":[{\"leaves\":[{},{\"flag\":\"yes\"}]}]}", "messages[0].leaves[1].flag",
            "yes", NULL},
        {"a list for a map", "{\"text_by_text\":[]}", "text_by_text", "a list", "object"},
        {"null in a map", "{\"text_by_text\":{\"k\":null}}", "text_by_text[k]", "null", "string"},
        {"a map key of the wrong type", "{\"leaf_by_int32\":{\"x\":{}}}", "leaf_by_int32[x]", "x", NULL},
        {"a wrong value deep in a map", "{\"leaf_by_int32\":{\"7\":{\"count\":\"x\"}}}", "leaf_by_int32[7].count", "x",
            NULL},
        {"a bool key", "{\"double_by_bool\":{\"TRUE\":1}}", "double_by_bool[TRUE]", "TRUE", NULL},
        {"no base64", "{\"bytes_value\":\"A*==\"}", "bytes_value", "A*==", "base64"},
        {"base64 of a length that cannot be", "{\"bytes_value\":\"AAAAA\"}", "bytes_value", "AAAAA", "base64"},
        {"base64 with half its padding", "{\"bytes_value\":\"AA=\"}", "bytes_value", "AA=", "base64"},
        {"base64 of both alphabets", "{\"bytes_value\":\"+_AA\"}", "bytes_value", "+_AA", "base64"},
        {"base64 with bits left over", "{\"bytes_value\":\"AB==\"}", "bytes_value", "AB==", "base64"},
        {"padding alone", "{\"bytes_value\":\"==\"}", "bytes_value", "==", "base64"},
        {"an enum nobody declared", "{\"enum_value\":\"COLOUR_BLUE\"}", "enum_value", "COLOUR_BLUE",
            "kongsi.test.v1.Colour"},
        {"an enum in lower case", "{\"enum_value\":\"colour_red\"}", "enum_value", "colour_red", NULL},
        {"an enum number nobody declared", "{\"enum_value\":2}", "enum_value", "2", "kongsi.test.v1.Colour"},
        {"an enum of a fraction", "{\"enum_value\":0.5}", "enum_value", "0.5", NULL},
        {"an enum as bool", "{\"enum_value\":false}", "enum_value", "false", "kongsi.test.v1.Colour"},
        {"a float too large", "{\"float_value\":3.5e38}", "float_value", "3.5e+38", NULL},
        {"a double as text too large", "{\"double_value\":\"1e999\"}", "double_value", "1e999", NULL},
        {"a double in words", "{\"double_value\":\"inf\"}", "double_value", "inf", "number"},
        {"a double with nothing after the point", "{\"double_value\":\"1.\"}", "double_value", "1.", "number"},
        {"a double with nothing after e", "{\"double_value\":\"1e\"}", "double_value", "1e", "number"},
        {"a double of zeros", "{\"double_value\":\"00.5\"}", "double_value", "00.5", "number"},
        {"a time as number", "{\"time_value\":1}", "time_value", "1", "RFC 3339"},
        {"no such time", "{\"time_value\":\"2026-02-30T00:00:00Z\"}", "time_value", "2026-02-30T00:00:00Z", "RFC 3339"},
        {"a time without offset", "{\"time_value\":\"2026-02-20T00:00:00\"}", "time_value", "2026-02-20T00:00:00",
            "RFC 3339"},
        {"a time before year 1", "{\"time_value\":\"0001-01-01T00:00:00+01:00\"}", "time_value", "0001-01-01T00:00:00+01:00",
            NULL},
        {"a time after year 9999", "{\"time_value\":\"9999-12-31T23:59:59-00:01\"}", "time_value",
            "9999-12-31T23:59:59-00:01", NULL},
        {"both forms of a name", "{\"int32_value\":1,\"int32Value\":1}", "int32_value", "2 occurrences", "1"},
        {"both forms of a name, one null", "{\"int32_value\":1,\"int32Value\":null}", "int32_value", "2 occurrences", "1"},
        {"two members of a oneof", "{\"choice_text\":\"\",\"choice_flag\":false}", "choice_flag", "with choice_text", "1"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        BUF_AUTO wire;
        buf_init(&wire, 65536);
        buf_append_text(&wire, "before");
        ERR_AUTO error = read_json(*state, "kongsi.test.v1.Everything", CASES[i].json, strlen(CASES[i].json), &wire);
        assert_non_null(error);
        print_message("      %s\n", error->message);
        assert_true(err_is(error, &KONGSI_FIELD_INVALID));
        assert_string_equal(err_get_metadata(error, "field"), CASES[i].field);
        assert_string_equal(err_get_metadata(error, "value"), CASES[i].value);
        if (CASES[i].limit) {
            assert_string_equal(err_get_metadata(error, "limit"), CASES[i].limit);
        }
        assert_int_equal(wire.length, strlen("before"));
    }
}

static void test_unknown_names(void **state)
{
    static const struct {
        const char *json, *field;
    } CASES[] = {
        {"{\"nothing\":1}", "nothing"},
        {"{\"nothing\":null}", "nothing"},
        {"{\"int32_value\":1,\"INT32_VALUE\":1}", "INT32_VALUE"},
        {"{\"message_value\":{\"colour\":1}}", "message_value.colour"},
        {"{\"messages\":[{},{\"leaves\":[{\"x\":1}]}]}", "messages[1].leaves[0].x"},
        {"{\"leaf_by_int32\":{\"1\":{\"x\":1}}}", "leaf_by_int32[1].x"},
        {"{\"\":1}", ""},
        {"{\"time_value\":\"1970-01-01T00:00:00Z\",\"早\":1}", "早"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].json);
        BUF_AUTO wire;
        buf_init(&wire, 65536);
        ERR_AUTO error = read_json(*state, "kongsi.test.v1.Everything", CASES[i].json, strlen(CASES[i].json), &wire);
        assert_non_null(error);
        print_message("      %s\n", error->message);
        assert_true(err_is(error, &KONGSI_FIELD_UNKNOWN));
        assert_string_equal(err_get_metadata(error, "field"), CASES[i].field);
    }
}

#define TEXT(text) text, sizeof(text) - 1

static void test_broken_json(void **state)
{
    static const struct {
        const char *name;
        const char *json;
        size_t length;
        const char *line, *column;
        const char *want; /* part of the message */
    } CASES[] = {
        {"nothing", TEXT(""), NULL, NULL, ""},
        {"only white space", TEXT(" \n "), NULL, NULL, ""},
        {"a list", TEXT("[]"), "1", "1", "not an object"},
        {"a text", TEXT("\"x\""), NULL, NULL, ""},
        {"null", TEXT("null"), NULL, NULL, ""},
        {"no end", TEXT("{"), NULL, NULL, "too early"},
        {"a name without a value", TEXT("{\"int32_value\"}"), NULL, NULL, "well-formed"},
        {"a comma too many", TEXT("{\"int32_value\":1,}"), "1", NULL, "well-formed"},
        {"on the second line", TEXT("{\n \"int32_value\": x}"), "2", NULL, "well-formed"},
        {"two objects", TEXT("{}{}"), "1", "3", "goes on"},
        {"text behind it", TEXT("{} x"), NULL, NULL, "goes on"},
        {"NUL behind it", TEXT("{}\0"), NULL, NULL, ""},
        {"a name twice", TEXT("{\"int32_value\":1,\"int32_value\":1}"), NULL, NULL, "twice"},
        {"a name twice, differently written", TEXT("{\"int32_value\":1,\"\\u0069nt32_value\":1}"), NULL, NULL, "twice"},
        {"a name twice in a map", TEXT("{\"text_by_text\":{\"a\":\"1\",\"a\":\"2\"}}"), NULL, NULL, "twice"},
        {"not UTF-8", TEXT("{\"string_value\":\"\xff\"}"), NULL, NULL, "UTF-8"},
        {"an overlong form", TEXT("{\"string_value\":\"\xc0\xaf\"}"), NULL, NULL, "UTF-8"},
        {"a surrogate in UTF-8", TEXT("{\"string_value\":\"\xed\xa0\x80\"}"), NULL, NULL, "UTF-8"},
        {"past U+10FFFF", TEXT("{\"string_value\":\"\xf4\x90\x80\x80\"}"), NULL, NULL, "UTF-8"},
        {"a byte order mark", TEXT("\xef\xbb\xbf{}"), NULL, NULL, ""},
        {"NUL as escape", TEXT("{\"string_value\":\"a\\u0000\"}"), NULL, NULL, "U+0000"},
        {"NUL in a name", TEXT("{\"a\\u0000\":1}"), NULL, NULL, "U+0000"},
        {"a NUL byte", TEXT("{\"string_value\":\"a\0\"}"), NULL, NULL, ""},
        {"a first surrogate alone", TEXT("{\"string_value\":\"\\ud83d\"}"), NULL, NULL, ""},
        {"a second surrogate alone", TEXT("{\"string_value\":\"\\ude00\"}"), NULL, NULL, ""},
        {"two first surrogates", TEXT("{\"string_value\":\"\\ud83d\\ud83d\"}"), NULL, NULL, ""},
        {"a control character", TEXT("{\"string_value\":\"\n\"}"), NULL, NULL, ""},
        {"an unknown escape", TEXT("{\"string_value\":\"\\x41\"}"), NULL, NULL, ""},
        {"a leading zero", TEXT("{\"int32_value\":01}"), NULL, NULL, ""},
        {"a plus", TEXT("{\"int32_value\":+1}"), NULL, NULL, ""},
        {"a point without digits", TEXT("{\"double_value\":1.}"), NULL, NULL, ""},
        {"NaN without quotes", TEXT("{\"double_value\":NaN}"), NULL, NULL, ""},
        {"a number past every range", TEXT("{\"double_value\":1e999}"), NULL, NULL, "beyond"},
        {"an integer past 64 bits", TEXT("{\"uint64_value\":18446744073709551616}"), NULL, NULL, "as strings"},
        {"single quotes", TEXT("{'int32_value':1}"), NULL, NULL, ""},
        {"a comment", TEXT("{/* */}"), NULL, NULL, ""},
        {"a string without end", TEXT("{\"string_value\":\"a"), NULL, NULL, ""},
        {"a backslash at the end", TEXT("{\"string_value\":\"a\\"), NULL, NULL, ""},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        BUF_AUTO wire;
        buf_init(&wire, 65536);
        ERR_AUTO error = read_json(*state, "kongsi.test.v1.Everything", CASES[i].json, CASES[i].length, &wire);
        assert_non_null(error);
        print_message("      %s\n", error->message);
        assert_true(err_is(error, &KONGSI_BODY_INVALID));
        assert_non_null(strstr(error->message, CASES[i].want));
        assert_non_null(err_get_metadata(error, "line"));
        if (CASES[i].line) {
            assert_string_equal(err_get_metadata(error, "line"), CASES[i].line);
        }
        if (CASES[i].column) {
            assert_string_equal(err_get_metadata(error, "column"), CASES[i].column);
        }
    }
}

/* What stands in the input must not reach the log by way of the error. */
static void test_secrets_stay_out(void **state)
{
    static const struct {
        const char *name, *json;
    } CASES[] = {
        {"broken behind it", "{\"password\":\"hunter2\" x"},
        {"no end", "{\"password\":\"hunter2"},
        {"invalid escape in it", "{\"password\":\"hunter2\\q\"}"},
        {"of the wrong type", "{\"password\":[\"hunter2\"]}"},
        {"in place of a message", "{\"inner\":\"hunter2\"}"},
        {"in a list in place of a message", "{\"inner\":[\"hunter2\"]}"},
        {"in an object in place of a text", "{\"plain\":{\"password\":\"hunter2\"}}"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        BUF_AUTO wire;
        buf_init(&wire, 65536);
        ERR_AUTO error = read_json(*state, "kongsi.test.v1.Rules", CASES[i].json, strlen(CASES[i].json), &wire);
        assert_non_null(error);
        assert_null(strstr(error->message, "hunter2"));
        for (size_t m = 0; m < error->metadata_count; m++) {
            assert_null(strstr(error->metadata[m].value, "hunter2"));
        }
    }
}

static void test_limits(void **state)
{
    static const struct {
        const char *name, *begin, *repeated, *end;
        size_t count;
        bool want;
    } CASES[] = {
        {"nested as deep as may be", "{\"a\":", "[", "", JSON_DEPTH_MAX - 1, false}, /* refused for another reason */
        {"nested too deep", "{\"a\":", "[", "", JSON_DEPTH_MAX, true},
        {"nested far too deep", "", "[", "", 1000000, true},
        {"nested objects", "", "{\"a\":", "", JSON_DEPTH_MAX + 1, true},
        {"many values", "{\"int32s\":[1", ",1", "]}", JSON_VALUES_MAX - 3, false},
        {"one value too many", "{\"int32s\":[1", ",1", "]}", JSON_VALUES_MAX - 2, true},
        {"many empty objects", "{\"messages\":[{}", ",{}", "]}", JSON_VALUES_MAX, true},
        {"delimiters in a text do not count", "{\"string_value\":\"[", "[{,:\\\"", "\"}", JSON_VALUES_MAX, false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        BUF_AUTO json;
        BUF_AUTO wire;
        buf_init(&json, 16 * 1024 * 1024);
        buf_init(&wire, 16 * 1024 * 1024);
        buf_append_text(&json, CASES[i].begin);
        for (size_t n = 0; n < CASES[i].count; n++) {
            buf_append_text(&json, CASES[i].repeated);
        }
        buf_append_text(&json, CASES[i].end);
        ERR_AUTO error = read_json(*state, "kongsi.test.v1.Everything", json.data, json.length, &wire);
        const char *message = error ? error->message : "";
        bool limited = strstr(message, "deeper than 32") || strstr(message, "more than 100000");
        assert_int_equal(limited, CASES[i].want);
        assert_true(!error || err_is(error, &KONGSI_BODY_INVALID));
    }
}

/* Lengths of nested messages are written after their content: across the places where the length grows by a byte. */
static void test_nested_lengths(void **state)
{
    static const size_t LENGTHS[] = {
        0, 1, 124, 125, 126, 127, 128, 16379, 16380, 16381, 16382, 16383, 16384, 2097150, 2097152};
    for (size_t i = 0; i < sizeof(LENGTHS) / sizeof(LENGTHS[0]); i++) {
        BUF_AUTO json;
        BUF_AUTO wire;
        BUF_AUTO back;
        buf_init(&json, 8 * 1024 * 1024);
        buf_init(&wire, 8 * 1024 * 1024);
        buf_init(&back, 8 * 1024 * 1024);
        buf_append_text(&json, "{\"name\":\"");
        for (size_t n = 0; n < LENGTHS[i]; n++) {
            buf_append_char(&json, 'x');
        }
        buf_append_text(&json, "\",\"count\":0,\"leaves\":[{\"flag\":true},{\"flag\":false}]}");
        BUF_AUTO outer;
        buf_init(&outer, 8 * 1024 * 1024);
        buf_printf(&outer, "{\"message_value\":%s}", json.data);
        assert_null(read_json(*state, "kongsi.test.v1.Everything", outer.data, outer.length, &wire));
        assert_null(json_from_wire(schema_find_message(*state, "kongsi.test.v1.Everything"),
            (struct bytes){(const uint8_t *)wire.data, wire.length}, &back));
        assert_non_null(strstr(back.data, json.data));
    }
}

static void test_out_of_memory(void **state)
{
    static const char JSON[] =
        "{\"message_value\":{\"name\":\"0123456789\"},\"bytes_value\":\"AAAAAAAA\",\"int32s\":[1,2,3],"
        "\"time_value\":\"2026-11-22T08:00:00.120Z\",\"text_by_text\":{\"key\":\"value\"}}";
    BUF_AUTO whole;
    buf_init(&whole, 65536);
    assert_null(read_json(*state, "kongsi.test.v1.Everything", JSON, strlen(JSON), &whole));
    for (size_t cap = 0; cap <= whole.length; cap++) {
        BUF_AUTO wire;
        buf_init(&wire, cap);
        ERR_AUTO error = read_json(*state, "kongsi.test.v1.Everything", JSON, strlen(JSON), &wire);
        assert_ptr_equal(error, cap < whole.length ? err_out_of_memory() : NULL);
    }
}

static void test_texts(void **state)
{
    static const struct {
        const char *field, *text;
        size_t length;
        const char *want; /* NULL: refused */
    } CASES[] = {
        {"int32_value", TEXT("5"), "2805"},
        {"int32_value", TEXT("0"), "2800"}, /* overrides what stands before */
        {"int32_value", TEXT(""), NULL},
        {"int32_value", TEXT("5 "), NULL},
        {"int32_value", TEXT("1e2"), NULL},
        {"int64_value", TEXT("-9223372036854775808"), "1880808080808080808001"},
        {"double_value", TEXT("1.5"), "09000000000000f83f"},
        {"double_value", TEXT("nan"), NULL},
        {"bool_value", TEXT("true"), "4001"},
        {"bool_value", TEXT("false"), "4000"},
        {"bool_value", TEXT("1"), NULL},
        {"bool_value", TEXT(""), NULL},
        {"string_value", TEXT(""), "4a00"},
        {"string_value", TEXT("早"), "4a03e697a9"},
        {"string_value", TEXT("\xff"), NULL},
        {"string_value", TEXT("a\0b"), NULL},
        {"bytes_value", TEXT("AP_-"), "5a0300fffe"},
        {"bytes_value", TEXT("A"), NULL},
        {"enum_value", TEXT("COLOUR_RED"), "6801"},
        {"enum_value", TEXT("0"), "6800"},
        {"enum_value", TEXT("9"), NULL},
        {"time_value", TEXT("1970-01-01T00:00:01Z"),
            "92010208"
            "01"},
        {"time_value", TEXT("now"), NULL},
        {"int32s", TEXT("7"), "c80107"},
        {"strings", TEXT("x"), "ea010178"},
        {"message_value", TEXT("{}"), NULL},
        {"text_by_text", TEXT("{}"), NULL},
        {"choice_text", TEXT("x"),
            "9a0301"
            "78"},
    };
    const struct schema_message *everything = schema_find_message(*state, "kongsi.test.v1.Everything");
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s=%s\n", CASES[i].field, CASES[i].text);
        BUF_AUTO wire;
        buf_init(&wire, 65536);
        const struct schema_field *field = schema_find_field(everything, CASES[i].field, strlen(CASES[i].field));
        char *exact = malloc(CASES[i].length + 1); /* a query value ends where its length says, not at a NUL */
        memcpy(exact, CASES[i].text, CASES[i].length);
        exact[CASES[i].length] = '9';
        ERR_AUTO error = json_text_to_wire(field, exact, CASES[i].length, &wire);
        free(exact);
        assert_int_equal(error == NULL, CASES[i].want != NULL);
        if (error) {
            print_message("      %s\n", error->message);
            assert_true(err_is(error, &KONGSI_FIELD_INVALID));
            assert_string_equal(err_get_metadata(error, "field"), CASES[i].field);
        } else {
            assert_hex(&wire, CASES[i].want);
        }
    }
}

/* A real request, read by protobuf-c from our bytes. */
static void test_own_message(void **state)
{
    (void)state;
    static const char JSON[] = "{\"conversationId\":\"0193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e10\","
                               "\"request_id\":\"0193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e11\",\"text\":{\"body\":\"早晨 ☀\"}}";
    BUF_AUTO wire;
    buf_init(&wire, 65536);
    const struct schema_message *message = schema_find_message(schema_kongsi(), "kongsi.messaging.v1.SendMessageRequest");
    assert_null(json_to_wire(message, JSON, strlen(JSON), &wire));
    assert_null(schema_check(message, (struct bytes){(const uint8_t *)wire.data, wire.length}));
    Kongsi__Messaging__V1__SendMessageRequest *request =
        kongsi__messaging__v1__send_message_request__unpack(NULL, wire.length, (const uint8_t *)wire.data);
    assert_non_null(request);
    assert_string_equal(request->conversation_id, "0193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e10");
    assert_string_equal(request->request_id, "0193a7d8-6f3c-7c1a-8d11-3f2b5a9c7e11");
    assert_string_equal(request->text->body, "早晨 ☀");
    uint8_t packed[256];
    size_t length = kongsi__messaging__v1__send_message_request__pack(request, packed);
    assert_int_equal(length, wire.length); /* the same bytes as protobuf-c's own */
    assert_memory_equal(packed, wire.data, length);
    kongsi__messaging__v1__send_message_request__free_unpacked(request, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_values, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_refused_values, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_unknown_names, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_broken_json, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_secrets_stay_out, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_limits, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_nested_lengths, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_out_of_memory, load_types, free_types),
        cmocka_unit_test_setup_teardown(test_texts, load_types, free_types),
        cmocka_unit_test(test_own_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
