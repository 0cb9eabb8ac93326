/* The columns of the two files, and what a single cell may hold. */
#include "services/identity/import.h"

#include <string.h>

#define NAME_LENGTH_MAX 80
#define TEXT_LENGTH_MAX 100
#define MINUTES_PER_WEEK (7 * 24 * 60)

static const char *const WORKER_TYPES[] = {"Regular", "Part-time", "Temporary", "Contract", "Intern", NULL};
static const char *const LANGUAGES[] = {"zh-HK", "en", "zh-CN", NULL};
static const char *const STATUSES[] = {"Active", "On Leave", "Terminated", NULL};

static const struct import_column DEPARTMENT_COLUMN_LIST[DEPARTMENT_COLUMNS] = {
    [DEPARTMENT_ID] = {"Department_ID", IMPORT_ID, IDENTIFIER_EXTERNAL_ID_LENGTH_MAX, true, NULL},
    [DEPARTMENT_NAME] = {"Name", IMPORT_TEXT, TEXT_LENGTH_MAX, true, NULL},
    [DEPARTMENT_CHINESE_NAME] = {"Chinese_Name", IMPORT_TEXT, TEXT_LENGTH_MAX, false, NULL},
    [DEPARTMENT_PARENT_ID] = {"Parent_ID", IMPORT_ID, IDENTIFIER_EXTERNAL_ID_LENGTH_MAX, false, NULL},
};

static const struct import_column STAFF_COLUMN_LIST[STAFF_COLUMNS] = {
    [STAFF_EMPLOYEE_ID] = {"Employee_ID", IMPORT_ID, IDENTIFIER_EXTERNAL_ID_LENGTH_MAX, true, NULL},
    [STAFF_LEGAL_NAME] = {"Legal_Name", IMPORT_TEXT, NAME_LENGTH_MAX, true, NULL},
    [STAFF_PREFERRED_NAME] = {"Preferred_Name", IMPORT_TEXT, NAME_LENGTH_MAX, false, NULL},
    [STAFF_CHINESE_NAME] = {"Chinese_Name", IMPORT_TEXT, NAME_LENGTH_MAX, false, NULL},
    [STAFF_WORK_EMAIL] = {"Work_Email", IMPORT_EMAIL, IDENTIFIER_EMAIL_LENGTH_MAX, false, NULL},
    [STAFF_MOBILE] = {"Mobile", IMPORT_MOBILE, 32, false, NULL},
    [STAFF_BUSINESS_TITLE] = {"Business_Title", IMPORT_TEXT, TEXT_LENGTH_MAX, false, NULL},
    [STAFF_DEPARTMENT_ID] = {"Department_ID", IMPORT_ID, IDENTIFIER_EXTERNAL_ID_LENGTH_MAX, true, NULL},
    [STAFF_MANAGER_ID] = {"Manager_ID", IMPORT_ID, IDENTIFIER_EXTERNAL_ID_LENGTH_MAX, false, NULL},
    [STAFF_WORKER_TYPE] = {"Worker_Type", IMPORT_CHOICE, TEXT_LENGTH_MAX, true, WORKER_TYPES},
    [STAFF_WEEKLY_HOURS] = {"Weekly_Hours", IMPORT_HOURS, 8, true, NULL},
    [STAFF_LOCATION] = {"Location", IMPORT_TEXT, TEXT_LENGTH_MAX, false, NULL},
    [STAFF_HIRE_DATE] = {"Hire_Date", IMPORT_DATE, 32, false, NULL},
    [STAFF_PREFERRED_LANGUAGE] = {"Preferred_Language", IMPORT_CHOICE, TEXT_LENGTH_MAX, false, LANGUAGES},
    [STAFF_STATUS] = {"Status", IMPORT_CHOICE, TEXT_LENGTH_MAX, true, STATUSES},
};

const struct import_columns IMPORT_COLUMNS[IMPORT_FILES] = {
    [IMPORT_DEPARTMENTS] = {"departments", DEPARTMENT_COLUMN_LIST, DEPARTMENT_COLUMNS},
    [IMPORT_STAFF] = {"staff", STAFF_COLUMN_LIST, STAFF_COLUMNS},
};

/* White space that spreadsheets and people leave around a value: space, no-break space, ideographic space. */
static size_t space_length(const uint8_t *at, size_t left)
{
    static const char *const SPACES[] = {" ", "\xc2\xa0", "\xe3\x80\x80"};
    for (size_t i = 0; i < sizeof(SPACES) / sizeof(SPACES[0]); i++) {
        size_t length = strlen(SPACES[i]);
        if (left >= length && memcmp(at, SPACES[i], length) == 0) {
            return length;
        }
    }
    return 0;
}

