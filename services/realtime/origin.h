/* Whether a page may open a socket: the browser names its origin, other programs name none. */
#pragma once

#include "libshared/config/config.h"

#include <stdbool.h>

/* `origin`: the header's value, "" without one. Allowed when there is none, when it is in the list, or, with an empty list,
 * when its host is the `host` header's (ports may differ: the page often comes from another port of the same machine). */
bool origin_is_allowed(const char *origin, const char *host, const struct config_strings *allowed);
