/* civetweb's life: start, one request, stop. */
#include "libshared/rpc/http_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/clock.h"
#include "libshared/base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 16
#define STOP_KICK_MS 20
#define HTTP_BODY_WAIT_MS 2000 /* for a small body nobody read, before the next request of the connection */

/* A thread of civetweb's is born: all it needs from us is made once. */
static void *start_thread(const struct mg_context *civetweb, int thread_type)
{
    struct http_server *server = mg_get_user_data(civetweb);
    struct http_worker *worker = calloc(1, sizeof(*worker));
    if (!worker) {
        return NULL;
    }
    worker->server = server;
    worker->thread = pthread_self();
    http_watch_admit();
    if (thread_type == 1) {
        worker->arena = arena_new(ARENA_CAP_DEFAULT_BYTES);
        if (!worker->arena || !http_watch_init(&worker->watch)) {
            arena_free(worker->arena);
            free(worker);
            return NULL;
        }
    }
    pthread_mutex_lock(&server->mutex);
    worker->next = server->workers;
    server->workers = worker;
    pthread_mutex_unlock(&server->mutex);
    return worker;
}

static void end_thread(const struct mg_context *civetweb, int thread_type, void *thread_pointer)
{
    (void)thread_type;
    struct http_server *server = mg_get_user_data(civetweb);
    struct http_worker *worker = thread_pointer;
    if (!worker) {
        return;
    }
    pthread_mutex_lock(&server->mutex);
    struct http_worker **at = &server->workers;
    while (*at != worker) {
        at = &(*at)->next;
    }
    *at = worker->next;
    pthread_mutex_unlock(&server->mutex);
    if (worker->arena) {
        http_watch_deinit(&worker->watch);
        arena_free(worker->arena);
    }
    free(worker);
}

static int start_connection(const struct mg_connection *connection, void **ret_data)
{
    struct http_server *server = mg_get_user_data(mg_get_context(connection));
    atomic_fetch_add(&server->connections, 1);
    *ret_data = server;
    return 0;
}

static void end_connection(const struct mg_connection *connection)
{
    struct http_server *server = mg_get_user_data(mg_get_context(connection));
    atomic_fetch_sub(&server->connections, 1);
}

static void run_handler(struct http_exchange *exchange)
{
    struct http_server *server = exchange->server;
    struct err *error = http_guard(exchange);
    if (error) {
        exchange->close = true;
        http_respond_err(exchange, error);
        return;
    }
    if (atomic_load(&server->draining)) {
        http_respond_err(exchange, err_new(&KONGSI_UNAVAILABLE, "the server is stopping, try again"));
        return;
    }
    server->options.handler(exchange, server->options.context);
    if (!http_responded(exchange)) {
        http_respond_err(exchange, err_new(&KONGSI_INTERNAL, "the handler gave no answer"));
    } else if (exchange->response == HTTP_RESPONSE_STREAMING) {
        exchange->close = true; /* cut short: the client must see it */
    }
}

/* Leaves the connection where the next request begins, or ends it. */
static void finish(struct http_exchange *exchange)
{
    if (!exchange->close && !exchange->broken) {
        http_drain(exchange, HTTP_DRAIN_SIZE_MAX_BYTES, HTTP_BODY_WAIT_MS);
        exchange->close = !exchange->body_done;
    } else if (!exchange->broken && !exchange->expects_continue) {
        http_drain(exchange, INT64_MAX, HTTP_LINGER_MS);
    }
    if (exchange->close || exchange->broken) {
        mg_disable_connection_keep_alive(exchange->connection);
    }
}

static int handle_request(struct mg_connection *connection)
{
    int64_t start_us = clock_monotonic_us();
    const struct mg_request_info *info = mg_get_request_info(connection);
    struct http_server *server = mg_get_user_data(mg_get_context(connection));
    struct http_worker *worker = mg_get_thread_pointer(connection);
    if (!worker) {
        http_respond_unparsed(connection, err_out_of_memory());
        return 503;
    }
    struct http_exchange exchange = {.server = server,
        .worker = worker,
        .connection = connection,
        .arena = worker->arena,
        .client_address = info->remote_addr};
    atomic_fetch_add(&server->requests, 1);
    log_set_context(NULL, NULL);
    run_handler(&exchange);
    int64_t duration_us = clock_monotonic_us() - start_us;
    log_debug("%s %s from %s: %d in %lld us", exchange.method, exchange.path ? exchange.path : "-", exchange.client_address,
        exchange.status, (long long)duration_us);
    http_metrics_count(server->metrics, exchange.status, duration_us);
    finish(&exchange);
    log_set_context(NULL, NULL);
    arena_reset(worker->arena);
    atomic_fetch_sub(&server->requests, 1);
    return exchange.status > 0 ? exchange.status : 500;
}

/* What civetweb itself could not read. */
static int handle_unparsed(struct mg_connection *connection, int status, const char *message)
{
    struct http_server *server = mg_get_user_data(mg_get_context(connection));
    const struct err_reason *reason = status >= 500 && status != 505 ? &KONGSI_INTERNAL : &KONGSI_REQUEST_MALFORMED;
    if (status == 413) { /* its word for a head larger than its buffer */
        reason = &KONGSI_HEADERS_TOO_LARGE;
    }
    struct err *error = err_new(reason, "the request could not be read (%.100s)", message);
    http_metrics_count(server->metrics, http_status_of_err(error), 0);
    http_respond_unparsed(connection, error);
    return 0;
}

