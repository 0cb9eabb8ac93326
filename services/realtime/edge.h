/* libwebsockets: the port, the callbacks, the loop underneath. Everything but edge_wake on the loop thread, or before and
 * after it. */
#pragma once

#include "services/realtime/loop.h"

struct edge;

/* Binds the port. Reason: KONGSI_UNAVAILABLE. */
ERR_RESULT struct err *edge_open(struct loop *loop, struct edge **ret_edge);
/* Runs until edge_break. */
void edge_run(struct edge *edge);
void edge_break(struct edge *edge);
/* loop_tick is called soon. */
void edge_tick_now(struct edge *edge);
/* From any thread, while the edge is open: the loop looks into its inbox soon. */
void edge_wake(struct edge *edge);
/* Disconnects all sockets. NULL is fine. */
void edge_close(struct edge *edge);
