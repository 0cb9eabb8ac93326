#include "libshared/db/db_migrate.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "libshared/db/db_conn.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CONNECT_TIMEOUT_MS 10000
#define STEP_TIMEOUT_MS 30000                          /* of our own small statements */
#define MIGRATION_TIMEOUT_MS ((int64_t)60 * 60 * 1000) /* of one migration */
#define LOCK_TIMEOUT_MS 2000 /* for a table's lock: whoever queues behind a waiting migration waits no longer than this */
#define LOCK_TRIES_MAX 30
#define LOCK_PAUSE_MS 500                    /* lets those go on who queued up behind us */
#define ADVISORY_LOCK_KEY "5066549580791154" /* any number, the same for ever: advisory locks are apart by database */
#define CHECKSUM_SIZE (2 * crypto_hash_sha256_BYTES + 1)

/* No row-level security here: it says what the database is, and holds no organization's data. */
static const char SETUP[] = "CREATE TABLE IF NOT EXISTS schema_migrations ("
                            " component text NOT NULL,"
                            " version integer NOT NULL,"
                            " name text NOT NULL,"
                            " checksum text NOT NULL,"
                            " apply_time timestamptz NOT NULL DEFAULT now(),"
                            " PRIMARY KEY (component, version));"
                            "GRANT SELECT ON schema_migrations TO kongsi_app";

/* As `sha256sum` prints it for the file. */
static void checksum_of(const struct db_migration *migration, char checksum[CHECKSUM_SIZE])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)migration->text, strlen(migration->text));
    sodium_bin2hex(checksum, CHECKSUM_SIZE, hash, sizeof(hash));
}

static struct err *exec(struct db_conn *conn, const char *name, const char *sql, int64_t timeout_ms)
{
    return db_conn_exec(conn, name, sql, clock_monotonic_ms() + timeout_ms, NULL);
}

/* --- what has run ---------------------------------------------------------------------------------------------------- */

struct applied {
    PGresult *rows; /* component, version, name, checksum; in order of version */
};

static void applied_cleanup(struct applied *applied)
{
    PQclear(applied->rows);
}

static struct err *read_applied(struct db_conn *conn, struct applied *ret_applied)
{
    return db_conn_exec(conn, "schema_migrations",
        "SELECT component, version, name, checksum FROM schema_migrations ORDER BY component, version",
        clock_monotonic_ms() + STEP_TIMEOUT_MS, &ret_applied->rows);
}

static bool row_is(const struct applied *applied, int row, const char *component)
{
    return strcmp(PQgetvalue(applied->rows, row, 0), component) == 0;
}

static int row_version(const struct applied *applied, int row)
{
    return atoi(PQgetvalue(applied->rows, row, 1));
}

/* The row of a migration, -1 if it has not run. */
static int row_of(const struct applied *applied, const struct db_migration *migration)
{
    for (int row = 0; row < PQntuples(applied->rows); row++) {
        if (row_is(applied, row, migration->component) && row_version(applied, row) == migration->version) {
            return row;
        }
    }
    return -1;
}

static int last_version(const struct applied *applied, const char *component)
{
    int last = 0;
    for (int row = 0; row < PQntuples(applied->rows); row++) {
        if (row_is(applied, row, component) && row_version(applied, row) > last) {
            last = row_version(applied, row);
        }
    }
    return last;
}

/* The newest version that the program knows of a component; 0: it knows nothing of it. */
static int known_version(const struct db_migration *const *migrations, const char *component)
{
    int last = 0;
    for (; *migrations; migrations++) {
        if (strcmp((*migrations)->component, component) == 0 && (*migrations)->version > last) {
            last = (*migrations)->version;
        }
    }
    return last;
}

static struct err *check_migration(const struct applied *applied, const struct db_migration *migration)
{
    int row = row_of(applied, migration);
    if (row < 0) {
        int last = last_version(applied, migration->component);
        if (migration->version < last) {
            return err_new(&KONGSI_CONFIG_INVALID,
                "migration %s of %s has not run, but version %d has: the database was not made by this program",
                migration->name, migration->component, last);
        }
        return NULL;
    }
    char checksum[CHECKSUM_SIZE];
    checksum_of(migration, checksum);
    if (strcmp(PQgetvalue(applied->rows, row, 3), checksum) != 0) {
        return err_new(&KONGSI_CONFIG_INVALID,
            "migration %s of %s was changed after it ran: put the file back and make the change in a new migration",
            migration->name, migration->component);
    }
    return NULL;
}

/* A version newer than we know is fine: during a rolling update the program before the last one still runs, and migrations
 * are made so that it can. */
static struct err *check_applied(const struct applied *applied, const struct db_migration *const *migrations)
{
    for (const struct db_migration *const *m = migrations; *m; m++) {
        ERR_TRY(check_migration(applied, *m));
    }
    for (int row = 0; row < PQntuples(applied->rows); row++) {
        const char *component = PQgetvalue(applied->rows, row, 0);
        int known = known_version(migrations, component);
        if (known > 0 && row_version(applied, row) > known) {
            log_warn(
                "database is newer than this program: migration %s of %s", PQgetvalue(applied->rows, row, 2), component);
        }
    }
    return NULL;
}