static struct bytes trim(struct bytes cell)
{
    size_t space;
    while ((space = space_length(cell.data, cell.length)) > 0) {
        cell.data += space;
        cell.length -= space;
    }
    for (bool again = true; again;) {
        again = false;
        for (size_t size = 1; size <= 3 && size <= cell.length && !again; size++) {
            if (space_length(cell.data + cell.length - size, size) == size) {
                cell.length -= size;
                again = true;
            }
        }
    }
    return cell;
}

/* A spreadsheet that opens an export of this value would run it (OWASP: CSV injection). */
static bool is_formula(enum import_kind kind, struct bytes cell)
{
    if (cell.length == 0 || !memchr("=+-@\t\r", cell.data[0], 6)) {
        return false;
    }
    return kind != IMPORT_MOBILE || cell.data[0] != '+';
}

static bool has_control(struct bytes cell)
{
    for (size_t i = 0; i < cell.length; i++) {
        if (cell.data[i] < 0x20 || cell.data[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

int import_weekly_minutes(const char *hours)
{
    int whole = 0, hundredths = 0;
    const char *at = hours;
    if (!(*at >= '0' && *at <= '9')) {
        return -1;
    }
    for (; *at >= '0' && *at <= '9' && at - hours < 4; at++) {
        whole = whole * 10 + (*at - '0');
    }
    if (*at == '.') {
        size_t digits = strspn(++at, "0123456789");
        if (digits < 1 || digits > 2) {
            return -1;
        }
        hundredths = (at[0] - '0') * 10 + (digits == 2 ? at[1] - '0' : 0);
        at += digits;
    }
    int hundredths_of_minutes = (whole * 100 + hundredths) * 60;
    bool fits = *at == '\0' && hundredths_of_minutes % 100 == 0 && hundredths_of_minutes / 100 <= MINUTES_PER_WEEK;
    return fits ? hundredths_of_minutes / 100 : -1;
}

static const char *find_choice(const char *const *choices, const char *value)
{
    for (; *choices; choices++) {
        if (strcasecmp(*choices, value) == 0) {
            return *choices;
        }
    }
    return NULL;
}

static bool refuse(struct import_error *error, enum import_reason reason, int number)
{
    error->reason = reason;
    error->number = number;
    return false;
}

/* The kinds with a form of their own; the value is trimmed, not empty, valid text. */
static bool check_kind(
    struct arena *arena, const struct import_column *column, const char **value, struct import_error *error)
{
    struct identifier identifier;
    switch (column->kind) {
    case IMPORT_ID:
        return identifier_from_external_id(*value, &identifier) || refuse(error, IMPORT_INVALID_VALUE, 0);
    case IMPORT_EMAIL:
        return identifier_from_email(*value, &identifier) || refuse(error, IMPORT_INVALID_VALUE, 0);
    case IMPORT_MOBILE:
        if (!identifier_from_mobile(*value, &identifier)) {
            return refuse(error, IMPORT_INVALID_VALUE, 0);
        }
        *value = arena_strdup(arena, identifier.value);
        return true;
    case IMPORT_DATE:
        return date_is_valid(*value) || refuse(error, IMPORT_INVALID_DATE, 0);
    case IMPORT_HOURS:
        return import_weekly_minutes(*value) >= 0 || refuse(error, IMPORT_INVALID_VALUE, 0);
    case IMPORT_CHOICE:
        *value = find_choice(column->choices, *value);
        return *value || refuse(error, IMPORT_INVALID_VALUE, 0);
    case IMPORT_TEXT:
        break;
    }
    return true;
}

bool import_cell(struct arena *arena, const struct import_column *column, struct bytes cell, const char **ret_value,
    struct import_error *ret_error)
{
    if (!utf8_valid((const char *)cell.data, cell.length)) {
        return refuse(ret_error, IMPORT_INVALID_UTF8, 0);
    }
    cell = trim(cell);
    if (cell.length == 0) {
        *ret_value = column->kind == IMPORT_CHOICE && !column->required ? column->choices[0] : "";
        return !column->required || refuse(ret_error, IMPORT_MISSING, 0);
    }
    if (is_formula(column->kind, cell)) {
        return refuse(ret_error, IMPORT_FORMULA, 0);
    }
    if (has_control(cell)) {
        return refuse(ret_error, IMPORT_INVALID_VALUE, 0);
    }
    if (utf8_length((const char *)cell.data, cell.length) > (size_t)column->length_max) {
        return refuse(ret_error, IMPORT_TOO_LONG, column->length_max);
    }
    *ret_value = arena_strndup(arena, (const char *)cell.data, cell.length);
    return !*ret_value || check_kind(arena, column, ret_value, ret_error);
}

const char *import_fold_id(struct arena *arena, const char *id)
{
    struct identifier identifier;
    return identifier_from_external_id(id, &identifier) ? arena_strdup(arena, identifier.value) : "";
}
