#include "services/identity/permission.h"

#include "gen/identity_types.h"

#define MEMBER "identity.self identity.read messaging.read messaging.send"

const char *permissions_of_role(int role)
{
    return role == USER_ROLE_ADMINISTRATOR ? MEMBER " identity.manage" : MEMBER;
}
