/* Rows against each other and the directory: repeated ids and identifiers, references, circles. */
#include "services/identity/import.h"

#include "services/identity/lookup.h"

#include <stdlib.h>
#include <string.h>

/* Everything that can be referred to: the rows of a file, then what the directory has. A person or department that is in
 * both counts as the row. */
struct nodes {
    const struct import_rows *rows;
    size_t existing_count;
    struct lookup by_key; /* rows by folded id; then existing ones */
    size_t *next;         /* manager or parent of each node; LOOKUP_NONE: none, or unknown */
};

static struct err *add_error(struct import *import, struct import_error error)
{
    return import_add_error(import, error) ? NULL : err_out_of_memory();
}

static struct err *add_cell_error(struct import *import, enum import_file file, const struct import_row *row, int column,
    enum import_reason reason, int number)
{
    const char *cell = row->cells[column];
    return add_error(import, (struct import_error){.file = file,
                                 .row = row->number,
                                 .column = column,
                                 .reason = reason,
                                 .number = number,
                                 .value = {(const uint8_t *)cell, strlen(cell)}});
}

static struct err *mark_repeated(struct import *import, enum import_file file, const struct lookup *by_key)
{
    struct import_rows *rows = &import->files[file];
    for (size_t i = 0; i < rows->count; i++) {
        struct import_row *row = &rows->items[i];
        size_t first = row->key[0] ? lookup_find(by_key, row->key) : i;
        if (first != i) {
            row->repeated = true;
            ERR_TRY(add_cell_error(import, file, row, 0, IMPORT_DUPLICATE_ID, rows->items[first].number));
        }
    }
    return NULL;
}

/* Existing keys are folded copies of `external_ids`. */
static struct err *nodes_init(struct nodes *nodes, struct import *import, enum import_file file,
    const char *const *existing_keys, size_t existing_count)
{
    const struct import_rows *rows = &import->files[file];
    size_t count = rows->count + existing_count;
    *nodes = (struct nodes){.rows = rows, .existing_count = existing_count};
    nodes->next = arena_calloc(import->arena, count ? count : 1, sizeof(*nodes->next));
    if (!nodes->next || !lookup_init(&nodes->by_key, import->arena, count)) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < rows->count; i++) {
        lookup_add(&nodes->by_key, rows->items[i].key, i);
    }
    for (size_t i = 0; i < existing_count; i++) {
        lookup_add(&nodes->by_key, existing_keys[i], rows->count + i);
    }
    lookup_sort(&nodes->by_key);
    return mark_repeated(import, file, &nodes->by_key);
}

/* Where the cell's id leads; an id nobody has is an error of the row. */
static struct err *resolve_cell(struct import *import, enum import_file file, const struct import_row *row, int column,
    enum import_reason unknown, const struct lookup *by_key, size_t *ret_node)
{
    *ret_node = LOOKUP_NONE;
    if (row->cells[column][0] == '\0') {
        return NULL;
    }
    const char *key = import_fold_id(import->arena, row->cells[column]);
    if (!key) {
        return err_out_of_memory();
    }
    *ret_node = lookup_find(by_key, key);
    return *ret_node == LOOKUP_NONE ? add_cell_error(import, file, row, column, unknown, 0) : NULL;
}

/* Walks from each node; those met again within one walk form a circle. `mark` holds per node the walk that saw it. */
static struct err *mark_circles(const struct nodes *nodes, struct arena *arena, bool **ret_on_circle)
{
    size_t count = nodes->rows->count + nodes->existing_count;
    size_t *mark = arena_calloc(arena, count ? count : 1, sizeof(*mark));
    bool *on_circle = arena_calloc(arena, count ? count : 1, sizeof(*on_circle));
    if (!mark || !on_circle) {
        return err_out_of_memory();
    }
    for (size_t start = 0; start < count; start++) {
        size_t walk = start + 1, node = start;
        while (node != LOOKUP_NONE && mark[node] == 0) {
            mark[node] = walk;
            node = nodes->next[node];
        }
        if (node != LOOKUP_NONE && mark[node] == walk) {
            for (size_t at = node; !on_circle[at]; at = nodes->next[at]) {
                on_circle[at] = true;
            }
        }
    }
    *ret_on_circle = on_circle;
    return NULL;
}

static struct err *report_circles(
    struct import *import, enum import_file file, const struct nodes *nodes, int column, enum import_reason reason)
{
    bool *on_circle = NULL;
    ERR_TRY(mark_circles(nodes, import->arena, &on_circle));
    for (size_t i = 0; i < nodes->rows->count; i++) {
        if (on_circle[i]) {
            ERR_TRY(add_cell_error(import, file, &nodes->rows->items[i], column, reason, 0));
        }
    }
    return NULL;
}

