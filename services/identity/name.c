#include "services/identity/name.h"

#include "libshared/base/str.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define WORDS_MAX 64
#define TEXT_SIZE_MAX_BYTES ((size_t)4096)

struct word {
    const char *text;
    size_t length;
};

struct words {
    struct word items[WORDS_MAX];
    size_t count;
};

/* Compound family names as Hong Kong, Taiwan and the mainland write them in two words. */
static const char *const COMPOUND_FAMILIES[] = {"au yeung", "au young", "au yong", "ou yang", "sze to", "sze toh", "see to",
    "si tu", "sheung kwun", "sheung koon", "shang guan", "tung fong", "dong fang", "ha hau", "xia hou", "chu kot", "chu kat",
    "zhu ge", "wong fu", "wong po", "huang fu", "mo yung", "mu rong", "tuk ku", "ling wu", NULL};

/* Common Chinese family names in Cantonese, Hakka, Hokkien and Mandarin spelling: they tell that the family name stands
 * first. */
static const char *const CHINESE_FAMILIES[] = {"au", "au-yeung", "auyeung", "bao", "cai", "cao", "chai", "chan", "chang",
    "chao", "chau", "chen", "cheng", "cheong", "cheuk", "cheung", "chi", "chiang", "chik", "chim", "chin", "ching", "chiu",
    "cho", "choi", "chong", "chou", "chow", "choy", "chu", "chua", "chui", "chun", "chung", "dai", "deng", "ding", "dong",
    "du", "fan", "fang", "feng", "fok", "fong", "foo", "fu", "fung", "gan", "gao", "goh", "guo", "han", "hau", "he", "ho",
    "hon", "hong", "hou", "hsu", "hu", "hua", "huang", "hui", "hung", "ip", "jiang", "jin", "kam", "kan", "keung", "ko",
    "kong", "koo", "kot", "ku", "kung", "kwan", "kwok", "kwong", "lai", "lam", "lau", "law", "lee", "leung", "li", "liang",
    "liao", "lim", "lin", "ling", "liu", "lo", "lok", "lou", "lu", "lui", "luk", "lung", "luo", "ma", "mak", "man", "mao",
    "mok", "mui", "ng", "ngai", "ngan", "nie", "or", "ou", "pan", "pang", "peng", "poon", "pun", "qian", "qiu", "shek",
    "shen", "shi", "shiu", "shum", "sin", "sit", "siu", "so", "song", "su", "suen", "sun", "sung", "sze", "szeto", "tai",
    "tam", "tan", "tang", "tao", "teng", "tian", "tin", "to", "tong", "tsang", "tse", "tso", "tsoi", "tsui", "tu", "tung",
    "wan", "wang", "wei", "wen", "wong", "woo", "wu", "xiao", "xie", "xu", "xue", "yam", "yan", "yang", "yao", "yau", "ye",
    "yeung", "yim", "yin", "ying", "yip", "yiu", "young", "yu", "yuan", "yue", "yuen", "yung", "zeng", "zhang", "zhao",
    "zheng", "zhong", "zhou", "zhu", NULL};

static void split(const char *text, struct words *words)
{
    words->count = 0;
    while (words->count < WORDS_MAX) {
        text += strspn(text, " \t\r\n");
        size_t length = strcspn(text, " \t\r\n");
        if (length == 0) {
            return;
        }
        words->items[words->count++] = (struct word){text, length};
        text += length;
    }
}

static bool has_comma(struct word word)
{
    return word.length > 1 && word.text[word.length - 1] == ',';
}

/* Without the comma of "Chan, Tai Man". */
static struct word bare(struct word word)
{
    return (struct word){word.text, word.length - has_comma(word)};
}

static bool word_equal(struct word a, struct word b)
{
    a = bare(a);
    b = bare(b);
    return a.length == b.length && strncasecmp(a.text, b.text, a.length) == 0;
}

/* Whether all of `part` stands in `whole`, word by word. */
static bool words_contain(const struct words *whole, const struct words *part)
{
    for (size_t at = 0; at + part->count <= whole->count; at++) {
        size_t same = 0;
        while (same < part->count && word_equal(whole->items[at + same], part->items[same])) {
            same++;
        }
        if (same == part->count) {
            return true;
        }
    }
    return false;
}

static bool is_compound(struct word first, struct word second)
{
    for (const char *const *family = COMPOUND_FAMILIES; *family; family++) {
        const char *space = strchr(*family, ' ');
        struct word one = {*family, (size_t)(space - *family)}, two = {space + 1, strlen(space + 1)};
        if (word_equal(first, one) && word_equal(second, two)) {
            return true;
        }
    }
    return false;
}

static bool is_chinese_family(struct word word)
{
    for (const char *const *family = CHINESE_FAMILIES; *family; family++) {
        if (word_equal(word, (struct word){*family, strlen(*family)})) {
            return true;
        }
    }
    return false;
}

/* The words of the family name: [*begin, *end). */
static void find_family(const struct words *legal, bool has_chinese, size_t *begin, size_t *end)
{
    *begin = 0;
    for (size_t i = 0; i + 1 < legal->count; i++) {
        if (has_comma(legal->items[i])) {
            *end = i + 1;
            return;
        }
    }
    if (legal->count > 2 && is_compound(legal->items[0], legal->items[1])) {
        *end = 2;
        return;
    }
    if (!has_chinese && !is_chinese_family(legal->items[0])) {
        *begin = legal->count - 1;
    }
    *end = *begin + 1;
}

static void append_words(struct buf *out, const struct words *words, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++) {
        struct word word = bare(words->items[i]);
        if (out->length > 0) {
            buf_append_char(out, ' ');
        }
        buf_append(out, word.text, word.length);
    }
}

char *name_display(struct arena *arena, const char *legal, const char *preferred, const char *chinese)
{
    struct words legal_words, preferred_words, chinese_words;
    split(legal, &legal_words);
    split(preferred, &preferred_words);
    split(chinese, &chinese_words);
    BUF_AUTO out;
    buf_init(&out, TEXT_SIZE_MAX_BYTES);
    buf_append(&out, "", 0);
    size_t begin = 0, end = legal_words.count;
    if (end > 0 && preferred_words.count > 0 && !words_contain(&legal_words, &preferred_words)) {
        append_words(&out, &preferred_words, 0, preferred_words.count);
        find_family(&legal_words, chinese_words.count > 0, &begin, &end);
    }
    append_words(&out, &legal_words, begin, end);
    if (!words_contain(&legal_words, &chinese_words)) {
        append_words(&out, &chinese_words, 0, chinese_words.count);
    }
    if (out.failed) {
        return NULL;
    }
    return arena_strndup(arena, out.data, utf8_truncate(out.data, out.length, NAME_DISPLAY_SIZE_MAX_BYTES));
}
