/* The fields of a REST request, from where they stand, into one message on the wire. */
#pragma once

#include "libshared/rpc/http.h"
#include "services/gateway/router.h"

/* Body, path, query and Idempotency-Key. A field may stand in one place only. Reasons: those of json.h and http_read_body,
 * KONGSI_MEDIA_TYPE_UNSUPPORTED. */
ERR_RESULT struct err *rest_read_fields(
    struct http_exchange *exchange, const struct route_match *match, size_t body_size_max_bytes, struct buf *wire);
