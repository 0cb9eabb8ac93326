/* Import of departments and staff. */
#include "gen/identity_rpc.h"
#include "libshared/base/log.h"
#include "services/identity/store.h"

#include <malloc.h>

/* Of an import at its limits: fifty thousand people there, as many in the file. */
#define IMPORT_ARENA_CAP_BYTES ((size_t)512 * 1024 * 1024)

struct import_task {
    struct uuid org_id;
    bool dry_run;
    struct import_sources sources;
};

/* One hash for all of them: a development password is no secret. */
static struct err *hash_development_password(struct rpc_ctx *ctx, char hash[PASSWORD_HASH_SIZE], bool *ret_development)
{
    const struct identity *identity = identity_of(ctx);
    *ret_development = identity->config->development_password[0] != '\0';
    hash[0] = '\0';
    return *ret_development ? password_hash(identity->hasher, identity->config->development_password, ctx->deadline_ms, hash)
                            : NULL;
}

static void fill_counts(const struct import_plan *plan, ImportReport *response)
{
    response->departments_created = (int32_t)plan->departments_created_count;
    response->departments_updated = (int32_t)plan->departments_updated_count;
    response->users_created = (int32_t)plan->users_created_count;
    response->users_updated = (int32_t)plan->users_updated_count;
    response->users_unchanged = (int32_t)plan->users_unchanged_count;
}

static struct err *run_in(struct rpc_ctx *ctx, const struct import_task *task, struct arena *arena, ImportReport *response)
{
    struct import import;
    struct import_directory directory;
    struct import_plan plan;
    char hash[PASSWORD_HASH_SIZE];
    bool development = false;
    ERR_TRY(import_read(arena, &task->sources, &import));
    ERR_TRY(hash_development_password(ctx, hash, &development));
    STORE_IMPORT_AUTO store = NULL;
    ERR_TRY(store_import_begin(ctx, task->org_id, arena, &store, &directory));
    ERR_TRY(import_check(&import, &directory));
    response->department_rows = (int32_t)import.files[IMPORT_DEPARTMENTS].count;
    response->user_rows = (int32_t)import.files[IMPORT_STAFF].count;
    if (import.error_count > 0) {
        return import_report_errors(&import, ctx->arena, response);
    }
    ERR_TRY(import_plan(&import, &directory, ctx->now, development, &plan));
    fill_counts(&plan, response);
    if (!task->dry_run) {
        ERR_TRY(store_import_apply(store, &plan, hash));
        response->applied = true;
        log_info("imported %d departments, %d people", response->department_rows, response->user_rows);
    }
    return NULL;
}

static struct err *run(struct rpc_ctx *ctx, const struct import_task *task, ImportReport *response)
{
    struct arena *arena = arena_new(IMPORT_ARENA_CAP_BYTES);
    if (!arena) {
        return err_out_of_memory();
    }
    struct err *error = run_in(ctx, task, arena, response);
    arena_free(arena);
    malloc_trim(0); /* an import may have taken hundreds of megabytes; the next one may be months away */
    return error;
}

static struct bytes bytes_of(ProtobufCBinaryData data)
{
    return (struct bytes){data.data, data.len};
}

struct err *identity_import_directory(struct rpc_ctx *ctx, const ImportDirectoryRequest *request, ImportReport *response)
{
    const struct import_task task = {
        ctx->caller.org_id, request->dry_run, {bytes_of(request->departments_csv), bytes_of(request->staff_csv)}};
    return run(ctx, &task, response);
}

struct err *identity_import_organization_directory(
    struct rpc_ctx *ctx, const ImportOrganizationDirectoryRequest *request, ImportReport *response)
{
    struct import_task task = {
        .dry_run = request->dry_run, .sources = {bytes_of(request->departments_csv), bytes_of(request->staff_csv)}};
    ERR_TRY(store_organization_find(ctx, request->organization, &task.org_id));
    return run(ctx, &task, response);
}
