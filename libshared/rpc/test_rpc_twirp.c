/* The Twirp door as others see it, and Twirp's errors there and back. */
#include "libshared/rpc/test_rpc_fixture.h"

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
        cmocka_unit_test(test_twirp_json),
        cmocka_unit_test(test_client_address_needs_proof),
        cmocka_unit_test(test_foreign_answers),
        cmocka_unit_test(test_codes_round_trip),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
