#include "services/identity/test_identity.h"

#include "gen/kongsi_errors.h"
#include "libshared/db/test_pg.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NEW_ID "01980000-0000-7000-8000-0000000000ff"
#define CREATORS 12

/* Harbour is the example company; other is a small one that must stay invisible to it. */
static const char *harbour, *other;

static int set_up(void **state)
{
    test_identity_start(state);
    static char harbour_id[UUID_TEXT_SIZE], other_id[UUID_TEXT_SIZE];
    harbour = strcpy(harbour_id, test_organization("harbour-retail"));
    assert_true(
        test_import_files("harbour-retail", test_example("departments.csv"), test_example("staff.csv"), false)->applied);
    other = strcpy(other_id, test_organization("other"));
    assert_true(test_import("other", test_row("E1", "Secret Person", "secret@other.hk", "", "", "Active"))->applied);
    test_ctx_free_all();
    return 0;
}

static int tear_down_test(void **state)
{
    (void)state;
    test_ctx_free_all();
    return 0;
}

static struct rpc_ctx *someone_of(const char *org_id)
{
    return test_ctx_of(org_id, NEW_ID, NEW_ID);
}

static ListUsersResponse *list_users(const char *org_id, const ListUsersRequest *request)
{
    struct rpc_ctx *ctx = someone_of(org_id);
    ListUsersResponse *response = arena_alloc(ctx->arena, sizeof(*response));
    kongsi__identity__v1__list_users_response__init(response);
    succeed(identity_list_users(ctx, request, response));
    return response;
}

static const User *find_user(const char *org_id, const char *query)
{
    ListUsersRequest request = KONGSI__IDENTITY__V1__LIST_USERS_REQUEST__INIT;
    request.query = (char *)query;
    request.show_left = true;
    const ListUsersResponse *response = list_users(org_id, &request);
    assert_int_equal(response->n_users, 1);
    return response->users[0];
}

static void test_me(void **state)
{
    (void)state;
    SessionTokens tokens = test_sign_in("hr00001@example.hk.example", TEST_PASSWORD, "");
    GetMeRequest request = KONGSI__IDENTITY__V1__GET_ME_REQUEST__INIT;
    Me me = KONGSI__IDENTITY__V1__ME__INIT;
    succeed(identity_get_me(test_ctx_signed_in(harbour, &tokens), &request, &me));
    assert_string_equal(me.user->display_name, "Joyce Szeto 司徒詠詩");
    assert_string_equal(me.user->id, tokens.user_id);
    assert_string_equal(me.organization->slug, "harbour-retail");
    assert_int_equal(me.n_permissions, 2);
    assert_string_equal(me.permissions[0], "identity.self");
    assert_string_equal(me.permissions[1], "identity.read");
}

static void test_users_by_pages(void **state)
{
    (void)state;
    size_t seen = 0, pages = 0;
    char before[256] = "";
    ListUsersRequest request = KONGSI__IDENTITY__V1__LIST_USERS_REQUEST__INIT;
    request.page_size = 50;
    for (;;) {
        const ListUsersResponse *page = list_users(harbour, &request);
        pages++;
        assert_true(page->n_users <= 50);
        for (size_t i = 0; i < page->n_users; i++, seen++) {
            assert_true(strcmp(before, page->users[i]->display_name) <= 0);
            snprintf(before, sizeof(before), "%s", page->users[i]->display_name);
            assert_int_not_equal((int)page->users[i]->status, USER_STATUS_LEFT);
        }
        if (page->next_page_token[0] == '\0') {
            break;
        }
        request.page_token = page->next_page_token;
    }
    assert_int_equal(seen, 386);
    assert_int_equal(pages, 8);
    ListUsersRequest all = KONGSI__IDENTITY__V1__LIST_USERS_REQUEST__INIT;
    all.page_size = 1000;
    all.show_left = true;
    assert_int_equal(list_users(harbour, &all)->n_users, 389);
    ListUsersRequest plain = KONGSI__IDENTITY__V1__LIST_USERS_REQUEST__INIT;
    assert_int_equal(list_users(harbour, &plain)->n_users, USER_PAGE_SIZE_DEFAULT);
}

