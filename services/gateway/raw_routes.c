#include "services/gateway/raw_routes.h"

#include "gen/raw_routes.h"

#include <stdbool.h>
#include <string.h>

static bool fits(const char *template, const char *path)
{
    while (*template && *path) {
        if (*template != '{') {
            if (*template ++ != *path++) {
                return false;
            }
            continue;
        }
        size_t length = strcspn(path, "/");
        if (length == 0) {
            return false;
        }
        path += length;
        template += strcspn(template, "}") + 1;
    }
    return *template == '\0' && *path == '\0';
}

const char *raw_routes_find(const char *method, const char *path)
{
    for (const struct raw_route *route = raw_routes; route->method; route++) {
        if (strcmp(route->method, method) == 0 && fits(route->path, path)) {
            return route->component;
        }
    }
    return NULL;
}
