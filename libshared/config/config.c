#include "libshared/config/config.h"

#include "libshared/config/config_internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- defaults and environment ---- */

/* Without a default: 0, false, the first choice, nothing. A number's limits hold for what is written, not for "not given".
 */
static struct err *set_default(const struct config_section *section, const struct config_field *field)
{
    struct config_origin origin = {.variable = "(default)"};
    if (field->default_text || field->type == CONFIG_STRING) {
        return config_value_set_text(section, field, field->default_text ? field->default_text : "", &origin);
    }
    void *target = (char *)section->target + field->offset;
    if (field->type == CONFIG_INT) {
        *(int64_t *)target = 0;
    } else if (field->type == CONFIG_BOOL) {
        *(bool *)target = false;
    } else if (field->type == CONFIG_ENUM) {
        *(int *)target = 0;
    }
    return NULL;
}

static struct err *set_defaults(const struct config_section *sections, size_t section_count)
{
    for (size_t i = 0; i < section_count; i++) {
        for (const struct config_field *field = sections[i].fields; sections[i].target && field && field->key; field++) {
            ERR_TRY(set_default(&sections[i], field));
        }
    }
    return NULL;
}

/* "KONGSI_GATEWAY_PORT" of gateway.port. */
static bool variable_name(const char *section, const char *key, char *text, size_t size)
{
    int length = snprintf(text, size, "KONGSI_%s_%s", section, key);
    for (char *c = text; *c; c++) {
        *c = (char)(*c == '-' || *c == '.' ? '_' : toupper((unsigned char)*c));
    }
    return length > 0 && (size_t)length < size;
}

static struct err *set_from_environment(const struct config_section *section, const struct config_field *field)
{
    char variable[128];
    const char *value = variable_name(section->name, field->key, variable, sizeof(variable)) ? getenv(variable) : NULL;
    if (!value) {
        return NULL;
    }
    struct config_origin origin = {.variable = variable};
    if (!utf8_valid(value, strlen(value))) {
        return err_new(&KONGSI_CONFIG_INVALID, "environment variable %s is not valid UTF-8", variable);
    }
    return config_value_set_text(section, field, value, &origin);
}

static struct err *apply_environment(const struct config_section *sections, size_t section_count)
{
    for (size_t i = 0; i < section_count; i++) {
        for (const struct config_field *field = sections[i].fields; sections[i].target && field && field->key; field++) {
            ERR_TRY(set_from_environment(&sections[i], field));
        }
    }
    return NULL;
}

/* ---- the file ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* At most `size_max_bytes` of the file; more is refused. */
static struct err *read_file(const char *path, size_t size_max_bytes, struct buf *ret_text)
{
    __attribute__((cleanup(close_fd))) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return err_new(&KONGSI_CONFIG_INVALID, "cannot open %s: %s", path, strerror(errno));
    }
    char piece[4096];
    for (;;) {
        ssize_t count = read(fd, piece, sizeof(piece));
        if (count == 0) {
            return NULL;
        }
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            return err_new(&KONGSI_CONFIG_INVALID, "cannot read %s: %s", path, strerror(errno));
        }
        if (ret_text->length + (size_t)count > size_max_bytes) {
            return err_new(&KONGSI_CONFIG_INVALID, "%s is larger than %zu bytes", path, size_max_bytes);
        }
        if (!buf_append(ret_text, piece, (size_t)count)) {
            return err_out_of_memory();
        }
    }
}

static struct err *load(
    const char *name, const struct bytes *text, const struct config_section *sections, size_t section_count)
{
    ERR_TRY(set_defaults(sections, section_count));
    if (text) {
        ERR_TRY(config_yaml_read(name, (const char *)text->data, text->length, sections, section_count));
    }
    return apply_environment(sections, section_count);
}

static struct err *load_or_clear(
    const char *name, const struct bytes *text, const struct config_section *sections, size_t section_count)
{
    struct err *error = load(name, text, sections, section_count);
    if (error) {
        config_deinit(sections, section_count);
    }
    return error;
}

struct err *config_load(const char *path, const struct config_section *sections, size_t section_count)
{
    if (!path) {
        return load_or_clear("", NULL, sections, section_count);
    }
    BUF_AUTO text;
    buf_init(&text, CONFIG_FILE_SIZE_MAX_BYTES);
    ERR_TRY(read_file(path, CONFIG_FILE_SIZE_MAX_BYTES, &text));
    return config_load_text(path, text.data ? text.data : "", text.length, sections, section_count);
}

struct err *config_load_text(
    const char *name, const char *text, size_t length, const struct config_section *sections, size_t section_count)
{
    struct bytes bytes = {.data = (const uint8_t *)text, .length = length};
    return load_or_clear(name, &bytes, sections, section_count);
}

void config_deinit(const struct config_section *sections, size_t section_count)
{
    for (size_t i = 0; i < section_count; i++) {
        for (const struct config_field *field = sections[i].fields; sections[i].target && field && field->key; field++) {
            config_value_free((char *)sections[i].target + field->offset, field);
        }
    }
}

/* ---- secrets ---- */

struct err *config_read_secret_file(const char *path, char **ret_secret)
{
    BUF_AUTO text;
    buf_init(&text, CONFIG_SECRET_SIZE_MAX_BYTES);
    struct err *error = read_file(path, CONFIG_SECRET_SIZE_MAX_BYTES, &text);
    if (!error && text.length == 0) {
        error = err_new(&KONGSI_CONFIG_INVALID, "%s is empty, it must hold a secret", path);
    }
    if (!error && memchr(text.data, '\0', text.length)) {
        error = err_new(&KONGSI_CONFIG_INVALID, "%s has a NUL character, it must hold text", path);
    }
    char *secret = NULL;
    if (!error) {
        char *begin = text.data + strspn(text.data, " \t");
        size_t length = strcspn(begin, "\r\n");
        while (length > 0 && (begin[length - 1] == ' ' || begin[length - 1] == '\t')) {
            length--;
        }
        secret = strndup(begin, length);
        error = !secret       ? err_out_of_memory()
                : length == 0 ? err_new(&KONGSI_CONFIG_INVALID, "the first line of %s is empty, it must hold a secret", path)
                              : NULL;
    }
    if (text.data) {
        explicit_bzero(text.data, text.capacity);
    }
    if (error) {
        free(secret);
        return error;
    }
    *ret_secret = secret;
    return NULL;
}
