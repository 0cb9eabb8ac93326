#include "services/gateway/static.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "services/gateway/respond.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GZIP_LEVEL_BEST 9
#define ETAG_SIZE 40

struct static_file {
    char *path; /* "/assets/index-3f2a.js" */
    const char *content_type;
    struct bytes content;
    struct bytes packed; /* gzip; empty when it does not pay */
    char etag[ETAG_SIZE];
    char packed_etag[ETAG_SIZE]; /* other bytes, so another tag (RFC 9110, section 8.8.3.3) */
    bool owned;                  /* content was read here */
    bool immutable;              /* the name has the content's hash */
};

struct static_site {
    struct static_file files[STATIC_FILES_MAX];
    size_t count;
    size_t size_bytes;
};

static const struct {
    const char *ending, *content_type;
    bool packs;
} TYPES[] = {
    {".html", "text/html; charset=utf-8", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".css", "text/css; charset=utf-8", true},
    {".json", "application/json", true},
    {".webmanifest", "application/manifest+json", true},
    {".svg", "image/svg+xml", true},
    {".txt", "text/plain; charset=utf-8", true},
    {".png", "image/png", false},
    {".ico", "image/x-icon", false},
    {".woff2", "font/woff2", false},
};

/* The index in TYPES, or -1: files of other kinds (source maps) are not served. */
static int type_of(const char *path)
{
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof(TYPES) / sizeof(TYPES[0]); i++) {
        if (strcmp(TYPES[i].ending, dot) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void make_etag(struct static_file *file)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[33];
    crypto_hash_sha256(digest, file->content.data, file->content.length);
    sodium_bin2hex(hex, sizeof(hex), digest, 16);
    snprintf(file->etag, sizeof(file->etag), "\"%s\"", hex);
    snprintf(file->packed_etag, sizeof(file->packed_etag), "\"%s-gz\"", hex);
}

static struct bytes pack(struct bytes content)
{
    struct buf packed; /* becomes the file's */
    buf_init(&packed, content.length + 1024);
    if (content.length < 1024 || !respond_gzip(content.data, content.length, GZIP_LEVEL_BEST, &packed) ||
        packed.length >= content.length) {
        buf_deinit(&packed);
        return (struct bytes){0};
    }
    return (struct bytes){(const uint8_t *)packed.data, packed.length};
}

static struct err *add(
    struct static_site *site, const char *path, const char *content_type, struct bytes content, bool owned)
{
    site->size_bytes += content.length;
    if (site->count == STATIC_FILES_MAX || site->size_bytes > STATIC_SIZE_MAX_BYTES) {
        return err_new(&KONGSI_CONFIG_INVALID, "gateway.web_root has more than %d files or %zu bytes", STATIC_FILES_MAX,
            STATIC_SIZE_MAX_BYTES);
    }
    int type = type_of(path);
    struct static_file *file = &site->files[site->count];
    *file = (struct static_file){.path = strdup(path),
        .content_type = content_type ? content_type : TYPES[type].content_type,
        .content = content,
        .owned = owned,
        .immutable = str_starts_with(path, "/assets/")};
    if (!file->path) {
        return err_out_of_memory();
    }
    site->count++;
    make_etag(file);
    if (type < 0 || TYPES[type].packs) {
        file->packed = pack(content);
    }
    return NULL;
}

static struct err *read_file(int folder, const char *name, const char *path, struct static_site *site)
{
    int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) != 0) {
        if (fd >= 0) {
            close(fd);
        }
        return err_new(&KONGSI_CONFIG_INVALID, "cannot read %s of gateway.web_root: %s", path, strerror(errno));
    }
    size_t size = (size_t)status.st_size, done = 0;
    uint8_t *content = size <= STATIC_SIZE_MAX_BYTES ? malloc(size + 1) : NULL;
    ssize_t length = 1;
    while (content && done < size && length > 0) {
        length = read(fd, content + done, size - done);
        done += length > 0 ? (size_t)length : 0;
    }
    close(fd);
    if (!content || done != size) {
        free(content);
        return err_new(&KONGSI_CONFIG_INVALID, "cannot read all %zu bytes of %s of gateway.web_root", size, path);
    }
    struct err *error = add(site, path, NULL, (struct bytes){content, size}, true);
    if (error) {
        free(content);
    }
    return error;
}

static struct err *read_folder(int folder, const char *prefix, int depth, struct static_site *site);

