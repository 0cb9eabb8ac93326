#include "libshared/base/metrics.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static METRIC_DEFINE(sent, METRIC_COUNTER, "kongsi_test_sent_total", "Things sent.");
static METRIC_DEFINE(sockets, METRIC_GAUGE, "kongsi_test_sockets", "Open sockets.");
static METRIC_DEFINE(silent, METRIC_COUNTER, "kongsi_test_silent_total", "Never used, never shown.");
static METRIC_DEFINE(duration, METRIC_HISTOGRAM, "kongsi_test_duration_seconds", "How long.");
static struct metric labelled = {.name = "kongsi_test_sent_total",
    .help = "Things sent.",
    .kind = METRIC_COUNTER,
    .labels = "service=\"messaging\"",
    .registered = ATOMIC_FLAG_INIT};
static struct metric labelled_duration = {.name = "kongsi_test_labelled_seconds",
    .help = "How long.",
    .kind = METRIC_HISTOGRAM,
    .labels = "service=\"messaging\"",
    .registered = ATOMIC_FLAG_INIT};

static void *count(void *argument)
{
    for (int i = 0; i < 100000; i++) {
        metric_add(argument, 1);
    }
    return NULL;
}

static void test_text(void **state)
{
    (void)state;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, count, &sent);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    metric_set(&sockets, 12);
    metric_add(&sockets, -2);
    metric_add(&labelled, 3);
    static const int64_t DURATIONS_US[] = {0, 500, 501, 2500, 3000000, 1000000000};
    for (size_t i = 0; i < sizeof(DURATIONS_US) / sizeof(DURATIONS_US[0]); i++) {
        metric_observe_us(&duration, DURATIONS_US[i]);
    }
    metric_observe_us(&labelled_duration, 10000);
    (void)silent;

    BUF_AUTO out;
    buf_init(&out, 100000);
    assert_true(metrics_print(&out));
    static const char *const PARTS[] = {
        "# HELP kongsi_test_sent_total Things sent.\n# TYPE kongsi_test_sent_total counter\n"
        "kongsi_test_sent_total{service=\"messaging\"} 3\nkongsi_test_sent_total 400000\n",
        "# TYPE kongsi_test_sockets gauge\nkongsi_test_sockets 10\n",
        "# TYPE kongsi_test_duration_seconds histogram\n"
        "kongsi_test_duration_seconds_bucket{le=\"0.0005\"} 2\n"
        "kongsi_test_duration_seconds_bucket{le=\"0.001\"} 3\n"
        "kongsi_test_duration_seconds_bucket{le=\"0.0025\"} 4\n",
        "kongsi_test_duration_seconds_bucket{le=\"2.5\"} 4\n"
        "kongsi_test_duration_seconds_bucket{le=\"+Inf\"} 6\n"
        "kongsi_test_duration_seconds_sum 1003.003501\n"
        "kongsi_test_duration_seconds_count 6\n",
        "kongsi_test_labelled_seconds_bucket{service=\"messaging\",le=\"0.01\"} 1\n",
        "kongsi_test_labelled_seconds_sum{service=\"messaging\"} 0.010000\n"
        "kongsi_test_labelled_seconds_count{service=\"messaging\"} 1\n",
    };
    for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++) {
        if (!strstr(out.data, PARTS[i])) {
            fail_msg("missing:\n%s\nin:\n%s", PARTS[i], out.data);
        }
    }
    assert_null(strstr(out.data, "silent"));
    struct buf small;
    buf_init(&small, 10);
    assert_false(metrics_print(&small));
    buf_deinit(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
