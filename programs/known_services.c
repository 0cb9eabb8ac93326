#include "programs/known_services.h"

const char *const known_services[] = {"identity", "messaging", "gateway", "realtime", NULL};
