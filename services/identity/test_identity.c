#include "services/identity/test_identity.h"

#include "gen/identity_sql.h"
#include "gen/identity_topics.h"
#include "libshared/db/test_pg.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIST_MAX 256
#define ARENAS_MAX 4096

static struct identity_config config = {.access_token_seconds = 600,
    .refresh_token_days = 30,
    .session_days = 180,
    .invitation_days = 7,
    .password_hash_concurrency = 2,
    .password_hash_operations = crypto_pwhash_OPSLIMIT_MIN,
    .password_hash_memory_kib = 8};
static struct service_env env = {.config = &config};
static void *service;
static struct arena *arenas[ARENAS_MAX];
static size_t arena_count;
static char folder[] = "/tmp/kongsi-test-identity-XXXXXX";

void succeed(struct err *error)
{
    if (error) {
        fail_msg("%s: %s", error->reason, error->message);
    }
}

void refuse(struct err *error, const struct err_reason *reason)
{
    if (!err_is(error, reason)) {
        fail_msg("%s instead of %s", error ? error->reason : "success", reason->name);
    }
    err_free(error);
}

static void append(const void **list, const void *const *more)
{
    size_t count = 0;
    while (list[count]) {
        count++;
    }
    for (; *more; more++) {
        assert_true(count + 1 < LIST_MAX);
        list[count++] = *more;
    }
}

static void open_database(void)
{
    static const struct db_migration *migrations[LIST_MAX];
    static const struct db_statement *statements[LIST_MAX];
    append((const void **)migrations, (const void *const *)bus_migrations);
    append((const void **)migrations, (const void *const *)identity_sql_migrations);
    append((const void **)statements, (const void *const *)bus_statements);
    append((const void **)statements, (const void *const *)identity_sql_statements);
    test_pg_start();
    test_pg_create_database(TEST_DATABASE);
    struct db_options owner = test_pg_options(TEST_DATABASE, "kongsi_owner", 1);
    succeed(db_migrate(&owner, migrations, 10000));
    struct db_options options = test_pg_options(TEST_DATABASE, "kongsi_app", 8);
    options.statements = statements;
    succeed(db_pool_open(&options, &env.db));
    const struct bus_log_options log = {
        .component = "identity", .pool = env.db, .topics = identity_topics, .retention_days = 7};
    succeed(bus_log_open(&log, &env.log));
}

static void write_key(const char *path)
{
    FILE *file = fopen(path, "w");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    assert_non_null(file);
    assert_int_equal(fchmod(fileno(file), 0600), 0);
    assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    EVP_PKEY_free(key);
    assert_int_equal(fclose(file), 0);
}

/* No keys need be fetched: nothing here verifies a token. */
static struct err *fetch_nothing(void *context, struct arena *arena, const char **ret_json)
{
    (void)context;
    (void)arena;
    *ret_json = "{\"keys\":[]}";
    return NULL;
}

extern const struct service_def identity_service;

int test_identity_start(void **state)
{
    (void)state;
    static char key_path[64], avatar_dir[64];
    assert_non_null(mkdtemp(folder));
    snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
    snprintf(avatar_dir, sizeof(avatar_dir), "%s/avatars", folder);
    write_key(key_path);
    config.signing_key_file = key_path;
    config.avatar_dir = avatar_dir;
    test_identity_set_development(true);
    open_database();
    env.tokens = token_verifier_new(fetch_nothing, NULL);
    assert_non_null(env.tokens);
    succeed(identity_service.start(&env, &service));
    return 0;
}

int test_identity_stop(void **state)
{
    (void)state;
    char command[128];
    identity_service.stop(service);
    token_verifier_free(env.tokens);
    bus_log_close(env.log);
    db_pool_close(env.db);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}

struct identity *test_identity(void)
{
    return service;
}

void test_identity_set_development(bool development)
{
    static char password[] = TEST_PASSWORD, none[] = "";
    config.development_password = development ? password : none;
}

struct rpc_ctx *test_ctx(void)
{
    assert_true(arena_count < ARENAS_MAX);
    struct arena *arena = arenas[arena_count++] = arena_new(ARENA_CAP_DEFAULT_BYTES);
    struct rpc_ctx *ctx = arena_alloc(arena, sizeof(*ctx));
    assert_non_null(ctx);
    *ctx = (struct rpc_ctx){.arena = arena,
        .caller = {.kind = RPC_CALLER_SERVICE, .service = "test", .permissions = ""},
        .access_token = "",
        .now = instant_now(),
        .deadline_ms = clock_monotonic_ms() + 60000,
        .service = service};
    rpc_traceparent_new(ctx->traceparent);
    return ctx;
}

