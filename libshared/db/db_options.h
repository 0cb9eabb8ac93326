/* Own copies of connection settings. Internal to libshared/db. */
#pragma once

#include "libshared/db/db.h"

/* Copies all texts (not the statements). */
ERR_RESULT struct err *db_options_copy(const struct db_options *from, struct db_options *ret_copy);
void db_options_deinit(struct db_options *options);
