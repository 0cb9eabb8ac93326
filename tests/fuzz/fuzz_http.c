/* Any bytes as what a client sends: the server answers or closes, and no handler sees a request that two readers could read
 * differently. */
#include "libshared/base/check.h"
#include "libshared/rpc/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WAIT_MS 15000 /* longer than any client is kept waiting */

static struct http_server *g_server;

static int count_fields(const struct http_exchange *exchange, const char *wanted)
{
    int count = 0;
    for (size_t i = 0; i < http_header_count(exchange); i++) {
        const char *name, *value;
        http_header_at(exchange, i, &name, &value);
        check(*name && !strpbrk(name, " \t\r\n:") && !strpbrk(value, "\r\n"));
        count += strcasecmp(name, wanted) == 0;
    }
    return count;
}

static void handle(struct http_exchange *exchange, void *context)
{
    (void)context;
    check(http_path(exchange)[0] == '/' && !strpbrk(http_path(exchange), "? \r\n#"));
    check(count_fields(exchange, "Host") == 1);
    check(count_fields(exchange, "Content-Length") + count_fields(exchange, "Transfer-Encoding") <= 1);
    struct bytes body;
    struct err *error = http_read_body(exchange, 4096, &body);
    if (error) {
        http_respond_err(exchange, error);
        return;
    }
    check(http_content_length(exchange) < 0 || (size_t)http_content_length(exchange) == body.length);
    http_percent_decode(http_arena(exchange), http_query(exchange), strlen(http_query(exchange)), true);
    http_set_header(exchange, "X-Path", http_path(exchange));
    http_respond(exchange, 200, "text/plain", body.data, body.length);
}

static void start(void)
{
    struct http_server_options options = {
        .name = "fuzz", .address = "127.0.0.1", .threads = 2, .queue_max = 4, .handler = handle};
    struct err *error = http_server_start(&options, &g_server);
    check(!error);
}

/* It always answers or closes. (libFuzzer's own timer interrupts.) */
static void wait_readable(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    int ready;
    do {
        ready = poll(&wait, 1, WAIT_MS);
    } while (ready < 0 && errno == EINTR);
    check(ready == 1);
}

/* -1 when the machine is out of ports for the moment, or libFuzzer's timer came in between. */
static int connect_to_server(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)http_server_port(g_server))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0);
    struct linger no_wait = {.l_onoff = 1}; /* thousands of connections a second must leave no port behind */
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &no_wait, sizeof(no_wait));
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0) {
        return fd;
    }
    check(errno == EINTR || errno == EADDRNOTAVAIL);
    close(fd);
    return -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!g_server) {
        start();
    }
    int fd = connect_to_server();
    if (fd < 0) {
        return 0;
    }
    if (size > 0 && send(fd, data, size, MSG_NOSIGNAL) < 0) {
        close(fd);
        return 0;
    }
    shutdown(fd, SHUT_WR);
    char answer[4096];
    do {
        wait_readable(fd);
    } while (recv(fd, answer, sizeof(answer), 0) > 0);
    close(fd);
    return 0;
}
