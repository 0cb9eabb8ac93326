#include "services/identity/test_identity.h"

#include "gen/kongsi_errors.h"
#include "libshared/db/test_pg.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define REFRESHERS 50

static const char *harbour, *other;

static int set_up(void **state)
{
    test_identity_start(state);
    test_identity_set_development(true);
    static char harbour_id[UUID_TEXT_SIZE], other_id[UUID_TEXT_SIZE];
    harbour = strcpy(harbour_id, test_organization("harbour"));
    const char *rows =
        arena_printf(test_ctx()->arena, "%s%s%s", test_row("E1", "Chan Tai Man", "tai@harbour.hk", "91234567", "", "Active"),
            test_row("E2", "Lee Siu Ming", "ming@shared.hk", "", "E1", "Active"),
            test_row("E9", "Ho Ka Yan", "gone@harbour.hk", "", "", "Terminated"));
    assert_true(test_import("harbour", rows)->applied);
    /* With one organization alone an employee number is enough. */
    test_sign_in("e1", TEST_PASSWORD, "");
    other = strcpy(other_id, test_organization("other"));
    rows = arena_printf(test_ctx()->arena, "%s%s", test_row("E1", "Wong Wai", "", "92222222", "", "Active"),
        test_row("91234567", "Lam Lam", "ming@shared.hk", "93333333", "", "Active"));
    assert_true(test_import("other", rows)->applied);
    test_identity_set_development(false);
    assert_true(test_import("harbour", test_row("E8", "Ng Pui Shan", "newcomer@harbour.hk", "", "E1", "Active"))->applied);
    test_identity_set_development(true);
    test_ctx_free_all();
    return 0;
}

static int tear_down_test(void **state)
{
    (void)state;
    test_ctx_free_all();
    return 0;
}

static struct err *try_sign_in(const char *identifier, const char *password, const char *slug, SessionTokens *tokens)
{
    SignInRequest request = KONGSI__IDENTITY__V1__SIGN_IN_REQUEST__INIT;
    kongsi__identity__v1__session_tokens__init(tokens);
    request.identifier = (char *)identifier;
    request.password = (char *)password;
    request.organization = (char *)slug;
    return identity_sign_in(test_ctx(), &request, tokens);
}

static void test_who_can_sign_in(void **state)
{
    (void)state;
    static const struct {
        const char *identifier, *password, *slug;
        bool good;
    } CASES[] = {
        {"tai@harbour.hk", TEST_PASSWORD, "", true},
        {"TAI@Harbour.HK", TEST_PASSWORD, "", true},
        {"+852 9123 4567", TEST_PASSWORD, "", true},
        {"9123 4567", TEST_PASSWORD, "", true},
        {"E1", TEST_PASSWORD, "harbour", true},
        {"e1", TEST_PASSWORD, "other", true},
        {"tai@harbour.hk", TEST_PASSWORD, "harbour", true},
        {"ming@shared.hk", TEST_PASSWORD, "other", true},
        {"tai@harbour.hk", "harbour-2025", "", false},
        {"tai@harbour.hk", TEST_PASSWORD "\x01", "", false},
        {"nobody@harbour.hk", TEST_PASSWORD, "", false},
        {"tai@harbour.hk", TEST_PASSWORD, "other", false},
        {"tai@harbour.hk", TEST_PASSWORD, "nowhere", false},
        {"E1", TEST_PASSWORD, "", false},             /* which organization's? */
        {"ming@shared.hk", TEST_PASSWORD, "", false}, /* somebody in each */
        {"gone@harbour.hk", TEST_PASSWORD, "", false},
        {"E9", TEST_PASSWORD, "harbour", false},
        {"newcomer@harbour.hk", TEST_PASSWORD, "", false}, /* invited: no password yet */
        {"", TEST_PASSWORD, "", false},
        {"' OR 1=1 --", TEST_PASSWORD, "", false},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        SessionTokens tokens;
        struct err *error = try_sign_in(CASES[i].identifier, CASES[i].password, CASES[i].slug, &tokens);
        if (CASES[i].good != !error) {
            fail_msg("%s %s: %s", CASES[i].identifier, CASES[i].slug, error ? error->message : "signed in");
        }
        if (error) {
            assert_string_equal(error->message, "identifier or password is wrong");
            refuse(error, &IDENTITY_CREDENTIALS_INVALID);
        }
    }
}

