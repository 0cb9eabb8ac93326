/* How a person's name is shown. Pure. */
#pragma once

#include "libshared/base/arena.h"

#define NAME_DISPLAY_SIZE_MAX_BYTES 255

/* The name to show, made of the names a company's records have:
 *
 *   preferred name, family name of the legal name, Chinese name: "Joyce Szeto 司徒詠詩";
 *   without a preferred name, or when it is a part of the legal name, the legal name as it stands: "Au Yeung Ka Yan
 * 歐陽嘉欣", "Zoë O'Connor".
 *
 * The family name stands first in a legal name that has a comma behind it, when there is a Chinese name, or when it is a
 * common Chinese one; two words when they are a compound one ("Au Yeung", "Sze To"); otherwise it stands last ("Kate Smith"
 * for Katherine Smith, called Kate). White space is made single, and what is past the limit is cut. In the arena; NULL only
 * when out of memory. */
char *name_display(struct arena *arena, const char *legal, const char *preferred, const char *chinese);