static void test_users_by_filter(void **state)
{
    (void)state;
    static const struct {
        const char *query;
        size_t count;
    } CASES[] = {{"hr00001", 1}, {"HR00001@EXAMPLE", 1}, {"司徒詠詩", 1}, {"zoë o'connor", 5}, {"ZOË", 5}, {"José", 2},
        {"%", 0}, {"_", 0}, {"\\", 0}, {"' OR true --", 0}, {"secret", 0}, {"Au Yeung Wing", 1}};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        ListUsersRequest request = KONGSI__IDENTITY__V1__LIST_USERS_REQUEST__INIT;
        request.query = (char *)CASES[i].query;
        request.page_size = 1000;
        size_t count = list_users(harbour, &request)->n_users;
        if (count != CASES[i].count) {
            fail_msg("'%s': %zu", CASES[i].query, count);
        }
    }
    const User *joyce = find_user(harbour, "hr00001");
    ListUsersRequest request = KONGSI__IDENTITY__V1__LIST_USERS_REQUEST__INIT;
    request.department_id = joyce->department_id;
    assert_int_equal(list_users(harbour, &request)->n_users, 3);
    request.query = (char *)"joyce";
    assert_int_equal(list_users(harbour, &request)->n_users, 2);
    request.department_id = (char *)NEW_ID;
    assert_int_equal(list_users(harbour, &request)->n_users, 0);
}

static void test_page_tokens_of_other_queries(void **state)
{
    (void)state;
    ListUsersRequest request = KONGSI__IDENTITY__V1__LIST_USERS_REQUEST__INIT;
    request.page_size = 10;
    char *token = list_users(harbour, &request)->next_page_token;
    ListUsersResponse none = KONGSI__IDENTITY__V1__LIST_USERS_RESPONSE__INIT;
    request.page_token = token;
    refuse(identity_list_users(someone_of(other), &request, &none), &KONGSI_PAGE_TOKEN_INVALID);
    request.query = (char *)"joyce";
    refuse(identity_list_users(someone_of(harbour), &request, &none), &KONGSI_PAGE_TOKEN_INVALID);
    ListDepartmentsRequest departments = KONGSI__IDENTITY__V1__LIST_DEPARTMENTS_REQUEST__INIT;
    ListDepartmentsResponse no_departments = KONGSI__IDENTITY__V1__LIST_DEPARTMENTS_RESPONSE__INIT;
    departments.page_token = token;
    refuse(identity_list_departments(someone_of(harbour), &departments, &no_departments), &KONGSI_PAGE_TOKEN_INVALID);
    departments.page_token = (char *)"forged";
    refuse(identity_list_departments(someone_of(harbour), &departments, &no_departments), &KONGSI_PAGE_TOKEN_INVALID);
}

static ListDepartmentsResponse *list_departments(const char *org_id, int32_t page_size, const char *page_token)
{
    struct rpc_ctx *ctx = someone_of(org_id);
    ListDepartmentsRequest request = KONGSI__IDENTITY__V1__LIST_DEPARTMENTS_REQUEST__INIT;
    ListDepartmentsResponse *response = arena_alloc(ctx->arena, sizeof(*response));
    kongsi__identity__v1__list_departments_response__init(response);
    request.page_size = page_size;
    request.page_token = (char *)page_token;
    succeed(identity_list_departments(ctx, &request, response));
    return response;
}

static void test_departments(void **state)
{
    (void)state;
    const ListDepartmentsResponse *all = list_departments(harbour, 0, "");
    assert_int_equal(all->n_departments, 21);
    assert_string_equal(all->next_page_token, "");
    int32_t users = 0;
    size_t roots = 0;
    for (size_t i = 0; i < all->n_departments; i++) {
        users += all->departments[i]->user_count;
        roots += all->departments[i]->parent_id[0] == '\0';
    }
    assert_int_equal(users, 386);
    assert_int_equal(roots, 1);
    const ListDepartmentsResponse *first = list_departments(harbour, 20, "");
    const ListDepartmentsResponse *last = list_departments(harbour, 20, first->next_page_token);
    assert_int_equal(last->n_departments, 1);
    assert_string_equal(last->departments[0]->id, all->departments[20]->id);
    assert_string_equal(last->next_page_token, "");
    GetDepartmentRequest request = KONGSI__IDENTITY__V1__GET_DEPARTMENT_REQUEST__INIT;
    Department department = KONGSI__IDENTITY__V1__DEPARTMENT__INIT;
    request.department_id = all->departments[0]->id;
    succeed(identity_get_department(someone_of(harbour), &request, &department));
    assert_string_equal(department.name, all->departments[0]->name);
    assert_int_equal(department.user_count, all->departments[0]->user_count);
}

