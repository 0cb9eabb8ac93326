#include "libshared/config/config_internal.h"

#include <inttypes.h>
#include <string.h>

#define SECRET_TEXT "********"

/* A JSON string is a double-quoted YAML scalar too. */
static void print_text(struct buf *out, const struct config_field *field, const char *text)
{
    if (field->secret && !str_is_empty(text)) {
        text = SECRET_TEXT;
    }
    buf_append_json_string(out, text ? text : "", text ? strlen(text) : 0);
}

static void print_list(struct buf *out, const struct config_field *field, const struct config_strings *list)
{
    buf_append_char(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        buf_append_text(out, i > 0 ? ", " : "");
        print_text(out, field, list->items[i]);
    }
    buf_append_char(out, ']');
}

static void print_map(struct buf *out, const struct config_field *field, const struct config_map *map)
{
    buf_append_char(out, '{');
    for (size_t i = 0; i < map->count; i++) {
        buf_append_text(out, i > 0 ? ", " : "");
        buf_append_json_string(out, map->keys[i], strlen(map->keys[i]));
        buf_append_text(out, ": ");
        print_text(out, field, map->values[i]);
    }
    buf_append_char(out, '}');
}

static void print_field(struct buf *out, const struct config_field *field, const void *target)
{
    buf_printf(out, "  %s: ", field->key);
    switch (field->type) {
    case CONFIG_STRING:
        print_text(out, field, *(char *const *)target);
        break;
    case CONFIG_INT:
        buf_printf(out, "%" PRId64, *(const int64_t *)target);
        break;
    case CONFIG_BOOL:
        buf_append_text(out, *(const bool *)target ? "true" : "false");
        break;
    case CONFIG_STRING_LIST:
        print_list(out, field, target);
        break;
    case CONFIG_STRING_MAP:
        print_map(out, field, target);
        break;
    case CONFIG_ENUM:
        buf_append_text(out, field->choices[*(const int *)target]);
        break;
    }
    buf_append_char(out, '\n');
}

bool config_print(const struct config_section *sections, size_t section_count, struct buf *out)
{
    for (size_t i = 0; i < section_count; i++) {
        const struct config_section *section = &sections[i];
        if (!section->target || !section->fields || !section->fields[0].key) {
            continue;
        }
        buf_printf(out, "%s:\n", section->name);
        for (const struct config_field *field = section->fields; field->key; field++) {
            print_field(out, field, (const char *)section->target + field->offset);
        }
    }
    return !out->failed;
}
