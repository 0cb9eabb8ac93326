#include "libshared/rpc/rpc_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t g_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct rpc_metrics *g_metrics; /* never freed: the list of metrics points into it */

static void init_metric(struct metric *metric, enum metric_kind kind, const char *name, const char *help, const char *labels)
{
    metric->name = name;
    metric->help = help;
    metric->kind = kind;
    metric->labels = labels;
    atomic_flag_clear(&metric->registered);
}

static struct rpc_metrics *metrics_new(const char *component, const char *method)
{
    struct rpc_metrics *metrics = calloc(1, sizeof(*metrics));
    if (!metrics) {
        return NULL;
    }
    if (asprintf(&metrics->labels, "component=\"%s\",method=\"%s\"", component, method) < 0) {
        free(metrics);
        return NULL;
    }
    if (asprintf(&metrics->component_labels, "component=\"%s\"", component) < 0) {
        free(metrics->labels);
        free(metrics);
        return NULL;
    }
    metrics->component = component;
    metrics->method = method;
    init_metric(&metrics->requests, METRIC_COUNTER, "kongsi_rpc_requests_total",
        "Calls handled here, by component and method.", metrics->labels);
    init_metric(&metrics->errors, METRIC_COUNTER, "kongsi_rpc_errors_total",
        "Calls answered with an error, by component and method.", metrics->labels);
    init_metric(&metrics->seconds, METRIC_HISTOGRAM, "kongsi_rpc_request_seconds", "Time to handle a call, by component.",
        metrics->component_labels);
    metrics->component_seconds = &metrics->seconds;
    return metrics;
}

struct rpc_metrics *rpc_metrics_get(const char *component, const char *method)
{
    pthread_mutex_lock(&g_mutex);
    struct metric *seconds = NULL;
    struct rpc_metrics *found = g_metrics;
    for (; found; found = found->next) {
        if (strcmp(found->component, component) == 0) {
            seconds = found->component_seconds;
            if (strcmp(found->method, method) == 0) {
                break;
            }
        }
    }
    if (!found) {
        found = metrics_new(component, method);
        if (found) {
            found->component_seconds = seconds ? seconds : found->component_seconds;
            found->next = g_metrics;
            g_metrics = found;
        }
    }
    pthread_mutex_unlock(&g_mutex);
    return found;
}

void rpc_metrics_count(struct rpc_metrics *metrics, bool failed, int64_t duration_us)
{
    metric_add(&metrics->requests, 1);
    metric_add(&metrics->errors, failed);
    metric_observe_us(metrics->component_seconds, duration_us);
}
