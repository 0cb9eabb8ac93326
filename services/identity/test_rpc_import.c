#include "services/identity/test_identity.h"

#include "gen/kongsi_errors.h"
#include "libshared/db/test_pg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 10000
/* The goal is 5 s on two idle cores. This is what nothing but a statement that reads everything for each row goes past. */
#define MANY_MS_MAX 40000

static const struct bytes NOTHING = {NULL, 0};

static int tear_down_test(void **state)
{
    (void)state;
    test_ctx_free_all();
    test_identity_set_development(true);
    return 0;
}

static int64_t count(const char *what)
{
    char sql[512];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", what);
    return test_pg_number(TEST_DATABASE, sql);
}

static int64_t all_events(void)
{
    return count("event_log");
}

static void test_example_is_imported_once(void **state)
{
    (void)state;
    test_organization("harbour");
    struct bytes departments = test_example("departments.csv"), staff = test_example("staff.csv");
    const ImportReport *report = test_import_files("harbour", departments, staff, true);
    assert_false(report->applied);
    assert_int_equal(report->users_created, 389);
    assert_int_equal(count("users") + count("departments") + all_events(), 0);

    report = test_import_files("harbour", departments, staff, false);
    assert_true(report->applied);
    assert_int_equal(report->error_count, 0);
    assert_int_equal(report->department_rows, 21);
    assert_int_equal(report->departments_created, 21);
    assert_int_equal(report->user_rows, 389);
    assert_int_equal(report->users_created, 389);
    assert_int_equal(count("users WHERE status = 4"), 3);
    assert_int_equal(count("users WHERE manager_id IS NULL"), 1);
    assert_int_equal(test_events("kongsi.identity.user.created.v1"), 389);
    assert_int_equal(test_events("kongsi.identity.department.created.v1"), 21);
    assert_int_equal(count("credentials"), 386);
    assert_int_equal(count("login_identifiers WHERE kind = 1"), 386);

    int64_t before = all_events();
    report = test_import_files("harbour", departments, staff, false);
    assert_true(report->applied);
    assert_int_equal(report->users_unchanged, 389);
    assert_int_equal(
        report->users_created + report->users_updated + report->departments_created + report->departments_updated, 0);
    assert_int_equal(all_events(), before);
}

static void test_errors_write_nothing(void **state)
{
    (void)state;
    test_organization("clumsy");
    int64_t users = count("users"), events = all_events();
    const ImportReport *report =
        test_import_files("clumsy", test_example("departments.csv"), test_example("staff_with_errors.csv"), false);
    assert_false(report->applied);
    assert_int_equal(report->error_count, 9);
    assert_int_equal(report->n_errors, 9);
    assert_string_equal(report->errors[0]->reason, "UNKNOWN_MANAGER");
    assert_string_equal(report->errors[0]->column, "Manager_ID");
    assert_int_equal(report->errors[0]->row, 4);
    assert_int_equal(report->departments_created + report->users_created, 0);
    assert_int_equal(count("users"), users);
    assert_int_equal(all_events(), events);
}

static const char *join(const char *a, const char *b)
{
    return arena_printf(test_ctx()->arena, "%s%s", a, b);
}

static void test_import_again_updates(void **state)
{
    (void)state;
    test_organization("changing");
    const char *one = test_row("E1", "Chan Tai Man", "a@x.hk", "91234567", "", "Active");
    const char *two = test_row("E2", "Lee Siu Ming", "b@x.hk", "", "E1", "Active");
    assert_true(test_import("changing", join(one, two))->applied);
    int64_t updated = test_events("kongsi.identity.user.updated.v1"),
            created = test_events("kongsi.identity.user.created.v1");

    /* Addresses change hands, the manager turns round, somebody comes: matched by Employee_ID, in whatever case. */
    one = test_row("e1", "Chan Tai Man", "b@x.hk", "", "e3", "Active");
    two = join(test_row("E2", "Lee Siu Ming", "a@x.hk", "91234567", "E1", "Active"),
        test_row("E3", "Ho Wai", "", "", "", "Active"));
    const ImportReport *report = test_import("changing", join(one, two));
    assert_true(report->applied);
    assert_int_equal(report->users_created, 1);
    assert_int_equal(report->users_updated, 2);
    assert_int_equal(test_events("kongsi.identity.user.updated.v1"), updated + 2);
    assert_int_equal(test_events("kongsi.identity.user.created.v1"), created + 1);
    assert_int_equal(
        count("login_identifiers l JOIN users u ON u.id = l.user_id WHERE l.value = 'b@x.hk' AND u.external_id = 'e1'"), 1);

    /* A row alone leaves the others as they are. */
    report = test_import("changing", test_row("E3", "Ho Wai Man", "", "", "", "Active"));
    assert_int_equal(report->users_updated, 1);
    assert_int_equal(count("users WHERE legal_name = 'Chan Tai Man'"), 1);
}

