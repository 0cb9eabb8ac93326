/* CSV as RFC 4180 has it, strictly: quotes only around whole fields, doubled inside. Pure.
 *
 * Accepted besides: a UTF-8 byte order mark, and LF or CR alone as line ends. Bytes are not looked into: whether they are
 * UTF-8 is for the reader of the fields to check. Rows are numbered as a spreadsheet numbers them: from 1, empty lines count
 * but are left out, as are rows of nothing but commas, which spreadsheets write below the last row. */
#pragma once

#include "libshared/base/arena.h"
#include "libshared/base/err.h"
#include "libshared/base/str.h"

#define CSV_FIELDS_MAX 64

struct csv_row {
    int number;
    size_t field_count;         /* of the row; only the first CSV_FIELDS_MAX are kept */
    const struct bytes *fields; /* unquoted; into the text, or the arena where quotes were doubled */
};

struct csv {
    const struct csv_row *rows;
    size_t row_count;
};

/* Parses the whole text. `name` stands for the file in messages. Reason: IDENTITY_IMPORT_INVALID for a quote that is never
 * closed or stands where it may not, and for more than row_count_max rows. */
ERR_RESULT struct err *csv_parse(
    struct arena *arena, const char *name, struct bytes text, size_t row_count_max, struct csv *ret_csv);
