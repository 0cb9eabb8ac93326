/* What an import without errors changes. */
#include "services/identity/import.h"

#include "libshared/base/check.h"
#include "libshared/rpc/fill.h"
#include "services/identity/lookup.h"
#include "services/identity/name.h"

#include <string.h>

/* Ids by folded external_id, of what is in a file or the directory; and which rows are there already. */
struct resolved {
    struct lookup existing; /* key → position in the directory */
    struct lookup rows;     /* key → row */
    const char **row_ids;
};

struct planner {
    const struct import *import;
    const struct import_directory *directory;
    struct instant now;
    bool development;
    struct resolved departments, users;
    struct import_plan *plan;
};

static struct err *resolve_ids(struct resolved *resolved, const struct import *import, enum import_file file,
    struct instant now, const char *(*existing_id)(const struct import_directory *, size_t),
    const struct import_directory *directory)
{
    const struct import_rows *rows = &import->files[file];
    resolved->row_ids = arena_calloc(import->arena, rows->count ? rows->count : 1, sizeof(char *));
    if (!resolved->row_ids || !lookup_init(&resolved->rows, import->arena, rows->count)) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < rows->count; i++) {
        lookup_add(&resolved->rows, rows->items[i].key, i);
        size_t existing = lookup_find(&resolved->existing, rows->items[i].key);
        resolved->row_ids[i] =
            existing == LOOKUP_NONE ? fill_uuid(import->arena, uuid_v7(now)) : existing_id(directory, existing);
        if (!resolved->row_ids[i]) {
            return err_out_of_memory();
        }
    }
    lookup_sort(&resolved->rows);
    return NULL;
}

static const char *department_id(const struct import_directory *directory, size_t position)
{
    return directory->departments[position]->id;
}

static const char *user_id(const struct import_directory *directory, size_t position)
{
    return directory->users[position]->id;
}

static struct err *resolve_departments(struct planner *planner)
{
    struct arena *arena = planner->import->arena;
    const struct import_directory *directory = planner->directory;
    if (!lookup_init(&planner->departments.existing, arena, directory->department_count)) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < directory->department_count; i++) {
        const char *key = import_fold_id(arena, directory->departments[i]->external_id);
        if (!key) {
            return err_out_of_memory();
        }
        lookup_add(&planner->departments.existing, key, i);
    }
    lookup_sort(&planner->departments.existing);
    return resolve_ids(&planner->departments, planner->import, IMPORT_DEPARTMENTS, planner->now, department_id, directory);
}

static struct err *resolve_users(struct planner *planner)
{
    struct arena *arena = planner->import->arena;
    const struct import_directory *directory = planner->directory;
    if (!lookup_init(&planner->users.existing, arena, directory->user_count)) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < directory->user_count; i++) {
        const char *key = import_fold_id(arena, directory->users[i]->external_id);
        if (!key) {
            return err_out_of_memory();
        }
        lookup_add(&planner->users.existing, key, i);
    }
    lookup_sort(&planner->users.existing);
    return resolve_ids(&planner->users, planner->import, IMPORT_STAFF, planner->now, user_id, directory);
}

/* The id a cell refers to; "" for an empty cell. The import has been checked: it is there. NULL: out of memory. */
static const char *refer(const struct planner *planner, const struct resolved *resolved, const char *cell,
    const char *(*existing_id)(const struct import_directory *, size_t))
{
    if (cell[0] == '\0') {
        return "";
    }
    const char *key = import_fold_id(planner->import->arena, cell);
    if (!key) {
        return NULL;
    }
    size_t row = lookup_find(&resolved->rows, key);
    if (row != LOOKUP_NONE) {
        return resolved->row_ids[row];
    }
    size_t existing = lookup_find(&resolved->existing, key);
    check(existing != LOOKUP_NONE);
    return existing_id(planner->directory, existing);
}

/* protobuf-c's texts are not const, though nobody writes to them. */
static char *text(const char *value)
{
    return (char *)value;
}

static struct err *make_department(const struct planner *planner, size_t row, Department **ret_department)
{
    const char *const *cells = planner->import->files[IMPORT_DEPARTMENTS].items[row].cells;
    Department *department = arena_alloc(planner->import->arena, sizeof(*department));
    const char *parent_id = refer(planner, &planner->departments, cells[DEPARTMENT_PARENT_ID], department_id);
    if (!department || !parent_id) {
        return err_out_of_memory();
    }
    kongsi__identity__v1__department__init(department);
    department->id = text(planner->departments.row_ids[row]);
    department->external_id = text(cells[DEPARTMENT_ID]);
    department->name = text(cells[DEPARTMENT_NAME]);
    department->chinese_name = text(cells[DEPARTMENT_CHINESE_NAME]);
    department->parent_id = text(parent_id);
    *ret_department = department;
    return NULL;
}

