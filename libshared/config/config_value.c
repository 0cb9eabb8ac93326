#include "libshared/config/config_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *config_origin_text(const struct config_origin *origin, char text[CONFIG_ORIGIN_TEXT_SIZE])
{
    if (origin->variable) {
        snprintf(text, CONFIG_ORIGIN_TEXT_SIZE, "environment variable %s", origin->variable);
    } else {
        snprintf(text, CONFIG_ORIGIN_TEXT_SIZE, "%s:%zu", origin->file, origin->line);
    }
    return text;
}

/* `what` tells the rule; a secret's value stays out of the message. */
static struct err *value_error(const struct config_section *section, const struct config_field *field,
    const struct config_origin *origin, const char *value, const char *what)
{
    char place[CONFIG_ORIGIN_TEXT_SIZE];
    config_origin_text(origin, place);
    if (field->secret || !value) {
        return err_new(&KONGSI_CONFIG_INVALID, "%s: %s.%s must be %s", place, section->name, field->key, what);
    }
    return err_new(
        &KONGSI_CONFIG_INVALID, "%s: %s.%s is \"%.100s\", must be %s", place, section->name, field->key, value, what);
}

static void *field_target(const struct config_section *section, const struct config_field *field)
{
    return section->target ? (char *)section->target + field->offset : NULL;
}

/* ---- scalars ---- */

static struct err *set_string(void *target, const char *value)
{
    if (!target) {
        return NULL;
    }
    char *copy = strdup(value);
    if (!copy) {
        return err_out_of_memory();
    }
    free(*(char **)target);
    *(char **)target = copy;
    return NULL;
}

static struct err *set_int(const struct config_section *section, const struct config_field *field, const char *value,
    const struct config_origin *origin, void *target)
{
    int64_t number;
    bool limited = field->minimum != 0 || field->maximum != 0;
    if (str_to_int64(value, &number) && (!limited || (number >= field->minimum && number <= field->maximum))) {
        if (target) {
            *(int64_t *)target = number;
        }
        return NULL;
    }
    char what[96] = "a whole number";
    if (limited) {
        snprintf(what, sizeof(what), "a whole number from %" PRId64 " to %" PRId64, field->minimum, field->maximum);
    }
    return value_error(section, field, origin, value, what);
}

static struct err *set_bool(const struct config_section *section, const struct config_field *field, const char *value,
    const struct config_origin *origin, void *target)
{
    bool truth = strcmp(value, "true") == 0;
    if (!truth && strcmp(value, "false") != 0) {
        return value_error(section, field, origin, value, "true or false");
    }
    if (target) {
        *(bool *)target = truth;
    }
    return NULL;
}

static struct err *set_enum(const struct config_section *section, const struct config_field *field, const char *value,
    const struct config_origin *origin, void *target)
{
    for (int i = 0; field->choices[i]; i++) {
        if (strcmp(field->choices[i], value) == 0) {
            if (target) {
                *(int *)target = i;
            }
            return NULL;
        }
    }
    char what[256];
    size_t length = (size_t)snprintf(what, sizeof(what), "one of");
    for (int i = 0; field->choices[i] && length < sizeof(what); i++) {
        length += (size_t)snprintf(what + length, sizeof(what) - length, "%s %s", i > 0 ? "," : "", field->choices[i]);
    }
    return value_error(section, field, origin, value, what);
}

static struct err *set_scalar(const struct config_section *section, const struct config_field *field,
    const struct config_raw *raw, const struct config_origin *origin, void *target)
{
    const char *value = raw->values[0];
    switch (field->type) {
    case CONFIG_INT:
        return raw->quoted ? value_error(section, field, origin, value, "a number without quotes")
                           : set_int(section, field, value, origin, target);
    case CONFIG_BOOL:
        return raw->quoted ? value_error(section, field, origin, value, "true or false without quotes")
                           : set_bool(section, field, value, origin, target);
    case CONFIG_ENUM:
        return set_enum(section, field, value, origin, target);
    case CONFIG_STRING:
    case CONFIG_STRING_LIST:
    case CONFIG_STRING_MAP:
        break;
    }
    return set_string(target, value);
}

/* ---- lists and maps ---- */

static void free_texts(char **texts, size_t count)
{
    for (size_t i = 0; texts && i < count; i++) {
        free(texts[i]);
    }
    free(texts);
}