static void test_suspended_cannot_sign_in(void **state)
{
    (void)state;
    SessionTokens tokens;
    test_pg_exec(TEST_DATABASE, "UPDATE users SET status = 3 WHERE external_id = 'E2'");
    refuse(try_sign_in("e2", TEST_PASSWORD, "harbour", &tokens), &IDENTITY_CREDENTIALS_INVALID);
    test_pg_exec(TEST_DATABASE, "UPDATE users SET status = 2 WHERE external_id = 'E2'");
    succeed(try_sign_in("e2", TEST_PASSWORD, "harbour", &tokens));
}

static void test_password_gets_the_new_cost(void **state)
{
    (void)state;
    SessionTokens tokens;
    struct identity *identity = test_identity();
    struct password_hasher *before = identity->hasher;
    identity->hasher = password_hasher_new((struct password_cost){2, 16384}, 1);
    const char *sql = "SELECT count(*) FROM credentials WHERE password_hash LIKE '%m=16,t=2%'";
    assert_int_equal(test_pg_number(TEST_DATABASE, sql), 0);
    succeed(try_sign_in("tai@harbour.hk", TEST_PASSWORD, "", &tokens));
    assert_int_equal(test_pg_number(TEST_DATABASE, sql), 1);
    succeed(try_sign_in("tai@harbour.hk", TEST_PASSWORD, "", &tokens));
    password_hasher_free(identity->hasher);
    identity->hasher = before;
}

static struct err *refresh_at(int64_t ms, const char *refresh_token, SessionTokens *tokens)
{
    struct rpc_ctx *ctx = test_ctx();
    ctx->now = instant_add_ms(ctx->now, ms);
    RefreshSessionRequest request = KONGSI__IDENTITY__V1__REFRESH_SESSION_REQUEST__INIT;
    kongsi__identity__v1__session_tokens__init(tokens);
    request.refresh_token = (char *)refresh_token;
    return identity_refresh_session(ctx, &request, tokens);
}

static void test_refresh(void **state)
{
    (void)state;
    SessionTokens first = test_sign_in("tai@harbour.hk", TEST_PASSWORD, ""), second, repeated, third, none;
    succeed(refresh_at(0, first.refresh_token, &second));
    assert_string_not_equal(second.refresh_token, first.refresh_token);
    assert_string_equal(second.session_id, first.session_id);
    assert_string_equal(second.user_id, first.user_id);
    /* The answer was lost: the same successor. */
    succeed(refresh_at(1000, first.refresh_token, &repeated));
    assert_string_equal(repeated.refresh_token, second.refresh_token);
    succeed(refresh_at(2000, second.refresh_token, &third));
    assert_string_not_equal(third.refresh_token, second.refresh_token);

    int64_t ended = test_events("kongsi.identity.session.ended.v1");
    refuse(refresh_at(2001, first.refresh_token, &none), &IDENTITY_REFRESH_TOKEN_REUSED);
    assert_int_equal(test_events("kongsi.identity.session.ended.v1"), ended + 1);
    /* The thief's and the owner's tokens are both worth nothing now. */
    refuse(refresh_at(2002, third.refresh_token, &none), &IDENTITY_REFRESH_TOKEN_INVALID);
    refuse(refresh_at(2002, first.refresh_token, &none), &IDENTITY_REFRESH_TOKEN_INVALID);
    assert_int_equal(test_events("kongsi.identity.session.ended.v1"), ended + 1);
}

static void test_refresh_too_late(void **state)
{
    (void)state;
    SessionTokens first = test_sign_in("tai@harbour.hk", TEST_PASSWORD, ""), second, none;
    succeed(refresh_at(29 * DAY_MS, first.refresh_token, &second));
    refuse(refresh_at(29 * DAY_MS + 5001, first.refresh_token, &none), &IDENTITY_REFRESH_TOKEN_REUSED);
    first = test_sign_in("tai@harbour.hk", TEST_PASSWORD, "");
    refuse(refresh_at(30 * DAY_MS + 1000, first.refresh_token, &none), &IDENTITY_REFRESH_TOKEN_INVALID);
}

