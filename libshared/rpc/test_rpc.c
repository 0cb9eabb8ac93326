/* Calls: in process and over HTTP give the same answers and the same errors; the door lets in who may. */
#include "libshared/rpc/rpc_http.h"
#include "libshared/rpc/rpc_internal.h"
#include "libshared/rpc/test_keys.h"

#include "gen/kongsi_errors.h"
#include "kongsi/bus/v1/event_log_service.pb-c.h"
#include "kongsi/identity/v1/identity_service.pb-c.h"

#include <curl/curl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#define SERVICE_KEY "0123456789abcdef0123456789abcdef"
#define EVENT_LOG "kongsi.bus.v1.EventLogService"
#define IDENTITY "kongsi.identity.v1.IdentityService"

static const struct err_reason ODD = {"bus.kongsi", "ODD", ERR_FAILED_PRECONDITION};
static const struct err_reason EXHAUSTED = {"bus.kongsi", "EXHAUSTED", ERR_RESOURCE_EXHAUSTED};

static struct test_issuer g_issuer;
static struct token_verifier *g_tokens;
static struct rpc_net *g_here;  /* has the services */
static struct rpc_net *g_there; /* calls them over HTTP */
static struct http_server *g_server;
static atomic_int g_calls;

/* --- a service that does what the topic says --- */

static struct err *make_events(struct rpc_ctx *ctx, size_t count, size_t size, Kongsi__Bus__V1__ReadEventsResponse *response)
{
    response->events = arena_calloc(ctx->arena, count, sizeof(*response->events));
    for (size_t i = 0; i < count; i++) {
        Kongsi__Bus__V1__LoggedEvent *event = arena_alloc(ctx->arena, sizeof(*event));
        kongsi__bus__v1__logged_event__init(event);
        event->position = (int64_t)i + 1;
        event->data = (ProtobufCBinaryData){.len = size, .data = arena_alloc(ctx->arena, size)};
        memset(event->data.data, 'x', size);
        response->events[i] = event;
    }
    response->n_events = count;
    return NULL;
}

static struct err *read_events(struct rpc_ctx *ctx, const ProtobufCMessage *base, ProtobufCMessage *base_response)
{
    const Kongsi__Bus__V1__ReadEventsRequest *request = (const Kongsi__Bus__V1__ReadEventsRequest *)base;
    Kongsi__Bus__V1__ReadEventsResponse *response = (Kongsi__Bus__V1__ReadEventsResponse *)base_response;
    atomic_fetch_add(&g_calls, 1);
    if (strcmp(request->topic, "odd") == 0) {
        struct err *error = err_with(err_new(&ODD, "that is \"odd\": 公司"), "field", "a");
        return err_with(error, "limit", "%d", 5);
    }
    if (strcmp(request->topic, "exhausted") == 0) {
        struct err *error = err_new(&EXHAUSTED, "no more");
        error->retriable = true;
        return error;
    }
    if (strcmp(request->topic, "fault") == 0) {
        return err_new(&KONGSI_INTERNAL, "a fault of ours");
    }
    if (strcmp(request->topic, "slow") == 0) {
        usleep(300 * 1000);
    }
    if (strcmp(request->topic, "who") == 0) { /* what the handler is told, in an event's texts */
        assert_null(make_events(ctx, 1, 0, response));
        response->events[0]->id = arena_printf(ctx->arena, "%d %s", ctx->caller.kind, ctx->caller.service);
        response->events[0]->subject = arena_strdup(ctx->arena, ctx->client_address);
        response->events[0]->traceparent = arena_strdup(ctx->arena, ctx->traceparent);
        return NULL;
    }
    if (strcmp(request->topic, "large") == 0) {
        return make_events(ctx, 50, 100000, response);
    }
    return make_events(ctx, (size_t)request->page_size, 3, response);
}

