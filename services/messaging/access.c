#include "services/messaging/access.h"

#include "services/messaging/store.h"

struct err *access_conversation_by_id(struct rpc_ctx *ctx, const char *conversation_id, struct access *ret_access)
{
    return store_access_find(ctx, checked_uuid(conversation_id), ret_access);
}
