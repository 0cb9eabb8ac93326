#include "services/realtime/realtime.h"

METRIC_DEFINE(realtime_sockets, METRIC_GAUGE, "kongsi_realtime_sockets", "Open WebSockets, signed in or not.");
METRIC_DEFINE(realtime_frames_in, METRIC_COUNTER, "kongsi_realtime_frames_in_total", "Frames clients sent.");
METRIC_DEFINE(realtime_frames_out, METRIC_COUNTER, "kongsi_realtime_frames_out_total", "Frames written to clients.");
METRIC_DEFINE(realtime_refused, METRIC_COUNTER, "kongsi_realtime_handshakes_refused_total",
    "Handshakes refused: path, subprotocol, origin, or no room.");
METRIC_DEFINE(realtime_closed, METRIC_COUNTER, "kongsi_realtime_closed_total", "Sockets the server closed.");
METRIC_DEFINE(realtime_events, METRIC_COUNTER, "kongsi_realtime_events_total", "Domain events taken to the sockets.");
METRIC_DEFINE(realtime_pull_now, METRIC_COUNTER, "kongsi_realtime_pull_now_total",
    "Times a client was told to pull because something was left out.");
METRIC_DEFINE(realtime_queue_overflows, METRIC_COUNTER, "kongsi_realtime_queue_overflows_total",
    "Times the queue of a slow socket was dropped.");
METRIC_DEFINE(realtime_sign_in, METRIC_HISTOGRAM, "kongsi_realtime_sign_in_seconds", "From sign_in to signed_in.");
METRIC_DEFINE(realtime_command, METRIC_HISTOGRAM, "kongsi_realtime_command_seconds", "From a command to its answer.");
METRIC_DEFINE(realtime_push, METRIC_HISTOGRAM, "kongsi_realtime_push_seconds",
    "From the time of a domain event to its frames being queued.");
