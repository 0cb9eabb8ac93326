/* Page tokens of lists that page by key: where the next page begins, so that only this server, for the same query, believes
 * it.
 *
 * A token holds the key values of the last row of a page. It is bound to the query it was made for (list, caller's
 * organization, filters) and authenticated, so that a damaged, forged or foreign one is refused and never reaches a
 * statement. */
#pragma once

#include "libshared/base/arena.h"
#include "libshared/base/err.h"

#include <stddef.h>

#define PAGE_TOKEN_KEYS_MAX 4
/* Of all keys together: what fits into the 500 characters the schemas allow a page_token. Keys that may be longer are cut in
 * the ORDER BY already. */
#define PAGE_TOKEN_KEYS_SIZE_MAX_BYTES 320

/* The position behind a row: its key values as text, in the order of the list. No keys: the beginning. */
struct page_token {
    const char *keys[PAGE_TOKEN_KEYS_MAX];
    size_t count;
};

/* Sets the key all tokens of the process are authenticated with, derived from the services' shared key. Called once, before
 * the first token; without it tokens are only protected against damage. */
void page_token_set_key(const char *service_key);

/* The text form, in the arena. `query` tells lists apart: everything a page depends on but the position, for example
 * "ListUsers <org> <department> <text>". Reason: KONGSI_INTERNAL for keys past the limit. */
ERR_RESULT struct err *page_token_make(
    struct arena *arena, const char *query, const struct page_token *position, const char **ret_text);
/* The position; no keys for an empty text. Keys live in the arena. Reason: KONGSI_PAGE_TOKEN_INVALID. Which keys there are
 * is for the caller to check with `key_count`: a token of another number of keys is refused. */
ERR_RESULT struct err *page_token_parse(
    struct arena *arena, const char *query, const char *text, size_t key_count, struct page_token *ret_position);
