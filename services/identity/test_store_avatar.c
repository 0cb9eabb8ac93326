#include "services/identity/test_identity.h"

#include "gen/kongsi_errors.h"
#include "libshared/db/test_pg.h"
#include "services/identity/avatar_file.h"
#include "services/identity/store.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

static const char PNG[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR, and so on";

static const char *org_id, *user_id;

static int set_up(void **state)
{
    test_identity_start(state);
    static char org[UUID_TEXT_SIZE], user[UUID_TEXT_SIZE];
    org_id = strcpy(org, test_organization("harbour"));
    assert_true(test_import("harbour", test_row("E1", "Chan Tai Man", "tai@harbour.hk", "", "", "Active"))->applied);
    user_id = strcpy(user, test_sign_in("e1", TEST_PASSWORD, "").user_id);
    test_ctx_free_all();
    return 0;
}

static int tear_down_test(void **state)
{
    (void)state;
    test_ctx_free_all();
    return 0;
}

static struct rpc_ctx *own_ctx(void)
{
    return test_ctx_of(org_id, user_id, user_id);
}

static const char *dir(void)
{
    return test_identity()->config->avatar_dir;
}

static size_t files_in_dir(void)
{
    size_t count = 0;
    DIR *listing = opendir(dir());
    assert_non_null(listing);
    for (struct dirent *entry = readdir(listing); entry; entry = readdir(listing)) {
        count += entry->d_name[0] != '.';
    }
    closedir(listing);
    return count;
}

static struct err *upload(const char *bytes, size_t length, size_t piece, size_t size_max, struct avatar_stored *stored)
{
    struct rpc_ctx *ctx = own_ctx();
    AVATAR_UPLOAD_AUTO avatar = NULL;
    ERR_TRY(avatar_upload_begin(ctx->arena, dir(), uuid_v7(ctx->now), &avatar));
    for (size_t at = 0; at < length; at += piece) {
        ERR_TRY(avatar_upload_write(avatar, bytes + at, length - at < piece ? length - at : piece, size_max));
    }
    return avatar_upload_finish(avatar, stored);
}

static void test_upload(void **state)
{
    (void)state;
    struct avatar_stored whole, pieces;
    size_t before = files_in_dir();
    succeed(upload(PNG, sizeof(PNG), sizeof(PNG), sizeof(PNG), &whole));
    succeed(upload(PNG, sizeof(PNG), 1, sizeof(PNG), &pieces));
    assert_string_equal(whole.media_type, "image/png");
    assert_int_equal(whole.size_bytes, sizeof(PNG));
    /* The same content, each its own file. */
    assert_string_equal(whole.etag, pieces.etag);
    assert_string_not_equal(whole.file_name, pieces.file_name);
    assert_int_equal(files_in_dir(), before + 2);
    char content[sizeof(PNG) + 1];
    int fd = avatar_file_open(dir(), whole.file_name);
    assert_int_equal(read(fd, content, sizeof(content)), sizeof(PNG));
    assert_memory_equal(content, PNG, sizeof(PNG));
    close(fd);
    avatar_file_remove(dir(), whole.file_name);
    avatar_file_remove(dir(), pieces.file_name);
    assert_int_equal(avatar_file_open(dir(), whole.file_name), -1);
    assert_int_equal(files_in_dir(), before);
}

static void test_refused_uploads_leave_nothing(void **state)
{
    (void)state;
    struct avatar_stored stored;
    size_t before = files_in_dir();
    refuse(upload(PNG, sizeof(PNG), 7, sizeof(PNG) - 1, &stored), &IDENTITY_AVATAR_INVALID);
    refuse(upload("GIF89a, and so on", 17, 17, 100, &stored), &IDENTITY_AVATAR_INVALID);
    refuse(upload("", 0, 1, 100, &stored), &IDENTITY_AVATAR_INVALID);
    assert_int_equal(files_in_dir(), before);
}

static void test_dir(void **state)
{
    (void)state;
    struct arena *arena = test_ctx()->arena;
    const char *path = arena_printf(arena, "%s/new", dir());
    const char *fresh = arena_printf(arena, "%s/upload-fresh", path), *old = arena_printf(arena, "%s/upload-old", path);
    succeed(avatar_dir_open(path));
    struct utimbuf yesterday = {0, 0};
    fclose(fopen(fresh, "w"));
    fclose(fopen(old, "w"));
    assert_int_equal(utime(old, &yesterday), 0);
    succeed(avatar_dir_open(path));
    assert_int_equal(access(fresh, F_OK), 0);
    assert_int_equal(access(old, F_OK), -1);
    refuse(avatar_dir_open(fresh), &KONGSI_CONFIG_INVALID);
    refuse(avatar_dir_open("/proc/nowhere/avatars"), &KONGSI_CONFIG_INVALID);
    assert_int_equal(unlink(fresh) + rmdir(path), 0);
}

static void test_put_get_delete(void **state)
{
    (void)state;
    struct store_avatar first = {"etag-1", "image/png", "file-1", 10}, second = {"etag-2", "image/webp", "file-2", 20},
                        found;
    const char *old_file = "x";
    User user;
    int64_t updated = test_events("kongsi.identity.user.updated.v1");
    refuse(store_avatar_get(own_ctx(), checked_uuid(user_id), &found), &IDENTITY_AVATAR_NOT_FOUND);
    succeed(store_avatar_put(own_ctx(), &first, &old_file));
    assert_null(old_file);
    succeed(store_avatar_put(own_ctx(), &second, &old_file));
    assert_string_equal(old_file, "file-1");
    succeed(store_avatar_get(own_ctx(), checked_uuid(user_id), &found));
    assert_string_equal(found.file_name, "file-2");
    assert_string_equal(found.media_type, "image/webp");
    assert_int_equal(found.size_bytes, 20);
    succeed(store_user_get(own_ctx(), checked_uuid(user_id), &user));
    assert_string_equal(user.avatar_etag, "etag-2");
    assert_int_equal(test_events("kongsi.identity.user.updated.v1"), updated + 2);

    succeed(store_avatar_delete(own_ctx(), &old_file));
    assert_string_equal(old_file, "file-2");
    succeed(store_avatar_delete(own_ctx(), &old_file));
    assert_null(old_file);
    assert_int_equal(test_events("kongsi.identity.user.updated.v1"), updated + 3);
    succeed(store_user_get(own_ctx(), checked_uuid(user_id), &user));
    assert_string_equal(user.avatar_etag, "");
    /* Another organization's people see no picture of this one, nor can they set one. */
    const char *other = test_organization("other");
    refuse(store_avatar_put(test_ctx_of(other, user_id, user_id), &first, &old_file), &IDENTITY_USER_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_upload, tear_down_test),
        cmocka_unit_test_teardown(test_refused_uploads_leave_nothing, tear_down_test),
        cmocka_unit_test_teardown(test_dir, tear_down_test),
        cmocka_unit_test_teardown(test_put_get_delete, tear_down_test),
    };
    return cmocka_run_group_tests(tests, set_up, test_identity_stop);
}
