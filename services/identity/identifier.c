#include "services/identity/identifier.h"

#include <string.h>

#define MOBILE_DIGITS_MIN 7
#define MOBILE_DIGITS_MAX 15
#define HONG_KONG_DIGITS 8
#define HONG_KONG_PREFIX "852"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

bool identifier_from_external_id(const char *text, struct identifier *ret_identifier)
{
    size_t length = strlen(text);
    if (length == 0 || length > IDENTIFIER_EXTERNAL_ID_LENGTH_MAX) {
        return false;
    }
    struct identifier identifier = {.kind = IDENTIFIER_EXTERNAL_ID};
    for (size_t i = 0; i < length; i++) {
        char c = lower(text[i]);
        if (!is_digit(c) && !(c >= 'a' && c <= 'z') && !strchr("._/-", c)) {
            return false;
        }
        identifier.value[i] = c;
    }
    *ret_identifier = identifier;
    return true;
}

/* Characters that stand in no address people have, but in lists of addresses and typing errors. */
static bool is_email_character(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && !strchr("<>()[],;:\\\"", c);
}

bool identifier_from_email(const char *text, struct identifier *ret_identifier)
{
    size_t length = strlen(text);
    const char *at = strchr(text, '@');
    if (length > IDENTIFIER_EMAIL_LENGTH_MAX || !at || at == text || strchr(at + 1, '@')) {
        return false;
    }
    if (at[1] == '\0' || at[1] == '.' || text[length - 1] == '.' || strstr(at, "..")) {
        return false;
    }
    struct identifier identifier = {.kind = IDENTIFIER_EMAIL};
    for (size_t i = 0; i < length; i++) {
        if (!is_email_character(text[i])) {
            return false;
        }
        identifier.value[i] = lower(text[i]);
    }
    *ret_identifier = identifier;
    return true;
}

/* The digits of the text; 0 for anything that is no telephone number. */
static size_t mobile_digits(const char *text, char digits[IDENTIFIER_SIZE])
{
    size_t count = 0;
    for (; *text; text++) {
        if (is_digit(*text)) {
            if (count == MOBILE_DIGITS_MAX + 2) {
                return 0;
            }
            digits[count++] = *text;
        } else if (!strchr(" .-()", *text)) {
            return 0;
        }
    }
    digits[count] = '\0';
    return count;
}

bool identifier_from_mobile(const char *text, struct identifier *ret_identifier)
{
    char digits[IDENTIFIER_SIZE];
    const char *prefix = "", *number = digits;
    bool plus = text[0] == '+';
    size_t count = mobile_digits(text + plus, digits);
    if (!plus) {
        if (count == HONG_KONG_DIGITS) {
            prefix = HONG_KONG_PREFIX;
        } else if (count > 2 && strncmp(digits, "00", 2) == 0) {
            number += 2;
            count -= 2;
        } else {
            return false;
        }
    }
    if (count < MOBILE_DIGITS_MIN || count > MOBILE_DIGITS_MAX) {
        return false;
    }
    struct identifier identifier = {.kind = IDENTIFIER_MOBILE, .value = "+"};
    strcat(identifier.value, prefix);
    strcat(identifier.value, number);
    *ret_identifier = identifier;
    return true;
}

size_t identifier_candidates(const char *text, struct identifier ret_candidates[IDENTIFIER_CANDIDATES_MAX])
{
    if (strchr(text, '@')) {
        return identifier_from_email(text, &ret_candidates[0]) ? 1 : 0;
    }
    size_t count = 0;
    count += identifier_from_external_id(text, &ret_candidates[count]);
    count += identifier_from_mobile(text, &ret_candidates[count]);
    return count;
}
