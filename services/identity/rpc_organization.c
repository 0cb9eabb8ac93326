/* Changing the directory by hand: organizations, departments, roles. */
#include "gen/identity_rpc.h"
#include "gen/kongsi_errors.h"
#include "libshared/rpc/fill.h"
#include "services/identity/directory.h"
#include "services/identity/identifier.h"
#include "services/identity/store.h"

static struct err *field_invalid(const char *field, const char *rule)
{
    return err_with(err_new(&KONGSI_FIELD_INVALID, "%s %s", field, rule), "field", "%s", field);
}

struct err *identity_create_organization(
    struct rpc_ctx *ctx, const CreateOrganizationRequest *request, Organization *response)
{
    if (!directory_slug_is_valid(request->slug)) {
        return field_invalid("slug", "is made of lower-case letters, digits and '-', which stands neither first nor last");
    }
    response->id = fill_uuid(ctx->arena, uuid_v7(ctx->now));
    response->slug = request->slug;
    response->name = request->name;
    response->create_time = fill_instant(ctx->arena, ctx->now);
    if (!response->id || !response->create_time) {
        return err_out_of_memory();
    }
    return store_organization_create(ctx, request, response);
}

struct err *identity_create_department(struct rpc_ctx *ctx, const CreateDepartmentRequest *request, Department *response)
{
    struct identifier identifier;
    bool given = request->external_id[0] != '\0';
    if (given && !identifier_from_external_id(request->external_id, &identifier)) {
        return field_invalid("external_id", "is made of the letters A to Z, digits and . _ / -");
    }
    response->id = fill_uuid(ctx->arena, uuid_v7(ctx->now));
    response->external_id = given ? request->external_id : response->id;
    response->name = request->name;
    response->chinese_name = request->chinese_name;
    response->parent_id = request->parent_id;
    return response->id ? store_department_create(ctx, request, response) : err_out_of_memory();
}

struct err *identity_set_user_role(struct rpc_ctx *ctx, const SetUserRoleRequest *request, User *response)
{
    struct uuid org_id;
    ERR_TRY(store_organization_find(ctx, request->organization, &org_id));
    return store_user_set_role(ctx, org_id, request->external_id, (int)request->role, response);
}