static char **copy_texts(const char *const *texts, size_t count)
{
    char **copies = calloc(count > 0 ? count : 1, sizeof(*copies));
    for (size_t i = 0; copies && i < count; i++) {
        copies[i] = strdup(texts[i]);
        if (!copies[i]) {
            free_texts(copies, i);
            return NULL;
        }
    }
    return copies;
}

static struct err *set_list(void *target, const struct config_field *field, const struct config_raw *raw)
{
    if (!target) {
        return NULL;
    }
    struct config_strings list = {.items = copy_texts(raw->values, raw->count), .count = raw->count};
    if (!list.items) {
        return err_out_of_memory();
    }
    config_value_free(target, field);
    *(struct config_strings *)target = list;
    return NULL;
}

static struct err *set_map(void *target, const struct config_field *field, const struct config_raw *raw)
{
    if (!target) {
        return NULL;
    }
    struct config_map map = {.keys = copy_texts(raw->keys, raw->count), .count = raw->count};
    map.values = copy_texts(raw->values, raw->count);
    if (!map.keys || !map.values) {
        free_texts(map.keys, raw->count);
        free_texts(map.values, raw->count);
        return err_out_of_memory();
    }
    config_value_free(target, field);
    *(struct config_map *)target = map;
    return NULL;
}

struct err *config_value_set(const struct config_section *section, const struct config_field *field,
    const struct config_raw *raw, const struct config_origin *origin)
{
    void *target = field_target(section, field);
    if (field->type == CONFIG_STRING_LIST) {
        return set_list(target, field, raw);
    }
    if (field->type == CONFIG_STRING_MAP) {
        return set_map(target, field, raw);
    }
    return set_scalar(section, field, raw, origin, target);
}

/* ---- one line of text ---- */

/* Cuts "a,b" or "k=v,l=w" in place; spaces around the parts go, empty parts too. */
static struct err *split(const struct config_section *section, const struct config_field *field, char *text,
    const struct config_origin *origin, struct config_raw *raw)
{
    char *rest = NULL;
    for (char *part = strtok_r(text, ",", &rest); part; part = strtok_r(NULL, ",", &rest)) {
        part += strspn(part, " ");
        size_t length = strlen(part);
        while (length > 0 && part[length - 1] == ' ') {
            part[--length] = '\0';
        }
        if (length == 0) {
            continue;
        }
        if (raw->count == CONFIG_ITEMS_MAX) {
            return value_error(section, field, origin, NULL, "a list of at most 1000 items");
        }
        if (field->type == CONFIG_STRING_MAP) {
            char *equals = strchr(part, '=');
            if (!equals || equals == part) {
                return value_error(section, field, origin, part, "key=value pairs with ',' between them");
            }
            *equals = '\0';
            raw->keys[raw->count] = part;
            part = equals + 1;
        }
        raw->values[raw->count++] = part;
    }
    return NULL;
}

struct err *config_value_set_text(const struct config_section *section, const struct config_field *field, const char *text,
    const struct config_origin *origin)
{
    if (field->type != CONFIG_STRING_LIST && field->type != CONFIG_STRING_MAP) {
        struct config_raw scalar = {.values = &text, .count = 1};
        return config_value_set(section, field, &scalar, origin);
    }
    char *copy = strdup(text);
    struct config_raw raw = {0};
    raw.keys = calloc(CONFIG_ITEMS_MAX, sizeof(*raw.keys));
    raw.values = calloc(CONFIG_ITEMS_MAX, sizeof(*raw.values));
    struct err *error = copy && raw.keys && raw.values ? split(section, field, copy, origin, &raw) : err_out_of_memory();
    if (!error) {
        error = config_value_set(section, field, &raw, origin);
    }
    free(raw.keys);
    free(raw.values);
    free(copy);
    return error;
}

void config_value_free(void *target, const struct config_field *field)
{
    if (field->type == CONFIG_STRING) {
        free(*(char **)target);
        *(char **)target = NULL;
    } else if (field->type == CONFIG_STRING_LIST) {
        struct config_strings *list = target;
        free_texts(list->items, list->count);
        *list = (struct config_strings){0};
    } else if (field->type == CONFIG_STRING_MAP) {
        struct config_map *map = target;
        free_texts(map->keys, map->count);
        free_texts(map->values, map->count);
        *map = (struct config_map){0};
    }
}