/* Whatever of another organization is asked for, there is nothing. */
static void test_organizations_are_apart(void **state)
{
    (void)state;
    const User *secret = find_user(other, "secret");
    GetUserRequest get = KONGSI__IDENTITY__V1__GET_USER_REQUEST__INIT;
    User user = KONGSI__IDENTITY__V1__USER__INIT;
    get.user_id = secret->id;
    succeed(identity_get_user(someone_of(other), &get, &user));
    refuse(identity_get_user(someone_of(harbour), &get, &user), &IDENTITY_USER_NOT_FOUND);
    GetDepartmentRequest get_department = KONGSI__IDENTITY__V1__GET_DEPARTMENT_REQUEST__INIT;
    Department department = KONGSI__IDENTITY__V1__DEPARTMENT__INIT;
    get_department.department_id = secret->department_id;
    refuse(identity_get_department(someone_of(harbour), &get_department, &department), &IDENTITY_DEPARTMENT_NOT_FOUND);
    char *ids[] = {secret->id, find_user(harbour, "hr00001")->id, (char *)NEW_ID};
    BatchGetUsersRequest batch = KONGSI__IDENTITY__V1__BATCH_GET_USERS_REQUEST__INIT;
    BatchGetUsersResponse users = KONGSI__IDENTITY__V1__BATCH_GET_USERS_RESPONSE__INIT;
    batch.user_ids = ids;
    batch.n_user_ids = COUNT(ids);
    succeed(identity_batch_get_users(someone_of(harbour), &batch, &users));
    assert_int_equal(users.n_users, 1);
    assert_string_equal(users.users[0]->id, ids[1]);
    CreateInvitationRequest invite = KONGSI__IDENTITY__V1__CREATE_INVITATION_REQUEST__INIT;
    Invitation invitation = KONGSI__IDENTITY__V1__INVITATION__INIT;
    invite.user_id = secret->id;
    refuse(identity_create_invitation(someone_of(harbour), &invite, &invitation), &IDENTITY_USER_NOT_FOUND);
}

static void test_deleted_user_has_no_me(void **state)
{
    (void)state;
    GetMeRequest request = KONGSI__IDENTITY__V1__GET_ME_REQUEST__INIT;
    Me me = KONGSI__IDENTITY__V1__ME__INIT;
    refuse(identity_get_me(someone_of(harbour), &request, &me), &IDENTITY_USER_NOT_FOUND);
}

/* --- departments by hand ----------------------------------------------------------------------------------------------- */

static char *new_request_id(void)
{
    char *text = arena_alloc(test_ctx()->arena, UUID_TEXT_SIZE);
    uuid_format(uuid_v7(instant_now()), text);
    return text;
}

static CreateDepartmentRequest department_request(const char *name, const char *external_id)
{
    CreateDepartmentRequest request = KONGSI__IDENTITY__V1__CREATE_DEPARTMENT_REQUEST__INIT;
    request.request_id = new_request_id();
    request.name = (char *)name;
    request.external_id = (char *)external_id;
    return request;
}

