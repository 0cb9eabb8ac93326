/* What the files of this folder share. */
#pragma once

#include "gen/kongsi_errors.h"
#include "libshared/config/config.h"

#define CONFIG_FILE_SIZE_MAX_BYTES ((size_t)1024 * 1024)
#define CONFIG_ITEMS_MAX 1000
#define CONFIG_SECRET_SIZE_MAX_BYTES 4096

/* Where a value came from, for messages: "kongsi.yaml:12" or "the environment variable KONGSI_GATEWAY_PORT". */
struct config_origin {
    const char *file;
    size_t line;          /* 0: not from a file */
    const char *variable; /* of the environment */
};

#define CONFIG_ORIGIN_TEXT_SIZE 256
const char *config_origin_text(const struct config_origin *origin, char text[CONFIG_ORIGIN_TEXT_SIZE]);

/* A value as it was written, on the way into its field. */
struct config_raw {
    const char **keys; /* of a map; else NULL */
    const char **values;
    size_t count;
    bool quoted; /* a scalar in quotes: text, never a number or a truth value */
};

/* Checks the value against the field and stores it; `target` NULL: only checks. What the field held before is freed. */
ERR_RESULT struct err *config_value_set(const struct config_section *section, const struct config_field *field,
    const struct config_raw *raw, const struct config_origin *origin);
/* The same from one line of text, as in the environment and defaults: lists "a,b", maps "k=v,l=w". */
ERR_RESULT struct err *config_value_set_text(const struct config_section *section, const struct config_field *field,
    const char *text, const struct config_origin *origin);
void config_value_free(void *target, const struct config_field *field);

/* Reads the YAML text into the sections, whose defaults stand already. */
ERR_RESULT struct err *config_yaml_read(
    const char *name, const char *text, size_t length, const struct config_section *sections, size_t section_count);
