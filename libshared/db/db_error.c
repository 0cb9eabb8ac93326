#include "libshared/db/db_error.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/str.h"

#include <string.h>

/* A class or a whole SQLSTATE; the first match counts. https://www.postgresql.org/docs/15/errcodes-appendix.html */
static const struct mapping {
    const char *sqlstate;
    const struct err_reason *reason;
    bool retriable;
    bool ends_connection;
    const char *message; /* reaches API users: says nothing of our insides. NULL: the server's own, for our eyes */
} MAPPINGS[] = {
    {"08007", &KONGSI_WRITE_UNCERTAIN, true, true, "the outcome of the commit is unknown: repeat with the same request_id"},
    {"08", &KONGSI_UNAVAILABLE, true, true, "the connection to the database was lost"},
    {"23", &KONGSI_CONFLICT, false, false, "the change breaks a rule of what is stored"},
    {"25006", &KONGSI_UNAVAILABLE, true, true, "the database accepts no writes for the moment"},
    {"40003", &KONGSI_WRITE_UNCERTAIN, true, true, "the outcome of the commit is unknown: repeat with the same request_id"},
    {"40", &KONGSI_CONFLICT, true, false, "another change came first: try again"},
    {"53100", &KONGSI_STORAGE_FULL, true, false, "the disk of the database is full"},
    {"53", &KONGSI_UNAVAILABLE, true, false, "the database is out of resources for the moment"},
    {"55P03", &KONGSI_CONFLICT, true, false, "another change holds what this one needs: try again"},
    {"57014", &KONGSI_DEADLINE_EXCEEDED, true, false, "the database did not finish in time"},
    {"57P", &KONGSI_UNAVAILABLE, true, true, "the database is stopping or starting"},
    {"58030", &KONGSI_UNAVAILABLE, true, false, "the database cannot read or write its files"},
};

static const char *field_of(const PGresult *result, int code)
{
    const char *text = PQresultErrorField(result, code);
    return text ? text : "";
}

static const struct mapping *mapping_of(const char *sqlstate)
{
    for (size_t i = 0; i < sizeof(MAPPINGS) / sizeof(MAPPINGS[0]); i++) {
        if (str_starts_with(sqlstate, MAPPINGS[i].sqlstate)) {
            return &MAPPINGS[i];
        }
    }
    return NULL;
}

struct err *db_error_lost(void)
{
    return err_new(&KONGSI_UNAVAILABLE, "the connection to the database was lost");
}

/* A migration changed a column under a prepared statement: a new connection prepares it anew. */
static bool is_stale_plan(const char *sqlstate, const char *message)
{
    return strcmp(sqlstate, "0A000") == 0 && str_starts_with(message, "cached plan must not change result type");
}

static struct err *error_of(const PGresult *result, const struct mapping *mapping, const char *statement)
{
    struct err *error = err_new(mapping->reason, "%s", mapping->message);
    if (error != err_out_of_memory()) {
        error->retriable = mapping->retriable;
    }
    const char *constraint = field_of(result, PG_DIAG_CONSTRAINT_NAME);
    if (*constraint) {
        error = err_with(error, "constraint", "%s", constraint);
    }
    return err_with(error, "statement", "%s", statement);
}

struct db_failure db_failure_of(const PGresult *result, const char *statement)
{
    const char *sqlstate = field_of(result, PG_DIAG_SQLSTATE);
    const char *severity = field_of(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *message = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
    if (PQresultStatus(result) == PGRES_PIPELINE_ABORTED) {
        return (struct db_failure){.by_server = true,
            .error = err_new(&KONGSI_INTERNAL, "statement %s was skipped after another one failed", statement)};
    }
    if (!*sqlstate) { /* made by libpq */
        return (struct db_failure){.error = db_error_lost(), .ends_connection = true, .is_fatal = true};
    }
    bool fatal = strcmp(severity, "ERROR") != 0;
    struct db_failure failure = {.by_server = true, .is_fatal = fatal, .ends_connection = fatal};
    const struct mapping *mapping = mapping_of(sqlstate);
    if (mapping) {
        failure.error = error_of(result, mapping, statement);
        failure.ends_connection = fatal || mapping->ends_connection;
    } else if (is_stale_plan(sqlstate, message)) {
        failure.error = err_new(&KONGSI_UNAVAILABLE, "the database has just been changed: try again");
        failure.ends_connection = true;
    } else if (fatal) {
        failure.error = db_error_lost(); /* such as idle_in_transaction_session_timeout */
    } else {
        failure.error = err_new(&KONGSI_INTERNAL, "statement %s: %s %s", statement, sqlstate, message);
    }
    return failure;
}
