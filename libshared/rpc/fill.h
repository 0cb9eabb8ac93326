/* Values into the schema's messages, in an arena. Each returns NULL when out of memory. */
#pragma once

#include "libshared/base/arena.h"
#include "libshared/base/clock.h"
#include "libshared/base/uuid.h"

#include "google/protobuf/timestamp.pb-c.h"

char *fill_uuid(struct arena *arena, struct uuid uuid);
/* "" for the nil UUID. */
char *fill_uuid_or_empty(struct arena *arena, struct uuid uuid);
Google__Protobuf__Timestamp *fill_instant(struct arena *arena, struct instant instant);
