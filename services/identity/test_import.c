#include "services/identity/import.h"

#include "gen/identity_errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DEPARTMENT_HEAD "Department_ID,Name,Chinese_Name,Parent_ID\n"
#define STAFF_HEAD                                                                                                          \
    "Employee_ID,Legal_Name,Preferred_Name,Chinese_Name,Work_Email,Mobile,Business_Title,Department_ID,Manager_ID,"         \
    "Worker_Type,Weekly_Hours,Location,Hire_Date,Preferred_Language,Status\n"

static const struct instant NOW = {1800000000LL * 1000000};
static const struct import_directory EMPTY = {.departments = NULL};

static struct bytes bytes_of(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static struct bytes read_example(struct arena *arena, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", EXAMPLE_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *data = arena_alloc(arena, 1000000);
    size_t length = fread(data, 1, 1000000, file);
    fclose(file);
    return (struct bytes){data, length};
}

/* The report as lines: "staff 4 Manager_ID UNKNOWN_MANAGER HR99999". */
static char *print_errors(struct arena *arena, const struct import *import)
{
    ImportReport report = KONGSI__IDENTITY__V1__IMPORT_REPORT__INIT;
    assert_null(import_report_errors(import, arena, &report));
    char *text = arena_strdup(arena, "");
    for (size_t i = 0; i < report.n_errors; i++) {
        const ImportError *error = report.errors[i];
        assert_true(utf8_length(error->value, strlen(error->value)) <= IMPORT_VALUE_LENGTH_MAX);
        assert_true(error->message[0] != '\0');
        text = arena_printf(
            arena, "%s%s %d %s %s %s\n", text, error->file, error->row, error->column, error->reason, error->value);
    }
    return text;
}

static char *check_files(
    struct arena *arena, struct bytes departments, struct bytes staff, const struct import_directory *directory)
{
    struct import import;
    const struct import_sources sources = {departments, staff};
    assert_null(import_read(arena, &sources, &import));
    assert_null(import_check(&import, directory));
    return print_errors(arena, &import);
}

static struct import_plan plan_files(struct arena *arena, struct bytes departments, struct bytes staff,
    const struct import_directory *directory, bool development)
{
    struct import import;
    struct import_plan plan;
    const struct import_sources sources = {departments, staff};
    assert_null(import_read(arena, &sources, &import));
    assert_null(import_check(&import, directory));
    assert_string_equal(print_errors(arena, &import), "");
    assert_null(import_plan(&import, directory, NOW, development, &plan));
    return plan;
}

static struct import_directory directory_of(const struct import_plan *plan)
{
    return (struct import_directory){
        plan->departments_created, plan->departments_created_count, plan->users_created, plan->users_created_count};
}

static void test_example_with_errors(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    char *errors =
        check_files(arena, read_example(arena, "departments.csv"), read_example(arena, "staff_with_errors.csv"), &EMPTY);
    char long_name[100 * 4 + 1] = "";
    for (int i = 0; i < 34; i++) {
        strcat(long_name, i < 33 ? "𠮷野家" : "𠮷");
    }
    char *want = arena_printf(arena,
        "staff 4 Manager_ID UNKNOWN_MANAGER HR99999\n"
        "staff 6 Department_ID UNKNOWN_DEPARTMENT D999\n"
        "staff 8 Employee_ID DUPLICATE_ID HR00006\n"
        "staff 10 Work_Email DUPLICATE_EMAIL hr00008@example.hk.example\n"
        "staff 12 Hire_Date INVALID_DATE 31/02/2020\n"
        "staff 14 Legal_Name FORMULA =HYPERLINK(\"http://example.test\")\n"
        "staff 16 Manager_ID MANAGER_CIRCLE HR00016\n"
        "staff 17 Manager_ID MANAGER_CIRCLE HR00015\n"
        "staff 18 Chinese_Name TOO_LONG %s\n",
        long_name);
    assert_string_equal(errors, want);
}

static const User *find_user(const struct import_plan *plan, const char *external_id)
{
    for (size_t i = 0; i < plan->users_created_count; i++) {
        if (strcmp(plan->users_created[i]->external_id, external_id) == 0) {
            return plan->users_created[i];
        }
    }
    fail_msg("no %s", external_id);
    return NULL;
}

static void test_example(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    struct bytes departments = read_example(arena, "departments.csv"), staff = read_example(arena, "staff.csv");
    struct import_plan plan = plan_files(arena, departments, staff, &EMPTY, true);
    assert_int_equal(plan.departments_created_count, 21);
    assert_int_equal(plan.users_created_count, 389);
    assert_int_equal(plan.activated_count, 386);
    assert_int_equal(plan.leaving_count, 0);
    const User *joyce = find_user(&plan, "HR00001"), *left = find_user(&plan, "HR00041"),
               *part = find_user(&plan, "HR00075");
    assert_string_equal(joyce->display_name, "Joyce Szeto 司徒詠詩");
    assert_string_equal(joyce->mobile, "+85200018065");
    assert_string_equal(joyce->manager_id, "");
    assert_int_equal((int)joyce->status, USER_STATUS_ACTIVE);
    assert_int_equal((int)left->status, USER_STATUS_LEFT);
    assert_int_equal(part->weekly_minutes, 17 * 60);
    assert_string_equal(part->display_name, "Eric Au Yeung 歐陽卓軒");
    assert_string_equal(find_user(&plan, "HR00002")->manager_id, joyce->id);

    /* The same again changes nothing. */
    struct import_directory directory = directory_of(&plan);
    struct import_plan again = plan_files(arena, departments, staff, &directory, true);
    assert_int_equal(again.departments_created_count + again.departments_updated_count, 0);
    assert_int_equal(again.users_created_count + again.users_updated_count + again.activated_count + again.leaving_count, 0);
    assert_int_equal(again.users_unchanged_count, 389);
}

static void test_department_rows(void **state)
{
    (void)state;
    static const struct {
        const char *name, *rows, *want;
    } CASES[] = {
        {"good, parents in any order", "D2,Shop,店,D1\nD1,Company,,\n", ""},
        {"circle of three", "A,a,,B\nB,b,,C\nC,c,,A\nD,d,,A\n",
            "departments 2 Parent_ID DEPARTMENT_CIRCLE B\ndepartments 3 Parent_ID DEPARTMENT_CIRCLE C\n"
            "departments 4 Parent_ID DEPARTMENT_CIRCLE A\n"},
        {"below itself", "A,a,,a\n", "departments 2 Parent_ID DEPARTMENT_CIRCLE a\n"},
        {"unknown parent", "A,a,,Z\n", "departments 2 Parent_ID UNKNOWN_DEPARTMENT Z\n"},
        {"id twice, in another case", "A,a,,\na,b,,\n", "departments 3 Department_ID DUPLICATE_ID a\n"},
        {"missing cells", ",a,,\nB,,,\n", "departments 2 Department_ID MISSING \ndepartments 3 Name MISSING \n"},
        {"white space is nothing", "A,\xc2\xa0 \xe3\x80\x80,,\n", "departments 2 Name MISSING \xc2\xa0 \xe3\x80\x80\n"},
        {"column count", "A,a,\nB,b,,,\nC,c,,A\n",
            "departments 2  WRONG_COLUMN_COUNT \ndepartments 3  WRONG_COLUMN_COUNT \n"
            "departments 4 Parent_ID UNKNOWN_DEPARTMENT A\n"},
        {"id of odd characters", "A B,a,,\n", "departments 2 Department_ID INVALID_VALUE A B\n"},
        {"invalid UTF-8", "A,caf\xe9,,\nB,\xed\xa0\x80,,\n",
            "departments 2 Name INVALID_UTF8 caf\xef\xbf\xbd\n"
            "departments 3 Name INVALID_UTF8 \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n"},
        {"formulas", "A,+1,,\nB,-x,,\nC,@SUM,,\nD, =1,,\nE,\tx,,\n",
            "departments 2 Name FORMULA +1\ndepartments 3 Name FORMULA -x\ndepartments 4 Name FORMULA @SUM\n"
            "departments 5 Name FORMULA  =1\ndepartments 6 Name FORMULA \tx\n"},
        {"line break", "A,\"a\nb\",,\n", "departments 2 Name INVALID_VALUE a\nb\n"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        char *text = arena_printf(arena, DEPARTMENT_HEAD "%s", CASES[i].rows);
        char *errors = check_files(arena, bytes_of(text), bytes_of(""), &EMPTY);
        if (strcmp(errors, CASES[i].want) != 0) {
            fail_msg("%s:\n%s", CASES[i].name, errors);
        }
    }
}

/* A row of staff.csv with some cells replaced: {column, value}, …, -1. */
static char *staff_row(struct arena *arena, const char *id, ...)
{
    const char *cells[STAFF_COLUMNS] = {id, "Chan Tai Man", "Peter", "陳大文", "", "", "Clerk", "D1", "", "Regular", "45",
        "Central", "2020-02-29", "zh-HK", "Active"};
    va_list arguments;
    va_start(arguments, id);
    for (int column; (column = va_arg(arguments, int)) >= 0;) {
        cells[column] = va_arg(arguments, const char *);
    }
    va_end(arguments);
    char *row = arena_strdup(arena, cells[0]);
    for (size_t i = 1; i < STAFF_COLUMNS; i++) {
        row = arena_printf(arena, "%s,%s", row, cells[i]);
    }
    return arena_printf(arena, "%s\n", row);
}

static const char COMPANY[] = DEPARTMENT_HEAD "D1,Company,,\n";

static void test_staff_cells(void **state)
{
    (void)state;
    static const struct {
        int column;
        const char *value, *reason; /* NULL: accepted */
    } CASES[] = {
        {STAFF_LEGAL_NAME, "", "MISSING"},
        {STAFF_LEGAL_NAME, "O'Connor-Smith \"\"", NULL},
        {STAFF_PREFERRED_NAME, "", NULL},
        {STAFF_WORK_EMAIL, "Peter@Example.hk", NULL},
        {STAFF_WORK_EMAIL, "peter", "INVALID_VALUE"},
        {STAFF_MOBILE, "+852 9123 4567", NULL},
        {STAFF_MOBILE, "9123 4567", NULL},
        {STAFF_MOBILE, "=1+1", "FORMULA"},
        {STAFF_MOBILE, "+cmd", "INVALID_VALUE"},
        {STAFF_MOBILE, "12345", "INVALID_VALUE"},
        {STAFF_DEPARTMENT_ID, "", "MISSING"},
        {STAFF_DEPARTMENT_ID, "d1", NULL},
        {STAFF_MANAGER_ID, "E1", "MANAGER_CIRCLE"},
        {STAFF_WORKER_TYPE, "Part-time", NULL},
        {STAFF_WORKER_TYPE, "part-TIME", NULL},
        {STAFF_WORKER_TYPE, "Slave", "INVALID_VALUE"},
        {STAFF_WORKER_TYPE, "", "MISSING"},
        {STAFF_WEEKLY_HOURS, "37.5", NULL},
        {STAFF_WEEKLY_HOURS, "168", NULL},
        {STAFF_WEEKLY_HOURS, "169", "INVALID_VALUE"},
        {STAFF_WEEKLY_HOURS, "-1", "FORMULA"},
        {STAFF_WEEKLY_HOURS, "4x", "INVALID_VALUE"},
        {STAFF_WEEKLY_HOURS, "1e3", "INVALID_VALUE"},
        {STAFF_WEEKLY_HOURS, "", "MISSING"},
        {STAFF_HIRE_DATE, "", NULL},
        {STAFF_HIRE_DATE, "2023-02-29", "INVALID_DATE"},
        {STAFF_HIRE_DATE, "01/02/2023", "INVALID_DATE"},
        {STAFF_HIRE_DATE, "2023-1-2", "INVALID_DATE"},
        {STAFF_PREFERRED_LANGUAGE, "", NULL},
        {STAFF_PREFERRED_LANGUAGE, "fr", "INVALID_VALUE"},
        {STAFF_STATUS, "On Leave", NULL},
        {STAFF_STATUS, "Terminated", NULL},
        {STAFF_STATUS, "Retired", "INVALID_VALUE"},
        {STAFF_STATUS, "", "MISSING"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        char *cell = strchr(CASES[i].value, '"') ? arena_printf(arena, "\"%s\"", CASES[i].value)
                                                 : arena_strdup(arena, CASES[i].value);
        char *text = arena_printf(arena, STAFF_HEAD "%s", staff_row(arena, "E1", CASES[i].column, cell, -1));
        char *errors = check_files(arena, bytes_of(COMPANY), bytes_of(text), &EMPTY);
        const char *column = IMPORT_COLUMNS[IMPORT_STAFF].items[CASES[i].column].name;
        char *want = CASES[i].reason ? arena_printf(arena, "staff 2 %s %s %s\n", column, CASES[i].reason, CASES[i].value)
                                     : arena_strdup(arena, "");
        assert_string_equal(errors, want);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    char name[81 * 4 + 1] = "";
    for (int i = 0; i < 80; i++) {
        strcat(name, "𠮷");
    }
    char *text = arena_printf(arena, STAFF_HEAD "%s", staff_row(arena, "E1", STAFF_CHINESE_NAME, name, -1));
    assert_string_equal(check_files(arena, bytes_of(COMPANY), bytes_of(text), &EMPTY), "");
    strcat(name, "x");
    text = arena_printf(arena, STAFF_HEAD "%s", staff_row(arena, "E1", STAFF_CHINESE_NAME, name, -1));
    assert_non_null(strstr(check_files(arena, bytes_of(COMPANY), bytes_of(text), &EMPTY), "Chinese_Name TOO_LONG"));
}

static void test_identifiers_within_the_file(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    char *text = arena_printf(arena, STAFF_HEAD "%s%s%s%s",
        staff_row(arena, "E1", STAFF_WORK_EMAIL, "a@x.hk", STAFF_MOBILE, "91234567", -1),
        staff_row(arena, "E2", STAFF_WORK_EMAIL, "A@X.HK", STAFF_MOBILE, "+852 9123 4567", -1),
        staff_row(arena, "E3", STAFF_WORK_EMAIL, "a@x.hk", STAFF_STATUS, "Terminated", -1),
        staff_row(arena, "E4", STAFF_WORK_EMAIL, "b@x.hk", STAFF_MANAGER_ID, "e3", -1));
    assert_string_equal(check_files(arena, bytes_of(COMPANY), bytes_of(text), &EMPTY),
        "staff 3 Work_Email DUPLICATE_EMAIL A@X.HK\nstaff 3 Mobile DUPLICATE_MOBILE +85291234567\n");
}

/* Somebody with an address, a number, and a manager, already there. */
static struct import_directory make_directory(struct arena *arena)
{
    char *text = arena_printf(arena, STAFF_HEAD "%s%s", staff_row(arena, "E1", STAFF_WORK_EMAIL, "a@x.hk", -1),
        staff_row(arena, "E2", STAFF_MOBILE, "91234567", STAFF_MANAGER_ID, "E1", -1));
    struct import_plan plan = plan_files(arena, bytes_of(COMPANY), bytes_of(text), &EMPTY, false);
    return directory_of(&plan);
}

static void test_against_the_directory(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    struct import_directory directory = make_directory(arena);
    const struct {
        const char *row, *want;
    } cases[] = {
        {staff_row(arena, "E3", STAFF_MANAGER_ID, "e2", -1), ""},
        {staff_row(arena, "E3", STAFF_WORK_EMAIL, "A@x.hk", -1), "staff 2 Work_Email DUPLICATE_EMAIL A@x.hk\n"},
        {staff_row(arena, "E3", STAFF_MOBILE, "9123 4567", -1), "staff 2 Mobile DUPLICATE_MOBILE +85291234567\n"},
        {staff_row(arena, "E1", STAFF_WORK_EMAIL, "a@x.hk", -1), ""},
        {staff_row(arena, "e1", STAFF_MANAGER_ID, "E2", -1), "staff 2 Manager_ID MANAGER_CIRCLE E2\n"},
        {staff_row(arena, "E3", STAFF_DEPARTMENT_ID, "D9", -1), "staff 2 Department_ID UNKNOWN_DEPARTMENT D9\n"},
        /* E1 gives the address away in the same file. */
        {arena_printf(arena, "%s%s", staff_row(arena, "E3", STAFF_WORK_EMAIL, "a@x.hk", -1), staff_row(arena, "E1", -1)),
            ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = arena_printf(arena, STAFF_HEAD "%s", cases[i].row);
        assert_string_equal(check_files(arena, bytes_of(""), bytes_of(text), &directory), cases[i].want);
    }
    assert_string_equal(
        check_files(arena, bytes_of(DEPARTMENT_HEAD "D2,Shop,,d1\nD1,Company,,D2\n"), bytes_of(""), &directory),
        "departments 2 Parent_ID DEPARTMENT_CIRCLE d1\ndepartments 3 Parent_ID DEPARTMENT_CIRCLE D2\n");
}

static void test_status_of_people(void **state)
{
    (void)state;
    static const struct {
        int before;
        const char *in_file;
        bool development;
        int after;
        bool leaving, activated;
    } CASES[] = {
        {USER_STATUS_INVITED, "Active", false, USER_STATUS_INVITED, false, false},
        {USER_STATUS_INVITED, "Active", true, USER_STATUS_INVITED, false, false},
        {USER_STATUS_ACTIVE, "On Leave", false, USER_STATUS_ACTIVE, false, false},
        {USER_STATUS_SUSPENDED, "Active", true, USER_STATUS_SUSPENDED, false, false},
        {USER_STATUS_ACTIVE, "Terminated", false, USER_STATUS_LEFT, true, false},
        {USER_STATUS_SUSPENDED, "Terminated", false, USER_STATUS_LEFT, true, false},
        {USER_STATUS_LEFT, "Terminated", false, USER_STATUS_LEFT, false, false},
        {USER_STATUS_LEFT, "Active", false, USER_STATUS_INVITED, false, false},
        {USER_STATUS_LEFT, "Active", true, USER_STATUS_ACTIVE, false, true},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        struct import_directory directory = make_directory(arena);
        directory.users[0]->status = (Kongsi__Identity__V1__UserStatus)CASES[i].before;
        directory.users[0]->avatar_etag = arena_strdup(arena, "etag");
        char *text = arena_printf(arena, STAFF_HEAD "%s",
            staff_row(
                arena, "E1", STAFF_WORK_EMAIL, "a@x.hk", STAFF_BUSINESS_TITLE, "Boss", STAFF_STATUS, CASES[i].in_file, -1));
        struct import_plan plan = plan_files(arena, bytes_of(""), bytes_of(text), &directory, CASES[i].development);
        assert_int_equal(plan.users_updated_count, 1);
        assert_int_equal((int)plan.users_updated[0]->status, CASES[i].after);
        assert_string_equal(plan.users_updated[0]->id, directory.users[0]->id);
        assert_string_equal(plan.users_updated[0]->avatar_etag, "etag");
        assert_int_equal(plan.leaving_count, CASES[i].leaving);
        assert_int_equal(plan.activated_count, CASES[i].activated);
    }
}

static void test_files_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *departments, *staff, *message;
    } CASES[] = {
        {"", "", "both empty"},
        {"\xef\xbb\xbf", "", "departments: the file is empty"},
        {"Department_ID,Name,Chinese_Name\n", "", "departments: the column Parent_ID is missing"},
        {"Department_ID,Name,Name,Chinese_Name,Parent_ID\n", "", "departments: the column Name stands there twice"},
        {"Department_ID,Name,Chinese_Name,Parent_ID,Boss\n", "", "departments: there is no column 'Boss'"},
        {"department_id,Name,Chinese_Name,Parent_ID\n", "", "departments: there is no column 'department_id'"},
        {"\xff\xfe"
         "D,N\n",
            "", "departments: the first row is not UTF-8"},
        {"Department_ID;Name;Chinese_Name;Parent_ID\n", "", "departments: there is no column 'Department_ID;Name"},
        {DEPARTMENT_HEAD "A,\"a,,\n", "", "departments: row 2: the quote"},
        {DEPARTMENT_HEAD, DEPARTMENT_HEAD, "staff: there is no column 'Name'"},
    };
    for (size_t i = 0; i < COUNT(CASES); i++) {
        ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        struct import import;
        const struct import_sources sources = {bytes_of(CASES[i].departments), bytes_of(CASES[i].staff)};
        ERR_AUTO error = import_read(arena, &sources, &import);
        assert_true(err_is(error, &IDENTITY_IMPORT_INVALID));
        if (!strstr(error->message, CASES[i].message)) {
            fail_msg("%s", error->message);
        }
    }
}

static void test_columns_in_any_order(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    struct import_plan plan = plan_files(
        arena, bytes_of("Parent_ID,Name,Chinese_Name,Department_ID\n,Company,公司,D1\n"), bytes_of(""), &EMPTY, false);
    assert_string_equal(plan.departments_created[0]->external_id, "D1");
    assert_string_equal(plan.departments_created[0]->chinese_name, "公司");
}

static void test_many_errors(void **state)
{
    (void)state;
    ARENA_AUTO arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
    char *text = arena_alloc(arena, 100000);
    strcpy(text, DEPARTMENT_HEAD);
    for (int i = 0; i < 1500; i++) {
        strcat(text, "A,,,\n");
    }
    struct import import;
    ImportReport report = KONGSI__IDENTITY__V1__IMPORT_REPORT__INIT;
    const struct import_sources sources = {bytes_of(text), bytes_of("")};
    assert_null(import_read(arena, &sources, &import));
    assert_null(import_check(&import, &EMPTY));
    assert_null(import_report_errors(&import, arena, &report));
    assert_int_equal(report.error_count, 1500 + 1499);
    assert_int_equal(report.n_errors, IMPORT_ERRORS_REPORTED_MAX);
    assert_int_equal(report.errors[1]->row, 3);
    assert_string_equal(report.errors[1]->reason, "DUPLICATE_ID");
    assert_string_equal(report.errors[2]->reason, "MISSING");
}

static void test_weekly_minutes(void **state)
{
    (void)state;
    static const struct {
        const char *hours;
        int minutes;
    } CASES[] = {{"0", 0}, {"45", 2700}, {"37.5", 2250}, {"37.25", 2235}, {"168", 10080}, {"168.05", -1}, {"0.33", -1},
        {"1.", -1}, {".5", -1}, {"", -1}, {"1.123", -1}, {"99999", -1}, {"99999999999", -1}, {"4 5", -1}, {"007", 420}};
    for (size_t i = 0; i < COUNT(CASES); i++) {
        assert_int_equal(import_weekly_minutes(CASES[i].hours), CASES[i].minutes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example_with_errors),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_department_rows),
        cmocka_unit_test(test_staff_cells),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_identifiers_within_the_file),
        cmocka_unit_test(test_against_the_directory),
        cmocka_unit_test(test_status_of_people),
        cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_columns_in_any_order),
        cmocka_unit_test(test_many_errors),
        cmocka_unit_test(test_weekly_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
