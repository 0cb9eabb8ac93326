/* What is ambiguous is refused here, before anything is routed.
 *
 * civetweb accepts much that RFC 9112 forbids, and where two programs read one request differently, one of them can be
 * fooled (request smuggling). It hands over no raw bytes, but it parses in place and ends every word with NUL where it
 * stood: so from the distances between the words one sees what stood between them. */
#include "libshared/rpc/http_internal.h"

#include "gen/kongsi_errors.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Fields that may stand only once: two of them could be understood differently by two readers. */
static const char *const SINGLE_FIELDS[] = {
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Authorization",
    "Content-Type",
    "Expect",
    "Idempotency-Key",
    "Origin",
    "If-None-Match",
    "Traceparent",
};

#define MALFORMED(...) err_new(&KONGSI_REQUEST_MALFORMED, __VA_ARGS__)

static bool is_token_char(unsigned char c)
{
    return c > ' ' && c < 0x7f && !strchr("\"(),/:;<=>?@[\\]{}", c);
}

static bool is_token(const char *text)
{
    if (!*text) {
        return false;
    }
    for (; *text; text++) {
        if (!is_token_char((unsigned char)*text)) {
            return false;
        }
    }
    return true;
}

/* One space between the words of the request line, CRLF at its end. `ret_next`: where the first field must begin. */
static struct err *check_request_line(const struct mg_request_info *info, const char **ret_next)
{
    const char *target_end = info->request_uri + strlen(info->request_uri);
    if (info->query_string) { /* the '?' became a NUL */
        target_end = info->query_string + strlen(info->query_string);
    }
    const char *version = info->http_version - strlen("HTTP/");
    if (info->request_uri != info->request_method + strlen(info->request_method) + 1 || version != target_end + 1) {
        return MALFORMED("the request line must have single spaces between its three parts");
    }
    *ret_next = info->http_version + strlen(info->http_version) + strlen("\r\n");
    return NULL;
}

/* CRLF ends each field line, nothing stands before a colon, nothing was skipped behind the last field (a folded or nameless
 * line ends civetweb's list without an error). */
static struct err *check_field_lines(const struct mg_request_info *info)
{
    const char *next = NULL;
    ERR_TRY(check_request_line(info, &next));
    for (int i = 0; i < info->num_headers; i++) {
        const struct mg_header *field = &info->http_headers[i];
        if (field->name != next) {
            return MALFORMED("every line of the head must end with CRLF");
        }
        for (const char *gap = field->name + strlen(field->name) + 1; gap < field->value; gap++) {
            if (*gap != ' ' && *gap != '\t') {
                return MALFORMED("no space may stand before the colon of a header field");
            }
        }
        next = field->value + strlen(field->value) + strlen("\r\n");
        if (next - info->request_method > HTTP_HEAD_SIZE_MAX_BYTES) {
            return err_new(&KONGSI_HEADERS_TOO_LARGE, "request line and header fields may have %d bytes together",
                HTTP_HEAD_SIZE_MAX_BYTES);
        }
    }
    /* What follows is the empty line's CR, its LF overwritten by civetweb. (A head that ends with two bare LFs has one byte
     * less. The buffer is larger than the limit checked above, so looking there stays inside it.) */
    if (info->num_headers > 0 && (next[-1] != '\0' || next[0] != '\r' || next[1] != '\0')) {
        return MALFORMED("a header field is folded, has no name, or does not end with CRLF");
    }
    return NULL;
}

/* A target in origin-form without anything two readers could take differently. */
static struct err *check_target_part(const char *text, bool is_path)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '%') {
            int high = http_hex_value(text[1]);
            int low = high < 0 ? -1 : http_hex_value(text[2]);
            if (low < 0) {
                return MALFORMED("the request target has a broken percent escape");
            }
            c = (unsigned char)(high * 16 + low);
            text += 2;
            if (c == 0 || (is_path && (c < ' ' || c == 0x7f))) {
                return MALFORMED("the request target has an escaped control character");
            }
        } else if (c <= ' ' || c >= 0x7f || c == '#') {
            return MALFORMED("the request target has a character that must be escaped");
        }
    }
    return NULL;
}

static struct err *take_target(struct http_exchange *exchange, const struct mg_request_info *info)
{
    const char *query = info->query_string ? info->query_string : "";
    if (strlen(info->request_uri) + strlen(query) > HTTP_TARGET_LENGTH_MAX) {
        return err_new(&KONGSI_URI_TOO_LONG, "the request target may have %d bytes", HTTP_TARGET_LENGTH_MAX);
    }
    if (info->request_uri[0] != '/') {
        return MALFORMED("the request target must be a path; this is no proxy");
    }
    ERR_TRY(check_target_part(info->request_uri, true));
    ERR_TRY(check_target_part(query, false));
    exchange->path = info->request_uri;
    exchange->query = query;
    return NULL;
}