/* For the directory's own references, which go by uuid. */
static struct err *link_existing(
    struct import *import, struct nodes *nodes, const char *const *keys, const char *const *ids, const char *const *parents)
{
    struct lookup by_id;
    if (!lookup_init(&by_id, import->arena, nodes->existing_count)) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < nodes->existing_count; i++) {
        lookup_add(&by_id, ids[i], i);
    }
    lookup_sort(&by_id);
    for (size_t i = 0; i < nodes->existing_count; i++) {
        size_t parent = parents[i][0] ? lookup_find(&by_id, parents[i]) : LOOKUP_NONE;
        bool is_row = lookup_find(&nodes->by_key, keys[i]) < nodes->rows->count;
        nodes->next[nodes->rows->count + i] =
            is_row || parent == LOOKUP_NONE ? LOOKUP_NONE : lookup_find(&nodes->by_key, keys[parent]);
    }
    return NULL;
}

/* Columns of the directory side by side, whichever kind it is. */
struct existing {
    const char **keys, **ids, **parents;
    size_t count;
};

static struct err *existing_init(struct existing *existing, struct arena *arena, size_t count)
{
    size_t room = count ? count : 1;
    *existing = (struct existing){arena_calloc(arena, room, sizeof(char *)), arena_calloc(arena, room, sizeof(char *)),
        arena_calloc(arena, room, sizeof(char *)), count};
    return existing->keys && existing->ids && existing->parents ? NULL : err_out_of_memory();
}

static struct err *existing_departments(
    const struct import_directory *directory, struct arena *arena, struct existing *existing)
{
    ERR_TRY(existing_init(existing, arena, directory->department_count));
    for (size_t i = 0; i < existing->count; i++) {
        const Department *department = directory->departments[i];
        existing->keys[i] = import_fold_id(arena, department->external_id);
        existing->ids[i] = department->id;
        existing->parents[i] = department->parent_id;
        if (!existing->keys[i]) {
            return err_out_of_memory();
        }
    }
    return NULL;
}

static struct err *existing_users(const struct import_directory *directory, struct arena *arena, struct existing *existing)
{
    ERR_TRY(existing_init(existing, arena, directory->user_count));
    for (size_t i = 0; i < existing->count; i++) {
        const User *user = directory->users[i];
        existing->keys[i] = import_fold_id(arena, user->external_id);
        existing->ids[i] = user->id;
        existing->parents[i] = user->manager_id;
        if (!existing->keys[i]) {
            return err_out_of_memory();
        }
    }
    return NULL;
}

/* References of one file to itself: parents of departments, managers of people. */
static struct err *check_tree(struct import *import, enum import_file file, const struct existing *existing, int column,
    enum import_reason unknown, enum import_reason circle, struct nodes *ret_nodes)
{
    struct nodes nodes;
    ERR_TRY(nodes_init(&nodes, import, file, existing->keys, existing->count));
    for (size_t i = 0; i < nodes.rows->count; i++) {
        const struct import_row *row = &nodes.rows->items[i];
        ERR_TRY(resolve_cell(import, file, row, column, unknown, &nodes.by_key, &nodes.next[i]));
        if (row->repeated) {
            nodes.next[i] = LOOKUP_NONE;
        }
    }
    ERR_TRY(link_existing(import, &nodes, existing->keys, existing->ids, existing->parents));
    ERR_TRY(report_circles(import, file, &nodes, column, circle));
    *ret_nodes = nodes;
    return NULL;
}

static bool row_has_left(const struct import_row *row)
{
    return strcmp(row->cells[STAFF_STATUS], "Terminated") == 0;
}

static bool user_has_left(const User *user)
{
    return (int)user->status == USER_STATUS_LEFT;
}

static bool user_is_row(const struct import *import, const struct lookup *by_key, const User *user)
{
    struct identifier key;
    return identifier_from_external_id(user->external_id, &key) &&
           lookup_find(by_key, key.value) < import->files[IMPORT_STAFF].count;
}

static bool fold_identifier(const char *text, enum identifier_kind kind, struct identifier *identifier)
{
    return kind == IDENTIFIER_EMAIL ? identifier_from_email(text, identifier) : identifier_from_mobile(text, identifier);
}

static const char *fold_copy(struct arena *arena, const char *text, enum identifier_kind kind)
{
    struct identifier identifier;
    return text[0] && fold_identifier(text, kind, &identifier) ? arena_strdup(arena, identifier.value) : "";
}

/* One kind of identifier, in one column. */
struct identifier_rule {
    enum identifier_kind kind;
    int column;
    enum import_reason duplicate;
};

