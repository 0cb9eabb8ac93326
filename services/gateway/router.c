#include "services/gateway/router.h"

#include "gen/kongsi_errors.h"

#include <stdlib.h>
#include <string.h>

/* One segment of a template: literal text, or a field, which may have a ":verb" behind it. */
struct segment {
    const char *text; /* a literal, or the verb with its colon */
    size_t length;
    const struct schema_field *field;
};

struct route {
    const struct schema_method *method;
    struct segment segments[ROUTE_SEGMENTS_MAX];
    size_t segment_count;
};

struct router {
    struct route *routes;
    size_t count;
};

static struct err *parse_segment(
    const struct schema_method *method, const char *text, size_t length, struct segment *ret_segment)
{
    if (length == 0 || text[0] != '{') {
        *ret_segment = (struct segment){.text = text, .length = length};
        return NULL;
    }
    const char *end = memchr(text, '}', length);
    size_t name_length = end ? (size_t)(end - text) - 1 : 0;
    const struct schema_field *field = end ? schema_find_field(method->input, text + 1, name_length) : NULL;
    if (!field || field->type == SCHEMA_MESSAGE || field->repeated) {
        return err_new(&KONGSI_INTERNAL, "%s of %s names no plain field of the request", method->path, method->name);
    }
    *ret_segment = (struct segment){.text = end + 1, .length = length - name_length - 2, .field = field};
    return NULL;
}

static struct err *parse_template(const struct schema_method *method, struct route *route)
{
    route->method = method;
    size_t value_count = 0;
    const char *at = method->path;
    while (*at == '/') {
        size_t length = strcspn(++at, "/");
        if (route->segment_count == ROUTE_SEGMENTS_MAX) {
            return err_new(&KONGSI_INTERNAL, "%s has more than %d segments", method->path, ROUTE_SEGMENTS_MAX);
        }
        struct segment *segment = &route->segments[route->segment_count++];
        ERR_TRY(parse_segment(method, at, length, segment));
        value_count += segment->field != NULL;
        at += length;
    }
    if (*at || value_count > ROUTE_VALUES_MAX) {
        return err_new(&KONGSI_INTERNAL, "%s of %s is not a path template we read", method->path, method->name);
    }
    return NULL;
}

static bool same_template(const struct route *a, const struct route *b)
{
    if (a->method->verb != b->method->verb || a->segment_count != b->segment_count) {
        return false;
    }
    for (size_t i = 0; i < a->segment_count; i++) {
        const struct segment *x = &a->segments[i], *y = &b->segments[i];
        if ((x->field == NULL) != (y->field == NULL) || x->length != y->length || memcmp(x->text, y->text, x->length) != 0) {
            return false;
        }
    }
    return true;
}

static struct err *add_route(struct router *router, const struct schema_method *method)
{
    struct route *route = &router->routes[router->count];
    ERR_TRY(parse_template(method, route));
    for (size_t i = 0; i < router->count; i++) {
        if (same_template(route, &router->routes[i])) {
            return err_new(
                &KONGSI_INTERNAL, "%s and %s share the path %s", method->name, router->routes[i].method->name, method->path);
        }
    }
    router->count++;
    return NULL;
}

struct err *router_new(const struct schema *schema, struct router **ret_router)
{
    size_t count;
    const struct schema_method *methods = schema_methods(schema, &count);
    struct router *router = calloc(1, sizeof(*router));
    if (!router || !(router->routes = calloc(count ? count : 1, sizeof(*router->routes)))) {
        router_free(router);
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        bool reachable = methods[i].access == SCHEMA_ACCESS_PUBLIC || methods[i].access == SCHEMA_ACCESS_USER;
        if (methods[i].path && methods[i].verb != SCHEMA_HTTP_NONE && reachable) {
            struct err *error = add_route(router, &methods[i]);
            if (error) {
                router_free(router);
                return error;
            }
        }
    }
    *ret_router = router;
    return NULL;
}

void router_free(struct router *router)
{
    if (router) {
        free(router->routes);
        free(router);
    }
}

/* Matches one segment of a path. A raw ':' in a value is the start of a verb; as a value it is written %3A. */
static bool match_segment(const struct segment *segment, const char *text, size_t length, struct route_match *match)
{
    if (!segment->field) {
        return length == segment->length && memcmp(text, segment->text, length) == 0;
    }
    if (length <= segment->length || memcmp(text + length - segment->length, segment->text, segment->length) != 0) {
        return false;
    }
    size_t value_length = length - segment->length;
    if (memchr(text, ':', value_length)) {
        return false;
    }
    match->values[match->value_count++] = (struct route_value){segment->field, text, value_length};
    return true;
}

static bool match_route(const struct route *route, const char *path, struct route_match *match)
{
    match->value_count = 0;
    const char *at = path;
    for (size_t i = 0; i < route->segment_count; i++) {
        if (*at != '/') {
            return false;
        }
        size_t length = strcspn(++at, "/");
        if (!match_segment(&route->segments[i], at, length, match)) {
            return false;
        }
        at += length;
    }
    return *at == '\0';
}

void router_find(const struct router *router, enum schema_http_verb verb, const char *path, struct route_match *ret_match)
{
    *ret_match = (struct route_match){.method = NULL};
    struct route_match candidate = {.method = NULL};
    for (size_t i = 0; i < router->count; i++) {
        const struct route *route = &router->routes[i];
        if (!match_route(route, path, &candidate)) {
            continue;
        }
        unsigned allowed = ret_match->allowed_verbs | 1u << route->method->verb;
        if (route->method->verb == verb && !ret_match->method) {
            *ret_match = candidate;
            ret_match->method = route->method;
        }
        ret_match->allowed_verbs = allowed;
    }
}
