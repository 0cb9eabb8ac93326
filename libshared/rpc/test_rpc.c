/* Calls: in process and over HTTP give the same answers and the same errors; the door lets in who may. */
#include "libshared/rpc/test_rpc_fixture.h"

static struct err *read_topic(struct rpc_net *net, struct arena *arena, const char *topic, int32_t page_size,
    int64_t timeout_ms, const char *client_address, Kongsi__Bus__V1__ReadEventsResponse **ret_response)
{
    Kongsi__Bus__V1__ReadEventsRequest request = KONGSI__BUS__V1__READ_EVENTS_REQUEST__INIT;
    request.topic = (char *)(uintptr_t)topic;
    request.page_size = page_size;
    struct rpc_ctx ctx;
    rpc_ctx_init_self(&ctx, net, arena, timeout_ms);
    snprintf(ctx.client_address, sizeof(ctx.client_address), "%s", client_address);
    ProtobufCMessage *message;
    ERR_TRY(rpc_call(&ctx, "messaging", EVENT_LOG, "ReadEvents", true, &request.base,
        &kongsi__bus__v1__read_events_response__descriptor, &message));
    *ret_response = (Kongsi__Bus__V1__ReadEventsResponse *)message;
    return NULL;
}

/* Both ways the same: answers and errors. */
static void test_both_ways(void **state)
{
    (void)state;
    static const struct {
        const char *topic;
        int32_t page_size;
        const struct err_reason *want; /* NULL: an answer */
    } CASES[] = {
        {"plain", 0, NULL},
        {"plain", 3, NULL},
        {"large", 0, NULL},
        {"odd", 0, &ODD},
        {"exhausted", 0, &EXHAUSTED},
        {"fault", 0, &KONGSI_INTERNAL},
        {"", 0, &KONGSI_FIELD_INVALID},
        {"plain", 5001, &KONGSI_FIELD_INVALID},
        {"plain", -1, &KONGSI_FIELD_INVALID},
        {"a\xff", 0, &KONGSI_FIELD_INVALID},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        Kongsi__Bus__V1__ReadEventsResponse *direct = NULL, *remote = NULL;
        ERR_AUTO error = read_topic(g_here, arena, CASES[i].topic, CASES[i].page_size, 5000, "", &direct);
        ERR_AUTO remote_error = read_topic(g_there, arena, CASES[i].topic, CASES[i].page_size, 5000, "", &remote);
        if (CASES[i].want) {
            if (!err_is(error, CASES[i].want)) {
                fail_msg("case %zu: %s", i, error ? error->message : "answered");
            }
            assert_same_err(error, remote_error);
            continue;
        }
        assert_null(error);
        assert_null(remote_error);
        struct bytes a, b;
        assert_null(rpc_pack(arena, &direct->base, &a));
        assert_null(rpc_pack(arena, &remote->base, &b));
        assert_int_equal(a.length, b.length);
        assert_memory_equal(a.data, b.data, a.length);
    }
}

static void test_broken_bytes(void **state)
{
    (void)state;
    const struct schema_method *method = schema_find_method(schema_kongsi(), EVENT_LOG, "ReadEvents");
    static const uint8_t BROKEN[] = {0x0a, 0x7f, 'a'};
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    struct rpc_net *const nets[] = {g_here, g_there};
    for (size_t i = 0; i < 2; i++) {
        struct rpc_ctx ctx;
        rpc_ctx_init_self(&ctx, nets[i], arena, 5000);
        struct bytes answer;
        ERR_AUTO error = rpc_call_wire(&ctx, "messaging", method, (struct bytes){BROKEN, sizeof(BROKEN)}, &answer);
        assert_true(err_is(error, &KONGSI_BODY_INVALID));
    }
}

/* --- who may --- */

static struct err *call_as(struct rpc_net *net, struct arena *arena, const char *token, const char *service,
    const char *method, const char *component)
{
    struct rpc_ctx ctx;
    rpc_ctx_init_self(&ctx, net, arena, 5000);
    ctx.access_token = token;
    const struct schema_method *schema = schema_find_method(schema_kongsi(), service, method);
    static const uint8_t TOPIC[] = {0x0a, 1, 'a'};
    bool events = strcmp(method, "ReadEvents") == 0;
    struct bytes answer;
    return rpc_call_wire(&ctx, component, schema, (struct bytes){TOPIC, events ? sizeof(TOPIC) : 0}, &answer);
}

