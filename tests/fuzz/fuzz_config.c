/* Any bytes as a configuration file: read or refused, what is read can be printed and read again, nothing leaks. */
#include "libshared/base/check.h"
#include "libshared/config/config.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct settings {
    char *text;
    char *secret;
    int64_t number;
    bool truth;
    int choice;
    struct config_strings list;
    struct config_map map;
};

static const char *const CHOICES[] = {"one", "two", NULL};

static const struct config_field FIELDS[] = {
    {.key = "text", .type = CONFIG_STRING, .offset = offsetof(struct settings, text), .default_text = "x"},
    {.key = "secret", .type = CONFIG_STRING, .offset = offsetof(struct settings, secret), .secret = true},
    {.key = "number", .type = CONFIG_INT, .offset = offsetof(struct settings, number), .minimum = -5, .maximum = 65535},
    {.key = "truth", .type = CONFIG_BOOL, .offset = offsetof(struct settings, truth)},
    {.key = "choice", .type = CONFIG_ENUM, .offset = offsetof(struct settings, choice), .choices = CHOICES},
    {.key = "list", .type = CONFIG_STRING_LIST, .offset = offsetof(struct settings, list)},
    {.key = "map", .type = CONFIG_STRING_MAP, .offset = offsetof(struct settings, map)},
    {0},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings settings = {0};
    const struct config_section sections[] = {
        {.name = "used", .fields = FIELDS, .target = &settings},
        {.name = "unused", .fields = FIELDS},
    };
    struct err *error = config_load_text("fuzz.yaml", (const char *)data, size, sections, 2);
    if (error) {
        check(utf8_valid(error->message, strlen(error->message)));
        check(!settings.text && !settings.list.items && !settings.map.keys);
        err_free(error);
        return 0;
    }
    BUF_AUTO printed;
    buf_init(&printed, (size_t)16 * 1024 * 1024);
    check(config_print(sections, 2, &printed));
    config_deinit(sections, 2);
    error = config_load_text("printed.yaml", printed.data, printed.length, sections, 2);
    check(!error);
    config_deinit(sections, 2);
    return 0;
}
