/* Inside the bus: the relay, which publishes a log to Kafka. One of the replicas does it at a time; two at once do no harm.
 */
#pragma once

#include "libshared/bus/bus_internal.h"

struct bus_relay;

ERR_RESULT struct err *bus_relay_start(struct bus *bus, struct bus_log *log, struct bus_relay **ret_relay);
void bus_relay_stop(struct bus_relay *relay);
