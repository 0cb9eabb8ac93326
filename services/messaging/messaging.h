/* The messaging service inside: its state and the types its files share. */
#pragma once

#include "gen/messaging_errors.h"
#include "gen/messaging_types.h"
#include "libshared/base/check.h"
#include "libshared/db/db_batch.h"
#include "libshared/service/service.h"

#define MEMBERS_MAX 5000
#define CONVERSATION_PAGE_SIZE_DEFAULT 50
#define MESSAGE_PAGE_SIZE_DEFAULT 50
#define MEMBER_PAGE_SIZE_DEFAULT 500

struct messaging_config {
    char *address;
    int64_t port;
    int64_t send_writers;
    int64_t send_batch_max;
    int64_t send_queue_max;
};

struct messaging {
    const struct service_env *env;
    struct db_batch *send_batch;
    struct db_batch *read_batch;
};

static inline struct messaging *messaging_of(const struct rpc_ctx *ctx)
{
    return ctx->service;
}

static inline struct db_scope messaging_scope(const struct rpc_ctx *ctx)
{
    return db_scope_org(ctx->caller.org_id, ctx->deadline_ms);
}

/* The UUID of a field that the schema's rules have checked. */
static inline struct uuid checked_uuid(const char *text)
{
    struct uuid uuid;
    check(uuid_parse(text, &uuid));
    return uuid;
}
