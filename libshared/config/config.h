/* Configuration: one YAML file for all programs, sections of typed fields, environment over file.
 *
 * An unknown section or key, a wrong type, a value out of range is an error that names file, line, key and limit. The
 * environment variable KONGSI_<SECTION>_<KEY> (upper case) overrides the file. One file serves every program: the sections
 * of services a program does not run are known by name and not looked into (fields NULL). */
#pragma once

#include "libshared/base/err.h"
#include "libshared/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum config_type {
    CONFIG_STRING,      /* char *, owned by the section; "" by default when default_text is NULL */
    CONFIG_INT,         /* int64_t */
    CONFIG_BOOL,        /* bool */
    CONFIG_STRING_LIST, /* struct config_strings */
    CONFIG_STRING_MAP,  /* struct config_map */
    CONFIG_ENUM,        /* int: index of the value in `choices` */
};

struct config_strings {
    char **items;
    size_t count;
};

struct config_map {
    char **keys;
    char **values;
    size_t count;
};

struct config_field {
    const char *key;
    enum config_type type;
    size_t offset; /* in the section's struct */
    const char *default_text;
    int64_t minimum, maximum;   /* of CONFIG_INT; both 0: any */
    const char *const *choices; /* of CONFIG_ENUM, NULL-terminated */
    bool secret;                /* --print-config hides it */
    const char *help;           /* one sentence with unit and meaning; goes into docs/operations.md's check */
};

struct config_section {
    const char *name;                  /* "messaging" */
    const struct config_field *fields; /* ends with key = NULL; fields NULL: another program's section, not looked into */
    void *target;                      /* filled; NULL: only checked */
};

/* Reads `path` (NULL: defaults and environment only) into the sections. Reason: KONGSI_CONFIG_INVALID. */
ERR_RESULT struct err *config_load(const char *path, const struct config_section *sections, size_t section_count);
/* The same from memory; for tests and fuzzing. `name` stands for the file in messages. */
ERR_RESULT struct err *config_load_text(
    const char *name, const char *text, size_t length, const struct config_section *sections, size_t section_count);
/* The effective configuration as YAML, secrets hidden. */
bool config_print(const struct config_section *sections, size_t section_count, struct buf *out);
/* Frees what config_load put into the targets. */
void config_deinit(const struct config_section *sections, size_t section_count);
/* The first line of a file, trimmed, at most 4 KiB: for secrets. Heap. */
ERR_RESULT struct err *config_read_secret_file(const char *path, char **ret_secret);