static void test_create_department(void **state)
{
    (void)state;
    Department root = KONGSI__IDENTITY__V1__DEPARTMENT__INIT, child = root, again = root, none = root;
    CreateDepartmentRequest request = department_request("Legal", "D900");
    int64_t created = test_events("kongsi.identity.department.created.v1");
    succeed(identity_create_department(someone_of(harbour), &request, &root));
    assert_int_equal(test_events("kongsi.identity.department.created.v1"), created + 1);
    succeed(identity_create_department(someone_of(harbour), &request, &again));
    assert_string_equal(again.id, root.id);
    assert_int_equal(test_events("kongsi.identity.department.created.v1"), created + 1);
    request.name = (char *)"Law";
    refuse(identity_create_department(someone_of(harbour), &request, &none), &KONGSI_REQUEST_ID_REUSED);

    CreateDepartmentRequest below = department_request("Contracts", "");
    below.parent_id = root.id;
    succeed(identity_create_department(someone_of(harbour), &below, &child));
    assert_string_equal(child.parent_id, root.id);
    assert_string_equal(child.external_id, child.id);
    CreateDepartmentRequest taken = department_request("Legal", "d900");
    refuse(identity_create_department(someone_of(harbour), &taken, &none), &IDENTITY_EXTERNAL_ID_TAKEN);
    CreateDepartmentRequest odd = department_request("Legal", "D 900");
    refuse(identity_create_department(someone_of(harbour), &odd, &none), &KONGSI_FIELD_INVALID);
    CreateDepartmentRequest orphan = department_request("Legal", "D901");
    orphan.parent_id = (char *)NEW_ID;
    refuse(identity_create_department(someone_of(harbour), &orphan, &none), &IDENTITY_DEPARTMENT_NOT_FOUND);
    /* The same request_id elsewhere is another request. */
    request.name = (char *)"Legal";
    succeed(identity_create_department(someone_of(other), &request, &none));
    assert_string_not_equal(none.id, root.id);
}

struct creator {
    struct rpc_ctx *ctx;
    const CreateDepartmentRequest *request;
    Department department;
    struct err *error;
};

static void *create_in_thread(void *argument)
{
    struct creator *creator = argument;
    kongsi__identity__v1__department__init(&creator->department);
    creator->error = identity_create_department(creator->ctx, creator->request, &creator->department);
    return NULL;
}

static void test_create_department_at_the_same_time(void **state)
{
    (void)state;
    CreateDepartmentRequest request = department_request("Twelvefold", "D912");
    struct creator creators[CREATORS];
    pthread_t threads[CREATORS];
    for (size_t i = 0; i < CREATORS; i++) {
        creators[i] = (struct creator){.ctx = someone_of(harbour), .request = &request};
    }
    for (size_t i = 0; i < CREATORS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, create_in_thread, &creators[i]), 0);
    }
    for (size_t i = 0; i < CREATORS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < CREATORS; i++) {
        succeed(creators[i].error);
        assert_string_equal(creators[i].department.id, creators[0].department.id);
    }
    assert_int_equal(test_pg_number(TEST_DATABASE, "SELECT count(*) FROM departments WHERE name = 'Twelvefold'"), 1);
}

static void test_old_answers_are_forgotten(void **state)
{
    (void)state;
    Department department = KONGSI__IDENTITY__V1__DEPARTMENT__INIT;
    test_pg_exec(TEST_DATABASE, "UPDATE requests SET create_time = create_time - interval '8 days'");
    CreateDepartmentRequest request = department_request("Archive", "D950");
    succeed(identity_create_department(someone_of(harbour), &request, &department));
    char sql[160];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM requests WHERE org_id = '%s'", harbour);
    assert_int_equal(test_pg_number(TEST_DATABASE, sql), 1);
}

/* --- organizations and roles, by operators -------------------------------------------------------------------------------
 */

static CreateOrganizationRequest organization_request(const char *slug)
{
    CreateOrganizationRequest request = KONGSI__IDENTITY__V1__CREATE_ORGANIZATION_REQUEST__INIT;
    request.request_id = new_request_id();
    request.slug = (char *)slug;
    request.name = (char *)"A company";
    return request;
}

