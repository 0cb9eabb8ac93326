/* Frames: what travels on a socket, in the two subprotocols.
 *
 * A `frame` is bytes ready to be written; a `push` is what is said to many, encoded at most once per subprotocol and shared.
 * Both are counted references without locks: made by one thread, handed over, used by the loop thread from then on. */
#pragma once

#include "kongsi/realtime/v1/frame.pb-c.h"
#include "libshared/base/arena.h"
#include "libshared/base/clock.h"
#include "libshared/base/err.h"
#include "libshared/base/str.h"
#include "libshared/base/uuid.h"

#include <stddef.h>

#define FRAME_SIZE_MAX_BYTES ((size_t)128 * 1024) /* of what a client sends */
#define FRAME_JSON_SIZE_MAX_BYTES                                                                                           \
    ((size_t)8 * 1024 * 1024)         /* of what we send; text at the limit, each character escaped                         \
                                       */
#define FRAME_HEADROOM_BYTES 32       /* the WebSocket header is written in front of the content */
#define FRAME_ID_LENGTH_MAX_BYTES 256 /* 64 code points */

enum frame_subprotocol { FRAME_JSON, FRAME_PROTO, FRAME_SUBPROTOCOLS };

/* "kongsi.v1+json" */
const char *frame_subprotocol_name(enum frame_subprotocol subprotocol);

struct frame {
    unsigned references;
    size_t length;
    unsigned char bytes[]; /* FRAME_HEADROOM_BYTES, then the content */
};

/* One reference. Reasons: KONGSI_OUT_OF_MEMORY, KONGSI_INTERNAL. */
ERR_RESULT struct err *frame_encode(
    enum frame_subprotocol subprotocol, const Kongsi__Realtime__V1__ServerFrame *message, struct frame **ret_frame);
struct frame *frame_ref(struct frame *frame);
void frame_unref(struct frame *frame); /* NULL is fine */

/* Reads what a client sent into the arena, checked against the schema. `*ret_id` is the frame's id as far as it could be
 * read, else "". Reasons: REALTIME_FRAME_INVALID, KONGSI_FIELD_INVALID, KONGSI_FIELD_UNKNOWN. */
ERR_RESULT struct err *frame_decode(enum frame_subprotocol subprotocol, struct bytes bytes, struct arena *arena,
    const Kongsi__Realtime__V1__ClientFrame **ret_frame, const char **ret_id);

struct push;

/* One reference; the message is encoded now. */
ERR_RESULT struct err *push_new(const Kongsi__Realtime__V1__ServerFrame *message, struct push **ret_push);
/* The push as a frame, a reference the push keeps; NULL when it cannot be made. */
struct frame *push_frame(struct push *push, enum frame_subprotocol subprotocol);
struct push *push_ref(struct push *push);
void push_unref(struct push *push);              /* NULL is fine */
size_t push_size_bytes(const struct push *push); /* of its protobuf form; 0 for NULL */

/* Bodies that several places say. */
ERR_RESULT struct err *push_new_pull_now(const struct uuid *conversation_ids, size_t count, struct push **ret_push);
ERR_RESULT struct err *push_new_conversation_changed(struct uuid conversation_id, bool removed, struct push **ret_push);
ERR_RESULT struct err *frame_encode_err(
    enum frame_subprotocol subprotocol, const char *reply_to, const struct err *error, struct frame **ret_frame);

static inline Google__Protobuf__Timestamp frame_timestamp(struct instant instant)
{
    Google__Protobuf__Timestamp timestamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    timestamp.seconds = instant.us / 1000000;
    timestamp.nanos = (int32_t)(instant.us % 1000000 * 1000);
    return timestamp;
}
