#include "libshared/base/err.h"

#include "libshared/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MESSAGE_LENGTH_MAX 1000
#define METADATA_LENGTH_MAX 500

/* Index: enum err_code. */
static const char *const CODE_NAMES[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};
#define CODE_COUNT (sizeof(CODE_NAMES) / sizeof(CODE_NAMES[0]))

/* Its texts are literals; nobody writes to them. */
static struct err OUT_OF_MEMORY = {
    .code = ERR_RESOURCE_EXHAUSTED,
    .domain = (char *)(uintptr_t) "kongsi",
    .reason = (char *)(uintptr_t) "OUT_OF_MEMORY",
    .message = (char *)(uintptr_t) "out of memory",
    .retriable = true,
};

struct err *err_out_of_memory(void)
{
    return &OUT_OF_MEMORY;
}

static bool code_is_retriable(enum err_code code)
{
    return code == ERR_UNAVAILABLE || code == ERR_ABORTED || code == ERR_DEADLINE_EXCEEDED || code == ERR_RESOURCE_EXHAUSTED;
}

/* Error texts go into JSON and protobuf, and may quote input: whatever is not UTF-8 becomes '?'. */
static void make_valid_utf8(char *text)
{
    size_t length = strlen(text);
    if (utf8_valid(text, length)) {
        return;
    }
    for (char *c = text; *c; c++) {
        if ((unsigned char)*c >= 0x80) {
            *c = '?';
        }
    }
}

/* One block: the object, then its three texts. */
static struct err *make(enum err_code code, const char *domain, const char *reason, const char *message)
{
    size_t domain_size = strlen(domain) + 1;
    size_t reason_size = strlen(reason) + 1;
    size_t message_length = utf8_truncate(message, strlen(message), MESSAGE_LENGTH_MAX);
    struct err *error = calloc(1, sizeof(*error) + domain_size + reason_size + message_length + 1);
    if (!error) {
        return err_out_of_memory();
    }
    char *text = (char *)(error + 1);
    error->code = code;
    error->domain = memcpy(text, domain, domain_size);
    error->reason = memcpy(text + domain_size, reason, reason_size);
    error->message = memcpy(text + domain_size + reason_size, message, message_length);
    make_valid_utf8(error->domain);
    make_valid_utf8(error->reason);
    make_valid_utf8(error->message);
    return error;
}

struct err *err_make(const struct err_reason *reason, const char *file, int line, const char *format, ...)
{
    char message[MESSAGE_LENGTH_MAX + 5]; /* room for a code point that make() then cuts off whole */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    struct err *error = make(reason->code, reason->domain, reason->name, length < 0 ? "" : message);
    if (error != &OUT_OF_MEMORY) {
        error->retriable = code_is_retriable(reason->code);
        error->file = file;
        error->line = line;
    }
    return error;
}

struct err *err_restore(enum err_code code, const char *domain, const char *reason, const char *message, bool retriable)
{
    if ((int)code <= ERR_OK || (size_t)code >= CODE_COUNT) {
        code = ERR_UNKNOWN;
    }
    struct err *error = make(code, domain ? domain : "", reason ? reason : "", message ? message : "");
    if (error != &OUT_OF_MEMORY) {
        error->retriable = retriable;
    }
    return error;
}

struct err *err_with(struct err *error, const char *key, const char *format, ...)
{
    if (!error || error == &OUT_OF_MEMORY || error->metadata_count == ERR_METADATA_MAX) {
        return error;
    }
    char value[METADATA_LENGTH_MAX + 5];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(value, sizeof(value), format, arguments);
    va_end(arguments);
    if (length < 0) {
        return error;
    }
    size_t key_size = strlen(key) + 1;
    size_t value_length = utf8_truncate(value, strlen(value), METADATA_LENGTH_MAX);
    char *text = calloc(1, key_size + value_length + 1);
    if (!text) {
        return error;
    }
    struct err_metadata *entry = &error->metadata[error->metadata_count++];
    entry->key = memcpy(text, key, key_size); /* the key's block holds the value too */
    entry->value = memcpy(text + key_size, value, value_length);
    make_valid_utf8(entry->key);
    make_valid_utf8(entry->value);
    return error;
}

bool err_is(const struct err *error, const struct err_reason *reason)
{
    return error && strcmp(error->reason, reason->name) == 0 && strcmp(error->domain, reason->domain) == 0;
}

const char *err_get_metadata(const struct err *error, const char *key)
{
    for (size_t i = 0; i < error->metadata_count; i++) {
        if (strcmp(error->metadata[i].key, key) == 0) {
            return error->metadata[i].value;
        }
    }
    return NULL;
}

void err_free(struct err *error)
{
    if (!error || error == &OUT_OF_MEMORY) {
        return;
    }
    for (size_t i = 0; i < error->metadata_count; i++) {
        free(error->metadata[i].key);
    }
    free(error);
}

const char *err_code_name(enum err_code code)
{
    return (int)code >= 0 && (size_t)code < CODE_COUNT ? CODE_NAMES[code] : CODE_NAMES[ERR_UNKNOWN];
}

enum err_code err_code_from_name(const char *name)
{
    for (size_t i = 0; i < CODE_COUNT; i++) {
        if (strcmp(name, CODE_NAMES[i]) == 0) {
            return (enum err_code)i;
        }
    }
    return ERR_UNKNOWN;
}