static void test_departments_change(void **state)
{
    (void)state;
    test_organization("moving");
    static const char BEFORE[] = "Department_ID,Name,Chinese_Name,Parent_ID\nA,Company,,\nB,Shop,,A\nC,Desk,,B\n";
    static const char AFTER[] = "Department_ID,Name,Chinese_Name,Parent_ID\nB,Shops,店,\na,Company,,B\n";
    static const char CIRCLE[] = "Department_ID,Name,Chinese_Name,Parent_ID\nB,Shops,店,C\n";
    int64_t updated = test_events("kongsi.identity.department.updated.v1");
    assert_true(
        test_import_files("moving", (struct bytes){(const uint8_t *)BEFORE, sizeof(BEFORE) - 1}, NOTHING, false)->applied);
    const ImportReport *report =
        test_import_files("moving", (struct bytes){(const uint8_t *)AFTER, sizeof(AFTER) - 1}, NOTHING, false);
    assert_true(report->applied);
    assert_int_equal(report->departments_updated, 2);
    assert_int_equal(test_events("kongsi.identity.department.updated.v1"), updated + 2);
    report = test_import_files("moving", (struct bytes){(const uint8_t *)CIRCLE, sizeof(CIRCLE) - 1}, NOTHING, false);
    assert_string_equal(report->errors[0]->reason, "DEPARTMENT_CIRCLE");
}

static void test_people_leave_and_come_back(void **state)
{
    (void)state;
    test_organization("revolving");
    assert_true(test_import("revolving", test_row("E1", "Chan Tai Man", "door@x.hk", "", "", "Active"))->applied);
    test_sign_in("door@x.hk", TEST_PASSWORD, "");
    int64_t ended = test_events("kongsi.identity.session.ended.v1");
    assert_true(test_import("revolving", test_row("E1", "Chan Tai Man", "door@x.hk", "", "", "Terminated"))->applied);
    assert_int_equal(test_events("kongsi.identity.session.ended.v1"), ended + 1);
    const char *credentials = "credentials c JOIN users u ON u.id = c.user_id WHERE u.work_email = 'door@x.hk'";
    assert_int_equal(count(credentials), 0);
    /* The address may go to somebody else, who then keeps it. */
    assert_true(test_import("revolving", test_row("E2", "Lee Siu Ming", "door@x.hk", "", "", "Active"))->applied);
    const ImportReport *report = test_import("revolving", test_row("E1", "Chan Tai Man", "door@x.hk", "", "", "Active"));
    assert_string_equal(report->errors[0]->reason, "DUPLICATE_EMAIL");
    assert_string_equal(report->errors[0]->message, "another person has it already");
    /* Without the development password who comes back is invited anew. */
    test_identity_set_development(false);
    assert_true(test_import("revolving", test_row("E1", "Chan Tai Man", "", "", "", "Active"))->applied);
    assert_int_equal(
        count("users WHERE external_id = 'E1' AND status = 1 AND legal_name = 'Chan Tai Man' AND work_email = ''"), 1);
}

static void test_what_cannot_be_read(void **state)
{
    (void)state;
    test_organization("broken");
    ImportOrganizationDirectoryRequest request = KONGSI__IDENTITY__V1__IMPORT_ORGANIZATION_DIRECTORY_REQUEST__INIT;
    ImportReport report = KONGSI__IDENTITY__V1__IMPORT_REPORT__INIT;
    request.organization = (char *)"broken";
    refuse(identity_import_organization_directory(test_ctx(), &request, &report), &IDENTITY_IMPORT_INVALID);
    static uint8_t text[] = "%PDF-1.7\n";
    request.staff_csv = (ProtobufCBinaryData){sizeof(text) - 1, text};
    refuse(identity_import_organization_directory(test_ctx(), &request, &report), &IDENTITY_IMPORT_INVALID);
    request.organization = (char *)"nowhere";
    refuse(identity_import_organization_directory(test_ctx(), &request, &report), &IDENTITY_ORGANIZATION_NOT_FOUND);
}