struct rpc_ctx *test_ctx_of(const char *org_id, const char *user_id, const char *session_id)
{
    struct rpc_ctx *ctx = test_ctx();
    ctx->caller.kind = RPC_CALLER_USER;
    ctx->caller.org_id = checked_uuid(org_id);
    ctx->caller.user_id = checked_uuid(user_id);
    ctx->caller.session_id = checked_uuid(session_id);
    ctx->caller.permissions = "identity.self identity.read";
    return ctx;
}

void test_ctx_free_all(void)
{
    while (arena_count > 0) {
        arena_free(arenas[--arena_count]);
    }
}

struct rpc_ctx *test_ctx_signed_in(const char *org_id, const SessionTokens *tokens)
{
    return test_ctx_of(org_id, tokens->user_id, tokens->session_id);
}

const char *test_organization(const char *slug)
{
    struct rpc_ctx *ctx = test_ctx();
    char request_id[UUID_TEXT_SIZE];
    CreateOrganizationRequest request = KONGSI__IDENTITY__V1__CREATE_ORGANIZATION_REQUEST__INIT;
    Organization organization = KONGSI__IDENTITY__V1__ORGANIZATION__INIT;
    request.request_id = (char *)uuid_format(uuid_v7(ctx->now), request_id);
    request.slug = (char *)slug;
    request.name = (char *)slug;
    succeed(identity_create_organization(ctx, &request, &organization));
    return organization.id;
}

struct bytes test_example(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", EXAMPLE_DIR, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    uint8_t *data = arena_alloc(test_ctx()->arena, 1000000);
    size_t length = fread(data, 1, 1000000, file);
    fclose(file);
    return (struct bytes){data, length};
}

ImportReport *test_import_files(const char *slug, struct bytes departments, struct bytes staff, bool dry_run)
{
    struct rpc_ctx *ctx = test_ctx();
    ImportOrganizationDirectoryRequest request = KONGSI__IDENTITY__V1__IMPORT_ORGANIZATION_DIRECTORY_REQUEST__INIT;
    ImportReport *report = arena_alloc(ctx->arena, sizeof(*report));
    kongsi__identity__v1__import_report__init(report);
    request.organization = (char *)slug;
    request.dry_run = dry_run;
    request.departments_csv = (ProtobufCBinaryData){departments.length, (uint8_t *)departments.data};
    request.staff_csv = (ProtobufCBinaryData){staff.length, (uint8_t *)staff.data};
    succeed(identity_import_organization_directory(ctx, &request, report));
    return report;
}

ImportReport *test_import(const char *slug, const char *staff_rows)
{
    static const char DEPARTMENTS[] = "Department_ID,Name,Chinese_Name,Parent_ID\nD2,Shop,店,D1\nD1,Company,公司,\n";
    char *staff = arena_printf(test_ctx()->arena,
        "Employee_ID,Legal_Name,Preferred_Name,Chinese_Name,Work_Email,Mobile,Business_Title,Department_ID,Manager_ID,"
        "Worker_Type,Weekly_Hours,Location,Hire_Date,Preferred_Language,Status\n%s",
        staff_rows);
    return test_import_files(slug, (struct bytes){(const uint8_t *)DEPARTMENTS, sizeof(DEPARTMENTS) - 1},
        (struct bytes){(const uint8_t *)staff, strlen(staff)}, false);
}

const char *test_row(
    const char *id, const char *name, const char *email, const char *mobile, const char *manager, const char *status)
{
    return arena_printf(test_ctx()->arena, "%s,%s,,,%s,%s,Clerk,D2,%s,Regular,45,Central,2020-02-29,zh-HK,%s\n", id, name,
        email, mobile, manager, status);
}

SessionTokens test_sign_in(const char *identifier, const char *password, const char *slug)
{
    SignInRequest request = KONGSI__IDENTITY__V1__SIGN_IN_REQUEST__INIT;
    SessionTokens tokens = KONGSI__IDENTITY__V1__SESSION_TOKENS__INIT;
    request.identifier = (char *)identifier;
    request.password = (char *)password;
    request.organization = (char *)slug;
    succeed(identity_sign_in(test_ctx(), &request, &tokens));
    return tokens;
}

int64_t test_events(const char *type)
{
    char sql[256];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM event_log WHERE type = '%s'", type);
    return test_pg_number(TEST_DATABASE, sql);
}
