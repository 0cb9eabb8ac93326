/* From method and path to the RPC, by the templates of the schema. Pure, read-only after it is made. */
#pragma once

#include "libshared/base/arena.h"
#include "libshared/rpc/schema.h"

#define ROUTE_SEGMENTS_MAX 12
#define ROUTE_VALUES_MAX 4

/* A value of a {field} in the path, still percent-encoded. */
struct route_value {
    const struct schema_field *field;
    const char *text;
    size_t length;
};

struct route_match {
    const struct schema_method *method;
    struct route_value values[ROUTE_VALUES_MAX];
    size_t value_count;
    unsigned allowed_verbs; /* bits 1 << enum schema_http_verb of the templates the path fits, for 405 */
};

struct router;

/* Routes of all methods with a path that the public may reach; ACCESS_SERVICE has none. Reason: KONGSI_INTERNAL for a
 * template that is not of the form we read, or two methods with the same one. */
ERR_RESULT struct err *router_new(const struct schema *schema, struct router **ret_router);
void router_free(struct router *router);
/* Fills *ret_match; method NULL when no template with this verb fits. */
void router_find(const struct router *router, enum schema_http_verb verb, const char *path, struct route_match *ret_match);
