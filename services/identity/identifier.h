/* What people may type to sign in, in the one form that is stored and compared. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The numbers stand in the table login_identifiers. */
enum identifier_kind { IDENTIFIER_EXTERNAL_ID = 1, IDENTIFIER_EMAIL = 2, IDENTIFIER_MOBILE = 3 };

#define IDENTIFIER_SIZE 256
#define IDENTIFIER_CANDIDATES_MAX 2
#define IDENTIFIER_EXTERNAL_ID_LENGTH_MAX 64
#define IDENTIFIER_EMAIL_LENGTH_MAX 254

struct identifier {
    enum identifier_kind kind;
    char value[IDENTIFIER_SIZE];
};

/* Each writes the normal form and returns true, or returns false for what is none.
 *
 * external_id: 1 to 64 of A-Z a-z 0-9 . _ / -, made lower case.
 * email: one '@' with something on both sides, no white space, at most 254 bytes; ASCII made lower case.
 * mobile: '+' and 7 to 15 digits (E.164). Spaces, dots, hyphens and brackets are dropped, a leading 00 is '+', and 8 digits
 * are a number of Hong Kong. */
bool identifier_from_external_id(const char *text, struct identifier *ret_identifier);
bool identifier_from_email(const char *text, struct identifier *ret_identifier);
bool identifier_from_mobile(const char *text, struct identifier *ret_identifier);

/* Everything the typed text may mean, most likely first; 0: nothing. */
size_t identifier_candidates(const char *text, struct identifier ret_candidates[IDENTIFIER_CANDIDATES_MAX]);
