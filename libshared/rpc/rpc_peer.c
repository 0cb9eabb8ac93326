/* Calls to a process elsewhere: a bounded pool of keep-alive connections, each with its own libcurl handle.
 *
 * libcurl itself sends a request again when a kept connection turns out to be closed before any answer came. A mutating
 * method is safe from that by its request_id. */
#include "libshared/rpc/rpc_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"
#include "libshared/base/log.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_SIZE 512
#define CONNECT_TIMEOUT_MS 2000L
#define IDLE_SECONDS_MAX 4L /* below the servers' own, so that a kept connection is seldom a dead one */
#define RETRY_PAUSE_MS 50
#define TRIES_MAX 2

struct connection {
    CURL *easy;
    struct connection *next;
    char error[CURL_ERROR_SIZE];
};

struct rpc_peer {
    char *name, *url;
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    struct connection *idle; /* the most recently used first: warm ones are reused, the others may fall asleep */
    int open, open_max;
};

struct err *rpc_peer_new(const char *name, const char *url, int connections_max, struct rpc_peer **ret_peer)
{
    if (!str_starts_with(url, "http://") && !str_starts_with(url, "https://")) {
        return err_new(
            &KONGSI_CONFIG_INVALID, "rpc.peers: the address of %s must begin with http:// or https://, it is %s", name, url);
    }
    struct rpc_peer *peer = calloc(1, sizeof(*peer));
    if (!peer) {
        return err_out_of_memory();
    }
    peer->name = strdup(name);
    peer->url = strdup(url);
    peer->open_max = connections_max;
    if (!peer->name || !peer->url) {
        free(peer->name);
        free(peer->url);
        free(peer);
        return err_out_of_memory();
    }
    size_t length = strlen(peer->url);
    while (length > 0 && peer->url[length - 1] == '/') {
        peer->url[--length] = '\0';
    }
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&peer->returned, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&peer->mutex, NULL);
    *ret_peer = peer;
    return NULL;
}

static void connection_free(struct connection *connection)
{
    curl_easy_cleanup(connection->easy);
    free(connection);
}

void rpc_peer_free(struct rpc_peer *peer)
{
    if (!peer) {
        return;
    }
    while (peer->idle) {
        struct connection *connection = peer->idle;
        peer->idle = connection->next;
        connection_free(connection);
    }
    pthread_cond_destroy(&peer->returned);
    pthread_mutex_destroy(&peer->mutex);
    free(peer->name);
    free(peer->url);
    free(peer);
}

const char *rpc_peer_name(const struct rpc_peer *peer)
{
    return peer->name;
}

static size_t take_bytes(char *bytes, size_t size, size_t count, void *context)
{
    return buf_append(context, bytes, size * count) ? size * count : 0;
}

static struct connection *connection_new(void)
{
    struct connection *connection = calloc(1, sizeof(*connection));
    if (!connection) {
        return NULL;
    }
    CURL *easy = connection->easy = curl_easy_init();
    if (!easy) {
        free(connection);
        return NULL;
    }
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_MAXCONNECTS, 1L);
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_SECONDS_MAX);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, connection->error);
    return connection;
}

/* An idle connection, a new one, or the next that comes back before the deadline. */
static struct err *acquire(struct rpc_peer *peer, int64_t deadline_ms, struct connection **ret_connection)
{
    struct timespec until = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    pthread_mutex_lock(&peer->mutex);
    int waited = 0;
    while (!peer->idle && peer->open == peer->open_max && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&peer->returned, &peer->mutex, &until);
    }
    struct connection *connection = peer->idle;
    bool may_open = !connection && peer->open < peer->open_max;
    if (connection) {
        peer->idle = connection->next;
    }
    peer->open += may_open;
    pthread_mutex_unlock(&peer->mutex);
    if (may_open) {
        connection = connection_new();
        if (!connection) {
            pthread_mutex_lock(&peer->mutex);
            peer->open--;
            pthread_mutex_unlock(&peer->mutex);
            return err_out_of_memory();
        }
    }
    if (!connection) {
        return err_new(&KONGSI_OVERLOADED, "all %d connections to %s are busy", peer->open_max, peer->name);
    }
    *ret_connection = connection;
    return NULL;
}

static void release(struct rpc_peer *peer, struct connection *connection)
{
    pthread_mutex_lock(&peer->mutex);
    connection->next = peer->idle;
    peer->idle = connection;
    pthread_cond_signal(&peer->returned);
    pthread_mutex_unlock(&peer->mutex);
}

static bool add_field(struct curl_slist **fields, const char *name, const char *value)
{
    BUF_AUTO line;
    buf_init(&line, 16 * 1024);
    if (str_is_empty(value)) {
        return true;
    }
    if (!buf_printf(&line, "%s: %s", name, value)) {
        return false;
    }
    struct curl_slist *longer = curl_slist_append(*fields, line.data);
    *fields = longer ? longer : *fields;
    return longer != NULL;
}

