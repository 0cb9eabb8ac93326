/* YAML, as little of it as a configuration needs: sections of scalars, lists of scalars and maps of scalars. Anchors,
 * aliases, tags, merge keys and deeper nesting are refused. Works on libyaml's events, so nothing is built that input could
 * blow up. */
#include "libshared/config/config_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    const char *name; /* of the file */
    const char *text;
    size_t length;
    yaml_parser_t parser;
    yaml_event_t event; /* the one under the cursor */
    bool has_event;
    const struct config_section *sections;
    size_t section_count;
};

#define INVALID(reader, ...) invalid_at((reader), (reader)->event.start_mark.line + 1, __VA_ARGS__)

static struct err *invalid_at(const struct reader *reader, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static struct err *invalid_at(const struct reader *reader, size_t line, const char *format, ...)
{
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    return err_new(&KONGSI_CONFIG_INVALID, "%s:%zu: %s", reader->name, line, what);
}

/* What libyaml itself could not read. Its encoding errors know a byte offset only. */
static struct err *syntax_error(const struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    if (parser->error == YAML_MEMORY_ERROR) {
        return err_out_of_memory();
    }
    size_t line = parser->problem_mark.line + 1;
    if (parser->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < parser->problem_offset && i < reader->length; i++) {
            line += reader->text[i] == '\n';
        }
    }
    return invalid_at(reader, line, "not valid YAML: %s", parser->problem ? parser->problem : "unknown problem");
}

static struct err *next(struct reader *reader)
{
    if (reader->has_event) {
        yaml_event_delete(&reader->event);
        reader->has_event = false;
    }
    if (!yaml_parser_parse(&reader->parser, &reader->event)) {
        return syntax_error(reader);
    }
    reader->has_event = true;
    const yaml_event_t *event = &reader->event;
    if (event->type == YAML_ALIAS_EVENT) {
        return INVALID(reader, "aliases (*) are not supported");
    }
    bool anchored = (event->type == YAML_SCALAR_EVENT && event->data.scalar.anchor) ||
                    (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.anchor) ||
                    (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.anchor);
    if (anchored) {
        return INVALID(reader, "anchors (&) are not supported");
    }
    bool tagged = (event->type == YAML_SCALAR_EVENT && event->data.scalar.tag) ||
                  (event->type == YAML_SEQUENCE_START_EVENT && event->data.sequence_start.tag) ||
                  (event->type == YAML_MAPPING_START_EVENT && event->data.mapping_start.tag);
    return tagged ? INVALID(reader, "tags (!) are not supported") : NULL;
}

/* The text of the scalar under the cursor; it lives until the next event. */
static struct err *scalar_text(const struct reader *reader, const char *what, const char **ret_text)
{
    if (reader->event.type != YAML_SCALAR_EVENT) {
        return INVALID(reader, "%s must be a plain value, not a list or map", what);
    }
    const char *text = (const char *)reader->event.data.scalar.value;
    if (memchr(text, '\0', reader->event.data.scalar.length)) {
        return INVALID(reader, "%s has a NUL character", what);
    }
    bool plain = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && (strcmp(text, "~") == 0 || strcmp(text, "null") == 0)) {
        return INVALID(reader, "%s is null; leave the key out, or write \"\"", what);
    }
    *ret_text = text;
    return NULL;
}

/* A list or map while it is read: owns its texts. */
struct items {
    char *keys[CONFIG_ITEMS_MAX];
    char *values[CONFIG_ITEMS_MAX];
    size_t count;
    size_t key_count;
};

static void items_free(struct items *items)
{
    for (size_t i = 0; items && i < items->key_count; i++) {
        free(items->keys[i]);
    }
    for (size_t i = 0; items && i < items->count; i++) {
        free(items->values[i]);
    }
    free(items);
}

static void items_cleanup(struct items **items)
{
    items_free(*items);
}

static struct err *add_key(const struct reader *reader, struct items *items, const char *key)
{
    for (size_t i = 0; i < items->key_count; i++) {
        if (strcmp(items->keys[i], key) == 0) {
            return INVALID(reader, "duplicate key \"%.100s\"", key);
        }
    }
    items->keys[items->key_count] = strdup(key);
    return items->keys[items->key_count] ? (items->key_count++, NULL) : err_out_of_memory();
}

/* The items up to the end of the list or map under the cursor. */
static struct err *read_items(struct reader *reader, const char *what, bool is_map, struct items *items)
{
    yaml_event_type_t end = is_map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    const char *text;
    ERR_TRY(next(reader));
    while (reader->event.type != end) {
        if (items->count == CONFIG_ITEMS_MAX) {
            return INVALID(reader, "%s has more than %d items", what, CONFIG_ITEMS_MAX);
        }
        ERR_TRY(scalar_text(reader, what, &text));
        if (is_map) {
            ERR_TRY(add_key(reader, items, text));
            ERR_TRY(next(reader));
            ERR_TRY(scalar_text(reader, what, &text));
        }
        items->values[items->count] = strdup(text);
        if (!items->values[items->count]) {
            return err_out_of_memory();
        }
        items->count++;
        ERR_TRY(next(reader));
    }
    return NULL;
}

