#include "services/identity/directory.h"

#include "services/identity/image.h"
#include "services/identity/invitation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void test_pattern(void **state)
{
    (void)state;
    static const char *const CASES[][2] = {
        {"", "%%"}, {"Joyce", "%Joyce%"}, {"50%_\\", "%50\\%\\_\\\\%"}, {"司徒", "%司徒%"}};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        assert_string_equal(directory_pattern(arena, CASES[i][0]), CASES[i][1]);
    }
}

static void test_slug(void **state)
{
    (void)state;
    static const struct {
        const char *slug;
        bool valid;
    } CASES[] = {{"harbour-retail", true}, {"a1", true}, {"", false}, {"-a", false}, {"a-", false}, {"Harbour", false},
        {"a b", false}, {"a_b", false}, {"公司", false}};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_int_equal(directory_slug_is_valid(CASES[i].slug), CASES[i].valid);
    }
}

static void test_cut_name(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    char name[70 * 4 + 1] = "", want[70 * 4 + 1] = "";
    for (int i = 0; i < 70; i++) {
        strcat(name, "𠮷");
        if (i < 64) {
            strcat(want, "𠮷");
        }
    }
    assert_string_equal(directory_cut_name(arena, name), want);
    assert_string_equal(directory_cut_name(arena, want), want);
    assert_string_equal(directory_cut_name(arena, ""), "");
}

static void test_image_media_type(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        size_t length;
        const char *want;
    } CASES[] = {
        {"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, "image/png"},
        {"\xff\xd8\xff\xe0\0\x10JFIF\0\x01", 12, "image/jpeg"},
        {"RIFF\x24\0\0\0WEBPVP8 ", 16, "image/webp"},
        {"RIFF\x24\0\0\0WAVEfmt ", 16, NULL},
        {"GIF89a\0\0\0\0\0\0", 12, NULL},
        {"<svg onload=alert(1)>", 21, NULL},
        {"\x89PNG\r\n\x1a\n", 8, NULL}, /* too short for any of them */
        {"", 0, NULL},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        const char *type = image_media_type((const uint8_t *)CASES[i].head, CASES[i].length);
        assert_true(CASES[i].want ? type && strcmp(type, CASES[i].want) == 0 : !type);
    }
}

static void test_invitation_token(void **state)
{
    (void)state;
    struct invitation_token one, other, read;
    struct uuid org_id = {{1, 2, 3}};
    invitation_token_new(org_id, &one);
    invitation_token_new(org_id, &other);
    assert_string_not_equal(one.text, other.text);
    assert_true(invitation_token_parse(one.text, &read));
    assert_true(uuid_equal(read.org_id, org_id));
    assert_memory_equal(read.hash, one.hash, INVITATION_HASH_SIZE);
    one.text[10] = one.text[10] == 'A' ? 'B' : 'A';
    assert_true(invitation_token_parse(one.text, &read));
    assert_memory_not_equal(read.hash, one.hash, INVITATION_HASH_SIZE);
    one.text[63] = '\0';
    assert_false(invitation_token_parse(one.text, &read));
    assert_false(invitation_token_parse("", &read));
    assert_false(invitation_token_parse("%%%", &read));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pattern), cmocka_unit_test(test_slug),
        cmocka_unit_test(test_cut_name), cmocka_unit_test(test_image_media_type), cmocka_unit_test(test_invitation_token)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
