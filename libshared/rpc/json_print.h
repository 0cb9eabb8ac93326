/* Single values from the wire as JSON. Private to json_*.c; memory shows in json->failed. */
#pragma once

#include "libshared/rpc/schema.h"

/* Of any number, enum or bool type; `bits` as on the wire. */
void json_print_number(const struct schema_field *field, uint64_t bits, struct buf *json);
void json_print_integer(const struct schema_field *field, uint64_t bits, bool quoted, struct buf *json);
void json_print_base64(struct bytes bytes, struct buf *json);
/* Reason: KONGSI_BODY_INVALID for what is no UTF-8, or has U+0000. */
ERR_RESULT struct err *json_print_string(const struct schema_field *field, struct bytes bytes, struct buf *json);
/* Reason: KONGSI_BODY_INVALID. */
ERR_RESULT struct err *json_print_timestamp(const struct schema_message *message, struct bytes wire, struct buf *json);
