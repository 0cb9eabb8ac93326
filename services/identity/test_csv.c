#include "services/identity/csv.h"

#include "gen/identity_errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Rows as text: "number:field|field" a line. */
static char *print_rows(struct arena *arena, const struct csv *csv)
{
    char *text = arena_strdup(arena, "");
    for (size_t i = 0; i < csv->row_count; i++) {
        const struct csv_row *row = &csv->rows[i];
        text = arena_printf(arena, "%s%d:", text, row->number);
        for (size_t k = 0; k < row->field_count && k < CSV_FIELDS_MAX; k++) {
            text = arena_printf(
                arena, "%s%s%.*s", text, k ? "|" : "", (int)row->fields[k].length, (const char *)row->fields[k].data);
        }
        text = arena_printf(arena, "%s\n", text);
    }
    return text;
}

static const struct {
    const char *name, *text, *want; /* NULL: refused */
} CASES[] = {
    {"nothing", "", ""},
    {"one field", "a", "1:a\n"},
    {"two rows", "a,b\nc,d\n", "1:a|b\n2:c|d\n"},
    {"no line end at the end", "a,b\nc,d", "1:a|b\n2:c|d\n"},
    {"CRLF", "a,b\r\nc,d\r\n", "1:a|b\n2:c|d\n"},
    {"CR alone", "a,b\rc,d\r", "1:a|b\n2:c|d\n"},
    {"empty fields", ",a,\n", "1:|a|\n"},
    {"byte order mark",
        "\xef\xbb\xbf"
        "a,b\n",
        "1:a|b\n"},
    {"byte order mark before quotes",
        "\xef\xbb\xbf"
        "\"a\",b\n",
        "1:a|b\n"},
    {"only a byte order mark", "\xef\xbb\xbf", ""},
    {"quotes", "\"a\",\"\"\n", "1:a|\n"},
    {"comma and line end in quotes", "\"a,b\r\nc\",d\n", "1:a,b\r\nc|d\n"},
    {"doubled quotes", "\"say \"\"hi\"\"\",x\n", "1:say \"hi\"|x\n"},
    {"only doubled quotes", "\"\"\"\"\n", "1:\"\n"},
    {"quoted at the end of the text", "a,\"b\"", "1:a|b\n"},
    {"white space is kept", " a , b \n", "1: a | b \n"},
    {"empty lines count", "a\n\n\r\nb\n", "1:a\n4:b\n"},
    {"rows of commas are left out", "a,b\n,,\nc,d\n", "1:a|b\n3:c|d\n"},
    {"rows of other lengths", "a,b\nc\nd,e,f\n", "1:a|b\n2:c\n3:d|e|f\n"},
    {"a line inside quotes is one row", "\"a\n\nb\"\nc\n", "1:a\n\nb\n2:c\n"},
    {"a quote inside a field", "a\"b\n", NULL},
    {"a quote behind a field", "a\"\n", NULL},
    {"text behind a quote", "\"a\"b\n", NULL},
    {"space behind a quote", "\"a\" ,b\n", NULL},
    {"never closed", "a,\"b\nc\n", NULL},
    {"never closed, doubled", "\"a\"\"", NULL},
    {"a quote alone", "\"", NULL},
};

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        /* An own copy without NUL behind it, so that the sanitizer sees a step too far. */
        size_t length = strlen(CASES[i].text);
        uint8_t *text = malloc(length ? length : 1);
        assert_non_null(text);
        memcpy(text, CASES[i].text, length);
        struct csv csv = {0};
        ERR_AUTO error = csv_parse(arena, "staff", (struct bytes){text, length}, 100, &csv);
        if (CASES[i].want ? error != NULL : !err_is(error, &IDENTITY_IMPORT_INVALID)) {
            fail_msg("%s: %s", CASES[i].name, error ? error->message : "accepted");
        }
        if (CASES[i].want) {
            assert_string_equal(print_rows(arena, &csv), CASES[i].want);
        }
        free(text);
    }
}

static void test_faults_name_the_row(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    static const char TEXT[] = "a\n\nb\nc\"\n";
    struct csv csv;
    ERR_AUTO error = csv_parse(arena, "staff", (struct bytes){(const uint8_t *)TEXT, sizeof(TEXT) - 1}, 100, &csv);
    assert_string_equal(err_get_metadata(error, "row"), "4");
}

static void test_limits(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    char text[1000];
    struct csv csv;
    memset(text, ',', sizeof(text));
    text[0] = 'a';
    assert_null(csv_parse(arena, "staff", (struct bytes){(const uint8_t *)text, sizeof(text)}, 1, &csv));
    assert_int_equal(csv.rows[0].field_count, sizeof(text));
    for (size_t i = 0; i < sizeof(text); i++) {
        text[i] = i % 2 ? '\n' : 'a';
    }
    assert_null(csv_parse(arena, "staff", (struct bytes){(const uint8_t *)text, sizeof(text)}, 500, &csv));
    assert_int_equal(csv.row_count, 500);
    ERR_AUTO error = csv_parse(arena, "staff", (struct bytes){(const uint8_t *)text, sizeof(text)}, 499, &csv);
    assert_true(err_is(error, &IDENTITY_IMPORT_INVALID));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse), cmocka_unit_test(test_faults_name_the_row), cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
