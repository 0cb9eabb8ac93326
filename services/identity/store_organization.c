#include "services/identity/store_internal.h"

#include "libshared/rpc/fill.h"

#include <string.h>

static struct err *fill_organization(struct arena *arena, const struct db_result *result, Organization *organization)
{
    kongsi__identity__v1__organization__init(organization);
    organization->id = fill_uuid(arena, db_get_uuid(result, 0, 0));
    organization->slug = db_get_text_copy(result, 0, 1, arena);
    organization->name = db_get_text_copy(result, 0, 2, arena);
    organization->create_time = fill_instant(arena, db_get_instant(result, 0, 3));
    bool whole = organization->id && organization->slug && organization->name && organization->create_time;
    return whole ? NULL : err_out_of_memory();
}

struct err *store_organization_get(struct rpc_ctx *ctx, struct uuid org_id, Organization *ret_organization)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, org_id);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(store_pool(ctx), store_scope(ctx, org_id), &IDENTITY_SQL_organization_get, &params, &result));
    if (db_rows(result) == 0) {
        char text[UUID_TEXT_SIZE];
        return err_new(&IDENTITY_ORGANIZATION_NOT_FOUND, "no organization has the id %s", uuid_format(org_id, text));
    }
    return fill_organization(ctx->arena, result, ret_organization);
}

struct err *store_organization_find(struct rpc_ctx *ctx, const char *slug, struct uuid *ret_org_id)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_text(&params, slug);
    DB_RESULT_AUTO result = NULL;
    ERR_TRY(db_run(
        store_pool(ctx), db_scope_system(ctx->deadline_ms), &IDENTITY_SQL_organization_get_by_slug, &params, &result));
    if (db_rows(result) == 0) {
        return err_new(&IDENTITY_ORGANIZATION_NOT_FOUND, "no organization has the slug %s", slug);
    }
    *ret_org_id = db_get_uuid(result, 0, 0);
    return NULL;
}

static struct err *insert_organization(struct rpc_ctx *ctx, struct db_tx *tx, const Organization *organization)
{
    struct db_params params = db_params_new(ctx->arena);
    db_add_uuid(&params, checked_uuid(organization->id));
    db_add_text(&params, organization->slug);
    db_add_text(&params, organization->name);
    db_add_instant(&params, ctx->now);
    struct err *error = db_query(tx, &IDENTITY_SQL_organization_insert, &params, NULL);
    const char *constraint = error ? err_get_metadata(error, "constraint") : NULL;
    if (constraint && strcmp(constraint, "organizations_slug_key") == 0) {
        err_free(error);
        return err_new(&IDENTITY_SLUG_TAKEN, "another organization has the slug %s; choose another", organization->slug);
    }
    return error;
}

struct err *store_organization_create(
    struct rpc_ctx *ctx, const CreateOrganizationRequest *request, Organization *organization)
{
    DB_TX_AUTO tx = NULL;
    bool repeat = false;
    ERR_TRY(db_begin(store_pool(ctx), db_scope_system(ctx->deadline_ms), &tx));
    ERR_TRY(store_request_claim(ctx, tx, request->request_id, &request->base, &organization->base, &repeat));
    if (repeat) {
        return NULL;
    }
    ERR_TRY(insert_organization(ctx, tx, organization));
    return db_commit_auto(tx);
}
