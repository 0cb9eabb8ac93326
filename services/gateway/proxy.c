/* Both directions of a raw route pass through the calling thread piece by piece: what libcurl wants to send is read from the
 * client then, what it has received is written to the client then. */
#include "services/gateway/proxy.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define URL_SIZE (HTTP_TARGET_LENGTH_MAX + 512)
#define FIELD_SIZE_MAX_BYTES ((size_t)16 * 1024)
#define CONNECT_TIMEOUT_MS 2000L
#define EXPECT_TIMEOUT_MS 10000L
#define TIME_MAX_MS (3600L * 1000)
#define RATE_MIN_BYTES_PER_S 64L /* measured over IDLE_SECONDS_MAX */
#define IDLE_SECONDS_MAX 30L

struct proxy {
    struct http_exchange *exchange;
    CURL *easy;
    struct err *error; /* of the client's side */
    int status;
    int64_t length; /* of the answer's body, -1 unknown */
    char *content_type;
    bool begun;
};

/* Belong to one connection (RFC 9110, section 7.6.1), or are made anew on each. */
static bool is_hop_field(const char *name, size_t length)
{
    static const char *const NAMES[] = {"Connection", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "TE",
        "Trailer", "Transfer-Encoding", "Upgrade", "Host", "Content-Length", "Expect", "Date", "X-Content-Type-Options",
        "X-Forwarded-For"};
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strlen(NAMES[i]) == length && strncasecmp(NAMES[i], name, length) == 0) {
            return true;
        }
    }
    return length > 7 && strncasecmp(name, "Kongsi-", 7) == 0; /* between our own processes only */
}

static size_t send_body(char *buffer, size_t size, size_t count, void *context)
{
    struct proxy *proxy = context;
    size_t length = 0;
    proxy->error = http_read(proxy->exchange, buffer, size * count, &length);
    return proxy->error ? CURL_READFUNC_ABORT : length;
}

static void begin_answer(struct proxy *proxy)
{
    if (!proxy->begun) {
        proxy->begun = true;
        http_respond_begin(proxy->exchange, proxy->status, proxy->content_type, proxy->length);
    }
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context)
{
    struct proxy *proxy = context;
    begin_answer(proxy);
    return http_write(proxy->exchange, bytes, size * count) ? size * count : 0;
}

static void take_value(struct proxy *proxy, const char *name, size_t name_length, const char *value)
{
    long long length;
    if (name_length == 14 && strncasecmp(name, "Content-Length", name_length) == 0) {
        proxy->length = sscanf(value, "%lld", &length) == 1 && length >= 0 ? length : -1;
    } else if (name_length == 12 && strncasecmp(name, "Content-Type", name_length) == 0) {
        proxy->content_type = arena_strdup(http_arena(proxy->exchange), value);
    } else if (!is_hop_field(name, name_length)) {
        char *own_name = arena_strndup(http_arena(proxy->exchange), name, name_length);
        if (own_name) {
            http_set_header(proxy->exchange, own_name, value);
        }
    }
}

/* One line of the answer's head. */
static size_t take_field(char *bytes, size_t size, size_t count, void *context)
{
    struct proxy *proxy = context;
    size_t length = size * count;
    char *line = arena_strndup(http_arena(proxy->exchange), bytes, length);
    if (!line) {
        return 0;
    }
    line[strcspn(line, "\r\n")] = '\0';
    if (str_starts_with(line, "HTTP/")) {
        long status = 0;
        curl_easy_getinfo(proxy->easy, CURLINFO_RESPONSE_CODE, &status);
        proxy->status = (int)status;
        return length;
    }
    char *colon = strchr(line, ':');
    if (colon && proxy->status >= 200) {
        take_value(proxy, line, (size_t)(colon - line), colon + 1 + strspn(colon + 1, " \t"));
    }
    return length;
}

static bool add_field(struct curl_slist **fields, const char *name, const char *value)
{
    BUF_AUTO line;
    buf_init(&line, FIELD_SIZE_MAX_BYTES);
    /* "Name;" is libcurl's way to write a field without a value. */
    if (!(*value ? buf_printf(&line, "%s: %s", name, value) : buf_printf(&line, "%s;", name))) {
        return false;
    }
    struct curl_slist *longer = curl_slist_append(*fields, line.data);
    *fields = longer ? longer : *fields;
    return longer != NULL;
}

static bool copy_fields(const struct http_exchange *exchange, struct curl_slist **fields)
{
    /* A client that waits before it sends its body hears what the service says first. */
    struct curl_slist *first = curl_slist_append(NULL, http_header(exchange, "Expect") ? "Expect: 100-continue" : "Expect:");
    *fields = first;
    bool copied = first != NULL;
    for (size_t i = 0; copied && i < http_header_count(exchange); i++) {
        const char *name, *value;
        http_header_at(exchange, i, &name, &value);
        copied = is_hop_field(name, strlen(name)) || add_field(fields, name, value);
    }
    return copied;
}

static void set_method(CURL *easy, struct http_exchange *exchange)
{
    const char *method = http_method(exchange);
    int64_t length = http_content_length(exchange);
    bool sends = length != 0 || strcmp(method, "PUT") == 0 || strcmp(method, "POST") == 0 || strcmp(method, "PATCH") == 0;
    if (strcmp(method, "HEAD") == 0) { /* routes are declared for GET; the server leaves the body out */
        curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
        return;
    }
    if (sends) {
        curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)length); /* -1: in chunks */
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
}

static void set_options(struct proxy *proxy, const char *url, struct curl_slist *fields)
{
    CURL *easy = proxy->easy;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIME_MAX_MS);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, RATE_MIN_BYTES_PER_S);
    curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, IDLE_SECONDS_MAX);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, send_body);
    curl_easy_setopt(easy, CURLOPT_READDATA, proxy);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, proxy);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_field);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, proxy);
    set_method(easy, proxy->exchange);
}

static struct err *run(struct proxy *proxy, const char *base_url)
{
    struct http_exchange *exchange = proxy->exchange;
    const char *query = http_query(exchange);
    char url[URL_SIZE];
    size_t base_length = strlen(base_url);
    base_length -= base_length > 0 && base_url[base_length - 1] == '/';
    int length =
        snprintf(url, sizeof(url), "%.*s%s%s%s", (int)base_length, base_url, http_path(exchange), *query ? "?" : "", query);
    struct curl_slist *fields = NULL;
    if (length >= (int)sizeof(url) || !copy_fields(exchange, &fields)) {
        curl_slist_free_all(fields);
        return err_out_of_memory();
    }
    set_options(proxy, url, fields);
    CURLcode code = curl_easy_perform(proxy->easy);
    curl_slist_free_all(fields);
    if (proxy->error) {
        return proxy->error;
    }
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return err_new(&KONGSI_DEADLINE_EXCEEDED, "the service behind this path did not answer in time");
    }
    if (code != CURLE_OK) {
        return err_new(&KONGSI_UNAVAILABLE, "the service behind this path cannot be reached: %s", curl_easy_strerror(code));
    }
    return NULL;
}

void proxy_stream(struct http_exchange *exchange, const char *base_url)
{
    struct proxy proxy = {.exchange = exchange, .length = -1, .easy = curl_easy_init()};
    struct err *error = proxy.easy ? run(&proxy, base_url) : err_out_of_memory();
    if (!error) {
        begin_answer(&proxy); /* an answer without a body */
        http_respond_end(exchange);
    } else if (!proxy.begun) {
        http_respond_err(exchange, error);
    } else {
        err_free(error); /* begun and not ended: the server closes the connection, which tells the client */
    }
    curl_easy_cleanup(proxy.easy);
}
