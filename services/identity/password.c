#include "services/identity/password.h"

#include "gen/identity_errors.h"
#include "libshared/base/str.h"

#include <string.h>
#include <strings.h>

#define IDENTIFIER_LENGTH_MIN 4
#define NATIONAL_DIGITS 8

static bool contains(const char *password, const char *part, size_t length)
{
    if (length < IDENTIFIER_LENGTH_MIN) {
        return false;
    }
    for (; *password; password++) {
        if (strncasecmp(password, part, length) == 0) {
            return true;
        }
    }
    return false;
}

static bool contains_mobile(const char *password, const char *mobile)
{
    size_t length = strlen(mobile);
    return length > NATIONAL_DIGITS && contains(password, mobile + length - NATIONAL_DIGITS, NATIONAL_DIGITS);
}

struct err *password_check(const char *password, const struct password_owner *owner)
{
    size_t length = utf8_length(password, strlen(password));
    if (length < PASSWORD_LENGTH_MIN) {
        return err_new(&IDENTITY_PASSWORD_TOO_WEAK, "the password has %zu characters, at least %d are needed", length,
            PASSWORD_LENGTH_MIN);
    }
    if (contains(password, owner->external_id, strlen(owner->external_id)) ||
        contains(password, owner->work_email, strcspn(owner->work_email, "@")) || contains_mobile(password, owner->mobile)) {
        return err_new(&IDENTITY_PASSWORD_TOO_WEAK, "the password contains what you sign in with; choose another");
    }
    return NULL;
}
