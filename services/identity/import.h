/* Import of departments and staff from CSV: reading, checking, and the plan of what to change. Pure: the directory as it is
 * and the time are passed in.
 *
 * import_read → import_check → import_plan. All that these make lives in the arena of the import. Every bad row is found,
 * none stops the others; a fault of a file as a whole (not CSV, wrong columns) is an error instead. */
#pragma once

#include "gen/identity_types.h"
#include "libshared/base/arena.h"
#include "libshared/base/clock.h"
#include "libshared/base/err.h"
#include "libshared/base/str.h"
#include "libshared/base/uuid.h"
#include "services/identity/identifier.h"

#define IMPORT_ROWS_MAX 50000
#define IMPORT_ERRORS_REPORTED_MAX 1000
#define IMPORT_VALUE_LENGTH_MAX 100
#define IMPORT_COLUMNS_MAX 15

enum import_file { IMPORT_DEPARTMENTS, IMPORT_STAFF, IMPORT_FILES };

/* Columns as import_columns.c lists them. */
enum { DEPARTMENT_ID, DEPARTMENT_NAME, DEPARTMENT_CHINESE_NAME, DEPARTMENT_PARENT_ID, DEPARTMENT_COLUMNS };
enum {
    STAFF_EMPLOYEE_ID,
    STAFF_LEGAL_NAME,
    STAFF_PREFERRED_NAME,
    STAFF_CHINESE_NAME,
    STAFF_WORK_EMAIL,
    STAFF_MOBILE,
    STAFF_BUSINESS_TITLE,
    STAFF_DEPARTMENT_ID,
    STAFF_MANAGER_ID,
    STAFF_WORKER_TYPE,
    STAFF_WEEKLY_HOURS,
    STAFF_LOCATION,
    STAFF_HIRE_DATE,
    STAFF_PREFERRED_LANGUAGE,
    STAFF_STATUS,
    STAFF_COLUMNS,
};

enum import_kind {
    IMPORT_TEXT,
    IMPORT_ID, /* of identifier.h's external_id */
    IMPORT_EMAIL,
    IMPORT_MOBILE, /* kept in its normal form */
    IMPORT_DATE,
    IMPORT_HOURS,  /* 0 to 168 with at most two decimals, whole minutes */
    IMPORT_CHOICE, /* one of `choices`; empty: the first */
};

struct import_column {
    const char *name;
    enum import_kind kind;
    int length_max; /* in characters */
    bool required;
    const char *const *choices;
};

struct import_columns {
    const char *file; /* "staff" */
    const struct import_column *items;
    size_t count;
};

extern const struct import_columns IMPORT_COLUMNS[IMPORT_FILES];

enum import_reason {
    IMPORT_UNKNOWN_MANAGER,
    IMPORT_UNKNOWN_DEPARTMENT,
    IMPORT_DUPLICATE_ID,
    IMPORT_DUPLICATE_EMAIL,
    IMPORT_DUPLICATE_MOBILE,
    IMPORT_INVALID_DATE,
    IMPORT_FORMULA,
    IMPORT_MANAGER_CIRCLE,
    IMPORT_DEPARTMENT_CIRCLE,
    IMPORT_TOO_LONG,
    IMPORT_MISSING,
    IMPORT_INVALID_VALUE,
    IMPORT_WRONG_COLUMN_COUNT,
    IMPORT_INVALID_UTF8,
};

struct import_error {
    enum import_file file;
    int row;
    int column; /* -1: the row as a whole */
    enum import_reason reason;
    int number; /* what the message names: a limit, the other row (0: not in the file), the number of columns */
    struct bytes value;
};

/* A row of a file. A cell that was refused is empty, with its bit set in `bad`; the others are trimmed, valid, in normal
 * form. */
struct import_row {
    int number;
    uint32_t bad;
    bool repeated; /* an earlier row has the same id; nothing refers to this one */
    const char *cells[IMPORT_COLUMNS_MAX];
    const char *key; /* the id, folded: "" when it is bad */
};

struct import_rows {
    struct import_row *items;
    size_t count;
};

struct import {
    struct arena *arena;
    struct import_rows files[IMPORT_FILES];
    struct import_error *errors;
    size_t error_count, error_capacity;
};

/* The directory as it is. `user_count` of the departments is not looked at. */
struct import_directory {
    Department *const *departments;
    size_t department_count;
    User *const *users;
    size_t user_count;
};

/* What an import changes. Departments and users are as they will be, complete. */
struct import_plan {
    Department **departments_created, **departments_updated;
    size_t departments_created_count, departments_updated_count;
    User **users_created, **users_updated;
    size_t users_created_count, users_updated_count, users_unchanged_count;
    User **identified; /* those of users_updated who sign in with something else from now on, or not at all */
    size_t identified_count;
    struct uuid *leaving; /* have left by this import: sessions, passwords, invitations end */
    size_t leaving_count;
    struct uuid *activated; /* get the development password */
    size_t activated_count;
};

struct import_sources {
    struct bytes departments_csv, staff_csv; /* empty: no such file */
};

/* Reads both files and checks each cell by itself. Reason: IDENTITY_IMPORT_INVALID when a file is not CSV, has not the
 * expected columns, has too many rows, or there is no file at all. */
ERR_RESULT struct err *import_read(struct arena *arena, const struct import_sources *sources, struct import *ret_import);
/* Checks the rows against each other and the directory. Afterwards import->errors are in order of file, row and column. */
ERR_RESULT struct err *import_check(struct import *import, const struct import_directory *directory);
/* The changes of an import without errors. New people become active at once with `development`, else invited. */
ERR_RESULT struct err *import_plan(const struct import *import, const struct import_directory *directory, struct instant now,
    bool development, struct import_plan *ret_plan);

/* Adds an error; false when out of memory. */
bool import_add_error(struct import *import, struct import_error error);
/* The cell's normal form; false: the error's reason, number have been set. NULL in *ret_value: out of memory. */
bool import_cell(struct arena *arena, const struct import_column *column, struct bytes cell, const char **ret_value,
    struct import_error *ret_error);
/* Minutes of a cell of Weekly_Hours; -1: none. */
int import_weekly_minutes(const char *hours);
/* The id as it is compared: lower case. "" for none; NULL when out of memory. */
const char *import_fold_id(struct arena *arena, const char *id);

/* The report's part about errors. */
ERR_RESULT struct err *import_report_errors(const struct import *import, struct arena *arena, ImportReport *report);