static struct err *get_me(struct rpc_ctx *ctx, const ProtobufCMessage *request, ProtobufCMessage *response)
{
    (void)request;
    Kongsi__Identity__V1__Me *me = (Kongsi__Identity__V1__Me *)response;
    me->user = arena_alloc(ctx->arena, sizeof(*me->user));
    kongsi__identity__v1__user__init(me->user);
    char id[UUID_TEXT_SIZE];
    me->user->id = arena_strdup(ctx->arena, uuid_format(ctx->caller.user_id, id));
    return NULL;
}

/* Calls back into this process, for ever. */
static struct err *sign_out(struct rpc_ctx *ctx, const ProtobufCMessage *request, ProtobufCMessage *response)
{
    (void)response;
    ProtobufCMessage *answer;
    return rpc_call(
        ctx, "identity", IDENTITY, "SignOut", false, request, &kongsi__identity__v1__sign_out_response__descriptor, &answer);
}

static struct err *get_jwks(struct rpc_ctx *ctx, const ProtobufCMessage *request, ProtobufCMessage *response)
{
    (void)request;
    (void)response;
    assert_int_equal(ctx->caller.kind, RPC_CALLER_ANONYMOUS);
    assert_string_equal(ctx->access_token, "");
    return NULL;
}

static const struct rpc_method EVENT_LOG_METHODS[] = {
    {"ReadEvents", &kongsi__bus__v1__read_events_request__descriptor, &kongsi__bus__v1__read_events_response__descriptor,
        read_events},
    {NULL, NULL, NULL, NULL},
};
static const struct rpc_service EVENT_LOG_SERVICE = {EVENT_LOG, EVENT_LOG_METHODS};
static const struct rpc_method IDENTITY_METHODS[] = {
    {"GetMe", &kongsi__identity__v1__get_me_request__descriptor, &kongsi__identity__v1__me__descriptor, get_me},
    {"SignOut", &kongsi__identity__v1__sign_out_request__descriptor, &kongsi__identity__v1__sign_out_response__descriptor,
        sign_out},
    {"GetJwks", &kongsi__identity__v1__get_jwks_request__descriptor, &kongsi__identity__v1__jwks__descriptor, get_jwks},
    {NULL, NULL, NULL, NULL},
};
static const struct rpc_service IDENTITY_SERVICE = {IDENTITY, IDENTITY_METHODS};

/* --- two processes in one --- */

static void handle(struct http_exchange *exchange, void *context)
{
    if (!rpc_http_handle(exchange, context)) {
        http_respond(exchange, 404, "text/plain", "not here", 8);
    }
}

static void start_server(int port)
{
    struct http_server_options options = {.name = "test_rpc",
        .address = "127.0.0.1",
        .port = port,
        .threads = 12,
        .queue_max = 16,
        .handler = handle,
        .context = g_here};
    assert_null(http_server_start(&options, &g_server));
}

static void open_there(const char *url)
{
    static const char *const NAMES[] = {"messaging", "identity", "nobody"};
    const char *urls[] = {url, url, "http://127.0.0.1:1"};
    struct rpc_net_options options = {.self = "there",
        .service_key = SERVICE_KEY,
        .peer_names = NAMES,
        .peer_urls = urls,
        .peer_count = 3,
        .connections_per_peer_max = 4};
    assert_null(rpc_net_new(&options, &g_there));
}

static int setup(void **state)
{
    (void)state;
    test_issuer_init(&g_issuer);
    g_tokens = token_verifier_new(test_issuer_fetch, &g_issuer);
    struct rpc_net_options options = {.self = "here", .service_key = SERVICE_KEY};
    assert_null(rpc_net_new(&options, &g_here));
    rpc_net_set_token_verifier(g_here, g_tokens);
    rpc_net_add_local(g_here, "messaging", &EVENT_LOG_SERVICE, NULL);
    rpc_net_add_local(g_here, "identity", &IDENTITY_SERVICE, NULL);
    start_server(0);
    char url[64];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", http_server_port(g_server));
    open_there(url);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_server_stop(g_server, 1000);
    rpc_net_free(g_there);
    rpc_net_free(g_here);
    token_verifier_free(g_tokens);
    test_issuer_deinit(&g_issuer);
    return 0;
}

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

