#include "services/identity/csv.h"

#include "gen/identity_errors.h"

#include <string.h>

#define ROWS_FIRST 64

struct parser {
    struct arena *arena;
    const char *name;
    const uint8_t *at, *end;
    size_t row_count_max;
    int number; /* of the row being read */
    struct bytes fields[CSV_FIELDS_MAX];
    size_t field_count;
    struct csv_row *rows;
    size_t row_count, row_capacity;
};

static bool is_field_end(const struct parser *parser)
{
    return parser->at == parser->end || *parser->at == ',' || *parser->at == '\r' || *parser->at == '\n';
}

static struct err *fault(const struct parser *parser, int row, const char *what)
{
    return err_with(err_new(&IDENTITY_IMPORT_INVALID, "%s: row %d: %s", parser->name, row, what), "row", "%d", row);
}

static struct err *read_plain(struct parser *parser, struct bytes *field)
{
    const uint8_t *begin = parser->at;
    while (!is_field_end(parser)) {
        if (*parser->at == '"') {
            return fault(parser, parser->number,
                "a quote stands inside a field without quotes; write the field in quotes, and \"\" for \"");
        }
        parser->at++;
    }
    *field = (struct bytes){begin, (size_t)(parser->at - begin)};
    return NULL;
}

/* A copy of the field with one quote for two. */
static struct err *undouble(struct parser *parser, struct bytes *field)
{
    uint8_t *copy = arena_alloc(parser->arena, field->length);
    if (!copy) {
        return err_out_of_memory();
    }
    size_t length = 0;
    for (size_t i = 0; i < field->length; i++) {
        copy[length++] = field->data[i];
        if (field->data[i] == '"') {
            i++;
        }
    }
    *field = (struct bytes){copy, length};
    return NULL;
}

static struct err *read_quoted(struct parser *parser, struct bytes *field)
{
    const uint8_t *begin = ++parser->at;
    bool doubled = false;
    for (;;) {
        parser->at = memchr(parser->at, '"', (size_t)(parser->end - parser->at));
        if (!parser->at) {
            parser->at = parser->end;
            return fault(parser, parser->number, "the quote that begins here is never closed");
        }
        if (parser->at + 1 == parser->end || parser->at[1] != '"') {
            break;
        }
        doubled = true;
        parser->at += 2;
    }
    *field = (struct bytes){begin, (size_t)(parser->at - begin)};
    parser->at++;
    if (!is_field_end(parser)) {
        return fault(parser, parser->number, "text follows a closing quote; write \"\" for a quote inside a field");
    }
    return doubled ? undouble(parser, field) : NULL;
}

static struct err *read_row(struct parser *parser)
{
    parser->field_count = 0;
    for (;;) {
        struct bytes field;
        bool quoted = parser->at < parser->end && *parser->at == '"';
        ERR_TRY(quoted ? read_quoted(parser, &field) : read_plain(parser, &field));
        if (parser->field_count < CSV_FIELDS_MAX) {
            parser->fields[parser->field_count] = field;
        }
        parser->field_count++;
        if (parser->at == parser->end || *parser->at != ',') {
            return NULL;
        }
        parser->at++;
    }
}

static void skip_line_end(struct parser *parser)
{
    if (parser->at < parser->end && *parser->at == '\r') {
        parser->at++;
        if (parser->at < parser->end && *parser->at == '\n') {
            parser->at++;
        }
    } else if (parser->at < parser->end) {
        parser->at++;
    }
}

static bool row_is_empty(const struct parser *parser)
{
    for (size_t i = 0; i < parser->field_count; i++) {
        if (i == CSV_FIELDS_MAX || parser->fields[i].length > 0) {
            return false;
        }
    }
    return true;
}

static struct err *keep_row(struct parser *parser)
{
    if (parser->row_count == parser->row_count_max) {
        return err_new(
            &IDENTITY_IMPORT_INVALID, "%s has more than %zu rows; import it in parts", parser->name, parser->row_count_max);
    }
    if (parser->row_count == parser->row_capacity) {
        size_t capacity = parser->row_capacity ? parser->row_capacity * 2 : ROWS_FIRST;
        struct csv_row *rows = arena_calloc(parser->arena, capacity, sizeof(*rows));
        if (!rows) {
            return err_out_of_memory();
        }
        if (parser->row_count > 0) {
            memcpy(rows, parser->rows, parser->row_count * sizeof(*rows));
        }
        parser->rows = rows;
        parser->row_capacity = capacity;
    }
    size_t kept = parser->field_count < CSV_FIELDS_MAX ? parser->field_count : CSV_FIELDS_MAX;
    const struct bytes *fields = arena_memdup(parser->arena, parser->fields, kept * sizeof(*fields));
    if (!fields) {
        return err_out_of_memory();
    }
    parser->rows[parser->row_count++] = (struct csv_row){parser->number, parser->field_count, fields};
    return NULL;
}

struct err *csv_parse(struct arena *arena, const char *name, struct bytes text, size_t row_count_max, struct csv *ret_csv)
{
    struct parser *parser = arena_alloc(arena, sizeof(*parser)); /* too large for a worker's stack */
    if (!parser) {
        return err_out_of_memory();
    }
    *parser = (struct parser){
        .arena = arena, .name = name, .at = text.data, .end = text.data + text.length, .row_count_max = row_count_max};
    if (text.length >= 3 && memcmp(text.data, "\xef\xbb\xbf", 3) == 0) {
        parser->at += 3;
    }
    while (parser->at < parser->end) {
        parser->number++;
        ERR_TRY(read_row(parser));
        if (!row_is_empty(parser)) {
            ERR_TRY(keep_row(parser));
        }
        skip_line_end(parser);
    }
    *ret_csv = (struct csv){parser->rows, parser->row_count};
    return NULL;
}