static void test_access(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    const char *self = test_issuer_token(&g_issuer, arena, "identity.self");
    const char *all = test_issuer_token(&g_issuer, arena, "messaging.* *");
    const char *other = test_issuer_token(&g_issuer, arena, "identity.selfish messaging.* identity");
    const struct {
        const char *token, *service, *method, *component;
        const struct err_reason *want;
    } cases[] = {
        {self, IDENTITY, "GetMe", "identity", NULL}, {all, IDENTITY, "GetMe", "identity", NULL},
        {other, IDENTITY, "GetMe", "identity", &KONGSI_PERMISSION_MISSING},
        {"", IDENTITY, "GetMe", "identity", &KONGSI_TOKEN_MISSING}, /* a service is no person */
        {"nonsense", IDENTITY, "GetMe", "identity", &KONGSI_TOKEN_INVALID}, {"", IDENTITY, "GetJwks", "identity", NULL},
        {"nonsense", IDENTITY, "GetJwks", "identity", NULL}, /* not looked at */
        {"", EVENT_LOG, "ReadEvents", "messaging", NULL},
        {all, EVENT_LOG, "ReadEvents", "messaging", &KONGSI_PERMISSION_MISSING},   /* a person is no service */
        {"", IDENTITY, "CreateOrganization", "identity", &KONGSI_ROUTE_NOT_FOUND}, /* not served */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ERR_AUTO remote = call_as(g_there, arena, cases[i].token, cases[i].service, cases[i].method, cases[i].component);
        if (cases[i].want ? !err_is(remote, cases[i].want) : remote != NULL) {
            fail_msg("case %zu over HTTP: %s", i, remote ? remote->message : "answered");
        }
        if (cases[i].want == &KONGSI_ROUTE_NOT_FOUND) {
            continue; /* within the process there is no door to knock at: no such address */
        }
        ERR_AUTO direct = call_as(g_here, arena, cases[i].token, cases[i].service, cases[i].method, cases[i].component);
        if (cases[i].want) {
            assert_same_err(direct, remote);
        } else {
            assert_null(direct);
        }
    }
}

static void test_permissions(void **state)
{
    (void)state;
    static const struct {
        const char *held, *wanted;
        bool may;
    } CASES[] = {{"a.b", "a.b", true}, {"a.b", "a.c", false}, {"x a.b y", "a.b", true}, {"a.bc", "a.b", false},
        {"a.b", "a.bc", false}, {"a.*", "a.b", true}, {"a.*", "ab", false}, {"a.*", "a", false}, {"*", "a.b", true},
        {"", "a.b", false}, {NULL, "a.b", false}, {"a*", "ab", false}, {"  a.b  ", "a.b", true}, {"a.*.c", "a.b.c", false}};
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        struct rpc_caller caller = {.permissions = CASES[i].held};
        assert_int_equal(rpc_caller_may(&caller, CASES[i].wanted), CASES[i].may);
    }
}

/* --- what travels along --- */

static void test_context(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    struct rpc_net *const nets[] = {g_here, g_there};
    const char *const names[] = {"2 here", "2 there"};
    for (size_t i = 0; i < 2; i++) {
        Kongsi__Bus__V1__ReadEventsResponse *response;
        assert_null(read_topic(nets[i], arena, "who", 0, 5000, "203.0.113.7", &response));
        assert_string_equal(response->events[0]->id, names[i]);
        assert_string_equal(response->events[0]->subject, "203.0.113.7");
        assert_int_equal(strlen(response->events[0]->traceparent), RPC_TRACEPARENT_SIZE - 1);
    }
}