/* Values of the rows, "" for who has left or has none, and of the directory's people who are in no row. Positions: existing
 * people first, then rows, so that the one to complain about is the row. */
static struct err *gather_values(struct import *import, const struct import_directory *directory,
    const struct lookup *by_key, const struct identifier_rule *rule, const char ***ret_values, struct lookup *by_value)
{
    const struct import_rows *rows = &import->files[IMPORT_STAFF];
    size_t count = directory->user_count + rows->count;
    const char **values = arena_calloc(import->arena, count ? count : 1, sizeof(*values));
    if (!values || !lookup_init(by_value, import->arena, count)) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        bool is_row = i >= directory->user_count;
        const struct import_row *row = is_row ? &rows->items[i - directory->user_count] : NULL;
        const User *user = is_row ? NULL : directory->users[i];
        bool counts = is_row ? !row_has_left(row) : !user_has_left(user) && !user_is_row(import, by_key, user);
        const char *text = is_row                           ? row->cells[rule->column]
                           : rule->kind == IDENTIFIER_EMAIL ? user->work_email
                                                            : user->mobile;
        values[i] = counts ? fold_copy(import->arena, text, rule->kind) : "";
        if (!values[i]) {
            return err_out_of_memory();
        }
        lookup_add(by_value, values[i], i);
    }
    lookup_sort(by_value);
    *ret_values = values;
    return NULL;
}

/* E-mail addresses and mobile numbers: one person each among those who have not left. */
static struct err *check_identifiers(struct import *import, const struct import_directory *directory,
    const struct lookup *by_key, const struct identifier_rule *rule)
{
    struct lookup by_value;
    const char **values = NULL;
    ERR_TRY(gather_values(import, directory, by_key, rule, &values, &by_value));
    const struct import_rows *rows = &import->files[IMPORT_STAFF];
    for (size_t i = 0; i < rows->count; i++) {
        size_t own = directory->user_count + i;
        size_t first = values[own][0] ? lookup_find(&by_value, values[own]) : own;
        if (first != own) {
            int other = first < directory->user_count ? 0 : rows->items[first - directory->user_count].number;
            ERR_TRY(add_cell_error(import, IMPORT_STAFF, &rows->items[i], rule->column, rule->duplicate, other));
        }
    }
    return NULL;
}

static struct err *check_departments_of_staff(struct import *import, const struct nodes *departments)
{
    const struct import_rows *rows = &import->files[IMPORT_STAFF];
    for (size_t i = 0; i < rows->count; i++) {
        size_t department;
        ERR_TRY(resolve_cell(import, IMPORT_STAFF, &rows->items[i], STAFF_DEPARTMENT_ID, IMPORT_UNKNOWN_DEPARTMENT,
            &departments->by_key, &department));
    }
    return NULL;
}

static int compare_errors(const void *a, const void *b)
{
    const struct import_error *one = a, *other = b;
    if (one->file != other->file) {
        return one->file < other->file ? -1 : 1;
    }
    return one->row != other->row ? one->row - other->row : one->column - other->column;
}

static const struct identifier_rule IDENTIFIER_RULES[] = {
    {IDENTIFIER_EMAIL, STAFF_WORK_EMAIL, IMPORT_DUPLICATE_EMAIL},
    {IDENTIFIER_MOBILE, STAFF_MOBILE, IMPORT_DUPLICATE_MOBILE},
};

struct err *import_check(struct import *import, const struct import_directory *directory)
{
    struct existing departments, users;
    struct nodes department_nodes, user_nodes;
    ERR_TRY(existing_departments(directory, import->arena, &departments));
    ERR_TRY(existing_users(directory, import->arena, &users));
    ERR_TRY(check_tree(import, IMPORT_DEPARTMENTS, &departments, DEPARTMENT_PARENT_ID, IMPORT_UNKNOWN_DEPARTMENT,
        IMPORT_DEPARTMENT_CIRCLE, &department_nodes));
    ERR_TRY(check_tree(
        import, IMPORT_STAFF, &users, STAFF_MANAGER_ID, IMPORT_UNKNOWN_MANAGER, IMPORT_MANAGER_CIRCLE, &user_nodes));
    ERR_TRY(check_departments_of_staff(import, &department_nodes));
    for (size_t i = 0; i < sizeof(IDENTIFIER_RULES) / sizeof(IDENTIFIER_RULES[0]); i++) {
        ERR_TRY(check_identifiers(import, directory, &user_nodes.by_key, &IDENTIFIER_RULES[i]));
    }
    if (import->error_count > 0) {
        qsort(import->errors, import->error_count, sizeof(*import->errors), compare_errors);
    }
    return NULL;
}
