/* Logs: one JSON object a line on standard error.
 *
 * {"time":…,"level":"info","service":"messaging","trace_id":…,"message":"…"}; control characters and invalid UTF-8 in
 * messages are escaped, so that no input can forge a line. Lines are at most 8 KiB. Thread-safe. */
#pragma once

#include "libshared/base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

/* The program's name in every line; called once at start. */
void log_init(const char *program, enum log_level level);
/* The trace id (32 hex digits) and service of what this thread does now; NULL: none. The texts are copied. */
void log_set_context(const char *service, const char *trace_id);

#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Logs an error with its code, reason, place and metadata behind the text; does not free it. */
void log_err(enum log_level level, const struct err *error, const char *format, ...) __attribute__((format(printf, 3, 4)));
