/* Rules of the directory that need nothing but values. Pure. */
#pragma once

#include "libshared/base/arena.h"
#include "libshared/base/err.h"

#include <stdbool.h>

/* A pattern for ILIKE that finds `query` anywhere; NULL only when out of memory. */
char *directory_pattern(struct arena *arena, const char *query);
/* Lower-case letters, digits and '-', which stands neither first nor last. */
bool directory_slug_is_valid(const char *slug);
/* The part of a department's name that the list's order looks at: its first 64 characters; NULL only when out of memory. */
char *directory_cut_name(struct arena *arena, const char *name);
