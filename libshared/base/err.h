/* The one error object. NULL is success.
 *
 * The leaf raises it, the middle forwards it unchanged with ERR_TRY, the caller that understands a reason handles it, and
 * the edge logs it once. An error is owned by whoever holds the pointer last; err_free ends it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* google.rpc.Code */
enum err_code {
    ERR_OK = 0,
    ERR_CANCELLED = 1,
    ERR_UNKNOWN = 2,
    ERR_INVALID_ARGUMENT = 3,
    ERR_DEADLINE_EXCEEDED = 4,
    ERR_NOT_FOUND = 5,
    ERR_ALREADY_EXISTS = 6,
    ERR_PERMISSION_DENIED = 7,
    ERR_RESOURCE_EXHAUSTED = 8,
    ERR_FAILED_PRECONDITION = 9,
    ERR_ABORTED = 10,
    ERR_OUT_OF_RANGE = 11,
    ERR_UNIMPLEMENTED = 12,
    ERR_INTERNAL = 13,
    ERR_UNAVAILABLE = 14,
    ERR_DATA_LOSS = 15,
    ERR_UNAUTHENTICATED = 16,
};

/* A reason: declared once in a service's errors.proto, generated as a constant (`MESSAGING_CONVERSATION_NOT_FOUND`; the
 * kit's own are `KONGSI_FIELD_INVALID`, …). */
struct err_reason {
    const char *domain; /* "messaging.kongsi" */
    const char *name;   /* "CONVERSATION_NOT_FOUND" */
    enum err_code code;
};

#define ERR_METADATA_MAX 8

struct err_metadata {
    char *key;
    char *value;
};

struct err {
    enum err_code code;
    char *domain;
    char *reason;
    char *message;
    bool retriable; /* the same call may succeed later */
    struct err_metadata metadata[ERR_METADATA_MAX];
    size_t metadata_count;
    const char *file; /* where it was raised; NULL when it came over the wire */
    int line;
};

#define ERR_RESULT __attribute__((warn_unused_result))

/* Messages: lower case, no full stop, name the value and the limit, say what to do. At most 1,000 bytes are kept. */
#define err_new(reason, ...) err_make((reason), __FILE__, __LINE__, __VA_ARGS__)
struct err *err_make(const struct err_reason *reason, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* An error that arrived from elsewhere: texts are copied. */
struct err *err_restore(enum err_code code, const char *domain, const char *reason, const char *message, bool retriable);
/* The preallocated error for when there is no memory to make one; err_free leaves it alone. */
struct err *err_out_of_memory(void);
/* Adds metadata and returns `error`; silently drops it when full or out of memory. */
struct err *err_with(struct err *error, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool err_is(const struct err *error, const struct err_reason *reason);
const char *err_get_metadata(const struct err *error, const char *key); /* NULL: none */
void err_free(struct err *error);
/* "NOT_FOUND" for ERR_NOT_FOUND. */
const char *err_code_name(enum err_code code);
/* The code of a name; ERR_UNKNOWN for a name nobody knows. */
enum err_code err_code_from_name(const char *name);

static inline void err_cleanup(struct err **error)
{
    err_free(*error);
}
#define ERR_AUTO __attribute__((cleanup(err_cleanup))) struct err *

#define ERR_TRY(expression)                                                                                                 \
    do {                                                                                                                    \
        struct err *err_try_result_ = (expression);                                                                         \
        if (err_try_result_) {                                                                                              \
            return err_try_result_;                                                                                         \
        }                                                                                                                   \
    } while (0)
