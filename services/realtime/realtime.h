/* The realtime service's state: what its files share.
 *
 * Threads: one loop thread owns all sockets and the hub; workers make the blocking calls; consumers bring events. Workers
 * and consumers hand what they have to the loop through its inbox, and touch nothing else of it. */
#pragma once

#include "libshared/base/metrics.h"
#include "libshared/service/service.h"

struct loop;
struct workers;

struct realtime_config {
    char *address;
    int64_t port;
    struct config_strings allowed_origins;
    int64_t workers;
    int64_t sockets_max;
    int64_t queue_bytes_max;
    int64_t ping_interval_seconds;
};

struct realtime {
    const struct service_env *env;
    const struct realtime_config *config;
    struct loop *loop;
    struct workers *workers;
};

#define SIGN_IN_WAIT_MS 10000   /* for the first frame */
#define TOKEN_EXPIRING_MS 60000 /* warned so long before */
#define COMMANDS_MAX 32         /* of a socket, waiting for their answers */
#define FRAMES_PER_SECOND 50    /* a socket may send, in the long run */
#define FRAMES_BURST 200
#define RESUME_MESSAGES_MAX 500 /* a sign-in */
#define RESUME_SIZE_MAX_BYTES ((size_t)1024 * 1024)
#define CLOSE_WAIT_MS 2000 /* for a closing socket to take its last frames */
#define DRAIN_WAIT_MS 5000
#define RECONNECT_DELAY_MIN_MS 500
#define RECONNECT_DELAY_MAX_MS 5000

/* How a socket ends. 4000 and above are ours; the README lists them. */
enum close_code {
    CLOSE_NONE = 0,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_WRONG_TYPE = 1003,
    CLOSE_POLICY = 1008,
    CLOSE_TOO_LARGE = 1009,
    CLOSE_INTERNAL = 1011,
    CLOSE_TRY_AGAIN = 1013,
    CLOSE_NOT_SIGNED_IN = 4401,
    CLOSE_SESSION_ENDED = 4403,
    CLOSE_IDLE = 4408,
};

extern struct metric realtime_sockets, realtime_frames_in, realtime_frames_out, realtime_refused, realtime_closed,
    realtime_events, realtime_pull_now, realtime_queue_overflows, realtime_sign_in, realtime_command, realtime_push;
