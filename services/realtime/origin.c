#include "services/realtime/origin.h"

#include <string.h>
#include <strings.h>

/* The host in "host", "host:port", "[::1]:port". */
static struct bytes host_of(const char *authority)
{
    size_t length = authority[0] == '[' ? strcspn(authority, "]") + 1 : strcspn(authority, ":/");
    if (length > strlen(authority)) {
        length = 0;
    }
    return (struct bytes){.data = (const uint8_t *)authority, .length = length};
}

static bool same_host(const char *origin, const char *host)
{
    const char *authority = strstr(origin, "://");
    if (!authority) {
        return false; /* "null": a sandboxed page, a file */
    }
    struct bytes a = host_of(authority + 3);
    struct bytes b = host_of(host);
    return a.length > 0 && a.length == b.length && strncasecmp((const char *)a.data, (const char *)b.data, a.length) == 0;
}

bool origin_is_allowed(const char *origin, const char *host, const struct config_strings *allowed)
{
    if (origin[0] == '\0') {
        return true;
    }
    for (size_t i = 0; i < allowed->count; i++) {
        if (strcasecmp(allowed->items[i], origin) == 0) {
            return true;
        }
    }
    return allowed->count == 0 && same_host(origin, host);
}
