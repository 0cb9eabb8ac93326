#include "services/realtime/frame.h"

#include "gen/kongsi_errors.h"
#include "gen/realtime_errors.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "0193a5b0-7e11-7abc-8def-0123456789ab"

static void test_read_json(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *want_id;
        const struct err_reason *want; /* NULL: read */
    } CASES[] = {
        {"ping", "{\"id\":\"1\",\"ping\":{}}", "1", NULL},
        {"without id", "{\"ping\":{}}", "", NULL},
        {"camel case", "{\"id\":\"1\",\"markRead\":{\"conversationId\":\"" ID "\",\"seq\":\"3\"}}", "1", NULL},
        {"nothing asked", "{\"id\":\"1\"}", "1", NULL},
        {"empty", "", "", &REALTIME_FRAME_INVALID},
        {"no JSON", "{\"id\":\"1\"", "", &REALTIME_FRAME_INVALID},
        {"no object", "[]", "", &REALTIME_FRAME_INVALID},
        {"unknown command", "{\"id\":\"7\",\"dance\":{}}", "7", &KONGSI_FIELD_UNKNOWN},
        {"wrong type", "{\"id\":\"7\",\"mark_read\":{\"conversation_id\":\"" ID "\",\"seq\":\"x\"}}", "7",
            &KONGSI_FIELD_INVALID},
        {"rule broken", "{\"id\":\"7\",\"mark_read\":{\"conversation_id\":\"x\",\"seq\":\"1\"}}", "7",
            &KONGSI_FIELD_INVALID},
        {"id too long", "{\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\",\"ping\":{}}",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &KONGSI_FIELD_INVALID},
        {"id is no text", "{\"id\":[],\"ping\":{}}", "", &KONGSI_FIELD_INVALID},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        const Kongsi__Realtime__V1__ClientFrame *frame = NULL;
        const char *id = NULL;
        struct bytes bytes = {.data = (const uint8_t *)CASES[i].text, .length = strlen(CASES[i].text)};
        ERR_AUTO error = frame_decode(FRAME_JSON, bytes, arena, &frame, &id);
        assert_int_equal(error == NULL, CASES[i].want == NULL);
        assert_true(!error || err_is(error, CASES[i].want));
        assert_int_equal(frame != NULL, error == NULL);
        assert_string_equal(id, CASES[i].want_id);
    }
}

static void test_read_proto(void **state)
{
    (void)state;
    static const struct {
        const char *name, *wire;
        size_t length;
        const char *want_id;
        bool want;
    } CASES[] = {
        {"ping",
            "\x0a\x01"
            "1\x32\x00",
            5, "1", true},
        {"empty", "", 0, "", true},
        {"cut",
            "\x0a\x05"
            "1",
            3, "", false},
        {"text that is no UTF-8", "\x0a\x01\xff\x32\x00", 5, "", false},
        {"NUL in a text", "\x0a\x01\x00\x32\x00", 5, "", false},
        {"rule broken",
            "\x0a\x01"
            "9\x1a\x00",
            5, "9", false},
        {"garbage", "\xff\xff\xff\xff\xff", 5, "", false},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        print_message("case: %s\n", CASES[i].name);
        ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        const Kongsi__Realtime__V1__ClientFrame *frame = NULL;
        const char *id = NULL;
        struct bytes bytes = {.data = (const uint8_t *)CASES[i].wire, .length = CASES[i].length};
        ERR_AUTO error = frame_decode(FRAME_PROTO, bytes, arena, &frame, &id);
        assert_int_equal(error == NULL, CASES[i].want);
        assert_string_equal(id, CASES[i].want_id);
    }
}

static json_t *json_of(const struct frame *frame)
{
    json_t *json =
        json_loadb((const char *)frame->bytes + FRAME_HEADROOM_BYTES, frame->length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    return json;
}

static void test_errors(void **state)
{
    (void)state;
    ERR_AUTO error = err_new(&KONGSI_UNAVAILABLE, "postgres is \"away\"\n");
    err_with(error, "peer", "messaging");
    struct frame *frame;
    assert_null(frame_encode_err(FRAME_JSON, "7", error, &frame));
    json_t *json = json_of(frame);
    const json_t *body = json_object_get(json, "error");
    assert_string_equal(json_string_value(json_object_get(json, "reply_to")), "7");
    assert_int_equal(json_integer_value(json_object_get(body, "code")), ERR_UNAVAILABLE);
    assert_string_equal(json_string_value(json_object_get(body, "status")), "UNAVAILABLE");
    assert_string_equal(json_string_value(json_object_get(body, "reason")), "UNAVAILABLE");
    assert_string_equal(json_string_value(json_object_get(body, "message")), "postgres is \"away\"\n");
    assert_string_equal(json_string_value(json_object_get(json_object_get(body, "metadata"), "peer")), "messaging");
    assert_true(json_is_true(json_object_get(body, "retriable")));
    json_decref(json);
    frame_unref(frame);
}

static void test_push_is_encoded_once(void **state)
{
    (void)state;
    struct uuid conversation;
    assert_true(uuid_parse(ID, &conversation));
    struct push *push;
    assert_null(push_new_conversation_changed(conversation, true, &push));
    struct frame *json_frame = push_frame(push, FRAME_JSON);
    struct frame *proto_frame = push_frame(push, FRAME_PROTO);
    assert_ptr_equal(push_frame(push, FRAME_JSON), json_frame);
    assert_ptr_equal(push_frame(push, FRAME_PROTO), proto_frame);
    assert_int_equal(push_size_bytes(push), proto_frame->length);
    struct frame *kept = frame_ref(json_frame);
    push_unref(push_ref(push));
    push_unref(push);
    json_t *json = json_of(kept); /* outlives the push */
    const json_t *body = json_object_get(json, "conversation_changed");
    assert_string_equal(json_string_value(json_object_get(body, "conversation_id")), ID);
    assert_true(json_is_true(json_object_get(body, "removed")));
    json_decref(json);
    frame_unref(kept);
    push_unref(NULL);
    frame_unref(NULL);
    assert_int_equal(push_size_bytes(NULL), 0);
}

static void test_pull_now(void **state)
{
    (void)state;
    struct uuid ids[2] = {{.bytes = {1}}, {.bytes = {2}}};
    for (size_t count = 0; count <= 2; count++) {
        struct push *push;
        assert_null(push_new_pull_now(ids, count, &push));
        json_t *json = json_of(push_frame(push, FRAME_JSON));
        assert_int_equal(json_array_size(json_object_get(json_object_get(json, "pull_now"), "conversation_ids")), count);
        json_decref(json);
        push_unref(push);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read_json),
        cmocka_unit_test(test_read_proto),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_push_is_encoded_once),
        cmocka_unit_test(test_pull_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