static void test_session_ends_for_good(void **state)
{
    (void)state;
    SessionTokens tokens = test_sign_in("tai@harbour.hk", TEST_PASSWORD, "");
    for (int day = 20; day < 180; day += 20) {
        succeed(refresh_at(day * DAY_MS, tokens.refresh_token, &tokens));
    }
    assert_true(tokens.refresh_expire_time->seconds <= instant_now().us / 1000000 + 180 * DAY_MS / 1000);
    refuse(refresh_at(181 * DAY_MS, tokens.refresh_token, &tokens), &IDENTITY_REFRESH_TOKEN_INVALID);
}

static void test_refresh_tokens_that_are_none(void **state)
{
    (void)state;
    SessionTokens tokens = test_sign_in("tai@harbour.hk", TEST_PASSWORD, ""), none;
    static const char *const CASES[] = {"", "x", "=", "AAAA", "\xff\xfe"};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        refuse(refresh_at(0, CASES[i], &none), &IDENTITY_REFRESH_TOKEN_INVALID);
    }
    tokens.refresh_token[40] = tokens.refresh_token[40] == 'A' ? 'B' : 'A';
    refuse(refresh_at(0, tokens.refresh_token, &none), &IDENTITY_REFRESH_TOKEN_INVALID);
    /* Authentic, of a session that never was. */
    struct refresh_token made = {.org_id = checked_uuid(harbour), .session_id = uuid_v7(instant_now()), .generation = 1};
    char text[REFRESH_TOKEN_SIZE];
    refresh_token_format(test_identity()->refresh_key, &made, text);
    refuse(refresh_at(0, text, &none), &IDENTITY_REFRESH_TOKEN_INVALID);
}

struct refresher {
    struct rpc_ctx *ctx;
    char *refresh_token;
    SessionTokens tokens;
    struct err *error;
};

static void *refresh_in_thread(void *argument)
{
    struct refresher *refresher = argument;
    RefreshSessionRequest request = KONGSI__IDENTITY__V1__REFRESH_SESSION_REQUEST__INIT;
    kongsi__identity__v1__session_tokens__init(&refresher->tokens);
    request.refresh_token = refresher->refresh_token;
    refresher->error = identity_refresh_session(refresher->ctx, &request, &refresher->tokens);
    return NULL;
}

static void test_refresh_at_the_same_time(void **state)
{
    (void)state;
    SessionTokens first = test_sign_in("tai@harbour.hk", TEST_PASSWORD, "");
    struct refresher *refreshers = arena_calloc(test_ctx()->arena, REFRESHERS, sizeof(*refreshers));
    pthread_t threads[REFRESHERS];
    for (size_t i = 0; i < REFRESHERS; i++) {
        refreshers[i] = (struct refresher){.ctx = test_ctx(), .refresh_token = first.refresh_token};
    }
    for (size_t i = 0; i < REFRESHERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, refresh_in_thread, &refreshers[i]), 0);
    }
    for (size_t i = 0; i < REFRESHERS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < REFRESHERS; i++) {
        succeed(refreshers[i].error);
        assert_string_equal(refreshers[i].tokens.refresh_token, refreshers[0].tokens.refresh_token);
    }
    SessionTokens second;
    succeed(refresh_at(100, refreshers[0].tokens.refresh_token, &second));
}

static void test_sign_out(void **state)
{
    (void)state;
    SessionTokens tokens = test_sign_in("tai@harbour.hk", TEST_PASSWORD, ""),
                  kept = test_sign_in("tai@harbour.hk", TEST_PASSWORD, ""), none;
    SignOutRequest request = KONGSI__IDENTITY__V1__SIGN_OUT_REQUEST__INIT;
    SignOutResponse response = KONGSI__IDENTITY__V1__SIGN_OUT_RESPONSE__INIT;
    int64_t ended = test_events("kongsi.identity.session.ended.v1");
    succeed(identity_sign_out(test_ctx_signed_in(harbour, &tokens), &request, &response));
    succeed(identity_sign_out(test_ctx_signed_in(harbour, &tokens), &request, &response));
    assert_int_equal(test_events("kongsi.identity.session.ended.v1"), ended + 1);
    refuse(refresh_at(0, tokens.refresh_token, &none), &IDENTITY_REFRESH_TOKEN_INVALID);
    succeed(refresh_at(0, kept.refresh_token, &none));
}