static bool department_equal(const Department *a, const Department *b)
{
    return strcmp(a->external_id, b->external_id) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->chinese_name, b->chinese_name) == 0 && strcmp(a->parent_id, b->parent_id) == 0;
}

static struct err *plan_departments(struct planner *planner)
{
    struct import_plan *plan = planner->plan;
    const struct import_rows *rows = &planner->import->files[IMPORT_DEPARTMENTS];
    size_t room = rows->count ? rows->count : 1;
    plan->departments_created = arena_calloc(planner->import->arena, room, sizeof(Department *));
    plan->departments_updated = arena_calloc(planner->import->arena, room, sizeof(Department *));
    if (!plan->departments_created || !plan->departments_updated) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < rows->count; i++) {
        Department *department = NULL;
        ERR_TRY(make_department(planner, i, &department));
        size_t existing = lookup_find(&planner->departments.existing, rows->items[i].key);
        if (existing == LOOKUP_NONE) {
            plan->departments_created[plan->departments_created_count++] = department;
        } else if (!department_equal(department, planner->directory->departments[existing])) {
            plan->departments_updated[plan->departments_updated_count++] = department;
        }
    }
    return NULL;
}

/* What becomes of a person's status. A suspension is the administrator's decision, not the file's. */
static int next_status(const User *existing, bool terminated, bool development)
{
    if (terminated) {
        return USER_STATUS_LEFT;
    }
    if (existing && (int)existing->status != USER_STATUS_LEFT) {
        return (int)existing->status;
    }
    return development ? USER_STATUS_ACTIVE : USER_STATUS_INVITED;
}

static struct err *fill_new_user(const struct planner *planner, User *user)
{
    user->role = (Kongsi__Identity__V1__UserRole)USER_ROLE_MEMBER;
    user->create_time = fill_instant(planner->import->arena, planner->now);
    return user->create_time ? NULL : err_out_of_memory();
}

static struct err *make_user(const struct planner *planner, size_t row, const User *existing, User **ret_user)
{
    struct arena *arena = planner->import->arena;
    const char *const *cells = planner->import->files[IMPORT_STAFF].items[row].cells;
    User *user = arena_alloc(arena, sizeof(*user));
    const char *department = refer(planner, &planner->departments, cells[STAFF_DEPARTMENT_ID], department_id);
    const char *manager = refer(planner, &planner->users, cells[STAFF_MANAGER_ID], user_id);
    char *display = name_display(arena, cells[STAFF_LEGAL_NAME], cells[STAFF_PREFERRED_NAME], cells[STAFF_CHINESE_NAME]);
    if (!user || !department || !manager || !display) {
        return err_out_of_memory();
    }
    kongsi__identity__v1__user__init(user);
    user->id = text(planner->users.row_ids[row]);
    user->external_id = text(cells[STAFF_EMPLOYEE_ID]);
    user->legal_name = text(cells[STAFF_LEGAL_NAME]);
    user->preferred_name = text(cells[STAFF_PREFERRED_NAME]);
    user->chinese_name = text(cells[STAFF_CHINESE_NAME]);
    user->display_name = display;
    user->work_email = text(cells[STAFF_WORK_EMAIL]);
    user->mobile = text(cells[STAFF_MOBILE]);
    user->title = text(cells[STAFF_BUSINESS_TITLE]);
    user->department_id = text(department);
    user->manager_id = text(manager);
    user->worker_type = text(cells[STAFF_WORKER_TYPE]);
    user->weekly_minutes = import_weekly_minutes(cells[STAFF_WEEKLY_HOURS]);
    user->location = text(cells[STAFF_LOCATION]);
    user->hire_date = text(cells[STAFF_HIRE_DATE]);
    user->preferred_language = text(cells[STAFF_PREFERRED_LANGUAGE]);
    bool terminated = strcmp(cells[STAFF_STATUS], "Terminated") == 0;
    user->status = (Kongsi__Identity__V1__UserStatus)next_status(existing, terminated, planner->development);
    *ret_user = user;
    if (!existing) {
        return fill_new_user(planner, user);
    }
    user->role = existing->role;
    user->avatar_etag = existing->avatar_etag;
    user->create_time = existing->create_time;
    return NULL;
}

