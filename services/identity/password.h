/* Which passwords are taken. Pure. */
#pragma once

#include "libshared/base/err.h"

#define PASSWORD_LENGTH_MIN 10

/* What the person signs in with; texts may be empty. */
struct password_owner {
    const char *external_id;
    const char *work_email;
    const char *mobile; /* normalised: "+85291234567" */
};

/* Reason: IDENTITY_PASSWORD_TOO_WEAK for fewer than 10 characters, or one that contains, in either case, the external_id,
 * the address's part before the '@', or the mobile number with or without its country. Identifiers shorter than 4 characters
 * are not looked for. */
ERR_RESULT struct err *password_check(const char *password, const struct password_owner *owner);
