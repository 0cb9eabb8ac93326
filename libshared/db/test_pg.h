/* A PostgreSQL of a test program's own: made in a temporary folder, on a unix socket only, gone when the program ends.
 *
 * As root it runs as the user postgres. fsync is off: what these tests ask is answered without it. Roles are Kongsi's:
 * kongsi_owner makes tables, kongsi_app uses them under row-level security. A failure of the fixture itself ends the program
 * with a message. */
#pragma once

#include "libshared/db/db.h"
#include "libshared/db/db_migrate.h"

/* Starts it at the first call; from the main thread, with whose end it ends. Registered to stop at exit; if the program is
 * killed, it stops too. */
void test_pg_start(void);
/* Before test_pg_start: commits reach the disk, as they do in earnest. For benchmarks. */
void test_pg_want_fsync(void);
void test_pg_stop(void);

/* Creates database `name`, owned by kongsi_owner. */
void test_pg_create_database(const char *name);
/* How to reach it; `role` is "kongsi_app", "kongsi_owner" or "postgres". Statements NULL; to be set. */
struct db_options test_pg_options(const char *database, const char *role, int pool_size);

/* Runs SQL as the superuser; several statements at once. */
void test_pg_exec(const char *database, const char *sql);
/* The first column of the first row as a number. */
int64_t test_pg_number(const char *database, const char *sql);
/* Waits (10 s at most) until the number is `want`; false: it never was. */
bool test_pg_wait_number(const char *database, const char *sql, int64_t want);

/* The server's process: SIGKILL crashes it, SIGINT shuts down fast; both wait for its end. */
void test_pg_end_server(int signal);
void test_pg_begin_server(void);
/* A signal to it, without waiting: SIGSTOP, SIGCONT. It reaches the server's main process only. */
void test_pg_signal(int signal);
