/* Bad rows as the report shows them. */
#include "services/identity/import.h"

static const char *const REASON_NAMES[] = {
    [IMPORT_UNKNOWN_MANAGER] = "UNKNOWN_MANAGER",
    [IMPORT_UNKNOWN_DEPARTMENT] = "UNKNOWN_DEPARTMENT",
    [IMPORT_DUPLICATE_ID] = "DUPLICATE_ID",
    [IMPORT_DUPLICATE_EMAIL] = "DUPLICATE_EMAIL",
    [IMPORT_DUPLICATE_MOBILE] = "DUPLICATE_MOBILE",
    [IMPORT_INVALID_DATE] = "INVALID_DATE",
    [IMPORT_FORMULA] = "FORMULA",
    [IMPORT_MANAGER_CIRCLE] = "MANAGER_CIRCLE",
    [IMPORT_DEPARTMENT_CIRCLE] = "DEPARTMENT_CIRCLE",
    [IMPORT_TOO_LONG] = "TOO_LONG",
    [IMPORT_MISSING] = "MISSING",
    [IMPORT_INVALID_VALUE] = "INVALID_VALUE",
    [IMPORT_WRONG_COLUMN_COUNT] = "WRONG_COLUMN_COUNT",
    [IMPORT_INVALID_UTF8] = "INVALID_UTF8",
};

static char *choices_text(struct arena *arena, const struct import_column *column)
{
    char *text = arena_strdup(arena, "must be one of");
    for (const char *const *choice = column->choices; text && *choice; choice++) {
        text = arena_printf(arena, "%s%s %s", text, choice == column->choices ? "" : ",", *choice);
    }
    return text;
}

static char *invalid_value_text(struct arena *arena, const struct import_column *column)
{
    switch (column->kind) {
    case IMPORT_CHOICE:
        return choices_text(arena, column);
    case IMPORT_ID:
        return arena_strdup(arena, "an id is made of the letters A to Z, digits and . _ / -");
    case IMPORT_EMAIL:
        return arena_strdup(arena, "is not an e-mail address");
    case IMPORT_MOBILE:
        return arena_strdup(arena, "is not a telephone number: write it with its country, as in +852 9123 4567");
    case IMPORT_HOURS:
        return arena_strdup(arena, "is not a number of hours from 0 to 168, such as 45 or 37.5");
    case IMPORT_DATE:
    case IMPORT_TEXT:
        break;
    }
    return arena_strdup(arena, "holds line breaks or control characters; write it in one line");
}

static char *duplicate_text(struct arena *arena, int row)
{
    return row > 0 ? arena_printf(arena, "row %d has it already", row)
                   : arena_strdup(arena, "another person has it already");
}

static char *message(struct arena *arena, const struct import_error *error)
{
    const struct import_columns *columns = &IMPORT_COLUMNS[error->file];
    const struct import_column *column = error->column >= 0 ? &columns->items[error->column] : NULL;
    switch (error->reason) {
    case IMPORT_UNKNOWN_MANAGER:
        return arena_strdup(arena, "nobody in the file or the directory has this Employee_ID");
    case IMPORT_UNKNOWN_DEPARTMENT:
        return arena_strdup(arena, "no department in the file or the directory has this Department_ID");
    case IMPORT_DUPLICATE_ID:
    case IMPORT_DUPLICATE_EMAIL:
    case IMPORT_DUPLICATE_MOBILE:
        return duplicate_text(arena, error->number);
    case IMPORT_INVALID_DATE:
        return arena_strdup(arena, "is not a day that exists, written YYYY-MM-DD");
    case IMPORT_FORMULA:
        return arena_strdup(arena, "begins like a spreadsheet formula; remove the first character");
    case IMPORT_MANAGER_CIRCLE:
        return arena_strdup(arena, "the managers above this person lead back to the person");
    case IMPORT_DEPARTMENT_CIRCLE:
        return arena_strdup(arena, "the departments above this one lead back to it");
    case IMPORT_TOO_LONG:
        return arena_printf(arena, "is longer than %d characters", error->number);
    case IMPORT_MISSING:
        return arena_strdup(arena, "must not be empty");
    case IMPORT_WRONG_COLUMN_COUNT:
        return arena_printf(arena, "the row has %d fields, not as many as the first row", error->number);
    case IMPORT_INVALID_UTF8:
        return arena_strdup(arena, "is not UTF-8 text; save the file as 'CSV UTF-8'");
    case IMPORT_INVALID_VALUE:
        break;
    }
    return column ? invalid_value_text(arena, column) : arena_strdup(arena, "");
}

/* The first characters of the value, with U+FFFD for each byte that is no text. */
static char *shown_value(struct arena *arena, struct bytes value)
{
    static const char REPLACEMENT[] = "\xef\xbf\xbd";
    struct buf out;
    buf_init(&out, (size_t)IMPORT_VALUE_LENGTH_MAX * 4);
    buf_append(&out, "", 0);
    for (size_t at = 0, shown = 0; at < value.length && shown < IMPORT_VALUE_LENGTH_MAX; shown++) {
        const char *text = (const char *)value.data + at;
        size_t length = 1;
        while (length < 4 && at + length < value.length && !utf8_valid(text, length)) {
            length++;
        }
        bool valid = utf8_valid(text, length) && text[0] != '\0';
        buf_append(&out, valid ? text : REPLACEMENT, valid ? length : sizeof(REPLACEMENT) - 1);
        at += valid ? length : 1;
    }
    char *copy = out.failed ? NULL : arena_strndup(arena, out.data, out.length);
    buf_deinit(&out);
    return copy;
}

static struct err *report_error(const struct import_error *error, struct arena *arena, ImportError **ret_error)
{
    const struct import_columns *columns = &IMPORT_COLUMNS[error->file];
    ImportError *shown = arena_alloc(arena, sizeof(*shown));
    if (!shown) {
        return err_out_of_memory();
    }
    kongsi__identity__v1__import_error__init(shown);
    shown->file = arena_strdup(arena, columns->file);
    shown->row = error->row;
    shown->column = arena_strdup(arena, error->column >= 0 ? columns->items[error->column].name : "");
    shown->value = shown_value(arena, error->value);
    shown->reason = arena_strdup(arena, REASON_NAMES[error->reason]);
    shown->message = message(arena, error);
    *ret_error = shown;
    bool whole = shown->file && shown->column && shown->value && shown->reason && shown->message;
    return whole ? NULL : err_out_of_memory();
}

struct err *import_report_errors(const struct import *import, struct arena *arena, ImportReport *report)
{
    size_t shown = import->error_count < IMPORT_ERRORS_REPORTED_MAX ? import->error_count : IMPORT_ERRORS_REPORTED_MAX;
    report->error_count = (int32_t)import->error_count;
    report->errors = arena_calloc(arena, shown ? shown : 1, sizeof(*report->errors));
    if (!report->errors) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < shown; i++) {
        ERR_TRY(report_error(&import->errors[i], arena, &report->errors[i]));
        report->n_errors++;
    }
    return NULL;
}
