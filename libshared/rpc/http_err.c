/* Errors as HTTP says them. */
#include "libshared/rpc/http_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"

#include <stdio.h>
#include <string.h>

#define ERROR_SIZE_MAX_BYTES ((size_t)64 * 1024)
#define RETRY_AFTER_KEY "retry_after_seconds"

int http_status_of_err(const struct err *error)
{
    static const int BY_CODE[] = {200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401};
    const struct {
        const struct err_reason *reason;
        int status;
    } by_reason[] = {
        {&KONGSI_METHOD_NOT_ALLOWED, 405},
        {&KONGSI_BODY_TOO_SLOW, 408},
        {&KONGSI_BODY_TOO_LARGE, 413},
        {&KONGSI_URI_TOO_LONG, 414},
        {&KONGSI_MEDIA_TYPE_UNSUPPORTED, 415},
        {&KONGSI_HEADERS_TOO_LARGE, 431},
        {&KONGSI_STORAGE_FULL, 507},
    };
    for (size_t i = 0; i < sizeof(by_reason) / sizeof(by_reason[0]); i++) {
        if (err_is(error, by_reason[i].reason)) {
            return by_reason[i].status;
        }
    }
    return (size_t)error->code < sizeof(BY_CODE) / sizeof(BY_CODE[0]) ? BY_CODE[error->code] : 500;
}

/* What goes wrong inside is for the log; the client learns that it did. */
static bool is_ours(const struct err *error)
{
    return error->code == ERR_INTERNAL || error->code == ERR_UNKNOWN || error->code == ERR_DATA_LOSS;
}

static bool append_text(struct buf *json, const char *text)
{
    if (!text || !utf8_valid(text, strlen(text))) {
        text = "";
    }
    return buf_append_json_string(json, text, strlen(text));
}

static void print_metadata(const struct err *error, struct buf *json)
{
    for (size_t i = 0; !is_ours(error) && i < error->metadata_count; i++) {
        buf_append_text(json, i ? "," : "");
        append_text(json, error->metadata[i].key);
        buf_append_char(json, ':');
        append_text(json, error->metadata[i].value);
    }
}

struct err *http_err_print(const struct err *error, int status, struct buf *json)
{
    buf_printf(json, "{\"error\":{\"code\":%d,\"status\":\"%s\",\"message\":", status, err_code_name(error->code));
    append_text(json, is_ours(error) ? "something went wrong here; the log has it under the trace id" : error->message);
    buf_append_text(json, ",\"details\":[{\"reason\":");
    append_text(json, error->reason);
    buf_append_text(json, ",\"domain\":");
    append_text(json, error->domain);
    buf_append_text(json, ",\"metadata\":{");
    print_metadata(error, json);
    buf_append_text(json, "}}]}}");
    return json->failed ? err_out_of_memory() : NULL;
}

static void set_headers(struct http_exchange *exchange, const struct err *error, int status)
{
    if (status == 429 || status == 503) {
        const char *seconds = err_get_metadata(error, RETRY_AFTER_KEY);
        http_set_header(exchange, "Retry-After", seconds ? seconds : "1");
    } else if (status == 401) {
        http_set_header(exchange, "WWW-Authenticate", "Bearer");
    }
}

void http_respond_err(struct http_exchange *exchange, struct err *error)
{
    int status = http_status_of_err(error);
    log_err(status >= 500 && status != 501 ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG, error, "%s %s",
        exchange->method ? exchange->method : "-", exchange->path ? exchange->path : "-");
    set_headers(exchange, error, status);
    BUF_AUTO json;
    buf_init(&json, ERROR_SIZE_MAX_BYTES);
    struct err *failure = http_err_print(error, status, &json);
    if (failure) {
        err_free(failure);
        http_respond(exchange, 500, NULL, "", 0);
    } else {
        http_respond(exchange, status, "application/json", json.data, json.length);
    }
    err_free(error);
}
