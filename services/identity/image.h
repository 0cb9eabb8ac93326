/* Pictures, told by their first bytes. Pure. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define IMAGE_MAGIC_SIZE_BYTES 12

/* "image/png", "image/jpeg", "image/webp", or NULL for anything else. */
const char *image_media_type(const uint8_t *head, size_t length);