static struct err *read_collection(struct reader *reader, const struct config_section *section,
    const struct config_field *field, const char *what, const struct config_origin *origin)
{
    bool is_map = field->type == CONFIG_STRING_MAP;
    if (reader->event.type != (is_map ? YAML_MAPPING_START_EVENT : YAML_SEQUENCE_START_EVENT)) {
        return INVALID(reader, "%s must be a %s", what, is_map ? "map" : "list");
    }
    __attribute__((cleanup(items_cleanup))) struct items *items = calloc(1, sizeof(*items));
    if (!items) {
        return err_out_of_memory();
    }
    ERR_TRY(read_items(reader, what, is_map, items));
    struct config_raw raw = {
        .keys = (const char **)items->keys, .values = (const char **)items->values, .count = items->count};
    return config_value_set(section, field, &raw, origin);
}

static struct err *read_value(struct reader *reader, const struct config_section *section, const struct config_field *field)
{
    char what[160];
    struct config_origin origin = {.file = reader->name, .line = reader->event.start_mark.line + 1};
    snprintf(what, sizeof(what), "%s.%s", section->name, field->key);
    if (field->type == CONFIG_STRING_LIST || field->type == CONFIG_STRING_MAP) {
        return read_collection(reader, section, field, what, &origin);
    }
    const char *text;
    ERR_TRY(scalar_text(reader, what, &text));
    struct config_raw raw = {
        .values = &text, .count = 1, .quoted = reader->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE};
    return config_value_set(section, field, &raw, &origin);
}

static size_t field_count(const struct config_section *section)
{
    size_t count = 0;
    while (section->fields && section->fields[count].key) {
        count++;
    }
    return count;
}

/* The fields of a section; the cursor stands on its mapping. `seen` has one place a field. */
static struct err *read_fields(struct reader *reader, const struct config_section *section, bool *seen)
{
    size_t count = field_count(section);
    ERR_TRY(next(reader));
    while (reader->event.type != YAML_MAPPING_END_EVENT) {
        const char *key;
        size_t index = 0;
        ERR_TRY(scalar_text(reader, "a key", &key));
        while (index < count && strcmp(section->fields[index].key, key) != 0) {
            index++;
        }
        if (index == count) {
            return INVALID(reader, "unknown key \"%.100s\" in section %s", key, section->name);
        }
        if (seen[index]) {
            return INVALID(reader, "duplicate key \"%.100s\" in section %s", key, section->name);
        }
        seen[index] = true;
        ERR_TRY(next(reader));
        ERR_TRY(read_value(reader, section, &section->fields[index]));
        ERR_TRY(next(reader));
    }
    return NULL;
}

/* Another program's section: passed over, whatever is in it. */
static struct err *skip_section(struct reader *reader)
{
    for (int depth = 1; depth > 0;) {
        ERR_TRY(next(reader));
        bool begins = reader->event.type == YAML_MAPPING_START_EVENT || reader->event.type == YAML_SEQUENCE_START_EVENT;
        bool ends = reader->event.type == YAML_MAPPING_END_EVENT || reader->event.type == YAML_SEQUENCE_END_EVENT;
        depth += begins - ends;
    }
    return NULL;
}

static struct err *read_section(struct reader *reader, const struct config_section *section)
{
    ERR_TRY(next(reader));
    if (reader->event.type != YAML_MAPPING_START_EVENT) {
        return INVALID(reader, "section %s must be a map of keys; leave it out when it has none", section->name);
    }
    if (!section->fields) {
        return skip_section(reader);
    }
    bool *seen = calloc(field_count(section) + 1, sizeof(*seen));
    struct err *error = seen ? read_fields(reader, section, seen) : err_out_of_memory();
    free(seen);
    return error;
}

static struct err *read_sections(struct reader *reader, bool *seen)
{
    ERR_TRY(next(reader));
    while (reader->event.type != YAML_MAPPING_END_EVENT) {
        const char *name;
        size_t index = 0;
        ERR_TRY(scalar_text(reader, "a section's name", &name));
        while (index < reader->section_count && strcmp(reader->sections[index].name, name) != 0) {
            index++;
        }
        if (index == reader->section_count) {
            return INVALID(reader, "unknown section \"%.100s\"", name);
        }
        if (seen[index]) {
            return INVALID(reader, "duplicate section \"%.100s\"", name);
        }
        seen[index] = true;
        ERR_TRY(read_section(reader, &reader->sections[index]));
        ERR_TRY(next(reader));
    }
    return NULL;
}

static struct err *read_stream(struct reader *reader, bool *seen)
{
    ERR_TRY(next(reader)); /* stream start */
    ERR_TRY(next(reader));
    if (reader->event.type == YAML_STREAM_END_EVENT) {
        return NULL; /* an empty file: all defaults */
    }
    ERR_TRY(next(reader));
    bool empty = reader->event.type == YAML_SCALAR_EVENT && reader->event.data.scalar.length == 0;
    if (!empty) {
        if (reader->event.type != YAML_MAPPING_START_EVENT) {
            return INVALID(reader, "the file must be a map of sections");
        }
        ERR_TRY(read_sections(reader, seen));
    }
    ERR_TRY(next(reader)); /* document end */
    ERR_TRY(next(reader));
    return reader->event.type == YAML_STREAM_END_EVENT ? NULL : INVALID(reader, "only one YAML document a file");
}

struct err *config_yaml_read(
    const char *name, const char *text, size_t length, const struct config_section *sections, size_t section_count)
{
    struct reader reader = {
        .name = name, .text = text, .length = length, .sections = sections, .section_count = section_count};
    bool *seen = calloc(section_count + 1, sizeof(*seen));
    if (!seen || !yaml_parser_initialize(&reader.parser)) {
        free(seen);
        return err_out_of_memory();
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    struct err *error = read_stream(&reader, seen);
    if (reader.has_event) {
        yaml_event_delete(&reader.event);
    }
    yaml_parser_delete(&reader.parser);
    free(seen);
    return error;
}
