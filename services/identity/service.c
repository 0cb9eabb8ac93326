/* The identity service as a value. */
#include "gen/identity_rpc.h"
#include "gen/identity_sql.h"
#include "gen/identity_topics.h"
#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "programs/known_services.h"
#include "services/identity/avatar_file.h"
#include "services/identity/http_avatar.h"
#include "services/identity/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_FILE_SIZE_MAX 16384

static const struct config_field CONFIG_FIELDS[] = {
    {.key = "address",
        .type = CONFIG_STRING,
        .offset = offsetof(struct identity_config, address),
        .default_text = "127.0.0.1",
        .help = "Address the service's RPC port listens on."},
    {.key = "port",
        .type = CONFIG_INT,
        .offset = offsetof(struct identity_config, port),
        .default_text = "18101",
        .minimum = 1,
        .maximum = 65535,
        .help = "The service's RPC port."},
    {.key = "signing_key_file",
        .type = CONFIG_STRING,
        .offset = offsetof(struct identity_config, signing_key_file),
        .help = "PEM file of the P-256 private key that signs access tokens; refresh tokens depend on it too, so that a new "
                "one signs everybody out."},
    {.key = "development_password",
        .type = CONFIG_STRING,
        .offset = offsetof(struct identity_config, development_password),
        .secret = true,
        .help = "When set, imported people are active at once with this password; for development only."},
    {.key = "avatar_dir",
        .type = CONFIG_STRING,
        .offset = offsetof(struct identity_config, avatar_dir),
        .default_text = "var/avatars",
        .help = "Folder of people's pictures; shared by all processes of the service."},
    {.key = "access_token_seconds",
        .type = CONFIG_INT,
        .offset = offsetof(struct identity_config, access_token_seconds),
        .default_text = "600",
        .minimum = 30,
        .maximum = 3600,
        .help = "How long an access token is good for, in seconds."},
    {.key = "refresh_token_days",
        .type = CONFIG_INT,
        .offset = offsetof(struct identity_config, refresh_token_days),
        .default_text = "30",
        .minimum = 1,
        .maximum = 365,
        .help = "How long a refresh token that is not used is good for, in days."},
    {.key = "session_days",
        .type = CONFIG_INT,
        .offset = offsetof(struct identity_config, session_days),
        .default_text = "180",
        .minimum = 1,
        .maximum = 3650,
        .help = "How long a session lasts however often it is refreshed, in days."},
    {.key = "invitation_days",
        .type = CONFIG_INT,
        .offset = offsetof(struct identity_config, invitation_days),
        .default_text = "7",
        .minimum = 1,
        .maximum = 90,
        .help = "How long an invitation is good for, in days."},
    {.key = "password_hash_concurrency",
        .type = CONFIG_INT,
        .offset = offsetof(struct identity_config, password_hash_concurrency),
        .default_text = "2",
        .minimum = 1,
        .maximum = 64,
        .help = "Passwords checked at the same time at most; each takes password_hash_memory_kib."},
    {.key = "password_hash_operations",
        .type = CONFIG_INT,
        .offset = offsetof(struct identity_config, password_hash_operations),
        .default_text = "2",
        .minimum = crypto_pwhash_OPSLIMIT_MIN,
        .maximum = 100,
        .help = "Passes of Argon2id over its memory (RFC 9106: t)."},
    {.key = "password_hash_memory_kib",
        .type = CONFIG_INT,
        .offset = offsetof(struct identity_config, password_hash_memory_kib),
        .default_text = "65536",
        .minimum = 8,
        .maximum = 4194304,
        .help = "Memory of one Argon2id, in KiB (RFC 9106: m)."},
    {.key = NULL},
};

/* The key of refresh tokens comes from the signing key: one secret less to keep, and every process of the service has the
 * same. */
static struct err *derive_refresh_key(const char *path, uint8_t key[REFRESH_KEY_SIZE])
{
    static const char purpose[] = "kongsi identity refresh token";
    uint8_t content[KEY_FILE_SIZE_MAX];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, content, sizeof(content));
    if (fd >= 0) {
        close(fd);
    }
    if (length <= 0) {
        return err_new(&KONGSI_CONFIG_INVALID, "identity.signing_key_file: cannot read %s: %s", path,
            length == 0 ? "it is empty" : strerror(errno));
    }
    (void)crypto_generichash(key, REFRESH_KEY_SIZE, content, (size_t)length, (const uint8_t *)purpose, sizeof(purpose) - 1);
    sodium_memzero(content, sizeof(content));
    return NULL;
}

static struct err *open_parts(struct identity *identity)
{
    const struct identity_config *config = identity->config;
    if (sodium_init() < 0) {
        return err_new(&KONGSI_INTERNAL, "libsodium cannot start");
    }
    if (config->signing_key_file[0] == '\0') {
        return err_new(
            &KONGSI_CONFIG_INVALID, "identity.signing_key_file is not set: name the PEM file of a P-256 private key");
    }
    ERR_TRY(token_signer_open(config->signing_key_file, &identity->signer));
    ERR_TRY(derive_refresh_key(config->signing_key_file, identity->refresh_key));
    ERR_TRY(avatar_dir_open(config->avatar_dir));
    const struct password_cost cost = {
        (uint64_t)config->password_hash_operations, (size_t)config->password_hash_memory_kib * 1024};
    identity->hasher = password_hasher_new(cost, (int)config->password_hash_concurrency);
    if (!identity->hasher) {
        return err_out_of_memory();
    }
    if (config->development_password[0]) {
        log_warn("identity.development_password is set: imported people can sign in with it; never use it with real people");
    }
    return NULL;
}

static void stop(void *state)
{
    struct identity *identity = state;
    password_hasher_free(identity->hasher);
    token_signer_close(identity->signer);
    sodium_memzero(identity->refresh_key, sizeof(identity->refresh_key));
    free(identity);
}

static struct err *start(const struct service_env *env, void **ret_state)
{
    struct identity *identity = calloc(1, sizeof(*identity));
    if (!identity) {
        return err_out_of_memory();
    }
    identity->env = env;
    identity->config = env->config;
    struct err *error = open_parts(identity);
    if (error) {
        stop(identity);
        return error;
    }
    *ret_state = identity;
    return NULL;
}

static const struct rpc_service *const RPC[] = {&identity_rpc_identity_service, NULL};

static const struct service_http_route HTTP_ROUTES[] = {
    {"PUT", "/v1/me/avatar", http_avatar_put},
    {"DELETE", "/v1/me/avatar", http_avatar_delete},
    {"GET", "/v1/users/{user_id}/avatar", http_avatar_get},
    {NULL, NULL, NULL},
};

const struct service_def identity_service = {
    .name = "identity",
    .rpc = RPC,
    .config_fields = CONFIG_FIELDS,
    .config_size_bytes = sizeof(struct identity_config),
    .migrations = identity_sql_migrations,
    .statements = identity_sql_statements,
    .topics = identity_topics,
    .http_routes = HTTP_ROUTES,
    .port_config_offset = offsetof(struct identity_config, port),
    .address_config_offset = offsetof(struct identity_config, address),
    .start = start,
    .stop = stop,
};