static struct err *read_entry(
    int folder, const struct dirent *entry, const char *prefix, int depth, struct static_site *site)
{
    char path[1024];
    struct stat status;
    if (entry->d_name[0] == '.' || snprintf(path, sizeof(path), "%s/%s", prefix, entry->d_name) >= (int)sizeof(path) ||
        fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return NULL;
    }
    if (S_ISREG(status.st_mode)) {
        return type_of(path) >= 0 ? read_file(folder, entry->d_name, path, site) : NULL;
    }
    if (!S_ISDIR(status.st_mode) || depth == STATIC_DEPTH_MAX) {
        return NULL;
    }
    int below = openat(folder, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return below < 0 ? NULL : read_folder(below, path, depth + 1, site);
}

/* Takes the folder's descriptor. */
static struct err *read_folder(int folder, const char *prefix, int depth, struct static_site *site)
{
    DIR *entries = fdopendir(folder);
    if (!entries) {
        close(folder);
        return err_new(&KONGSI_CONFIG_INVALID, "cannot list gateway.web_root: %s", strerror(errno));
    }
    struct err *error = NULL;
    struct dirent *entry;
    while (!error && (entry = readdir(entries))) {
        error = read_entry(folder, entry, prefix, depth, site);
    }
    closedir(entries);
    return error;
}

struct err *static_site_open(const char *folder, struct static_site **ret_site)
{
    struct static_site *site = calloc(1, sizeof(*site));
    if (!site) {
        return err_out_of_memory();
    }
    int fd = str_is_empty(folder) ? -1 : open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        log_warn(
            "gateway.web_root %s is no folder: the web client is not served", str_is_empty(folder) ? "(empty)" : folder);
        *ret_site = site;
        return NULL;
    }
    struct err *error = read_folder(fd, "", 0, site);
    if (error) {
        static_site_close(site);
        return error;
    }
    *ret_site = site;
    return NULL;
}

void static_site_close(struct static_site *site)
{
    for (size_t i = 0; site && i < site->count; i++) {
        free(site->files[i].path);
        free((void *)(uintptr_t)site->files[i].packed.data);
        if (site->files[i].owned) {
            free((void *)(uintptr_t)site->files[i].content.data);
        }
    }
    free(site);
}

struct err *static_site_add(struct static_site *site, const char *path, const char *content_type, struct bytes content)
{
    return add(site, path, content_type, content, false);
}

static const struct static_file *find(const struct static_site *site, const char *path)
{
    for (size_t i = 0; i < site->count; i++) {
        if (strcmp(site->files[i].path, path) == 0) {
            return &site->files[i];
        }
    }
    return NULL;
}

/* If-None-Match (RFC 9110, section 13.1.2): a list of tags, weak ones compared by their value. */
static bool is_known(const char *if_none_match, const char *etag)
{
    return if_none_match && (strcmp(if_none_match, "*") == 0 || strstr(if_none_match, etag));
}

static void respond_file(const struct static_file *file, struct http_exchange *exchange)
{
    bool packed = file->packed.length && respond_takes_gzip(exchange);
    const char *etag = packed ? file->packed_etag : file->etag;
    http_set_header(exchange, "ETag", etag);
    http_set_header(exchange, "Cache-Control", file->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    http_set_header(exchange, "Vary", RESPOND_VARY);
    if (is_known(http_header(exchange, "If-None-Match"), etag)) {
        http_respond(exchange, 304, NULL, "", 0);
        return;
    }
    if (packed) {
        http_set_header(exchange, "Content-Encoding", "gzip");
    }
    struct bytes body = packed ? file->packed : file->content;
    http_respond(exchange, 200, file->content_type, body.data, body.length);
}

bool static_site_handle(const struct static_site *site, struct http_exchange *exchange)
{
    const char *path = http_path(exchange);
    const struct static_file *file = find(site, path);
    if (!file && !strchr(path, '.')) { /* a page of the client's own routing */
        file = find(site, "/index.html");
    }
    if (!file) {
        return false;
    }
    if (strcmp(http_method(exchange), "GET") != 0 && strcmp(http_method(exchange), "HEAD") != 0) {
        http_set_header(exchange, "Allow", "GET, HEAD");
        http_respond_err(exchange, err_new(&KONGSI_METHOD_NOT_ALLOWED, "a file is read with GET or HEAD"));
        return true;
    }
    respond_file(file, exchange);
    return true;
}
