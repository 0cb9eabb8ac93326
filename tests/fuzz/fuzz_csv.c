/* Any bytes as the files of an import, up to the plan: read or refused, every bad row reported in order, what has no bad row
 * can be planned, and what has been imported changes nothing when it is imported again.
 *
 * The text is the staff file; what stands behind a line of "--" is the departments file instead of the usual one. */
#include "libshared/base/check.h"
#include "services/identity/import.h"

#include <string.h>

#define ARENA_CAP_BYTES ((size_t)256 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char DEPARTMENTS[] = "Department_ID,Name,Chinese_Name,Parent_ID\nD1,Company,公司,\nD2,Shop,店,D1\n";
static const char DIVIDER[] = "\n--\n";
static const struct instant NOW = {1800000000LL * 1000000};

static struct import_sources divide(const uint8_t *data, size_t size)
{
    struct import_sources sources = {{(const uint8_t *)DEPARTMENTS, sizeof(DEPARTMENTS) - 1}, {data, size}};
    const uint8_t *divider = size ? memmem(data, size, DIVIDER, sizeof(DIVIDER) - 1) : NULL;
    if (divider) {
        const uint8_t *rest = divider + sizeof(DIVIDER) - 1;
        sources.staff_csv.length = (size_t)(divider - data);
        sources.departments_csv = (struct bytes){rest, (size_t)(data + size - rest)};
    }
    return sources;
}

static void check_report(const struct import *import, struct arena *arena)
{
    ImportReport report = KONGSI__IDENTITY__V1__IMPORT_REPORT__INIT;
    struct err *error = import_report_errors(import, arena, &report);
    check(!error && report.error_count == (int32_t)import->error_count);
    for (size_t i = 0; i < report.n_errors; i++) {
        const ImportError *bad = report.errors[i];
        check(utf8_valid(bad->value, strlen(bad->value)) &&
              utf8_length(bad->value, strlen(bad->value)) <= IMPORT_VALUE_LENGTH_MAX);
        check(bad->row > 1 && bad->reason[0] && bad->message[0]);
        check(i == 0 || strcmp(report.errors[i - 1]->file, bad->file) < 0 ||
              (strcmp(report.errors[i - 1]->file, bad->file) == 0 && report.errors[i - 1]->row <= bad->row));
    }
}

static void check_again(struct arena *arena, const struct import_sources *sources, const struct import_plan *plan)
{
    const struct import_directory directory = {
        plan->departments_created, plan->departments_created_count, plan->users_created, plan->users_created_count};
    struct import import;
    struct import_plan again;
    struct err *error = import_read(arena, sources, &import);
    check(!error);
    error = import_check(&import, &directory);
    check(!error && import.error_count == 0);
    error = import_plan(&import, &directory, NOW, false, &again);
    check(!error);
    check(again.departments_created_count + again.departments_updated_count == 0);
    check(again.users_created_count + again.users_updated_count + again.leaving_count + again.activated_count == 0);
}

static struct err *run(struct arena *arena, const struct import_sources *sources)
{
    static const struct import_directory EMPTY = {.departments = NULL};
    struct import import;
    struct import_plan plan;
    ERR_TRY(import_read(arena, sources, &import));
    ERR_TRY(import_check(&import, &EMPTY));
    check_report(&import, arena);
    if (import.error_count == 0) {
        ERR_TRY(import_plan(&import, &EMPTY, NOW, false, &plan));
        check_again(arena, sources, &plan);
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ARENA_AUTO arena = arena_new(ARENA_CAP_BYTES);
    check(arena);
    const struct import_sources sources = divide(data, size);
    struct err *error = run(arena, &sources);
    check(!error || utf8_valid(error->message, strlen(error->message)));
    err_free(error);
    return 0;
}
