/* Invitation tokens: which organization, and a secret of which only the hash is kept. */
#pragma once

#include "libshared/base/uuid.h"

#include <stdbool.h>
#include <stdint.h>

#define INVITATION_TOKEN_SIZE 65 /* base64url of 48 bytes, and NUL */
#define INVITATION_HASH_SIZE 32

struct invitation_token {
    char text[INVITATION_TOKEN_SIZE];
    struct uuid org_id;
    uint8_t hash[INVITATION_HASH_SIZE];
};

/* A new one, of random bytes. */
void invitation_token_new(struct uuid org_id, struct invitation_token *ret_token);
/* False for what cannot be one. */
bool invitation_token_parse(const char *text, struct invitation_token *ret_token);
