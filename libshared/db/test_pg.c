#include "libshared/db/test_pg.h"

#include <errno.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BIN "/usr/lib/postgresql/15/bin"
#define SYSTEM_USER "postgres"
#define START_TIMEOUT_MS 30000
#define WAIT_TIMEOUT_MS 10000

static char folder[200];
static pid_t server; /* 0: none */
static bool want_fsync;
static pid_t made_by; /* a forked child must not stop it */

__attribute__((noreturn, format(printf, 1, 2))) static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("test_pg: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(99);
}

static void pause_ms(long ms)
{
    struct timespec duration = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&duration, NULL);
}

/* --- processes ------------------------------------------------------------------------------------------------------- */

static void become_system_user(void)
{
    const struct passwd *user = getpwnam(SYSTEM_USER);
    if (!user || setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
        _exit(98);
    }
}

/* Output goes to the folder's log. The server dies with us, however we die. */
static pid_t spawn(char *const arguments[])
{
    pid_t child = fork();
    if (child < 0) {
        die("fork: %s", strerror(errno));
    }
    if (child > 0) {
        return child;
    }
    if (chdir(folder) != 0 || !freopen("log", "a", stdout) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0) {
        _exit(97);
    }
    if (geteuid() == 0) {
        become_system_user();
    }
    prctl(PR_SET_PDEATHSIG, SIGINT);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(arguments[0], arguments);
    _exit(96);
}

static char *text(const char *literal)
{
    return (char *)(uintptr_t)literal; /* execv's prototype lacks const */
}

static void make_cluster(void)
{
    char *const initdb[] = {text(BIN "/initdb"), text("-D"), text("data"), text("-U"), text("postgres"), text("-A"),
        text("trust"), text("-E"), text("UTF8"), text("--locale=C.UTF-8"), text("--no-sync"), text("--no-instructions"),
        NULL};
    int status;
    pid_t child = spawn(initdb);
    if (waitpid(child, &status, 0) != child || status != 0) {
        die("initdb failed: see %s/log (is postgresql-15 installed?)", folder);
    }
}

static PGconn *connect_as(const char *database, const char *role)
{
    const char *const names[] = {"host", "port", "dbname", "user", NULL};
    const char *const values[] = {folder, "5432", database, role, NULL};
    return PQconnectdbParams(names, values, 0);
}

static bool server_answers(void)
{
    PGconn *pg = connect_as("postgres", "postgres");
    bool answers = PQstatus(pg) == CONNECTION_OK;
    PQfinish(pg);
    return answers;
}

void test_pg_begin_server(void)
{
    char sockets[sizeof(folder) + 40];
    snprintf(sockets, sizeof(sockets), "unix_socket_directories=%s", folder);
    char *const postgres[] = {text(BIN "/postgres"), text("-D"), text("data"), text("-c"), sockets, text("-c"),
        text("listen_addresses="), text("-c"), text(want_fsync ? "fsync=on" : "fsync=off"), text("-c"),
        text("max_connections=120"), text("-c"), text("shared_buffers=32MB"), text("-c"),
        text("log_line_prefix=%m [%p] %u@%d "), NULL};
    int64_t deadline_ms = clock_monotonic_ms() + START_TIMEOUT_MS;
    server = spawn(postgres);
    while (!server_answers()) {
        if (waitpid(server, NULL, WNOHANG) == server) {
            server = spawn(postgres); /* after a crash: its orphans still held the shared memory */
        }
        if (deadline_left_ms(deadline_ms) == 0) {
            die("the server does not start: see %s/log", folder);
        }
        pause_ms(20);
    }
}

void test_pg_end_server(int signal_number)
{
    if (server > 0) {
        kill(server, signal_number);
        waitpid(server, NULL, 0);
        server = 0;
    }
}

void test_pg_signal(int signal_number)
{
    kill(server, signal_number);
}

/* --- the folder ------------------------------------------------------------------------------------------------------ */

static void remove_folder(void)
{
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/rm", "rm", "-rf", folder, NULL);
        _exit(96);
    }
    waitpid(child, NULL, 0);
}

void test_pg_stop(void)
{
    if (!folder[0] || getpid() != made_by) {
        return;
    }
    test_pg_end_server(SIGQUIT); /* nothing in it is worth a checkpoint */
    remove_folder();
    folder[0] = '\0';
}

static void make_folder(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(folder, sizeof(folder), "%s/kongsi-pg-XXXXXX", parent && strlen(parent) < 60 ? parent : "/tmp");
    if (!mkdtemp(folder)) {
        die("cannot make a folder like %s: %s", folder, strerror(errno));
    }
    const struct passwd *user = geteuid() == 0 ? getpwnam(SYSTEM_USER) : NULL;
    if (geteuid() == 0 && (!user || chown(folder, user->pw_uid, user->pw_gid) != 0)) {
        die("cannot give %s to user %s", folder, SYSTEM_USER);
    }
    made_by = getpid();
    atexit(test_pg_stop);
}

void test_pg_want_fsync(void)
{
    want_fsync = true;
}

void test_pg_start(void)
{
    if (folder[0]) {
        return;
    }
    make_folder();
    make_cluster();
    test_pg_begin_server();
    test_pg_exec("postgres", "CREATE ROLE kongsi_owner LOGIN; CREATE ROLE kongsi_app LOGIN");
}

/* --- SQL ------------------------------------------------------------------------------------------------------------- */

static PGresult *run(PGconn *pg, const char *sql)
{
    PGresult *result = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        die("%s: %s", sql, PQerrorMessage(pg));
    }
    return result;
}

void test_pg_exec(const char *database, const char *sql)
{
    PGconn *pg = connect_as(database, "postgres");
    PQclear(run(pg, sql));
    PQfinish(pg);
}

int64_t test_pg_number(const char *database, const char *sql)
{
    PGconn *pg = connect_as(database, "postgres");
    PGresult *result = run(pg, sql);
    if (PQntuples(result) < 1) {
        die("%s: no row", sql);
    }
    int64_t number = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    PQfinish(pg);
    return number;
}

bool test_pg_wait_number(const char *database, const char *sql, int64_t want)
{
    int64_t deadline_ms = clock_monotonic_ms() + WAIT_TIMEOUT_MS;
    while (test_pg_number(database, sql) != want) {
        if (deadline_left_ms(deadline_ms) == 0) {
            return false;
        }
        pause_ms(10);
    }
    return true;
}

void test_pg_create_database(const char *name)
{
    char sql[200];
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s OWNER kongsi_owner", name);
    test_pg_exec("postgres", sql);
}

struct db_options test_pg_options(const char *database, const char *role, int pool_size)
{
    return (struct db_options){.host = folder,
        .port = 5432,
        .database = database,
        .user = role,
        .pool_size = pool_size,
        .application_name = "kongsi-test"};
}