static void test_traceparents(void **state)
{
    (void)state;
    static const struct {
        const char *incoming;
        bool kept;
    } CASES[] = {
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", true},
        {"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false},
        {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false},
        {"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false},
        {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x", false},
        {"", false},
        {NULL, false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char next[RPC_TRACEPARENT_SIZE];
        rpc_traceparent_next(CASES[i].incoming, next);
        bool kept = CASES[i].incoming && strlen(CASES[i].incoming) > 35 && strncmp(CASES[i].incoming, next, 36) == 0;
        assert_int_equal(kept, CASES[i].kept);
        assert_int_equal(strlen(next), RPC_TRACEPARENT_SIZE - 1);
        if (kept) {
            assert_string_equal(next + 52, CASES[i].incoming + 52);
            assert_string_not_equal(next, CASES[i].incoming);
        }
    }
}

/* --- when things go wrong --- */

static void test_unreachable(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    int64_t start_ms = clock_monotonic_ms();
    ERR_AUTO away = call_as(g_there, arena, "", EVENT_LOG, "ReadEvents", "nobody");
    assert_true(err_is(away, &KONGSI_UNAVAILABLE));
    ERR_AUTO unknown = call_as(g_there, arena, "", EVENT_LOG, "ReadEvents", "unheard");
    assert_true(err_is(unknown, &KONGSI_UNAVAILABLE));
    assert_true(clock_monotonic_ms() - start_ms < 2000);
}

static void test_deadline(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    Kongsi__Bus__V1__ReadEventsResponse *response;
    int64_t start_ms = clock_monotonic_ms();
    ERR_AUTO remote = read_topic(g_there, arena, "slow", 0, 100, "", &response);
    assert_true(err_is(remote, &KONGSI_DEADLINE_EXCEEDED));
    assert_true(clock_monotonic_ms() - start_ms < 250);
    ERR_AUTO direct = read_topic(g_here, arena, "plain", 0, 0, "", &response);
    assert_true(err_is(direct, &KONGSI_DEADLINE_EXCEEDED));
    usleep(300 * 1000);
}

struct caller {
    int64_t timeout_ms;
    struct err *error;
};

static void *call_slowly(void *context)
{
    struct caller *caller = context;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    Kongsi__Bus__V1__ReadEventsResponse *response;
    caller->error = read_topic(g_there, arena, "slow", 0, caller->timeout_ms, "", &response);
    return NULL;
}

/* Eight calls of 300 ms on four connections: those with time wait for a connection, those without are told so. */
static void test_connections_are_bounded(void **state)
{
    (void)state;
    struct caller callers[12];
    pthread_t threads[12];
    for (int i = 0; i < 12; i++) {
        callers[i] = (struct caller){.timeout_ms = i < 8 ? 5000 : 150};
        if (i == 8) {
            usleep(50 * 1000);
        }
        assert_int_equal(pthread_create(&threads[i], NULL, call_slowly, &callers[i]), 0);
    }
    for (int i = 0; i < 12; i++) {
        pthread_join(threads[i], NULL);
        if (i < 8) {
            assert_null(callers[i].error);
        } else {
            assert_true(err_is(callers[i].error, &KONGSI_OVERLOADED));
        }
        err_free(callers[i].error);
    }
}

/* A kept connection whose server went away is made anew. */
static void test_server_restarts(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    Kongsi__Bus__V1__ReadEventsResponse *response;
    assert_null(read_topic(g_there, arena, "plain", 1, 5000, "", &response));
    int port = http_server_port(g_server);
    http_server_stop(g_server, 1000);
    ERR_AUTO away = read_topic(g_there, arena, "plain", 1, 5000, "", &response);
    assert_true(err_is(away, &KONGSI_UNAVAILABLE));
    start_server(port);
    assert_null(read_topic(g_there, arena, "plain", 1, 5000, "", &response));
}

static void test_endless_calls(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    const char *token = test_issuer_token(&g_issuer, arena, "identity.self");
    ERR_AUTO error = call_as(g_here, arena, token, IDENTITY, "SignOut", "identity");
    assert_true(err_is(error, &KONGSI_INTERNAL));
    assert_int_equal(rpc_scope_depth(), 0);
}

static void test_net_refuses(void **state)
{
    (void)state;
    const char *const names[] = {"messaging"};
    const char *const urls[] = {"ftp://somewhere"};
    const struct rpc_net_options cases[] = {
        {.self = "a", .service_key = "short"},
        {.self = "a", .service_key = NULL},
        {.self = "a", .service_key = SERVICE_KEY, .peer_names = names, .peer_urls = urls, .peer_count = 1},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rpc_net *net = NULL;
        ERR_AUTO error = rpc_net_new(&cases[i], &net);
        assert_true(err_is(error, &KONGSI_CONFIG_INVALID));
        assert_null(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_ways),
        cmocka_unit_test(test_broken_bytes),
        cmocka_unit_test(test_access),
        cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_context),
        cmocka_unit_test(test_traceparents),
        cmocka_unit_test(test_unreachable),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_connections_are_bounded),
        cmocka_unit_test(test_server_restarts),
        cmocka_unit_test(test_endless_calls),
        cmocka_unit_test(test_net_refuses),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
