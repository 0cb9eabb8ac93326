/* How much group commit brings: single-row inserts a second of pgbench, one transaction each, against the same rows through
 * db_batch.
 *
 *   bench_db_batch [CLIENTS [SECONDS]]     64 clients, 5 s each by default
 *
 * Both run one after the other on the same PostgreSQL with fsync on, with as many clients at once. pgbench inserts as the
 * superuser, without row-level security: the comparison is in its favour. */
#include "gen/bench_sql.h"
#include "libshared/base/check.h"
#include "libshared/db/db_batch.h"
#include "libshared/db/db_metrics.h"
#include "libshared/db/test_pg.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATABASE "bench"
#define BODY "a message of ordinary length, as people send them from nine to six"
#define CLIENTS_MAX 512

static const struct uuid ORG = {{1}};

struct client {
    pthread_t thread;
    struct db_batch *batch;
    int64_t end_ms;
    int64_t written;
};

struct row {
    struct uuid id;
};

static void must(struct err *error)
{
    if (error) {
        fprintf(stderr, "bench_db_batch: %s: %s\n", error->reason, error->message);
        exit(1);
    }
}

static struct err *write_rows(
    struct db_tx *tx, struct arena *arena, void *const *items, size_t count, struct err **errors, void *context)
{
    (void)errors, (void)context;
    struct uuid *ids = arena_calloc(arena, count, sizeof(*ids));
    const char **bodies = arena_calloc(arena, count, sizeof(*bodies));
    if (!ids || !bodies) {
        return err_out_of_memory();
    }
    for (size_t i = 0; i < count; i++) {
        ids[i] = ((const struct row *)items[i])->id;
        bodies[i] = BODY;
    }
    struct db_params params = db_params_new(arena);
    db_add_uuid(&params, ORG);
    db_add_uuid_array(&params, ids, count);
    db_add_text_array(&params, bodies, count);
    return db_send(tx, &BENCH_SQL_row_insert_batch, &params);
}

static void *client_main(void *argument)
{
    struct client *client = argument;
    while (clock_monotonic_ms() < client->end_ms) {
        struct row row = {.id = uuid_v7(instant_now())};
        must(db_batch_submit(client->batch, ORG, &row, 0));
        client->written++;
    }
    return NULL;
}

static double run_batch(int clients, int seconds)
{
    struct db_options options = test_pg_options(DATABASE, "kongsi_app", 4);
    options.statements = bench_sql_statements;
    struct db_pool *pool = NULL;
    must(db_pool_open(&options, &pool));
    const struct db_batch_options batch_options = {
        .name = "bench", .writers = 2, .items_max = 500, .queue_max = 2 * CLIENTS_MAX, .run = write_rows};
    struct db_batch *batch = NULL;
    must(db_batch_open(pool, &batch_options, &batch));
    struct client *all = calloc((size_t)clients, sizeof(*all));
    check(all);
    int64_t start_us = clock_monotonic_us();
    for (int i = 0; i < clients; i++) {
        all[i] = (struct client){.batch = batch, .end_ms = clock_monotonic_ms() + seconds * 1000};
        check(pthread_create(&all[i].thread, NULL, client_main, &all[i]) == 0);
    }
    int64_t written = 0;
    for (int i = 0; i < clients; i++) {
        pthread_join(all[i].thread, NULL);
        written += all[i].written;
    }
    double elapsed_s = (double)(clock_monotonic_us() - start_us) / 1e6;
    db_batch_close(batch);
    db_pool_close(pool);
    free(all);
    check(written == test_pg_number(DATABASE, "SELECT count(*) FROM rows"));
    int64_t transactions = db_batch_metrics_of("bench")->transactions.value;
    printf("db_batch: %9.0f inserts/s, %.0f transactions/s, %.1f rows each\n", (double)written / elapsed_s,
        (double)transactions / elapsed_s, (double)written / (double)transactions);
    return (double)written / elapsed_s;
}

static double run_pgbench(int clients, int seconds)
{
    struct db_options options = test_pg_options(DATABASE, "postgres", 1);
    char script[] = "/tmp/bench_db_batch-XXXXXX";
    int fd = mkstemp(script);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    check(file);
    fprintf(file,
        "INSERT INTO rows (org_id, id, body) VALUES ('00000000-0000-0000-0000-000000000001', gen_random_uuid(), '%s');\n",
        BODY);
    fclose(file);
    char command[600], line[300];
    snprintf(command, sizeof(command),
        "/usr/lib/postgresql/15/bin/pgbench -n -h %s -p %d -U postgres -M prepared -c %d -j 2 -T %d -f %s %s", options.host,
        options.port, clients, seconds, script, DATABASE);
    FILE *output = popen(command, "r");
    check(output);
    double tps = 0;
    while (fgets(line, sizeof(line), output)) {
        sscanf(line, "tps = %lf", &tps);
    }
    pclose(output);
    remove(script);
    printf("pgbench:  %9.0f inserts/s, one transaction each\n", tps);
    return tps;
}

int main(int argc, char **argv)
{
    int clients = argc > 1 ? atoi(argv[1]) : 64, seconds = argc > 2 ? atoi(argv[2]) : 5;
    if (clients < 1 || clients > CLIENTS_MAX || seconds < 1 || seconds > 600) {
        fprintf(stderr, "usage: bench_db_batch [CLIENTS 1..%d [SECONDS 1..600]]\n", CLIENTS_MAX);
        return 2;
    }
    test_pg_want_fsync();
    test_pg_start();
    test_pg_create_database(DATABASE);
    struct db_options owner = test_pg_options(DATABASE, "kongsi_owner", 1);
    must(db_migrate(&owner, bench_sql_migrations, 1000));
    printf("%d clients, %d s each\n", clients, seconds);
    double single = run_pgbench(clients < 100 ? clients : 100, seconds);
    test_pg_exec(DATABASE, "TRUNCATE rows; CHECKPOINT");
    double batched = run_batch(clients, seconds);
    printf("ratio:    %9.1f\n", single > 0 ? batched / single : 0);
    return 0;
}
