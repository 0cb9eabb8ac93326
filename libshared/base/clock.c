#include "libshared/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_SECOND INT64_C(1000000)
#define SECONDS_PER_DAY INT64_C(86400)
#define YEAR_FIRST_US INT64_C(-62135596800000000) /* 0001-01-01T00:00:00Z */
#define YEAR_LAST_US INT64_C(253402300799999999)  /* 9999-12-31T23:59:59.999999Z */

struct date {
    int64_t year;
    int month, day;
};

/* Days since 1970-01-01 of a date of the proleptic Gregorian calendar, by eras of 400 years that begin on 1 March. */
static int64_t days_from_date(struct date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static struct date date_from_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted_month = (5 * day_of_year + 2) / 153;
    int month = (int)(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
    return (struct date){.year = year_of_era + era * 400 + (month <= 2),
        .month = month,
        .day = (int)(day_of_year - (153 * shifted_month + 2) / 5 + 1)};
}

static int days_of_month(int64_t year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : DAYS[month - 1];
}

struct instant instant_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (struct instant){now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000};
}

struct instant instant_add_ms(struct instant instant, int64_t ms)
{
    return (struct instant){instant.us + ms * 1000};
}

const char *instant_format(struct instant instant, char text[INSTANT_TEXT_SIZE])
{
    int64_t seconds = instant.us / US_PER_SECOND;
    int64_t us = instant.us % US_PER_SECOND;
    if (us < 0) {
        us += US_PER_SECOND;
        seconds--;
    }
    int64_t days = seconds / SECONDS_PER_DAY;
    int64_t second_of_day = seconds % SECONDS_PER_DAY;
    if (second_of_day < 0) {
        second_of_day += SECONDS_PER_DAY;
        days--;
    }
    struct date date = date_from_days(days);
    char fraction[8] = "";
    if (us % 1000 != 0) {
        snprintf(fraction, sizeof(fraction), ".%06u", (unsigned)us % 1000000U);
    } else if (us != 0) {
        snprintf(fraction, sizeof(fraction), ".%03u", (unsigned)(us / 1000) % 1000U);
    }
    snprintf(text, INSTANT_TEXT_SIZE, "%04d-%02u-%02uT%02u:%02u:%02u%sZ", (int)date.year, (unsigned)date.month % 100U,
        (unsigned)date.day % 100U, (unsigned)(second_of_day / 3600) % 100U, (unsigned)(second_of_day / 60) % 60U,
        (unsigned)second_of_day % 60U, fraction);
    return text;
}

/* A cursor over text that ends at `end`; every reader fails for good at the first wrong character. */
struct reader {
    const char *at, *end;
    bool failed;
};

static int read_digits(struct reader *reader, int count)
{
    int value = 0;
    for (int i = 0; i < count; i++) {
        if (reader->failed || reader->at == reader->end || *reader->at < '0' || *reader->at > '9') {
            reader->failed = true;
            return 0;
        }
        value = value * 10 + (*reader->at++ - '0');
    }
    return value;
}

/* One of the characters; returns which. */
static char read_one_of(struct reader *reader, const char *characters)
{
    if (reader->failed || reader->at == reader->end || *reader->at == '\0' || !strchr(characters, *reader->at)) {
        reader->failed = true;
        return '\0';
    }
    return *reader->at++;
}

static struct date read_date(struct reader *reader)
{
    struct date date;
    date.year = read_digits(reader, 4);
    read_one_of(reader, "-");
    date.month = read_digits(reader, 2);
    read_one_of(reader, "-");
    date.day = read_digits(reader, 2);
    if (reader->failed || date.year < 1 || date.month < 1 || date.month > 12 || date.day < 1 ||
        date.day > days_of_month(date.year, date.month)) {
        reader->failed = true;
    }
    return date;
}

static int64_t read_time_of_day(struct reader *reader)
{
    int hour = read_digits(reader, 2);
    read_one_of(reader, ":");
    int minute = read_digits(reader, 2);
    read_one_of(reader, ":");
    int second = read_digits(reader, 2);
    if (hour > 23 || minute > 59 || second > 59) { /* leap seconds have no place on this time line */
        reader->failed = true;
    }
    return hour * INT64_C(3600) + minute * INT64_C(60) + second;
}

static int64_t read_fraction_us(struct reader *reader)
{
    if (reader->failed || reader->at == reader->end || *reader->at != '.') {
        return 0;
    }
    reader->at++;
    int64_t ns = 0;
    int digits = 0;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && digits < 9) {
        ns = ns * 10 + (*reader->at++ - '0');
        digits++;
    }
    if (digits == 0) {
        reader->failed = true;
    }
    for (; digits < 9; digits++) {
        ns *= 10;
    }
    return ns / 1000;
}

static int64_t read_offset_seconds(struct reader *reader)
{
    char sign = read_one_of(reader, "Zz+-");
    if (reader->failed || sign == 'Z' || sign == 'z') {
        return 0;
    }
    int hours = read_digits(reader, 2);
    read_one_of(reader, ":");
    int minutes = read_digits(reader, 2);
    if (hours > 23 || minutes > 59) {
        reader->failed = true;
    }
    int64_t offset = hours * INT64_C(3600) + minutes * INT64_C(60);
    return sign == '-' ? -offset : offset;
}

bool instant_parse(const char *text, size_t length, struct instant *ret_instant)
{
    struct reader reader = {.at = text, .end = text + length};
    struct date date = read_date(&reader);
    read_one_of(&reader, "Tt");
    int64_t second_of_day = read_time_of_day(&reader);
    int64_t fraction_us = read_fraction_us(&reader);
    int64_t offset_seconds = read_offset_seconds(&reader);
    if (reader.failed || reader.at != reader.end) {
        return false;
    }
    int64_t seconds = days_from_date(date) * SECONDS_PER_DAY + second_of_day - offset_seconds;
    int64_t us = seconds * US_PER_SECOND + fraction_us;
    if (us < YEAR_FIRST_US || us > YEAR_LAST_US) {
        return false;
    }
    ret_instant->us = us;
    return true;
}

bool date_is_valid(const char *text)
{
    struct reader reader = {.at = text, .end = text + strlen(text)};
    read_date(&reader);
    return !reader.failed && reader.at == reader.end;
}

int64_t clock_monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * US_PER_SECOND + now.tv_nsec / 1000;
}

int64_t clock_monotonic_ms(void)
{
    return clock_monotonic_us() / 1000;
}

int64_t deadline_left_ms(int64_t deadline_ms)
{
    int64_t left = deadline_ms - clock_monotonic_ms();
    return left > 0 ? left : 0;
}
