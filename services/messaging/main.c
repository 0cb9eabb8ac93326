#include "programs/known_services.h"

int main(int argc, char **argv)
{
    static const struct service_def *const SERVICES[] = {&messaging_service, NULL};
    static const struct service_program PROGRAM = {
        .name = "kongsi-messaging", .services = SERVICES, .known_services = known_services, .issuer = &known_issuer};
    return service_main(&PROGRAM, argc, argv);
}
