#include "libshared/rpc/http_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct http_metrics *g_metrics; /* never freed: the list of metrics points into it */

static struct http_metrics *metrics_new(const char *server)
{
    struct http_metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics) {
        return NULL;
    }
    snprintf(metrics->server_label, sizeof(metrics->server_label), "server=\"%.32s\"", server);
    for (size_t i = 0; i < HTTP_STATUS_CLASSES; i++) {
        snprintf(metrics->labels[i], sizeof(metrics->labels[i]), "server=\"%.32s\",status=\"%zuxx\"", server, i + 1);
        struct metric *requests = &metrics->requests[i];
        requests->name = "kongsi_http_requests_total";
        requests->help = "Requests answered, by server and class of the status.";
        requests->kind = METRIC_COUNTER;
        requests->labels = metrics->labels[i];
        atomic_flag_clear(&requests->registered);
    }
    metrics->seconds.name = "kongsi_http_request_seconds";
    metrics->seconds.help = "Time from a request's head to the end of its answer, by server.";
    metrics->seconds.kind = METRIC_HISTOGRAM;
    metrics->seconds.labels = metrics->server_label;
    atomic_flag_clear(&metrics->seconds.registered);
    return metrics;
}

struct http_metrics *http_metrics_get(const char *server)
{
    char label[64];
    snprintf(label, sizeof(label), "server=\"%.32s\"", server);
    pthread_mutex_lock(&g_mutex);
    struct http_metrics *found = g_metrics;
    while (found && strcmp(found->server_label, label) != 0) {
        found = found->next;
    }
    if (!found) {
        found = metrics_new(server);
        if (found) {
            found->next = g_metrics;
            g_metrics = found;
        }
    }
    pthread_mutex_unlock(&g_mutex);
    return found;
}

void http_metrics_count(struct http_metrics *metrics, int status, int64_t duration_us)
{
    if (status >= 100 && status < 600) {
        metric_add(&metrics->requests[status / 100 - 1], 1);
    }
    metric_observe_us(&metrics->seconds, duration_us);
}
