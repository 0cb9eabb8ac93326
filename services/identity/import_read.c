/* From CSV to rows of checked cells. */
#include "services/identity/import.h"

#include "gen/identity_errors.h"
#include "services/identity/csv.h"

#include <string.h>

#define ERRORS_FIRST 64
#define COLUMN_NAME_SHOWN_MAX 60

/* Where each of our columns stands in the file's rows. */
struct header {
    size_t field_of[IMPORT_COLUMNS_MAX];
    size_t field_count;
};

bool import_add_error(struct import *import, struct import_error error)
{
    if (import->error_count == import->error_capacity) {
        size_t capacity = import->error_capacity ? import->error_capacity * 2 : ERRORS_FIRST;
        struct import_error *errors = arena_calloc(import->arena, capacity, sizeof(*errors));
        if (!errors) {
            return false;
        }
        if (import->error_count > 0) {
            memcpy(errors, import->errors, import->error_count * sizeof(*errors));
        }
        import->errors = errors;
        import->error_capacity = capacity;
    }
    import->errors[import->error_count++] = error;
    return true;
}

static bool field_is(struct bytes field, const char *name)
{
    return field.length == strlen(name) && memcmp(field.data, name, field.length) == 0;
}

static struct err *unknown_column(const struct import_columns *columns, struct bytes field)
{
    if (!utf8_valid((const char *)field.data, field.length) || memchr(field.data, '\0', field.length)) {
        return err_new(
            &IDENTITY_IMPORT_INVALID, "%s: the first row is not UTF-8 text; save the file as 'CSV UTF-8'", columns->file);
    }
    int shown = (int)utf8_truncate((const char *)field.data, field.length, COLUMN_NAME_SHOWN_MAX);
    return err_new(&IDENTITY_IMPORT_INVALID,
        "%s: there is no column '%.*s'; the first row names the columns, the first one is %s", columns->file, shown,
        (const char *)field.data, columns->items[0].name);
}

static struct err *match_column(
    const struct import_columns *columns, struct bytes field, size_t position, struct header *header)
{
    for (size_t i = 0; i < columns->count; i++) {
        if (!field_is(field, columns->items[i].name)) {
            continue;
        }
        if (header->field_of[i] != SIZE_MAX) {
            return err_new(
                &IDENTITY_IMPORT_INVALID, "%s: the column %s stands there twice", columns->file, columns->items[i].name);
        }
        header->field_of[i] = position;
        return NULL;
    }
    return unknown_column(columns, field);
}

static struct err *read_header(const struct import_columns *columns, const struct csv *csv, struct header *header)
{
    if (csv->row_count == 0) {
        return err_new(&IDENTITY_IMPORT_INVALID, "%s: the file is empty; its first row names the columns", columns->file);
    }
    const struct csv_row *row = &csv->rows[0];
    header->field_count = row->field_count;
    for (size_t i = 0; i < IMPORT_COLUMNS_MAX; i++) {
        header->field_of[i] = SIZE_MAX;
    }
    for (size_t i = 0; i < row->field_count && i < CSV_FIELDS_MAX; i++) {
        ERR_TRY(match_column(columns, row->fields[i], i, header));
    }
    for (size_t i = 0; i < columns->count; i++) {
        if (header->field_of[i] == SIZE_MAX) {
            return err_with(
                err_new(&IDENTITY_IMPORT_INVALID, "%s: the column %s is missing", columns->file, columns->items[i].name),
                "column", "%s", columns->items[i].name);
        }
    }
    return NULL;
}

static struct err *read_cell(
    struct import *import, enum import_file file, int column, struct bytes cell, struct import_row *row)
{
    struct import_error error = {.file = file, .row = row->number, .column = column, .value = cell};
    if (!import_cell(import->arena, &IMPORT_COLUMNS[file].items[column], cell, &row->cells[column], &error)) {
        row->cells[column] = "";
        row->bad |= 1U << column;
        return import_add_error(import, error) ? NULL : err_out_of_memory();
    }
    return row->cells[column] ? NULL : err_out_of_memory();
}

static struct err *read_row(struct import *import, enum import_file file, const struct header *header,
    const struct csv_row *from, struct import_row *row)
{
    const struct import_columns *columns = &IMPORT_COLUMNS[file];
    row->number = from->number;
    row->key = "";
    if (from->field_count != header->field_count) {
        row->bad = ~0U;
        for (size_t i = 0; i < columns->count; i++) {
            row->cells[i] = "";
        }
        struct import_error error = {.file = file,
            .row = row->number,
            .column = -1,
            .reason = IMPORT_WRONG_COLUMN_COUNT,
            .number = (int)from->field_count};
        return import_add_error(import, error) ? NULL : err_out_of_memory();
    }
    for (size_t i = 0; i < columns->count; i++) {
        ERR_TRY(read_cell(import, file, (int)i, from->fields[header->field_of[i]], row));
    }
    row->key = import_fold_id(import->arena, row->cells[0]);
    return row->key ? NULL : err_out_of_memory();
}

static struct err *read_file(struct import *import, enum import_file file, struct bytes text)
{
    if (text.length == 0) {
        return NULL;
    }
    struct csv csv;
    struct header header = {.field_count = 0};
    ERR_TRY(csv_parse(import->arena, IMPORT_COLUMNS[file].file, text, IMPORT_ROWS_MAX + 1, &csv));
    ERR_TRY(read_header(&IMPORT_COLUMNS[file], &csv, &header));
    struct import_rows *rows = &import->files[file];
    rows->items = arena_calloc(import->arena, csv.row_count, sizeof(*rows->items));
    if (!rows->items) {
        return err_out_of_memory();
    }
    for (size_t i = 1; i < csv.row_count; i++) {
        ERR_TRY(read_row(import, file, &header, &csv.rows[i], &rows->items[rows->count++]));
    }
    return NULL;
}

struct err *import_read(struct arena *arena, const struct import_sources *sources, struct import *ret_import)
{
    struct import import = {.arena = arena};
    if (sources->departments_csv.length == 0 && sources->staff_csv.length == 0) {
        return err_new(&IDENTITY_IMPORT_INVALID, "there is nothing to import: departments_csv and staff_csv are both empty");
    }
    ERR_TRY(read_file(&import, IMPORT_DEPARTMENTS, sources->departments_csv));
    ERR_TRY(read_file(&import, IMPORT_STAFF, sources->staff_csv));
    *ret_import = import;
    return NULL;
}
