/* What clients say, and what becomes of it. On the loop thread. */
#pragma once

#include "libshared/base/str.h"

struct job;
struct socket;

/* A whole frame of the client. */
void command_receive(struct socket *socket, struct bytes bytes);
/* A worker is done with the job; ends it. */
void command_complete(struct job *job);
/* The socket is gone: what was not begun is dropped. */
void command_abandon(struct socket *socket);