static void test_who_leaves_is_signed_out(void **state)
{
    (void)state;
    SessionTokens tokens = test_sign_in("e2", TEST_PASSWORD, "harbour"), none;
    assert_true(test_import("harbour", test_row("E2", "Lee Siu Ming", "ming@shared.hk", "", "E1", "Terminated"))->applied);
    refuse(refresh_at(0, tokens.refresh_token, &none), &IDENTITY_REFRESH_TOKEN_INVALID);
    refuse(try_sign_in("e2", TEST_PASSWORD, "harbour", &none), &IDENTITY_CREDENTIALS_INVALID);
    /* The address is free for somebody else now, also without the organization. */
    succeed(try_sign_in("ming@shared.hk", TEST_PASSWORD, "", &none));
    assert_true(test_import("harbour", test_row("E2", "Lee Siu Ming", "ming@shared.hk", "", "E1", "Active"))->applied);
    refuse(try_sign_in("ming@shared.hk", TEST_PASSWORD, "", &none), &IDENTITY_CREDENTIALS_INVALID);
    succeed(try_sign_in("e2", TEST_PASSWORD, "harbour", &none));
}

static void test_old_sessions_are_forgotten(void **state)
{
    (void)state;
    SessionTokens tokens = test_sign_in("tai@harbour.hk", TEST_PASSWORD, "");
    char sql[256];
    snprintf(
        sql, sizeof(sql), "UPDATE sessions SET end_time = now() - interval '31 days' WHERE id = '%s'", tokens.session_id);
    test_pg_exec(TEST_DATABASE, sql);
    test_sign_in("tai@harbour.hk", TEST_PASSWORD, "");
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM sessions WHERE id = '%s'", tokens.session_id);
    assert_int_equal(test_pg_number(TEST_DATABASE, sql), 0);
}

static void test_jwks(void **state)
{
    (void)state;
    GetJwksRequest request = KONGSI__IDENTITY__V1__GET_JWKS_REQUEST__INIT;
    Jwks jwks = KONGSI__IDENTITY__V1__JWKS__INIT;
    succeed(identity_get_jwks(test_ctx(), &request, &jwks));
    assert_int_equal(jwks.n_keys, 1);
    assert_string_equal(jwks.keys[0]->kty, "EC");
    assert_string_equal(jwks.keys[0]->alg, "ES256");
    assert_int_equal(strlen(jwks.keys[0]->x), 43);
    assert_int_equal(strlen(jwks.keys[0]->y), 43);
}

/* --- invitations ------------------------------------------------------------------------------------------------------- */

static const char *user_id_of(const char *external_id)
{
    ListUsersRequest request = KONGSI__IDENTITY__V1__LIST_USERS_REQUEST__INIT;
    ListUsersResponse response = KONGSI__IDENTITY__V1__LIST_USERS_RESPONSE__INIT;
    request.query = (char *)external_id;
    request.show_left = true;
    succeed(identity_list_users(test_ctx_of(harbour, harbour, harbour), &request, &response));
    for (size_t i = 0; i < response.n_users; i++) {
        if (strcmp(response.users[i]->external_id, external_id) == 0) {
            return response.users[i]->id;
        }
    }
    fail_msg("no %s", external_id);
    return NULL;
}

static struct err *invite(const char *user_id, Invitation *invitation)
{
    CreateInvitationRequest request = KONGSI__IDENTITY__V1__CREATE_INVITATION_REQUEST__INIT;
    kongsi__identity__v1__invitation__init(invitation);
    request.user_id = (char *)user_id;
    return identity_create_invitation(test_ctx_of(harbour, harbour, harbour), &request, invitation);
}

static struct err *accept_at(int64_t ms, const char *token, const char *password, SessionTokens *tokens)
{
    struct rpc_ctx *ctx = test_ctx();
    ctx->now = instant_add_ms(ctx->now, ms);
    AcceptInvitationRequest request = KONGSI__IDENTITY__V1__ACCEPT_INVITATION_REQUEST__INIT;
    kongsi__identity__v1__session_tokens__init(tokens);
    request.token = (char *)token;
    request.password = (char *)password;
    return identity_accept_invitation(ctx, &request, tokens);
}

static void test_invitation(void **state)
{
    (void)state;
    Invitation old, invitation;
    SessionTokens none;
    const char *user_id = user_id_of("E8");
    succeed(invite(user_id, &old));
    succeed(invite(user_id, &invitation));
    assert_string_equal(invitation.path, arena_printf(test_ctx()->arena, "/invitation#token=%s", invitation.token));
    refuse(accept_at(0, old.token, "a fine password", &none), &IDENTITY_INVITATION_INVALID);
    refuse(accept_at(0, invitation.token, "short", &none), &IDENTITY_PASSWORD_TOO_WEAK);
    refuse(accept_at(0, invitation.token, "my-Newcomer-word", &none), &IDENTITY_PASSWORD_TOO_WEAK);
}

