/* The web client's files, read into memory at start: no path from outside ever reaches the file system. */
#pragma once

#include "libshared/rpc/http.h"

#define STATIC_SIZE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define STATIC_FILES_MAX 2000
#define STATIC_DEPTH_MAX 8

struct static_site;

/* Reads a folder. An empty or missing one gives an empty site, with a warning. Reason: KONGSI_CONFIG_INVALID past the
 * limits. */
ERR_RESULT struct err *static_site_open(const char *folder, struct static_site **ret_site);
void static_site_close(struct static_site *site);
/* Adds a file made here, such as "/openapi.json"; the content is not copied and must live as long as the site. */
ERR_RESULT struct err *static_site_add(
    struct static_site *site, const char *path, const char *content_type, struct bytes content);
/* Answers GET and HEAD of a file, or of the page (index.html) for a path without a dot; false: there is none. */
bool static_site_handle(const struct static_site *site, struct http_exchange *exchange);