static bool user_equal(const User *a, const User *b)
{
    const char *const pairs[][2] = {{a->external_id, b->external_id}, {a->legal_name, b->legal_name},
        {a->preferred_name, b->preferred_name}, {a->chinese_name, b->chinese_name}, {a->display_name, b->display_name},
        {a->work_email, b->work_email}, {a->mobile, b->mobile}, {a->title, b->title}, {a->department_id, b->department_id},
        {a->manager_id, b->manager_id}, {a->worker_type, b->worker_type}, {a->location, b->location},
        {a->hire_date, b->hire_date}, {a->preferred_language, b->preferred_language}};
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (strcmp(pairs[i][0], pairs[i][1]) != 0) {
            return false;
        }
    }
    return a->weekly_minutes == b->weekly_minutes && a->status == b->status;
}

static bool has_left(const User *user)
{
    return (int)user->status == USER_STATUS_LEFT;
}

static bool identifier_equal(bool (*from)(const char *, struct identifier *), const char *a, const char *b)
{
    struct identifier one, other;
    bool is_one = from(a, &one), is_other = from(b, &other);
    return is_one == is_other && (!is_one || strcmp(one.value, other.value) == 0);
}

/* Whether both sign in, or neither does, with the same. The external_id is the same person's, so it is equal. */
static bool signs_in_alike(const User *a, const User *b)
{
    return has_left(a) == has_left(b) && identifier_equal(identifier_from_email, a->work_email, b->work_email) &&
           identifier_equal(identifier_from_mobile, a->mobile, b->mobile);
}

static void plan_update(struct import_plan *plan, User *user, const User *existing)
{
    plan->users_updated[plan->users_updated_count++] = user;
    if (!signs_in_alike(user, existing)) {
        plan->identified[plan->identified_count++] = user;
    }
}

static struct err *plan_user(struct planner *planner, size_t row)
{
    struct import_plan *plan = planner->plan;
    size_t position = lookup_find(&planner->users.existing, planner->import->files[IMPORT_STAFF].items[row].key);
    const User *existing = position == LOOKUP_NONE ? NULL : planner->directory->users[position];
    User *user = NULL;
    ERR_TRY(make_user(planner, row, existing, &user));
    if (existing && user_equal(user, existing)) {
        plan->users_unchanged_count++;
        return NULL;
    }
    user->update_time = fill_instant(planner->import->arena, planner->now);
    if (!user->update_time) {
        return err_out_of_memory();
    }
    if (existing) {
        plan_update(plan, user, existing);
    } else {
        plan->users_created[plan->users_created_count++] = user;
    }
    bool was_here = existing && !has_left(existing), is_here = !has_left(user);
    struct uuid id;
    check(uuid_parse(user->id, &id));
    if (was_here && !is_here) {
        plan->leaving[plan->leaving_count++] = id;
    } else if (!was_here && (int)user->status == USER_STATUS_ACTIVE) {
        plan->activated[plan->activated_count++] = id;
    }
    return NULL;
}

static struct err *plan_users(struct planner *planner)
{
    struct import_plan *plan = planner->plan;
    struct arena *arena = planner->import->arena;
    size_t count = planner->import->files[IMPORT_STAFF].count, room = count ? count : 1;
    plan->users_created = arena_calloc(arena, room, sizeof(User *));
    plan->users_updated = arena_calloc(arena, room, sizeof(User *));
    plan->identified = arena_calloc(arena, room, sizeof(User *));
    plan->leaving = arena_calloc(arena, room, sizeof(struct uuid));
    plan->activated = arena_calloc(arena, room, sizeof(struct uuid));
    if (!plan->users_created || !plan->users_updated || !plan->identified || !plan->leaving || !plan->activated) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        ERR_TRY(plan_user(planner, i));
    }
    return NULL;
}

struct err *import_plan(const struct import *import, const struct import_directory *directory, struct instant now,
    bool development, struct import_plan *ret_plan)
{
    struct import_plan plan = {.departments_created = NULL};
    struct planner planner = {
        .import = import, .directory = directory, .now = now, .development = development, .plan = &plan};
    check(import->error_count == 0);
    ERR_TRY(resolve_departments(&planner));
    ERR_TRY(resolve_users(&planner));
    ERR_TRY(plan_departments(&planner));
    ERR_TRY(plan_users(&planner));
    *ret_plan = plan;
    return NULL;
}
