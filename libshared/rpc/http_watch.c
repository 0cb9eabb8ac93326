/* Deadlines for civetweb's blocking reads.
 *
 * civetweb gives neither its socket nor a deadline: mg_read waits its request timeout anew after every byte, so that a
 * dripped body is never cut. What ends a wait early is a signal: poll() answers EINTR and mg_read returns what it has. So
 * each worker has a timer that, once the deadline is past, sends its own thread a signal whose handler does nothing, again
 * and again (a signal that comes just before the wait begins would be lost), until the read is over. */
#include "libshared/rpc/http_internal.h"

#include "libshared/base/check.h"
#include "libshared/base/clock.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#define WATCH_REPEAT_MS 50

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static int watch_signal(void)
{
    return SIGRTMIN + 3;
}

static void do_nothing(int signal_number)
{
    (void)signal_number;
}

static void install_handler(void)
{
    struct sigaction action = {.sa_handler = do_nothing}; /* no SA_RESTART: the point is EINTR */
    sigemptyset(&action.sa_mask);
    check(sigaction(watch_signal(), &action, NULL) == 0);
}

void http_watch_admit(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_handler);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, watch_signal());
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

bool http_watch_init(struct http_watch *watch)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = watch_signal()};
    event.sigev_notify_thread_id = gettid();
    watch->armed = false;
    return timer_create(CLOCK_MONOTONIC, &event, &watch->timer) == 0;
}

void http_watch_deinit(struct http_watch *watch)
{
    timer_delete(watch->timer);
}

static struct timespec timespec_of_ms(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

void http_watch_arm(struct http_watch *watch, int64_t deadline_ms)
{
    int64_t left_ms = deadline_left_ms(deadline_ms);
    struct itimerspec when = {
        .it_value = timespec_of_ms(left_ms > 0 ? left_ms : 1), /* 0 would mean: never */
        .it_interval = timespec_of_ms(WATCH_REPEAT_MS),
    };
    watch->armed = timer_settime(watch->timer, 0, &when, NULL) == 0;
}

void http_watch_disarm(struct http_watch *watch)
{
    if (watch->armed) {
        struct itimerspec never = {0};
        timer_settime(watch->timer, 0, &never, NULL);
        watch->armed = false;
    }
}

void http_watch_interrupt(pthread_t thread)
{
    pthread_kill(thread, watch_signal());
}
