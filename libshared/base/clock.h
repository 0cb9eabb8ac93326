/* Instants and deadlines. Rules that depend on time take an instant; only edges ask the clock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Microseconds since 1970-01-01T00:00:00Z, as PostgreSQL's timestamptz can hold them. */
struct instant {
    int64_t us;
};

#define INSTANT_TEXT_SIZE 32

struct instant instant_now(void);
struct instant instant_add_ms(struct instant instant, int64_t ms);
/* RFC 3339 in UTC with as many of 0, 3, 6 fraction digits as needed: "2026-11-22T08:00:00.120Z". Returns `text`. */
const char *instant_format(struct instant instant, char text[INSTANT_TEXT_SIZE]);
/* RFC 3339 with any offset; at most 9 fraction digits, cut to microseconds. Years 0001 to 9999. */
bool instant_parse(const char *text, size_t length, struct instant *ret_instant);
/* An existing day "YYYY-MM-DD". */
bool date_is_valid(const char *text);

/* Milliseconds of the monotonic clock; deadlines are such points in time. */
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_us(void);
/* Milliseconds left until the deadline, 0 when it has passed. */
int64_t deadline_left_ms(int64_t deadline_ms);