static void assert_same_err(const struct err *a, const struct err *b)
{
    assert_non_null(a);
    assert_non_null(b);
    assert_int_equal(a->code, b->code);
    assert_string_equal(a->domain, b->domain);
    assert_string_equal(a->reason, b->reason);
    assert_string_equal(a->message, b->message);
    assert_int_equal(a->retriable, b->retriable);
    assert_int_equal(a->metadata_count, b->metadata_count);
    for (size_t i = 0; i < a->metadata_count; i++) {
        assert_string_equal(err_get_metadata(b, a->metadata[i].key), a->metadata[i].value);
    }
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

/* --- the Twirp door as others see it --- */

struct http_answer {
    long status;
    char body[8192];
    char content_type[64];
};

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct http_answer *answer = context;
    strncat(answer->body, bytes, size * count);
    return size * count;
}

static const char *g_extra_field; /* sent along when set */

static struct http_answer post(
    const char *path, const char *content_type, const char *authorization, const char *body, bool get)
{
    struct http_answer answer = {0};
    char url[512], line[4200];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", http_server_port(g_server), path);
    struct curl_slist *fields = NULL;
    snprintf(line, sizeof(line), "Content-Type:%s%s", *content_type ? " " : "", content_type);
    fields = curl_slist_append(fields, line);
    if (authorization) {
        snprintf(line, sizeof(line), "Authorization: %s", authorization);
        fields = curl_slist_append(fields, line);
    }
    if (g_extra_field) {
        fields = curl_slist_append(fields, g_extra_field);
    }
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
    if (!get) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    }
    assert_int_equal(curl_easy_perform(easy), CURLE_OK);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
    const char *type = NULL;
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    snprintf(answer.content_type, sizeof(answer.content_type), "%s", type ? type : "");
    curl_easy_cleanup(easy);
    curl_slist_free_all(fields);
    return answer;
}

static void test_twirp_json(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    const char *proof;
    assert_null(service_proof_make(SERVICE_KEY, "test", instant_now(), arena, &proof));
    static const char PATH[] = "/twirp/" EVENT_LOG "/ReadEvents";
    const struct {
        const char *path, *type, *authorization, *body;
        bool get;
        long status;
        const char *want;
    } cases[] = {
        {PATH, "application/json", proof, "{\"topic\":\"plain\",\"page_size\":1}", false, 200, "\"position\":\"1\""},
        {PATH, "application/json; charset=utf-8", proof, "{\"topic\":\"plain\"}", false, 200, "{\"events\":[]}"},
        {PATH, "application/json", proof, "{\"topic\":\"odd\"}", false, 412,
            "{\"code\":\"failed_precondition\",\"msg\":\"that is \\\"odd\\\": "
            "公司\",\"meta\":{\"reason\":\"ODD\",\"domain\":\"bus.kongsi\","
            "\"retriable\":\"false\",\"metadata.field\":\"a\",\"metadata.limit\":\"5\"}}"},
        {PATH, "application/json", proof, "{\"topic\":", false, 400, "BODY_INVALID"},
        {PATH, "application/json", proof, "{\"topics\":\"a\"}", false, 400, "FIELD_UNKNOWN"},
        {PATH, "application/json", NULL, "{\"topic\":\"plain\"}", false, 403, "permission_denied"},
        {PATH, "application/json", "Kongsi-Service x.1.00", "{\"topic\":\"plain\"}", false, 401, "unauthenticated"},
        {PATH, "text/plain", proof, "{\"topic\":\"plain\"}", false, 400, "MEDIA_TYPE_UNSUPPORTED"},
        {PATH, "application/jsonx", proof, "{\"topic\":\"plain\"}", false, 400, "MEDIA_TYPE_UNSUPPORTED"},
        {PATH, "", proof, "{\"topic\":\"plain\"}", false, 400, "MEDIA_TYPE_UNSUPPORTED"},
        {PATH, "application/json", proof, "", true, 404, "bad_route"},
        {"/twirp/" EVENT_LOG "/Nothing", "application/json", proof, "{}", false, 404, "bad_route"},
        {"/twirp/nothing/ReadEvents", "application/json", proof, "{}", false, 404, "bad_route"},
        {"/twirp/", "application/json", proof, "{}", false, 404, "bad_route"},
        {"/twirp/" IDENTITY "/CreateOrganization", "application/json", proof, "{}", false, 404, "bad_route"},
        {"/elsewhere", "application/json", proof, "{}", false, 404, "not here"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_answer answer = post(cases[i].path, cases[i].type, cases[i].authorization, cases[i].body, cases[i].get);
        if (answer.status != cases[i].status || !strstr(answer.body, cases[i].want)) {
            fail_msg("case %zu: %ld %s", i, answer.status, answer.body);
        }
    }
}

/* Whoever reaches the port cannot make up where a person comes from. */
static void test_client_address_needs_proof(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    const char *proof;
    assert_null(service_proof_make(SERVICE_KEY, "test", instant_now(), arena, &proof));
    g_extra_field = "Kongsi-Client-Address: 203.0.113.7";
    struct http_answer answer =
        post("/twirp/" EVENT_LOG "/ReadEvents", "application/json", proof, "{\"topic\":\"who\"}", false);
    g_extra_field = NULL;
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "\"subject\":\"127.0.0.1\""));
}

