#include "services/identity/image.h"

#include <string.h>

const char *image_media_type(const uint8_t *head, size_t length)
{
    if (length < IMAGE_MAGIC_SIZE_BYTES) {
        return NULL;
    }
    if (memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0) {
        return "image/png";
    }
    if (memcmp(head, "\xff\xd8\xff", 3) == 0) {
        return "image/jpeg";
    }
    if (memcmp(head, "RIFF", 4) == 0 && memcmp(head + 8, "WEBP", 4) == 0) {
        return "image/webp";
    }
    return NULL;
}
