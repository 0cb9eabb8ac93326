#include "services/identity/http_avatar.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "services/identity/avatar_file.h"
#include "services/identity/store.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PIECE_SIZE_BYTES ((size_t)16 * 1024)

static struct err *find_caller(
    struct http_exchange *exchange, struct identity *identity, const char *permission, struct rpc_ctx *ctx)
{
    ERR_TRY(service_http_caller(exchange, identity->env, permission, ctx));
    ctx->service = identity;
    return NULL;
}

static struct err *receive(struct http_exchange *exchange, struct avatar_upload *upload)
{
    uint8_t *piece = arena_alloc(http_arena(exchange), PIECE_SIZE_BYTES); /* a worker's stack is small */
    if (!piece) {
        return err_out_of_memory();
    }
    for (;;) {
        size_t length;
        ERR_TRY(http_read(exchange, piece, PIECE_SIZE_BYTES, &length));
        if (length == 0) {
            return NULL;
        }
        ERR_TRY(avatar_upload_write(upload, piece, length, AVATAR_SIZE_MAX_BYTES));
    }
}

static struct err *check_size(const struct http_exchange *exchange)
{
    /* Said beforehand, it need not be sent. */
    return http_content_length(exchange) > (int64_t)AVATAR_SIZE_MAX_BYTES
               ? err_new(&IDENTITY_AVATAR_INVALID, "the picture is larger than %zu bytes", AVATAR_SIZE_MAX_BYTES)
               : NULL;
}

/* Remembers the stored file, or forgets it again. */
static struct err *remember(struct rpc_ctx *ctx, const char *dir, const struct avatar_stored *stored)
{
    const struct store_avatar avatar = {stored->etag, stored->media_type, stored->file_name, stored->size_bytes};
    const char *old_file = NULL;
    struct err *error = store_avatar_put(ctx, &avatar, &old_file);
    if (error) {
        if (!err_is(error, &KONGSI_WRITE_UNCERTAIN)) {
            avatar_file_remove(dir, stored->file_name);
        }
        return error;
    }
    if (old_file) {
        avatar_file_remove(dir, old_file);
    }
    return NULL;
}

static struct err *put(struct http_exchange *exchange, struct identity *identity, struct avatar_stored *stored)
{
    struct rpc_ctx ctx;
    AVATAR_UPLOAD_AUTO upload = NULL;
    const char *dir = identity->config->avatar_dir;
    ERR_TRY(find_caller(exchange, identity, "identity.self", &ctx));
    ERR_TRY(check_size(exchange));
    ERR_TRY(avatar_upload_begin(ctx.arena, dir, uuid_v7(ctx.now), &upload));
    ERR_TRY(receive(exchange, upload));
    ERR_TRY(avatar_upload_finish(upload, stored));
    /* The body may have taken longer than a request may wait for the database. */
    ctx.now = instant_now();
    ctx.deadline_ms = clock_monotonic_ms() + RPC_TIMEOUT_DEFAULT_MS;
    return remember(&ctx, dir, stored);
}

void http_avatar_put(struct http_exchange *exchange, void *state, const char *const *segments)
{
    (void)segments;
    struct avatar_stored stored;
    struct err *error = put(exchange, state, &stored);
    const char *body = error ? NULL : arena_printf(http_arena(exchange), "{\"avatar_etag\":\"%s\"}\n", stored.etag);
    if (!body) {
        http_respond_err(exchange, error ? error : err_out_of_memory());
        return;
    }
    http_respond(exchange, 200, "application/json", body, strlen(body));
}

static struct err *remove_picture(struct http_exchange *exchange, struct identity *identity)
{
    struct rpc_ctx ctx;
    const char *old_file = NULL;
    ERR_TRY(find_caller(exchange, identity, "identity.self", &ctx));
    ERR_TRY(store_avatar_delete(&ctx, &old_file));
    if (old_file) {
        avatar_file_remove(identity->config->avatar_dir, old_file);
    }
    return NULL;
}

void http_avatar_delete(struct http_exchange *exchange, void *state, const char *const *segments)
{
    (void)segments;
    struct err *error = remove_picture(exchange, state);
    if (error) {
        http_respond_err(exchange, error);
        return;
    }
    http_respond(exchange, 200, "application/json", "{}\n", 3);
}

/* Whether If-None-Match names the etag: quoted, in a list, weak or not (RFC 9110, section 13.1.2), or is "*". */
static bool client_has(struct http_exchange *exchange, const char *etag)
{
    const char *list = http_header(exchange, "If-None-Match");
    if (!list) {
        return false;
    }
    const char *at = strstr(list, etag);
    return strcmp(list, "*") == 0 || (at && at > list && at[-1] == '"' && at[strlen(etag)] == '"');
}

static struct err *find_picture(
    struct http_exchange *exchange, struct identity *identity, const char *user_id, struct store_avatar *avatar)
{
    struct rpc_ctx ctx;
    User user;
    struct uuid id;
    ERR_TRY(find_caller(exchange, identity, "identity.read", &ctx));
    if (!uuid_parse(user_id, &id)) {
        return err_with(err_new(&KONGSI_FIELD_INVALID, "user_id is not a UUID"), "field", "user_id");
    }
    ERR_TRY(store_user_get(&ctx, id, &user));
    return store_avatar_get(&ctx, id, avatar);
}

static struct err *open_picture(struct identity *identity, const struct store_avatar *avatar, int *ret_fd)
{
    *ret_fd = avatar_file_open(identity->config->avatar_dir, avatar->file_name);
    if (*ret_fd >= 0) {
        return NULL;
    }
    if (errno == ENOENT) {
        /* Replaced or deleted a moment ago, or the disk has lost it. */
        log_warn("the picture %s is not in identity.avatar_dir", avatar->file_name);
        return err_new(&IDENTITY_AVATAR_NOT_FOUND, "the picture is gone; ask again");
    }
    return err_new(&KONGSI_UNAVAILABLE, "the picture cannot be read for the moment");
}

static void send_file(struct http_exchange *exchange, int fd, const struct store_avatar *avatar)
{
    uint8_t *piece = arena_alloc(http_arena(exchange), PIECE_SIZE_BYTES);
    if (!piece) {
        http_respond_err(exchange, err_out_of_memory());
        return;
    }
    http_respond_begin(exchange, 200, avatar->media_type, (int64_t)avatar->size_bytes);
    ssize_t length;
    while ((length = read(fd, piece, PIECE_SIZE_BYTES)) > 0) {
        if (!http_write(exchange, piece, (size_t)length)) {
            break;
        }
    }
    http_respond_end(exchange);
}

void http_avatar_get(struct http_exchange *exchange, void *state, const char *const *segments)
{
    int fd = -1;
    struct store_avatar avatar;
    struct err *error = find_picture(exchange, state, segments[0], &avatar);
    if (!error) {
        error = open_picture(state, &avatar, &fd);
    }
    if (error) {
        http_respond_err(exchange, error);
        return;
    }
    http_set_header(exchange, "ETag", arena_printf(http_arena(exchange), "\"%s\"", avatar.etag));
    http_set_header(exchange, "Cache-Control", "private, no-cache");
    if (client_has(exchange, avatar.etag)) {
        http_respond(exchange, 304, NULL, NULL, 0);
    } else {
        send_file(exchange, fd, &avatar);
    }
    close(fd);
}
