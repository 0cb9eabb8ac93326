/* `events republish` and `events replay`: what operators do to the event log and to parked events. */
#include "libshared/service/service_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"

#include <stdio.h>
#include <string.h>

struct err *service_events_republish(struct service_process *process, const char *component, const char *from)
{
    struct instant instant;
    if (!instant_parse(from, strlen(from), &instant)) {
        return err_new(&KONGSI_FIELD_INVALID, "%s is not an RFC 3339 time such as 2026-11-22T08:00:00Z", from);
    }
    ERR_TRY(service_process_open(process));
    for (size_t i = 0; i < process->slot_count; i++) {
        if (strcmp(process->slots[i].def->name, component) == 0 && process->slots[i].log) {
            return bus_republish(process->slots[i].log, instant);
        }
    }
    return err_new(&KONGSI_ROW_NOT_FOUND, "no service %s with an event log is in this program", component);
}

struct err *service_events_replay(struct service_process *process, const char *consumer)
{
    ERR_TRY(service_process_open(process));
    struct bus_replay replay;
    ERR_TRY(bus_replay_dead_letters(process->bus, consumer, &replay));
    printf("{\"delivered\":%d,\"failed\":%d}\n", replay.delivered, replay.failed);
    return NULL;
}
