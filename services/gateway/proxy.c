#include "services/gateway/proxy.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define CONNECT_TIMEOUT_MS 3000
#define STALL_SECONDS 30 /* a side that moves less than a byte a second for so long is given up */

/* What travels on; all else is between us and each side. */
static const char *const REQUEST_FIELDS[] = {
    "Authorization", "Content-Type", "If-None-Match", "If-Match", "Range", "Accept", "traceparent", NULL};
static const char *const ANSWER_FIELDS[] = {
    "ETag", "Cache-Control", "Content-Range", "Accept-Ranges", "Content-Disposition", "Last-Modified", "Retry-After",
    "WWW-Authenticate", "Allow", "Content-Security-Policy", NULL};

struct proxied {
    struct http_exchange *exchange;
    CURL *curl;
    struct err *read_error; /* of the client's body: it gets that answer */
    char content_type[128];
    bool begun;
};

static bool is_listed(const char *const *names, const char *name, size_t length)
{
    for (; *names; names++) {
        if (strlen(*names) == length && strncasecmp(*names, name, length) == 0) {
            return true;
        }
    }
    return false;
}

static size_t read_request(char *buffer, size_t size, size_t count, void *context)
{
    struct proxied *proxied = context;
    size_t length;
    proxied->read_error = http_read(proxied->exchange, buffer, size * count, &length);
    return proxied->read_error ? CURL_READFUNC_ABORT : length;
}

static size_t take_field(char *line, size_t size, size_t count, void *context)
{
    struct proxied *proxied = context;
    size_t length = size * count;
    const char *colon = memchr(line, ':', length);
    if (!colon) {
        return length;
    }
    size_t name_length = (size_t)(colon - line);
    const char *value = colon + 1;
    size_t value_length = length - name_length - 1;
    while (value_length && (*value == ' ' || *value == '\t')) {
        value++;
        value_length--;
    }
    while (value_length && strchr(" \t\r\n", value[value_length - 1])) {
        value_length--;
    }
    char *text = arena_strndup(http_arena(proxied->exchange), value, value_length);
    if (text && is_listed(ANSWER_FIELDS, line, name_length)) {
        http_set_header(
            proxied->exchange, arena_strndup(http_arena(proxied->exchange), line, name_length), text);
    } else if (text && name_length == strlen("Content-Type") && strncasecmp(line, "Content-Type", name_length) == 0) {
        snprintf(proxied->content_type, sizeof(proxied->content_type), "%s", text);
    }
    return length;
}

static void begin_answer(struct proxied *proxied)
{
    long status = 502;
    curl_off_t length = -1;
    curl_easy_getinfo(proxied->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(proxied->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    proxied->begun = true;
    http_respond_begin(proxied->exchange, (int)status, *proxied->content_type ? proxied->content_type : NULL, length);
}

static size_t write_answer(char *bytes, size_t size, size_t count, void *context)
{
    struct proxied *proxied = context;
    if (!proxied->begun) {
        begin_answer(proxied);
    }
    return http_write(proxied->exchange, bytes, size * count) ? size * count : 0;
}

static struct curl_slist *request_fields(struct http_exchange *exchange)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (const char *const *name = REQUEST_FIELDS; list && *name; name++) {
        const char *value = http_header(exchange, *name);
        char *line = value ? arena_printf(http_arena(exchange), "%s: %s", *name, value) : NULL;
        struct curl_slist *longer = line ? curl_slist_append(list, line) : list;
        list = longer ? longer : list;
    }
    return list;
}

static void set_method(struct proxied *proxied)
{
    const char *method = http_method(proxied->exchange);
    int64_t length = http_content_length(proxied->exchange);
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(proxied->curl, CURLOPT_NOBODY, 1L);
    } else if (strcmp(method, "GET") != 0 && length != 0) {
        curl_easy_setopt(proxied->curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(proxied->curl, CURLOPT_READFUNCTION, read_request);
        curl_easy_setopt(proxied->curl, CURLOPT_READDATA, proxied);
        curl_easy_setopt(proxied->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)length); /* -1: chunked */
    }
    if (strcmp(method, "HEAD") != 0) {
        curl_easy_setopt(proxied->curl, CURLOPT_CUSTOMREQUEST, method);
    }
}

static void set_options(struct proxied *proxied, const char *url, struct curl_slist *fields)
{
    CURL *curl = proxied->curl;
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_field);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, proxied);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, proxied);
    set_method(proxied);
}

/* The end of a transfer: what the client still needs to be told. */
static void finish(struct proxied *proxied, CURLcode result)
{
    if (proxied->begun) {
        if (result != CURLE_OK) {
            log_debug("a streamed answer broke off: %s", curl_easy_strerror(result));
        }
        http_respond_end(proxied->exchange); /* shorter than declared closes the connection */
    } else if (proxied->read_error) {
        http_respond_err(proxied->exchange, proxied->read_error);
        proxied->read_error = NULL;
    } else if (result == CURLE_OK) {
        begin_answer(proxied);
        http_respond_end(proxied->exchange);
    } else {
        http_respond_err(proxied->exchange,
            err_new(&KONGSI_UNAVAILABLE, "the service behind this is away: %s", curl_easy_strerror(result)));
    }
    err_free(proxied->read_error);
}

void proxy_stream(struct http_exchange *exchange, const char *base_url)
{
    const char *query = http_query(exchange);
    char *url =
        arena_printf(http_arena(exchange), "%s%s%s%s", base_url, http_path(exchange), *query ? "?" : "", query);
    struct proxied proxied = {.exchange = exchange, .curl = curl_easy_init()};
    struct curl_slist *fields = request_fields(exchange);
    if (!url || !proxied.curl || !fields) {
        http_respond_err(exchange, err_out_of_memory());
    } else {
        set_options(&proxied, url, fields);
        finish(&proxied, curl_easy_perform(proxied.curl));
    }
    curl_slist_free_all(fields);
    curl_easy_cleanup(proxied.curl);
}