static bool make_fields(const struct rpc_peer_request *request, struct curl_slist **ret_fields)
{
    char timeout[24];
    snprintf(timeout, sizeof(timeout), "%lld", (long long)deadline_left_ms(request->deadline_ms));
    struct curl_slist *more = curl_slist_append(*ret_fields, "Expect:"); /* no 100-continue round trip */
    *ret_fields = more ? more : *ret_fields;
    return more && add_field(ret_fields, "Content-Type", "application/protobuf") &&
           add_field(ret_fields, "Authorization", request->authorization) &&
           add_field(ret_fields, "Kongsi-Via", request->via) && add_field(ret_fields, "Kongsi-Timeout-Ms", timeout) &&
           add_field(ret_fields, "Traceparent", request->traceparent) &&
           add_field(ret_fields, "Kongsi-Client-Address", request->client_address);
}

static CURLcode perform(
    struct rpc_peer *peer, struct connection *connection, const struct rpc_peer_request *request, struct buf *answer)
{
    char url[URL_SIZE];
    int length = snprintf(url, sizeof(url), "%s/twirp/%s/%s", peer->url, request->method->service, request->method->name);
    struct curl_slist *fields = NULL;
    if (length >= (int)sizeof(url) || !make_fields(request, &fields)) {
        curl_slist_free_all(fields);
        return CURLE_OUT_OF_MEMORY;
    }
    CURL *easy = connection->easy;
    connection->error[0] = '\0';
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body.length ? (const char *)request->body.data : "");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.length);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer);
    int64_t left_ms = deadline_left_ms(request->deadline_ms);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(left_ms > 0 ? left_ms : 1));
    CURLcode result = curl_easy_perform(easy);
    curl_slist_free_all(fields);
    return result;
}

static struct err *err_of_curl(
    const struct rpc_peer *peer, const struct connection *connection, CURLcode code, const struct buf *answer)
{
    if (code == CURLE_OPERATION_TIMEDOUT) {
        return err_new(&KONGSI_DEADLINE_EXCEEDED, "%s did not answer in time", peer->name);
    }
    if (code == CURLE_OUT_OF_MEMORY) {
        return err_out_of_memory();
    }
    if (answer->failed) {
        return err_new(
            &KONGSI_INTERNAL, "the answer of %s is larger than %zu bytes", peer->name, RPC_MESSAGE_SIZE_MAX_BYTES);
    }
    const char *text = connection->error[0] ? connection->error : curl_easy_strerror(code);
    return err_new(&KONGSI_UNAVAILABLE, "cannot reach %s: %s", peer->name, text);
}

/* Whether the call may be made again: nothing was sent, or it changes nothing. */
static bool may_retry(CURLcode code, const struct rpc_peer_request *request)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return true;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
        return request->method->no_side_effects;
    default:
        return false;
    }
}

static struct err *take_answer(const struct rpc_peer *peer, struct connection *connection, const struct buf *answer,
    struct arena *arena, struct bytes *ret_response)
{
    long status = 0;
    const char *content_type = NULL;
    curl_easy_getinfo(connection->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(connection->easy, CURLINFO_CONTENT_TYPE, &content_type);
    if (status != 200) {
        return rpc_twirp_parse((int)status, answer->length ? answer->data : "", answer->length, peer->name);
    }
    if (!content_type || strcmp(content_type, "application/protobuf") != 0) {
        return err_new(&KONGSI_INTERNAL, "%s answered %s instead of protobuf; is its address right?", peer->name,
            content_type ? content_type : "nothing");
    }
    const uint8_t *data = arena_memdup(arena, answer->length ? answer->data : "", answer->length ? answer->length : 1);
    if (!data) {
        return err_out_of_memory();
    }
    *ret_response = (struct bytes){.data = data, .length = answer->length};
    return NULL;
}

static void pause_before_retry(void)
{
    nanosleep(&(struct timespec){.tv_nsec = RETRY_PAUSE_MS * 1000000L}, NULL);
}

struct err *rpc_peer_call(
    struct rpc_peer *peer, const struct rpc_peer_request *request, struct arena *arena, struct bytes *ret_response)
{
    struct connection *connection;
    ERR_TRY(acquire(peer, request->deadline_ms, &connection));
    BUF_AUTO answer;
    buf_init(&answer, RPC_MESSAGE_SIZE_MAX_BYTES);
    CURLcode code = CURLE_OK;
    for (int tries = 1; tries <= TRIES_MAX; tries++) {
        buf_reset(&answer);
        code = perform(peer, connection, request, &answer);
        if (code == CURLE_OK || !may_retry(code, request) || deadline_left_ms(request->deadline_ms) <= RETRY_PAUSE_MS) {
            break;
        }
        if (tries < TRIES_MAX) {
            pause_before_retry();
        }
    }
    struct err *error = code == CURLE_OK ? take_answer(peer, connection, &answer, arena, ret_response)
                                         : err_of_curl(peer, connection, code, &answer);
    release(peer, connection);
    return error;
}
