#include "libshared/rpc/field_err.h"

#include "gen/kongsi_errors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PATH_SIZE 512
#define VALUE_SIZE (FIELD_VALUE_LENGTH_MAX * 4 + 8)
#define KEY_LENGTH_MAX 64
#define HIDDEN "(hidden)"

__attribute__((format(printf, 3, 4))) static void path_add(char *text, size_t *length, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int added = vsnprintf(text + *length, PATH_SIZE - *length, format, arguments);
    va_end(arguments);
    if (added > 0) {
        *length += (size_t)added;
    }
    if (*length >= PATH_SIZE) {
        *length = utf8_truncate(text, PATH_SIZE - 1, PATH_SIZE - 2);
        text[*length] = '\0';
    }
}

/* "members[3].name", "metadata[colour]"; a path longer than the buffer loses its end. */
static void path_write(const struct field_path *path, char text[PATH_SIZE], size_t *length)
{
    if (!path) {
        return;
    }
    path_write(path->parent, text, length);
    if (path->parent && path->parent->key) {
        return; /* the entry's own key and value fields: metadata[colour] says it all */
    }
    path_add(text, length, "%s%s", *length ? "." : "", path->field->name);
    if (path->key) {
        path_add(text, length, "[%.*s]", (int)utf8_truncate(path->key, path->key_length, KEY_LENGTH_MAX), path->key);
    } else if (path->index >= 0) {
        path_add(text, length, "[%" PRId64 "]", path->index);
    }
}

static const char *path_text(const struct field_path *path, char text[PATH_SIZE])
{
    size_t length = 0;
    text[0] = '\0';
    path_write(path, text, &length);
    return text;
}

/* Whether the field, or one that contains it, is marked secret. */
static bool is_secret(const struct field_path *path)
{
    for (; path; path = path->parent) {
        if (path->field->secret) {
            return true;
        }
    }
    return false;
}

/* At most FIELD_VALUE_LENGTH_MAX code points, with "…" for the rest. */
static const char *value_text(const char *value, size_t length, char text[VALUE_SIZE])
{
    size_t begin = utf8_truncate(value, length, VALUE_SIZE - 8);
    if (!utf8_valid(value, begin)) {
        return "(not UTF-8)";
    }
    size_t end = 0;
    for (size_t count = 0; end < begin; end++) {
        bool first = ((unsigned char)value[end] & 0xc0) != 0x80;
        if (first && ++count > FIELD_VALUE_LENGTH_MAX) {
            break;
        }
    }
    snprintf(text, VALUE_SIZE, "%.*s%s", (int)end, value, end < length ? "…" : "");
    return text;
}

struct err *field_err_value(
    const struct field_path *path, const char *value, size_t length, const char *limit, const char *must)
{
    char path_buffer[PATH_SIZE];
    char value_buffer[VALUE_SIZE];
    const char *where = path_text(path, path_buffer);
    const char *what = is_secret(path) ? HIDDEN : value_text(value, length, value_buffer);
    struct err *error = err_new(&KONGSI_FIELD_INVALID, "%s is %s, %s", where, what[0] ? what : "empty", must);
    return err_with(err_with(err_with(error, "field", "%s", where), "value", "%s", what), "limit", "%s", limit);
}

struct err *field_err_count(const struct field_path *path, size_t count, int64_t limit, bool too_many, const char *unit)
{
    char path_buffer[PATH_SIZE];
    char count_text[32];
    const char *where = path_text(path, path_buffer);
    bool secret = is_secret(path);
    snprintf(count_text, sizeof(count_text), "%zu", count);
    int unit_length = (int)strlen(unit) - (count == 1 && !secret ? 1 : 0); /* "1 character" */
    const char *shown = !secret ? count_text : too_many ? "too many" : "too few";
    struct err *error = err_new(&KONGSI_FIELD_INVALID, "%s has %s %.*s, at %s %" PRId64, where, shown, unit_length, unit,
        too_many ? "most" : "least", limit);
    error = err_with(error, "field", "%s", where);
    return err_with(err_with(error, "value", "%s", secret ? HIDDEN : count_text), "limit", "%" PRId64, limit);
}

struct err *field_err_missing(const struct field_path *parent, const struct schema_field *field)
{
    struct field_path path = {.parent = parent, .field = field, .index = -1};
    char path_buffer[PATH_SIZE];
    const char *where = path_text(&path, path_buffer);
    struct err *error = err_new(&KONGSI_FIELD_INVALID, "%s is required", where);
    return err_with(err_with(err_with(error, "field", "%s", where), "value", "%s", ""), "limit", "required");
}

struct err *field_err_repeated(const struct field_path *path)
{
    char path_buffer[PATH_SIZE];
    const char *where = path_text(path, path_buffer);
    struct err *error = err_new(&KONGSI_FIELD_INVALID, "%s occurs twice", where);
    return err_with(err_with(err_with(error, "field", "%s", where), "value", "%s", "2 occurrences"), "limit", "1");
}

struct err *field_err_conflict(const struct field_path *path, const struct schema_field *other)
{
    char path_buffer[PATH_SIZE];
    const char *where = path_text(path, path_buffer);
    struct err *error =
        err_new(&KONGSI_FIELD_INVALID, "%s and %s are both given, at most one of them may be", where, other->name);
    return err_with(err_with(err_with(error, "field", "%s", where), "value", "with %s", other->name), "limit", "1");
}

struct err *field_err_unknown(const struct field_path *parent, const struct schema_message *message, const char *name)
{
    char path_buffer[PATH_SIZE];
    char name_buffer[VALUE_SIZE];
    size_t length = 0;
    const char *shown = value_text(name, strlen(name), name_buffer);
    path_buffer[0] = '\0';
    path_write(parent, path_buffer, &length);
    path_add(path_buffer, &length, "%s%s", length ? "." : "", shown);
    struct err *error = err_new(&KONGSI_FIELD_UNKNOWN, "%s is not a field of %s", path_buffer, message->full_name);
    return err_with(error, "field", "%s", path_buffer);
}
