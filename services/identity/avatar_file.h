/* Pictures on disk: written beside, synced, renamed, so that a file that has its name is whole.
 *
 * Each upload is a file of its own, named <SHA-256 of the content>.<id of the upload>: no two uploads ever share one, so
 * that deleting the one takes nothing from the other. */
#pragma once

#include "libshared/base/arena.h"
#include "libshared/base/err.h"
#include "libshared/base/uuid.h"

#include <stddef.h>

#define AVATAR_ETAG_SIZE 65 /* SHA-256 in hex, and NUL */
#define AVATAR_FILE_NAME_SIZE (AVATAR_ETAG_SIZE + UUID_TEXT_SIZE)

/* A picture on its way to disk. */
struct avatar_upload;

/* Makes the folder `dir` if it is missing, and removes what killed uploads left behind. Reason: KONGSI_CONFIG_INVALID. */
ERR_RESULT struct err *avatar_dir_open(const char *dir);

/* Reasons: KONGSI_STORAGE_FULL, KONGSI_UNAVAILABLE. The upload lives in the arena. */
ERR_RESULT struct err *avatar_upload_begin(
    struct arena *arena, const char *dir, struct uuid id, struct avatar_upload **ret_upload);
/* Reasons: IDENTITY_AVATAR_INVALID past size_max_bytes, and those of begin. */
ERR_RESULT struct err *avatar_upload_write(
    struct avatar_upload *upload, const void *bytes, size_t length, size_t size_max_bytes);

struct avatar_stored {
    const char *media_type;
    size_t size_bytes;
    char etag[AVATAR_ETAG_SIZE];
    char file_name[AVATAR_FILE_NAME_SIZE];
};
/* On disk for good. Reason: IDENTITY_AVATAR_INVALID for what is no picture, and those of begin. */
ERR_RESULT struct err *avatar_upload_finish(struct avatar_upload *upload, struct avatar_stored *ret_stored);
/* Closes; what has not been finished is removed. NULL is fine. */
void avatar_upload_end(struct avatar_upload *upload);
static inline void avatar_upload_cleanup(struct avatar_upload **upload)
{
    avatar_upload_end(*upload);
}
#define AVATAR_UPLOAD_AUTO __attribute__((cleanup(avatar_upload_cleanup))) struct avatar_upload *

/* Opened for reading; -1 with errno when it is not there. */
int avatar_file_open(const char *dir, const char *file_name);
/* Removes it; failure is logged only: the file is unused, not harmful. */
void avatar_file_remove(const char *dir, const char *file_name);
