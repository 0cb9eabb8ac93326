/* Results. Internal to libshared/db. */
#pragma once

#include "libshared/db/db.h"

#include <libpq-fe.h>

struct db_result {
    PGresult *pg;
};

/* Takes over `pg`; NULL when out of memory (then `pg` is cleared). */
struct db_result *db_result_new(PGresult *pg);
/* Whether the number of rows is what the statement promised. */
ERR_RESULT struct err *db_result_check_rows(const PGresult *pg, const struct db_statement *statement);
