/* What the tests of libshared/bus share: a database with a log, a net that serves it, events that say a number, and a
 * consumer whose deliveries can be made to fail. */
#pragma once

#include "gen/bus_sql.h"
#include "gen/kongsi_errors.h"
#include "gen/messaging_topics.h"
#include "libshared/bus/bus.h"
#include "libshared/db/test_pg.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TEST_DATABASE "test_bus"
#define TEST_COMPONENT "messaging"
#define TEST_TOPIC MESSAGING_TOPIC_CONVERSATION

extern const struct uuid ORG_A, ORG_B;

#define BUSES_MAX 8

struct test_bus {
    struct db_pool *pool;
    struct bus_log *log;
    struct rpc_net *net;
    struct bus *buses[BUSES_MAX]; /* those that run */
    size_t bus_count;
};

/* A migrated database; for cmocka_run_group_tests. */
int test_bus_setup(void **state);
/* Empties the tables. */
void test_bus_clear(void);
void test_bus_open(struct test_bus *test);
void test_bus_close(struct test_bus *test);

/* Succeeded, or says why not. */
#define assert_ok(expression) assert_ok_(expression, #expression, __FILE__, __LINE__)
void assert_ok_(struct err *error, const char *expression, const char *file, int line);
/* Failed for this reason; ends the error. */
#define assert_reason(expression, reason) assert_reason_(expression, reason, #expression, __FILE__, __LINE__)
void assert_reason_(struct err *error, const struct err_reason *reason, const char *expression, const char *file, int line);
/* A number of the database, waited for. */
#define assert_number(want, ...) assert_number_(want, __FILE__, __LINE__, __VA_ARGS__)
void assert_number_(int64_t want, const char *file, int line, const char *format, ...) __attribute__((format(printf, 4, 5)));

void pause_ms(int64_t ms);

/* A key whose events go to the shard; every `salt` another. */
struct uuid key_of_shard(int shard, int salt);
/* Appends one event named `name` in a transaction of its own. */
ERR_RESULT struct err *append_one(struct test_bus *test, struct uuid org_id, struct uuid key, const char *name);
/* Appends events first…last, named by their numbers, spread over the shards in turn (shard -1) or in one; transactions of
 * `batch`. */
void append_numbers(struct test_bus *test, struct uuid org_id, int shard, int first, int last, int batch);

/* How many deliveries of one name fail, and how. */
struct fault {
    const char *name;
    const struct err_reason *reason;
    atomic_int times;
};

/* What a consumer of the tests does: writes effects, or (volatile) counts. */
struct worker {
    const char *consumer;
    struct fault fault;
    atomic_int percent; /* of deliveries that fail after their effect, with KONGSI_INTERNAL */
    atomic_bool away;   /* deliveries answer KONGSI_UNAVAILABLE */
    atomic_int delivered, calls;
    int64_t positions[BUS_SHARDS]; /* of the volatile: the last, each checked to follow its predecessor */
    atomic_int disorder;
};
struct bus_consumer_options worker_options(struct worker *worker, const char *name, struct db_pool *pool);
/* Remembers a bus, so that it ends even if the test fails. */
void bus_keep(struct test_bus *test, struct bus *bus);
/* Closes one that was kept or started by worker_start. */
void bus_end(struct test_bus *test, struct bus *bus);
/* A started bus with one consumer; brokers NULL: embedded. */
struct bus *worker_start_on(
    struct test_bus *test, struct worker *worker, const char *name, bool durable, const char *brokers);
/* The same, embedded. */
struct bus *worker_start(struct test_bus *test, struct worker *worker, const char *name, bool durable);

/* Effects are each there once, in order within their shard. */
void assert_effects(const char *consumer, int64_t count);
