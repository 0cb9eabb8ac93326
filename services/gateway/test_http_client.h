/* A client for the gateway's tests: one request, its answer whole. */
#pragma once

#include "libshared/base/str.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

struct test_answer {
    long status;
    struct buf head, body;
};

static inline size_t test_take(char *bytes, size_t size, size_t count, void *context)
{
    return buf_append(context, bytes, size * count) ? size * count : 0;
}

/* `field` is one request header or NULL; `upload` a body or NULL. The caller frees with test_answer_deinit. */
static inline CURLcode test_ask(
    int port, const char *method, const char *target, const char *field, struct bytes *upload, struct test_answer *answer)
{
    char url[9000];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, target);
    answer->status = 0;
    buf_init(&answer->head, 1 << 20);
    buf_init(&answer->body, 1 << 26);
    bool expects = field && strncmp(field, "Expect:", 7) == 0;
    struct curl_slist *fields = expects ? NULL : curl_slist_append(NULL, "Expect:");
    fields = field ? curl_slist_append(fields, field) : fields;
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 20000L);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, test_take);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &answer->head);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, test_take);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer->body);
    if (upload) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)upload->length);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, upload->data);
    }
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    }
    CURLcode code = curl_easy_perform(easy);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_easy_cleanup(easy);
    curl_slist_free_all(fields);
    return code;
}

static inline bool test_has(const struct buf *text, const char *part)
{
    return text->data && memmem(text->data, text->length, part, strlen(part));
}

static inline void test_answer_deinit(struct test_answer *answer)
{
    buf_deinit(&answer->head);
    buf_deinit(&answer->body);
}