static void test_create_organization(void **state)
{
    (void)state;
    Organization first = KONGSI__IDENTITY__V1__ORGANIZATION__INIT, again = first, none = first;
    CreateOrganizationRequest request = organization_request("third");
    succeed(identity_create_organization(test_ctx(), &request, &first));
    struct rpc_ctx *later = test_ctx();
    later->now = instant_add_ms(later->now, 60000);
    succeed(identity_create_organization(later, &request, &again));
    assert_string_equal(again.id, first.id);
    assert_int_equal(again.create_time->seconds, first.create_time->seconds);
    request.name = (char *)"Another company";
    refuse(identity_create_organization(test_ctx(), &request, &none), &KONGSI_REQUEST_ID_REUSED);
    CreateOrganizationRequest taken = organization_request("third");
    refuse(identity_create_organization(test_ctx(), &taken, &none), &IDENTITY_SLUG_TAKEN);
    CreateOrganizationRequest odd = organization_request("Third!");
    refuse(identity_create_organization(test_ctx(), &odd, &none), &KONGSI_FIELD_INVALID);
}

static struct err *set_role(const char *slug, const char *external_id, int role, User *user)
{
    SetUserRoleRequest request = KONGSI__IDENTITY__V1__SET_USER_ROLE_REQUEST__INIT;
    kongsi__identity__v1__user__init(user);
    request.organization = (char *)slug;
    request.external_id = (char *)external_id;
    request.role = (Kongsi__Identity__V1__UserRole)role;
    return identity_set_user_role(test_ctx(), &request, user);
}

static void test_set_user_role(void **state)
{
    (void)state;
    User user;
    int64_t updated = test_events("kongsi.identity.user.updated.v1");
    succeed(set_role("harbour-retail", "hr00001", USER_ROLE_ADMINISTRATOR, &user));
    assert_string_equal(user.external_id, "HR00001");
    assert_int_equal((int)user.role, USER_ROLE_ADMINISTRATOR);
    succeed(set_role("harbour-retail", "HR00001", USER_ROLE_ADMINISTRATOR, &user));
    assert_int_equal(test_events("kongsi.identity.user.updated.v1"), updated + 1);
    refuse(set_role("nowhere", "HR00001", USER_ROLE_MEMBER, &user), &IDENTITY_ORGANIZATION_NOT_FOUND);
    refuse(set_role("other", "HR00001", USER_ROLE_MEMBER, &user), &IDENTITY_USER_NOT_FOUND);
    /* An import leaves the role alone. */
    assert_true(test_import_files("harbour-retail", (struct bytes){NULL, 0}, test_example("staff.csv"), false)->applied);
    assert_int_equal((int)find_user(harbour, "hr00001")->role, USER_ROLE_ADMINISTRATOR);

    /* Who loses the role loses the tokens that hold it. */
    SessionTokens tokens = test_sign_in("hr00001", TEST_PASSWORD, "harbour-retail"),
                  none = KONGSI__IDENTITY__V1__SESSION_TOKENS__INIT;
    succeed(set_role("harbour-retail", "HR00001", USER_ROLE_MEMBER, &user));
    RefreshSessionRequest refresh = KONGSI__IDENTITY__V1__REFRESH_SESSION_REQUEST__INIT;
    refresh.refresh_token = tokens.refresh_token;
    refuse(identity_refresh_session(test_ctx(), &refresh, &none), &IDENTITY_REFRESH_TOKEN_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_me, tear_down_test),
        cmocka_unit_test_teardown(test_users_by_pages, tear_down_test),
        cmocka_unit_test_teardown(test_users_by_filter, tear_down_test),
        cmocka_unit_test_teardown(test_page_tokens_of_other_queries, tear_down_test),
        cmocka_unit_test_teardown(test_departments, tear_down_test),
        cmocka_unit_test_teardown(test_organizations_are_apart, tear_down_test),
        cmocka_unit_test_teardown(test_deleted_user_has_no_me, tear_down_test),
        cmocka_unit_test_teardown(test_create_department, tear_down_test),
        cmocka_unit_test_teardown(test_create_department_at_the_same_time, tear_down_test),
        cmocka_unit_test_teardown(test_old_answers_are_forgotten, tear_down_test),
        cmocka_unit_test_teardown(test_create_organization, tear_down_test),
        cmocka_unit_test_teardown(test_set_user_role, tear_down_test),
    };
    return cmocka_run_group_tests(tests, set_up, test_identity_stop);
}
