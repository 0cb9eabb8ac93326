#include "services/identity/avatar_file.h"

#include "gen/identity_errors.h"
#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "services/identity/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TEMPORARY_PREFIX "upload-"
/* Older than any upload can last: left behind by a process that was killed. */
#define TEMPORARY_KEEP_S 3600

struct avatar_upload {
    const char *dir;
    struct uuid id;
    int fd;
    size_t size_bytes, head_length;
    uint8_t head[IMAGE_MAGIC_SIZE_BYTES];
    crypto_hash_sha256_state hash;
    char path[PATH_MAX];
};

static struct err *disk_error(const char *what, const char *path)
{
    if (errno == ENOSPC || errno == EDQUOT) {
        return err_new(&KONGSI_STORAGE_FULL, "there is no room for the picture");
    }
    log_error("cannot %s %s: %s", what, path, strerror(errno));
    return err_new(&KONGSI_UNAVAILABLE, "the picture store is away for the moment");
}

static bool make_path(char path[PATH_MAX], const char *dir, const char *prefix, const char *name)
{
    int length = snprintf(path, PATH_MAX, "%s/%s%s", dir, prefix, name);
    return length > 0 && length < PATH_MAX;
}

static void remove_left_behind(const char *dir, DIR *listing)
{
    struct dirent *entry;
    char path[PATH_MAX];
    struct stat status;
    while ((entry = readdir(listing))) {
        bool temporary = strncmp(entry->d_name, TEMPORARY_PREFIX, strlen(TEMPORARY_PREFIX)) == 0;
        if (temporary && make_path(path, dir, "", entry->d_name) && stat(path, &status) == 0 &&
            status.st_mtime < time(NULL) - TEMPORARY_KEEP_S) {
            (void)unlink(path);
        }
    }
}

struct err *avatar_dir_open(const char *dir)
{
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        return err_new(&KONGSI_CONFIG_INVALID, "identity.avatar_dir: cannot make %s: %s", dir, strerror(errno));
    }
    DIR *listing = opendir(dir);
    if (!listing || access(dir, W_OK) != 0) {
        int reason = errno;
        if (listing) {
            closedir(listing);
        }
        return err_new(&KONGSI_CONFIG_INVALID, "identity.avatar_dir: cannot write to %s: %s", dir, strerror(reason));
    }
    remove_left_behind(dir, listing);
    closedir(listing);
    return NULL;
}

struct err *avatar_upload_begin(struct arena *arena, const char *dir, struct uuid id, struct avatar_upload **ret_upload)
{
    struct avatar_upload *upload = arena_alloc(arena, sizeof(*upload));
    if (!upload) {
        return err_out_of_memory();
    }
    char name[UUID_TEXT_SIZE];
    *upload = (struct avatar_upload){.dir = dir, .id = id, .fd = -1};
    crypto_hash_sha256_init(&upload->hash);
    if (!make_path(upload->path, dir, TEMPORARY_PREFIX, uuid_format(id, name))) {
        return err_new(&KONGSI_INTERNAL, "identity.avatar_dir is too long");
    }
    upload->fd = open(upload->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (upload->fd < 0) {
        return disk_error("create", upload->path);
    }
    *ret_upload = upload;
    return NULL;
}

static struct err *write_all(struct avatar_upload *upload, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(upload->fd, bytes, length);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return disk_error("write", upload->path);
        }
        bytes += written;
        length -= (size_t)written;
    }
    return NULL;
}

struct err *avatar_upload_write(struct avatar_upload *upload, const void *bytes, size_t length, size_t size_max_bytes)
{
    if (length > size_max_bytes || upload->size_bytes > size_max_bytes - length) {
        return err_new(&IDENTITY_AVATAR_INVALID, "the picture is larger than %zu bytes", size_max_bytes);
    }
    size_t head = IMAGE_MAGIC_SIZE_BYTES - upload->head_length;
    head = head < length ? head : length;
    memcpy(upload->head + upload->head_length, bytes, head);
    upload->head_length += head;
    upload->size_bytes += length;
    crypto_hash_sha256_update(&upload->hash, bytes, length);
    return write_all(upload, bytes, length);
}

static int sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    int status = fsync(fd);
    close(fd);
    return status;
}

struct err *avatar_upload_finish(struct avatar_upload *upload, struct avatar_stored *ret_stored)
{
    struct avatar_stored stored = {
        .media_type = image_media_type(upload->head, upload->head_length), .size_bytes = upload->size_bytes};
    unsigned char hash[crypto_hash_sha256_BYTES];
    char id[UUID_TEXT_SIZE], path[PATH_MAX];
    if (!stored.media_type) {
        return err_new(&IDENTITY_AVATAR_INVALID, "the picture is neither PNG, JPEG nor WebP");
    }
    crypto_hash_sha256_final(&upload->hash, hash);
    sodium_bin2hex(stored.etag, sizeof(stored.etag), hash, sizeof(hash));
    snprintf(stored.file_name, sizeof(stored.file_name), "%s.%s", stored.etag, uuid_format(upload->id, id));
    if (!make_path(path, upload->dir, "", stored.file_name)) {
        return err_new(&KONGSI_INTERNAL, "identity.avatar_dir is too long");
    }
    if (fsync(upload->fd) != 0 || rename(upload->path, path) != 0) {
        return disk_error("store", upload->path);
    }
    upload->path[0] = '\0';
    if (sync_dir(upload->dir) != 0) {
        return disk_error("sync", upload->dir);
    }
    *ret_stored = stored;
    return NULL;
}

void avatar_upload_end(struct avatar_upload *upload)
{
    if (!upload) {
        return;
    }
    close(upload->fd);
    if (upload->path[0]) {
        (void)unlink(upload->path);
    }
}

int avatar_file_open(const char *dir, const char *file_name)
{
    char path[PATH_MAX];
    if (!make_path(path, dir, "", file_name)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
}

void avatar_file_remove(const char *dir, const char *file_name)
{
    char path[PATH_MAX];
    if (!make_path(path, dir, "", file_name) || unlink(path) != 0) {
        log_warn("cannot remove the old picture %s: %s", file_name, strerror(errno));
    }
}