/* Copies the fields, values without the blanks at their end. */
static struct err *take_fields(struct http_exchange *exchange, const struct mg_request_info *info)
{
    if (info->num_headers > HTTP_HEADERS_MAX) {
        return err_new(&KONGSI_HEADERS_TOO_LARGE, "a request may have %d header fields", HTTP_HEADERS_MAX);
    }
    for (int i = 0; i < info->num_headers; i++) {
        const struct mg_header *field = &info->http_headers[i];
        if (!is_token(field->name)) {
            return MALFORMED("a header field's name has a character that no name may have");
        }
        size_t length = strlen(field->value);
        while (length > 0 && (field->value[length - 1] == ' ' || field->value[length - 1] == '\t')) {
            length--;
        }
        const char *value = field->value[length] ? arena_strndup(exchange->arena, field->value, length) : field->value;
        if (!value) {
            return err_out_of_memory();
        }
        exchange->fields[exchange->field_count++] = (struct http_field){.name = field->name, .value = value};
    }
    return NULL;
}

static struct err *check_single_fields(const struct http_exchange *exchange)
{
    for (size_t i = 0; i < sizeof(SINGLE_FIELDS) / sizeof(SINGLE_FIELDS[0]); i++) {
        int seen = 0;
        for (size_t j = 0; j < exchange->field_count; j++) {
            seen += strcasecmp(exchange->fields[j].name, SINGLE_FIELDS[i]) == 0;
        }
        if (seen > 1) {
            return MALFORMED("the header field %s may stand only once", SINGLE_FIELDS[i]);
        }
    }
    return NULL;
}

static struct err *check_host(const struct http_exchange *exchange)
{
    const char *host = http_header(exchange, "Host");
    if (!host || !*host) {
        return MALFORMED("the header field Host is missing");
    }
    for (const char *c = host; *c; c++) {
        if (!isalnum((unsigned char)*c) && !strchr(".-_:[]", *c)) {
            return MALFORMED("the header field Host is not a host name with an optional port");
        }
    }
    return NULL;
}

bool http_parse_length(const char *text, int64_t *ret_length)
{
    int64_t length = 0;
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 18 || text[digits]) {
        return false;
    }
    for (; *text; text++) {
        length = length * 10 + (*text - '0');
    }
    *ret_length = length;
    return true;
}

/* How the body's end is found: by exactly one rule (RFC 9112, section 6.3). */
static struct err *take_framing(struct http_exchange *exchange)
{
    const char *encoding = http_header(exchange, "Transfer-Encoding");
    const char *length = http_header(exchange, "Content-Length");
    if (encoding && length) {
        return MALFORMED("Content-Length and Transfer-Encoding exclude each other");
    }
    if (encoding && (exchange->http_1_0 || strcasecmp(encoding, "chunked") != 0)) {
        return MALFORMED("the only Transfer-Encoding is chunked, with HTTP/1.1");
    }
    if (length && !http_parse_length(length, &exchange->content_length)) {
        return MALFORMED("Content-Length must be a decimal number");
    }
    if (encoding) {
        exchange->content_length = -1;
    }
    exchange->body_done = exchange->content_length == 0;
    const char *expect = http_header(exchange, "Expect");
    if (expect && strcasecmp(expect, "100-continue") != 0) {
        return MALFORMED("the only expectation is 100-continue");
    }
    exchange->expects_continue = expect && !exchange->http_1_0 && !exchange->body_done;
    return NULL;
}

static bool list_has(const char *list, const char *option)
{
    while (*list) {
        list += strspn(list, " \t,");
        size_t length = strcspn(list, " \t,");
        if (length == strlen(option) && strncasecmp(list, option, length) == 0) {
            return true;
        }
        list += length;
    }
    return false;
}

static void take_persistence(struct http_exchange *exchange)
{
    exchange->keep_alive_asked = !exchange->http_1_0;
    for (size_t i = 0; i < exchange->field_count; i++) {
        if (strcasecmp(exchange->fields[i].name, "Connection") == 0) {
            const char *value = exchange->fields[i].value;
            exchange->keep_alive_asked = list_has(value, "keep-alive") && !list_has(value, "close");
        }
    }
}

struct err *http_guard(struct http_exchange *exchange)
{
    const struct mg_request_info *info = mg_get_request_info(exchange->connection);
    exchange->method = info->request_method;
    exchange->http_1_0 = strcmp(info->http_version, "1.0") == 0;
    if (info->num_headers >= MG_MAX_HEADERS) {
        return err_new(&KONGSI_HEADERS_TOO_LARGE, "a request may have %d header fields", HTTP_HEADERS_MAX);
    }
    ERR_TRY(check_field_lines(info));
    ERR_TRY(take_target(exchange, info));
    ERR_TRY(take_fields(exchange, info));
    ERR_TRY(check_single_fields(exchange));
    ERR_TRY(check_host(exchange));
    ERR_TRY(take_framing(exchange));
    take_persistence(exchange);
    return NULL;
}
