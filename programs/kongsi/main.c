/* The one-process program: all services, direct calls, and the embedded transport unless configured otherwise. */
#include "programs/known_services.h"

int main(int argc, char **argv)
{
    /* In the order they start; the edges come last. */
    static const struct service_def *const SERVICES[] = {
        &identity_service, &messaging_service, &realtime_service, &gateway_service, NULL};
    static const struct service_program PROGRAM = {
        .name = "kongsi", .services = SERVICES, .known_services = known_services, .issuer = &known_issuer};
    return service_main(&PROGRAM, argc, argv);
}