/* --- running --------------------------------------------------------------------------------------------------------- */

static struct err *quote(struct db_conn *conn, const char *text, char **ret_quoted)
{
    *ret_quoted = PQescapeLiteral(conn->pg, text, strlen(text));
    return *ret_quoted ? NULL : err_out_of_memory();
}

static struct err *record(struct db_conn *conn, const struct db_migration *migration)
{
    char checksum[CHECKSUM_SIZE];
    checksum_of(migration, checksum);
    char *component = NULL, *name = NULL;
    struct err *error = quote(conn, migration->component, &component);
    if (!error) {
        error = quote(conn, migration->name, &name);
    }
    char sql[1000];
    if (!error) {
        snprintf(sql, sizeof(sql),
            "INSERT INTO schema_migrations (component, version, name, checksum) VALUES (%s, %d, %s, '%s')", component,
            migration->version, name, checksum);
        error = exec(conn, migration->name, sql, STEP_TIMEOUT_MS);
    }
    PQfreemem(component);
    PQfreemem(name);
    return error;
}

/* The migration and its row commit together. */
static struct err *apply_once(struct db_conn *conn, const struct db_migration *migration)
{
    char begin[80];
    snprintf(begin, sizeof(begin), "BEGIN; SET LOCAL lock_timeout = %d", LOCK_TIMEOUT_MS);
    ERR_TRY(exec(conn, migration->name, begin, STEP_TIMEOUT_MS));
    struct err *error = exec(conn, migration->name, migration->text, MIGRATION_TIMEOUT_MS);
    if (!error) {
        error = record(conn, migration);
    }
    if (!error) {
        return exec(conn, migration->name, "COMMIT", MIGRATION_TIMEOUT_MS);
    }
    if (!conn->broken) {
        err_free(exec(conn, migration->name, "ROLLBACK", STEP_TIMEOUT_MS));
    }
    return error;
}

static void pause_ms(int64_t ms)
{
    struct timespec duration = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&duration, NULL);
}

/* A table in use: its lock did not come in time. */
static bool may_try_again(const struct db_conn *conn, const struct err *error)
{
    return !conn->broken && err_is(error, &KONGSI_CONFLICT) && error->retriable;
}

static struct err *apply(struct db_conn *conn, const struct db_migration *migration)
{
    struct err *error = NULL;
    for (int try = 0; try < LOCK_TRIES_MAX; try++) {
        error = apply_once(conn, migration);
        if (!error) {
            log_info("migration %s of %s done", migration->name, migration->component);
            return NULL;
        }
        if (!may_try_again(conn, error) || try == LOCK_TRIES_MAX - 1) {
            break;
        }
        err_free(error);
        pause_ms(LOCK_PAUSE_MS);
    }
    return error;
}

/* One process at a time; ends with the connection. */
static struct err *lock(struct db_conn *conn, int lock_wait_ms)
{
    char sql[120];
    snprintf(sql, sizeof(sql),
        "SET statement_timeout = 0; SET lock_timeout = %d; SELECT pg_advisory_lock(" ADVISORY_LOCK_KEY ")",
        lock_wait_ms > 0 ? lock_wait_ms : 1);
    struct err *error = exec(conn, "migration lock", sql, (int64_t)lock_wait_ms + STEP_TIMEOUT_MS);
    if (err_is(error, &KONGSI_CONFLICT)) {
        err_free(error);
        return err_new(
            &KONGSI_UNAVAILABLE, "another process has been migrating the database for more than %d ms", lock_wait_ms);
    }
    return error;
}

static struct err *migrate(struct db_conn *conn, const struct db_migration *const *migrations, int lock_wait_ms)
{
    ERR_TRY(lock(conn, lock_wait_ms));
    ERR_TRY(exec(conn, "schema_migrations", SETUP, STEP_TIMEOUT_MS));
    __attribute__((cleanup(applied_cleanup))) struct applied applied = {.rows = NULL};
    ERR_TRY(read_applied(conn, &applied));
    ERR_TRY(check_applied(&applied, migrations));
    for (; *migrations; migrations++) {
        if (row_of(&applied, *migrations) < 0) {
            ERR_TRY(apply(conn, *migrations));
        }
    }
    return NULL;
}

struct err *db_migrate(const struct db_options *options, const struct db_migration *const *migrations, int lock_wait_ms)
{
    struct db_conn *conn = NULL;
    ERR_TRY(db_conn_open(options, DB_CONN_SIMPLE, clock_monotonic_ms() + CONNECT_TIMEOUT_MS, &conn));
    struct err *error = migrate(conn, migrations, lock_wait_ms);
    db_conn_close(conn);
    return error;
}
