/* Events of the transactions here. */
#include "services/identity/store_internal.h"

#include "libshared/rpc/fill.h"

/* Each append wakes its readers by one of the four callbacks a transaction has. */
#define APPENDS_MAX 4

struct err *store_events_init(struct store_events *events, struct arena *arena, struct uuid org_id, size_t capacity)
{
    *events = (struct store_events){.arena = arena,
        .org_id = fill_uuid(arena, org_id),
        .items = arena_calloc(arena, capacity ? capacity : 1, sizeof(*events->items)),
        .capacity = capacity};
    return events->org_id && events->items ? NULL : err_out_of_memory();
}

static void add(struct store_events *events, struct uuid key, const ProtobufCMessage *body)
{
    check(events->count < events->capacity);
    events->items[events->count++] = (struct bus_event){key, body};
}

struct err *store_event_user(struct store_events *events, const User *user, bool created)
{
    /* UserCreated and UserUpdated have the same fields under different types. */
    Kongsi__Identity__V1__UserCreated *is_new = arena_alloc(events->arena, sizeof(*is_new));
    Kongsi__Identity__V1__UserUpdated *is_changed = arena_alloc(events->arena, sizeof(*is_changed));
    if (!is_new || !is_changed) {
        return err_out_of_memory();
    }
    kongsi__identity__v1__user_created__init(is_new);
    kongsi__identity__v1__user_updated__init(is_changed);
    is_new->org_id = is_changed->org_id = events->org_id;
    is_new->user = is_changed->user = (User *)user;
    add(events, checked_uuid(user->id), created ? &is_new->base : &is_changed->base);
    return NULL;
}

struct err *store_event_department(struct store_events *events, const Department *department, bool created)
{
    Kongsi__Identity__V1__DepartmentCreated *is_new = arena_alloc(events->arena, sizeof(*is_new));
    Kongsi__Identity__V1__DepartmentUpdated *is_changed = arena_alloc(events->arena, sizeof(*is_changed));
    if (!is_new || !is_changed) {
        return err_out_of_memory();
    }
    kongsi__identity__v1__department_created__init(is_new);
    kongsi__identity__v1__department_updated__init(is_changed);
    is_new->org_id = is_changed->org_id = events->org_id;
    is_new->department = is_changed->department = (Department *)department;
    add(events, checked_uuid(department->id), created ? &is_new->base : &is_changed->base);
    return NULL;
}

struct err *store_event_session_ended(struct store_events *events, struct uuid session_id, struct uuid user_id)
{
    Kongsi__Identity__V1__SessionEnded *ended = arena_alloc(events->arena, sizeof(*ended));
    if (!ended) {
        return err_out_of_memory();
    }
    kongsi__identity__v1__session_ended__init(ended);
    ended->org_id = events->org_id;
    ended->session_id = fill_uuid(events->arena, session_id);
    ended->user_id = fill_uuid(events->arena, user_id);
    if (!ended->session_id || !ended->user_id) {
        return err_out_of_memory();
    }
    add(events, session_id, &ended->base);
    return NULL;
}

struct err *store_events_append(struct rpc_ctx *ctx, struct db_tx *tx, struct uuid org_id, const struct store_events *events)
{
    if (events->count > (size_t)APPENDS_MAX * BUS_APPEND_MAX) {
        return err_new(&IDENTITY_IMPORT_INVALID, "%zu changes at once, at most %zu; import in parts", events->count,
            (size_t)APPENDS_MAX * BUS_APPEND_MAX);
    }
    for (size_t at = 0; at < events->count; at += BUS_APPEND_MAX) {
        size_t left = events->count - at;
        ERR_TRY(bus_append(identity_of(ctx)->env->log, tx, events->arena, ctx->now, ctx->traceparent, org_id,
            events->items + at, left < BUS_APPEND_MAX ? left : BUS_APPEND_MAX));
    }
    return NULL;
}