/* What a stopping process or something that is no service of ours answers. */
static void test_foreign_answers(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *body;
        const struct err_reason *want;
    } CASES[] = {
        {503, "{\"error\":{\"code\":503}}", &KONGSI_UNAVAILABLE},
        {502, "<html>", &KONGSI_UNAVAILABLE},
        {404, "<html>", &KONGSI_INTERNAL},
        {500, "", &KONGSI_INTERNAL},
        {500, "{\"code\":\"strange\",\"msg\":\"x\"}", &KONGSI_INTERNAL},
        {500, "{\"code\":1}", &KONGSI_INTERNAL},
        {500, "[[[[[[[[", &KONGSI_INTERNAL},
        {413, "", &KONGSI_BODY_TOO_LARGE},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        ERR_AUTO error = rpc_twirp_parse(CASES[i].status, CASES[i].body, strlen(CASES[i].body), "peer");
        assert_true(err_is(error, CASES[i].want));
    }
    static const char PLAIN[] = "{\"code\":\"not_found\",\"msg\":\"gone\"}"; /* of a Twirp server that is not ours */
    ERR_AUTO error = rpc_twirp_parse(404, PLAIN, strlen(PLAIN), "peer");
    assert_int_equal(error->code, ERR_NOT_FOUND);
    assert_string_equal(error->message, "gone");
}

/* Every code survives the way there and back. */
static void test_codes_round_trip(void **state)
{
    (void)state;
    for (int code = ERR_CANCELLED; code <= ERR_UNAUTHENTICATED; code++) {
        struct err_reason reason = {"test.kongsi", "REASON", (enum err_code)code};
        ERR_AUTO error = err_with(err_new(&reason, "text"), "key", "value");
        BUF_AUTO json;
        buf_init(&json, 4096);
        assert_null(rpc_twirp_print(error, &json));
        ERR_AUTO back = rpc_twirp_parse(rpc_twirp_status(error), json.data, json.length, "peer");
        assert_same_err(error, back);
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
        cmocka_unit_test(test_twirp_json),
        cmocka_unit_test(test_client_address_needs_proof),
        cmocka_unit_test(test_foreign_answers),
        cmocka_unit_test(test_codes_round_trip),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
