#include "libshared/base/log.h"

#include "libshared/base/clock.h"
#include "libshared/base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_SIZE 8192
#define MESSAGE_SIZE 4096
#define NAME_SIZE 32
#define TRACE_ID_SIZE 33

static char program_name[NAME_SIZE] = "kongsi";
static atomic_int level_min = LOG_LEVEL_INFO;
static _Thread_local char context_service[NAME_SIZE];
static _Thread_local char context_trace_id[TRACE_ID_SIZE];

/* A line under construction. Values that do not fit are cut; room for the closing quotes and braces is always kept. */
struct line {
    char text[LINE_SIZE];
    size_t length;
};

#define LINE_TAIL_SIZE 16 /* "}}\n" and what closes a value */

void log_init(const char *program, enum log_level level)
{
    snprintf(program_name, sizeof(program_name), "%s", program);
    atomic_store(&level_min, (int)level);
}

void log_set_context(const char *service, const char *trace_id)
{
    snprintf(context_service, sizeof(context_service), "%s", service ? service : "");
    snprintf(context_trace_id, sizeof(context_trace_id), "%s", trace_id ? trace_id : "");
}

static bool put(struct line *line, const char *bytes, size_t length)
{
    if (line->length + length > LINE_SIZE - LINE_TAIL_SIZE) {
        return false;
    }
    memcpy(line->text + line->length, bytes, length);
    line->length += length;
    return true;
}

/* What closes the line: there is always room for it. */
static void put_tail(struct line *line, const char *text)
{
    size_t length = strlen(text);
    if (line->length + length <= LINE_SIZE) {
        memcpy(line->text + line->length, text, length);
        line->length += length;
    }
}

static size_t sequence_length(const char *text, size_t left)
{
    for (size_t length = 1; length <= 4 && length <= left; length++) {
        if (utf8_valid(text, length)) {
            return length;
        }
    }
    return 0;
}

/* Puts one character of `text`; returns how many bytes it took, 0 when the line is full. */
static size_t put_escaped(struct line *line, const char *text, size_t left)
{
    unsigned char c = (unsigned char)text[0];
    size_t length = sequence_length(text, left);
    char escape[8];
    if (length == 0) {
        return put(line, "\\ufffd", 6) ? 1 : 0;
    }
    if (c == '"' || c == '\\') {
        escape[0] = '\\';
        escape[1] = (char)c;
        return put(line, escape, 2) ? 1 : 0;
    }
    if (c < 0x20 || c == 0x7f) {
        snprintf(escape, sizeof(escape), "\\u%04x", c);
        return put(line, escape, 6) ? 1 : 0;
    }
    if (c == 0xc2 && (unsigned char)text[1] < 0xa0) { /* C1 controls: some terminals obey them */
        snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)text[1]);
        return put(line, escape, 6) ? 2 : 0;
    }
    return put(line, text, length) ? length : 0;
}

static void put_value(struct line *line, const char *text)
{
    size_t length = strlen(text);
    put_tail(line, "\"");
    for (size_t i = 0; i < length;) {
        size_t step = put_escaped(line, text + i, length - i);
        if (step == 0) {
            break;
        }
        i += step;
    }
    put_tail(line, "\"");
}

/* A field, if there is room for its name and the start of a value. */
static void put_field(struct line *line, const char *name, const char *value)
{
    size_t length = strlen(name);
    if (line->length + 6 * length + 8 > LINE_SIZE - LINE_TAIL_SIZE) { /* every character of the name may need an escape */
        return;
    }
    char last = line->length > 0 ? line->text[line->length - 1] : '\0';
    if (last != '{' && last != '\0') {
        put(line, ",", 1);
    }
    put_value(line, name);
    put(line, ":", 1);
    put_value(line, value);
}

static void begin_line(struct line *line, enum log_level level, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
static void begin_line(struct line *line, enum log_level level, const char *format, va_list arguments)
{
    static const char *const NAMES[] = {"debug", "info", "warn", "error"};
    char message[MESSAGE_SIZE];
    char time_text[INSTANT_TEXT_SIZE];
    if (vsnprintf(message, sizeof(message), format, arguments) < 0) {
        message[0] = '\0';
    }
    message[utf8_truncate(message, strlen(message), sizeof(message) - 5)] = '\0';
    line->length = 0;
    put(line, "{", 1);
    put_field(line, "time", instant_format(instant_now(), time_text));
    put_field(line, "level", NAMES[level]);
    put_field(line, "program", program_name);
    if (context_service[0]) {
        put_field(line, "service", context_service);
    }
    if (context_trace_id[0]) {
        put_field(line, "trace_id", context_trace_id);
    }
    put_field(line, "message", message);
}

/* One write for the whole line, so that lines of several threads do not mix. */
static void end_line(struct line *line)
{
    put_tail(line, "}\n");
    size_t written = 0;
    while (written < line->length) {
        ssize_t count = write(STDERR_FILENO, line->text + written, line->length - written);
        if (count < 0 && errno != EINTR) {
            return; /* a log that cannot be written must not stop the work */
        }
        written += count > 0 ? (size_t)count : 0;
    }
}

void log_write(enum log_level level, const char *format, ...)
{
    if ((int)level < atomic_load(&level_min)) {
        return;
    }
    int saved_errno = errno;
    struct line line;
    va_list arguments;
    va_start(arguments, format);
    begin_line(&line, level, format, arguments);
    va_end(arguments);
    end_line(&line);
    errno = saved_errno;
}

static void put_err(struct line *line, const struct err *error)
{
    char number[24];
    put_field(line, "error", error->message);
    put_field(line, "code", err_code_name(error->code));
    put_field(line, "reason", error->reason);
    put_field(line, "domain", error->domain);
    if (error->file) {
        put_field(line, "file", error->file);
        snprintf(number, sizeof(number), "%d", error->line);
        put_field(line, "line", number);
    }
    if (error->metadata_count == 0 || !put(line, ",\"metadata\":{", 13)) {
        return;
    }
    for (size_t i = 0; i < error->metadata_count; i++) {
        put_field(line, error->metadata[i].key, error->metadata[i].value);
    }
    put_tail(line, "}");
}

void log_err(enum log_level level, const struct err *error, const char *format, ...)
{
    if ((int)level < atomic_load(&level_min)) {
        return;
    }
    int saved_errno = errno;
    struct line line;
    va_list arguments;
    va_start(arguments, format);
    begin_line(&line, level, format, arguments);
    va_end(arguments);
    if (error) {
        put_err(&line, error);
    }
    end_line(&line);
    errno = saved_errno;
}
