#include "services/identity/name.h"

#include "libshared/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *legal, *preferred, *chinese, *want;
} CASES[] = {
    {"Szeto Wing Sze", "Joyce", "司徒詠詩", "Joyce Szeto 司徒詠詩"},
    {"Au Yeung Cheuk Hin", "Eric", "歐陽卓軒", "Eric Au Yeung 歐陽卓軒"},
    {"AU YEUNG Ka Yan", "Karen", "", "Karen AU YEUNG"},
    {"Au-Yeung Ka Yan", "Karen", "", "Karen Au-Yeung"},
    {"Sze To Wing Sze", "Joyce", "", "Joyce Sze To"},
    {"Sze To", "Joyce", "", "Joyce Sze"}, /* two words only: family and given name */
    {"Chan Ho Yin", "Ho Yin", "陳皓然", "Chan Ho Yin 陳皓然"},
    {"Chan Ho Yin", "", "陳皓然", "Chan Ho Yin 陳皓然"},
    {"Chan Ho Yin", "Ho", "", "Chan Ho Yin"},
    {"CHAN Ho Yin", "ho yin", "", "CHAN Ho Yin"},
    {"Chan Ho Yin", "Hoy", "", "Hoy Chan"},
    {"Chan, Tai Man", "Peter", "", "Peter Chan"},
    {"Chan, Tai Man", "", "", "Chan Tai Man"},
    {"van der Berg, Anna Maria", "Annie", "", "Annie van der Berg"},
    {"Katherine Smith", "Kate", "", "Kate Smith"},
    {"Katherine Smith", "Kate", "史凱蒂", "Kate Katherine 史凱蒂"}, /* with a Chinese name the family name stands first */
    {"Zoë O'Connor", "Zoë", "", "Zoë O'Connor"},
    {"José Ángel Cruz", "José", "", "José Ángel Cruz"},
    {"José Ángel Cruz", "Pepe", "", "Pepe Cruz"},
    {"Nguyễn Thị Hoa", "Nguyễn", "", "Nguyễn Thị Hoa"},
    {"Ali bin Ahmad", "Ali", "", "Ali bin Ahmad"},
    {"Suharto", "", "", "Suharto"},
    {"Suharto", "Harto", "", "Harto Suharto"},
    {"Suharto", "Suharto", "", "Suharto"},
    {"陳大文", "", "陳大文", "陳大文"},
    {"陳大文", "Tom", "陳大文", "Tom 陳大文"},
    {"", "Joyce", "", ""},
    {"", "", "司徒詠詩", "司徒詠詩"},
    {"", "", "", ""},
    {"  Chan   Tai\tMan ", " Peter ", " 陳大文 ", "Peter Chan 陳大文"},
    {",", "Peter", "", "Peter ,"},
};

static void test_display(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        assert_string_equal(name_display(arena, CASES[i].legal, CASES[i].preferred, CASES[i].chinese), CASES[i].want);
    }
}

static void test_long_names_are_cut_between_characters(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    char legal[80 * 4 + 1] = "", many_words[161] = "";
    for (size_t i = 0; i < 80; i++) {
        strcat(legal, "𠮷");
        strcat(many_words, "x ");
    }
    char *name = name_display(arena, legal, "", "");
    assert_true(strlen(name) <= NAME_DISPLAY_SIZE_MAX_BYTES && strlen(name) > NAME_DISPLAY_SIZE_MAX_BYTES - 4);
    assert_true(utf8_valid(name, strlen(name)));
    assert_non_null(name_display(arena, many_words, "Joyce", legal));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_display), cmocka_unit_test(test_long_names_are_cut_between_characters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
