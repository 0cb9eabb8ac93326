/* The router over the real schemas: every template finds its own method, and nothing else finds one. */
#include "services/gateway/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GET SCHEMA_HTTP_GET
#define POST SCHEMA_HTTP_POST
#define ID "0192d9a0-0000-7000-8000-000000000001"

static struct router *g_router;

static int setup(void **state)
{
    (void)state;
    return router_new(schema_kongsi(), &g_router) ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    router_free(g_router);
    return 0;
}

struct look_up {
    enum schema_http_verb verb;
    const char *path;
    const char *method; /* NULL: none */
    const char *values; /* "name=text " of each, in order */
    unsigned allowed;   /* looked at when there is no method */
};

static const struct look_up LOOK_UPS[] = {
    {GET, "/v1/me", "GetMe", "", 0},
    {GET, "/v1/users/" ID, "GetUser", "user_id=" ID " ", 0},
    {POST, "/v1/conversations/" ID "/messages", "SendMessage", "conversation_id=" ID " ", 0},
    {GET, "/v1/conversations/" ID "/messages", "ListMessages", "conversation_id=" ID " ", 0},
    {GET, "/v1/conversations/a/messages/7/receipts", "ListReceipts", "conversation_id=a seq=7 ", 0},
    {POST, "/v1/conversations/" ID ":markRead", "MarkRead", "conversation_id=" ID " ", 0},
    {SCHEMA_HTTP_DELETE, "/v1/conversations/a/members/b", "RemoveMember", "conversation_id=a user_id=b ", 0},
    {POST, "/v1/sessions:refresh", "RefreshSession", "", 0},
    {POST, "/v1/sessions", "SignIn", "", 0},
    {POST, "/v1/users:batchGet", "BatchGetUsers", "", 0},
    {GET, "/v1/users/a%2Fb", "GetUser", "user_id=a%2Fb ", 0}, /* decoded later, once */
    {GET, "/v1/users/a%3Ab", "GetUser", "user_id=a%3Ab ", 0},
    /* not found */
    {GET, "/v1/nothing", NULL, NULL, 0},
    {GET, "/v1", NULL, NULL, 0},
    {GET, "/v1/", NULL, NULL, 0},
    {GET, "/", NULL, NULL, 0},
    {GET, "", NULL, NULL, 0},
    {GET, "/v1/me/", NULL, NULL, 0},
    {GET, "//v1/me", NULL, NULL, 0},
    {GET, "/v1//me", NULL, NULL, 0},
    {GET, "/V1/me", NULL, NULL, 0},
    {GET, "/v1/mee", NULL, NULL, 0},
    {GET, "/v1/users/", NULL, NULL, 0},
    {GET, "/v1/users/a/b", NULL, NULL, 0},
    {POST, "/v1/conversations/:markRead", NULL, NULL, 0},
    {POST, "/v1/conversations/a:markread", NULL, NULL, 0},
    {POST, "/v1/conversations/a:markRead/", NULL, NULL, 0},
    {POST, "/v1/conversations/a:b:markRead", NULL, NULL, 0},
    {GET, "/v1/users/../me", NULL, NULL, 0},
    {GET, "/v1/users/%2e%2e/me", NULL, NULL, 0},
    /* found with other verbs */
    {POST, "/v1/me", NULL, NULL, 1u << GET},
    {GET, "/v1/sessions", NULL, NULL, 1u << POST},
    {SCHEMA_HTTP_PUT, "/v1/conversations/a/messages", NULL, NULL, 1u << GET | 1u << POST},
    {SCHEMA_HTTP_NONE, "/v1/conversations/a", NULL, NULL, 1u << GET | 1u << SCHEMA_HTTP_PATCH},
};

static void test_look_ups(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(LOOK_UPS) / sizeof(LOOK_UPS[0]); i++) {
        const struct look_up *want = &LOOK_UPS[i];
        struct route_match match;
        router_find(g_router, want->verb, want->path, &match);
        const char *method = match.method ? match.method->name : NULL;
        if ((method == NULL) != (want->method == NULL) || (method && strcmp(method, want->method) != 0)) {
            fail_msg("%s: %s instead of %s", want->path, method, want->method);
        }
        if (!method) {
            assert_int_equal(match.allowed_verbs, want->allowed);
            continue;
        }
        char values[256] = "";
        for (size_t at = 0; at < match.value_count; at++) {
            size_t length = strlen(values);
            snprintf(values + length, sizeof(values) - length, "%s=%.*s ", match.values[at].field->name,
                (int)match.values[at].length, match.values[at].text);
        }
        assert_string_equal(values, want->values);
    }
}

/* Every method the schemas map is reached by its own template, and those for services alone by none. */
static void test_every_template(void **state)
{
    (void)state;
    size_t count, routed = 0;
    const struct schema_method *methods = schema_methods(schema_kongsi(), &count);
    for (size_t i = 0; i < count; i++) {
        if (!methods[i].path) {
            continue;
        }
        char path[256];
        size_t length = 0;
        for (const char *at = methods[i].path; *at; at++) {
            if (*at == '{') {
                at += strcspn(at, "}");
                length += (size_t)snprintf(path + length, sizeof(path) - length, "x1");
            } else {
                path[length++] = *at;
            }
        }
        path[length] = '\0';
        struct route_match match;
        router_find(g_router, methods[i].verb, path, &match);
        assert_ptr_equal(match.method, methods[i].access == SCHEMA_ACCESS_SERVICE ? NULL : &methods[i]);
        assert_true(match.allowed_verbs & 1u << methods[i].verb);
        routed++;
    }
    assert_true(routed > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_look_ups),
        cmocka_unit_test(test_every_template),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
