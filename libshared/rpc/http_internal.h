/* Between the files of the HTTP server; nothing of it is for others. */
#pragma once

#include "libshared/base/metrics.h"
#include "libshared/rpc/http.h"

#include <civetweb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define HTTP_RESPONSE_HEADERS_MAX 32
#define HTTP_HEAD_SIZE_MAX_BYTES 32768 /* request line and headers */
#define HTTP_REQUEST_TIMEOUT_MS 10000  /* to send a head; without any progress of a body or an answer */
#define HTTP_KEEP_ALIVE_MS 5000        /* between two requests of a connection */
#define HTTP_DRAIN_SIZE_MAX_BYTES ((int64_t)64 * 1024)
#define HTTP_LINGER_MS 1000 /* how long a refused client may go on talking, so that it reads the answer before a reset */
#define HTTP_CHUNK_MAX_BYTES 4096 /* read at once from a chunked body: at the minimum rate well within the grace */
#define HTTP_WRITE_MAX_BYTES ((size_t)64 * 1024)

/* What civetweb's blocking reads need to end in time: see http_watch.c. */
struct http_watch {
    timer_t timer;
    bool armed;
};

/* What belongs to one civetweb thread. */
struct http_worker {
    struct http_server *server;
    struct http_worker *next;
    pthread_t thread;
    struct arena *arena; /* of the request it handles; NULL in civetweb's own threads */
    struct http_watch watch;
};

#define HTTP_STATUS_CLASSES 5

/* Of all servers of one name; lives as long as the process. */
struct http_metrics {
    char labels[HTTP_STATUS_CLASSES][80];
    char server_label[64];
    struct metric requests[HTTP_STATUS_CLASSES]; /* 1xx unused, 2xx, 3xx, 4xx, 5xx */
    struct metric seconds;
    struct http_metrics *next;
};

struct http_server {
    struct http_server_options options;
    char name[32];
    struct mg_context *civetweb;
    struct http_metrics *metrics;
    pthread_mutex_t mutex; /* of workers */
    struct http_worker *workers;
    int port;
    atomic_bool draining, stopped;
    atomic_int connections; /* open ones: each holds a thread */
    atomic_int requests;    /* being handled */
};

struct http_field {
    const char *name, *value;
};

enum http_response_state { HTTP_RESPONSE_NONE, HTTP_RESPONSE_STREAMING, HTTP_RESPONSE_DONE };

struct http_exchange {
    struct http_server *server;
    struct http_worker *worker;
    struct mg_connection *connection;
    struct arena *arena;

    const char *method, *path, *query;
    const char *client_address;
    struct http_field fields[MG_MAX_HEADERS];
    size_t field_count;
    bool http_1_0, keep_alive_asked;

    int64_t content_length; /* -1: chunked */
    int64_t received;       /* of the body */
    int64_t body_start_ms;  /* when reading began, 0 before */
    bool expects_continue;
    bool body_done, body_failed;

    struct http_field response_fields[HTTP_RESPONSE_HEADERS_MAX];
    size_t response_field_count;
    enum http_response_state response;
    int status;
    bool response_chunked;
    int64_t response_left; /* of a declared length; -1 unknown */
    int64_t response_start_ms, response_sent;
    bool broken; /* the client is gone */
    bool close;  /* the connection ends with this exchange */
};

/* http_guard.c: fills method, path, query and fields from what civetweb parsed, or says what is ambiguous, broken or too
 * large. */
ERR_RESULT struct err *http_guard(struct http_exchange *exchange);
/* Whether the bytes are a whole number without sign, of at most 18 digits. */
bool http_parse_length(const char *text, int64_t *ret_length);
/* 0..15, -1: no hexadecimal digit. */
int http_hex_value(char c);

/* http_body.c: throws away what is left of the body, at most `size_max_bytes` within `wait_ms`. */
void http_drain(struct http_exchange *exchange, int64_t size_max_bytes, int64_t wait_ms);
/* Bytes of the body that surely have not been read; INT64_MAX when unknown. */
int64_t http_body_left(const struct http_exchange *exchange);

/* http_response.c: the complete answer to a head that civetweb itself could not read. */
void http_respond_unparsed(struct mg_connection *connection, struct err *error);
/* A line of bytes to the client, within its deadline; false when it is gone. */
bool http_write_raw(struct http_exchange *exchange, const void *bytes, size_t length);
/* http_err.c: the error as JSON. */
ERR_RESULT struct err *http_err_print(const struct err *error, int status, struct buf *json);

/* http_watch.c: the calling thread can be interrupted from now on. */
void http_watch_admit(void);
/* A timer for the calling thread. */
bool http_watch_init(struct http_watch *watch);
void http_watch_deinit(struct http_watch *watch);
/* From now until http_watch_disarm: past the deadline the calling thread's blocking system calls are interrupted, again and
 * again. */
void http_watch_arm(struct http_watch *watch, int64_t deadline_ms);
void http_watch_disarm(struct http_watch *watch);
/* Interrupts another thread's blocking system call. */
void http_watch_interrupt(pthread_t thread);

/* http_metrics.c */
struct http_metrics *http_metrics_get(const char *server);
void http_metrics_count(struct http_metrics *metrics, int status, int64_t duration_us);
