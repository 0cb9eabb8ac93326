/* What a role may do. Pure. */
#pragma once

/* The permissions of a UserRole, separated by spaces, as they stand in an access token's scope. */
const char *permissions_of_role(int role);
