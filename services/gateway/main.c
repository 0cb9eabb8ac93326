#include "programs/known_services.h"

int main(int argc, char **argv)
{
    static const struct service_def *const SERVICES[] = {&gateway_service, NULL};
    static const struct service_program PROGRAM = {
        .name = "kongsi-gateway", .services = SERVICES, .known_services = known_services, .issuer = &known_issuer};
    return service_main(&PROGRAM, argc, argv);
}