static int log_message(const struct mg_connection *connection, const char *message)
{
    log_write(
        connection ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "civetweb: %s", message); /* with a connection: about its input */
    return 1;
}

static void init_civetweb(void)
{
    mg_init_library(0); /* neither TLS nor files: what faces the internet stands behind a TLS proxy */
}

static struct err *start_civetweb(struct http_server *server)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_civetweb);
    const struct http_server_options *options = &server->options;
    char listen[80], threads[NUMBER_SIZE], queue[NUMBER_SIZE], head[NUMBER_SIZE], timeout[NUMBER_SIZE], idle[NUMBER_SIZE];
    bool any = str_is_empty(options->address);
    snprintf(listen, sizeof(listen), "%.64s%s%d", any ? "" : options->address, any ? "" : ":", options->port);
    snprintf(threads, sizeof(threads), "%d", options->threads);
    snprintf(queue, sizeof(queue), "%d", options->queue_max > 0 ? options->queue_max : 1);
    snprintf(head, sizeof(head), "%d", HTTP_HEAD_SIZE_MAX_BYTES + 8192);
    snprintf(timeout, sizeof(timeout), "%d", HTTP_REQUEST_TIMEOUT_MS);
    snprintf(idle, sizeof(idle), "%d", HTTP_KEEP_ALIVE_MS);
    const char *civetweb_options[] = {"listening_ports", listen, "num_threads", threads, "connection_queue", queue,
        "max_request_size", head, "request_timeout_ms", timeout, "enable_keep_alive", "yes", "keep_alive_timeout_ms", idle,
        "tcp_nodelay", "1", "decode_url", "no", "decode_query_string", "no", "enable_directory_listing", "no", NULL};
    struct mg_callbacks callbacks = {.begin_request = handle_request,
        .http_error = handle_unparsed,
        .init_thread = start_thread,
        .exit_thread = end_thread,
        .init_connection = start_connection,
        .connection_closed = end_connection,
        .log_message = log_message};
    char text[256] = "";
    struct mg_init_data init = {.callbacks = &callbacks, .user_data = server, .configuration_options = civetweb_options};
    struct mg_error_data failure = {.text = text, .text_buffer_size = sizeof(text)};
    server->civetweb = mg_start2(&init, &failure);
    if (!server->civetweb) {
        return err_new(&KONGSI_UNAVAILABLE, "cannot listen on %s: %s; is another program using the port?", listen, text);
    }
    struct mg_server_port port = {0};
    if (mg_get_server_ports(server->civetweb, 1, &port) == 1) {
        server->port = port.port;
    }
    return NULL;
}

struct err *http_server_start(const struct http_server_options *options, struct http_server **ret_server)
{
    if (options->threads < 1 || options->threads > 512) {
        return err_new(&KONGSI_CONFIG_INVALID, "an HTTP server has 1 to 512 threads, not %d", options->threads);
    }
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server) {
        return err_out_of_memory();
    }
    server->options = *options;
    snprintf(server->name, sizeof(server->name), "%s", options->name);
    server->metrics = http_metrics_get(options->name);
    pthread_mutex_init(&server->mutex, NULL);
    struct err *error = server->metrics ? start_civetweb(server) : err_out_of_memory();
    if (error) {
        pthread_mutex_destroy(&server->mutex);
        free(server);
        return error;
    }
    log_info("%s listens on %s:%d with %d threads", server->name, str_is_empty(options->address) ? "*" : options->address,
        server->port, options->threads);
    *ret_server = server;
    return NULL;
}

static void sleep_ms(long ms)
{
    struct timespec time = {.tv_nsec = ms * 1000000};
    nanosleep(&time, NULL);
}

/* civetweb's threads look at its stop flag every two seconds only; a signal makes them look now. */
static void *kick_threads(void *context)
{
    struct http_server *server = context;
    while (!atomic_load(&server->stopped)) {
        pthread_mutex_lock(&server->mutex);
        for (struct http_worker *worker = server->workers; worker; worker = worker->next) {
            http_watch_interrupt(worker->thread);
        }
        pthread_mutex_unlock(&server->mutex);
        sleep_ms(STOP_KICK_MS);
    }
    return NULL;
}

void http_server_stop(struct http_server *server, int drain_ms)
{
    if (!server) {
        return;
    }
    atomic_store(&server->draining, true);
    int64_t deadline_ms = clock_monotonic_ms() + drain_ms;
    while (atomic_load(&server->requests) > 0 && deadline_left_ms(deadline_ms) > 0) {
        sleep_ms(5);
    }
    if (atomic_load(&server->requests) > 0) {
        log_warn("%s stops with %d requests unfinished after %d ms", server->name, atomic_load(&server->requests), drain_ms);
    }
    pthread_t kicker;
    bool kicking = pthread_create(&kicker, NULL, kick_threads, server) == 0;
    mg_stop(server->civetweb);
    atomic_store(&server->stopped, true);
    if (kicking) {
        pthread_join(kicker, NULL);
    }
    pthread_mutex_destroy(&server->mutex);
    free(server);
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}