static void test_invitation_accepted(void **state)
{
    (void)state;
    Invitation invitation;
    SessionTokens tokens, none;
    const char *user_id = user_id_of("E8");
    int64_t updated = test_events("kongsi.identity.user.updated.v1");
    succeed(invite(user_id, &invitation));
    refuse(accept_at(7 * DAY_MS + 1000, invitation.token, "a fine password", &none), &IDENTITY_INVITATION_INVALID);
    succeed(accept_at(0, invitation.token, "a fine password", &tokens));
    assert_string_equal(tokens.user_id, user_id);
    assert_int_equal(test_events("kongsi.identity.user.updated.v1"), updated + 1);
    refuse(accept_at(0, invitation.token, "a fine password", &none), &IDENTITY_INVITATION_INVALID);
    succeed(refresh_at(0, tokens.refresh_token, &none));
    test_sign_in("newcomer@harbour.hk", "a fine password", "");
}

static void test_invitation_sets_a_new_password(void **state)
{
    (void)state;
    Invitation invitation;
    SessionTokens before = test_sign_in("e1", TEST_PASSWORD, "harbour"), after, none;
    succeed(invite(user_id_of("E1"), &invitation));
    succeed(accept_at(0, invitation.token, "another password", &after));
    refuse(refresh_at(0, before.refresh_token, &none), &IDENTITY_REFRESH_TOKEN_INVALID);
    refuse(try_sign_in("e1", TEST_PASSWORD, "harbour", &none), &IDENTITY_CREDENTIALS_INVALID);
    succeed(try_sign_in("e1", "another password", "harbour", &none));
    succeed(refresh_at(0, after.refresh_token, &none));
}

static void test_invitation_refused(void **state)
{
    (void)state;
    Invitation invitation;
    SessionTokens none;
    refuse(invite(user_id_of("E9"), &invitation), &IDENTITY_USER_NOT_ACTIVE);
    refuse(invite(other, &invitation), &IDENTITY_USER_NOT_FOUND);
    refuse(accept_at(0, "", "a fine password", &none), &IDENTITY_INVITATION_INVALID);
    refuse(accept_at(0, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a fine password", &none),
        &IDENTITY_INVITATION_INVALID);
    /* Who leaves meanwhile cannot use it any more. */
    succeed(invite(user_id_of("E2"), &invitation));
    assert_true(test_import("harbour", test_row("E2", "Lee Siu Ming", "ming@shared.hk", "", "E1", "Terminated"))->applied);
    refuse(accept_at(0, invitation.token, "a fine password", &none), &IDENTITY_INVITATION_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_who_can_sign_in, tear_down_test),
        cmocka_unit_test_teardown(test_suspended_cannot_sign_in, tear_down_test),
        cmocka_unit_test_teardown(test_password_gets_the_new_cost, tear_down_test),
        cmocka_unit_test_teardown(test_refresh, tear_down_test),
        cmocka_unit_test_teardown(test_refresh_too_late, tear_down_test),
        cmocka_unit_test_teardown(test_session_ends_for_good, tear_down_test),
        cmocka_unit_test_teardown(test_refresh_tokens_that_are_none, tear_down_test),
        cmocka_unit_test_teardown(test_refresh_at_the_same_time, tear_down_test),
        cmocka_unit_test_teardown(test_sign_out, tear_down_test),
        cmocka_unit_test_teardown(test_who_leaves_is_signed_out, tear_down_test),
        cmocka_unit_test_teardown(test_old_sessions_are_forgotten, tear_down_test),
        cmocka_unit_test_teardown(test_jwks, tear_down_test),
        cmocka_unit_test_teardown(test_invitation, tear_down_test),
        cmocka_unit_test_teardown(test_invitation_accepted, tear_down_test),
        cmocka_unit_test_teardown(test_invitation_sets_a_new_password, tear_down_test),
        cmocka_unit_test_teardown(test_invitation_refused, tear_down_test),
    };
    return cmocka_run_group_tests(tests, set_up, test_identity_stop);
}