static void test_import_by_a_person(void **state)
{
    (void)state;
    const char *org_id = test_organization("personal");
    static uint8_t text[] = "Department_ID,Name,Chinese_Name,Parent_ID\nA,Company,,\n";
    ImportDirectoryRequest request = KONGSI__IDENTITY__V1__IMPORT_DIRECTORY_REQUEST__INIT;
    ImportReport report = KONGSI__IDENTITY__V1__IMPORT_REPORT__INIT;
    request.departments_csv = (ProtobufCBinaryData){sizeof(text) - 1, text};
    succeed(identity_import_directory(test_ctx_of(org_id, org_id, org_id), &request, &report));
    assert_true(report.applied);
    assert_int_equal(report.departments_created, 1);
}

static const char *many_rows(const char *title)
{
    struct arena *arena = test_ctx()->arena;
    size_t size = (size_t)MANY * 200, length = 0;
    char *text = arena_alloc(arena, size);
    length += (size_t)snprintf(text, size,
        "Employee_ID,Legal_Name,Preferred_Name,Chinese_Name,Work_Email,Mobile,Business_Title,"
        "Department_ID,Manager_ID,Worker_Type,Weekly_Hours,Location,Hire_Date,Preferred_Language,Status\n");
    for (int i = MANY; i > 0; i--) {
        length += (size_t)snprintf(text + length, size - length,
            "M%05d,Chan Tai Man %d,Peter,陳大文,m%05d@example.hk,+852 "
            "6%07d,%s,D%d,%.*s%05d,Regular,45,Central,2020-02-29,zh-HK,Active\n",
            i, i, i, i, title, i % 20, i == 1 ? 0 : 1, "M", i == 1 ? 0 : i / 10 + 1);
    }
    /* The one at the top has no manager. */
    char *top = strstr(text, "D1,00000,");
    assert_non_null(top);
    memmove(top + 3, top + 8, strlen(top + 8) + 1);
    return text;
}

static int64_t import_many(const char *title, int32_t created, int32_t updated)
{
    struct arena *arena = test_ctx()->arena;
    char *departments = arena_strdup(arena, "Department_ID,Name,Chinese_Name,Parent_ID\n");
    for (int i = 0; i < 20; i++) {
        departments = arena_printf(arena, "%sD%d,Department %d,,%s\n", departments, i, i, i ? "D0" : "");
    }
    const char *staff = many_rows(title);
    int64_t begin_ms = clock_monotonic_ms();
    const ImportReport *report = test_import_files("many", (struct bytes){(const uint8_t *)departments, strlen(departments)},
        (struct bytes){(const uint8_t *)staff, strlen(staff)}, false);
    int64_t took_ms = clock_monotonic_ms() - begin_ms;
    if (report->n_errors > 0) {
        fail_msg("row %d, %s: %s", report->errors[0]->row, report->errors[0]->column, report->errors[0]->message);
    }
    assert_true(report->applied);
    assert_int_equal(report->users_created, created);
    assert_int_equal(report->users_updated, updated);
    return took_ms;
}

static void test_many_people(void **state)
{
    (void)state;
    test_organization("many");
    int64_t created_ms = import_many("Clerk", MANY, 0);
    int64_t unchanged_ms = import_many("Clerk", 0, 0);
    int64_t updated_ms = import_many("Officer", 0, MANY);
    printf("%d people: created in %lld ms, unchanged %lld ms, updated %lld ms\n", MANY, (long long)created_ms,
        (long long)unchanged_ms, (long long)updated_ms);
    assert_true(created_ms < MANY_MS_MAX && unchanged_ms < MANY_MS_MAX && updated_ms < MANY_MS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_example_is_imported_once, tear_down_test),
        cmocka_unit_test_teardown(test_errors_write_nothing, tear_down_test),
        cmocka_unit_test_teardown(test_import_again_updates, tear_down_test),
        cmocka_unit_test_teardown(test_departments_change, tear_down_test),
        cmocka_unit_test_teardown(test_people_leave_and_come_back, tear_down_test),
        cmocka_unit_test_teardown(test_what_cannot_be_read, tear_down_test),
        cmocka_unit_test_teardown(test_import_by_a_person, tear_down_test),
        cmocka_unit_test_teardown(test_many_people, tear_down_test),
    };
    return cmocka_run_group_tests(tests, test_identity_start, test_identity_stop);
}
