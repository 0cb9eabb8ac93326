/* The threads that make blocking calls for the loop thread. */
#pragma once

#include "services/realtime/job.h"

#define WORKERS_COMMANDS_MAX 10000 /* commands that wait for a worker, over all sockets */

struct workers;

ERR_RESULT struct err *workers_start(struct realtime *realtime, struct workers **ret_workers);
/* Takes no more, ends each worker after the job under way, frees what waits. NULL is fine. */
void workers_stop(struct workers *workers);
/* false: the queue is full; the job stays the caller's. The job comes back through loop_post_job. */
bool workers_submit(struct workers *workers, struct job *job);
