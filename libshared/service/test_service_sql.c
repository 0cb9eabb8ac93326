/* What every service's SQL is held to, on a real PostgreSQL: the migrations apply (twice), each statement can be prepared on
 * the migrated schema, and row-level security binds the application role in every table.
 *
 * Compiled once a service with SQL_HEADER, SQL_MIGRATIONS and SQL_STATEMENTS. */
#include SQL_HEADER
#include "libshared/bus/bus.h"
#include "libshared/db/test_pg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the above first */
#include <cmocka.h>

#define DATABASE "kongsi_test_sql"
#define LIST_MAX 1024

/* Tables that hold nothing of any organization. */
#define EXEMPT_TABLES "('schema_migrations')"

static void succeed(struct err *error)
{
    if (error) {
        fail_msg("%s: %s", error->reason, error->message);
    }
}

static void append(const void **list, const void *const *more)
{
    size_t count = 0;
    while (list[count]) {
        count++;
    }
    for (; *more; more++) {
        assert_true(count + 1 < LIST_MAX);
        list[count++] = *more;
    }
}

static int migrate(void **state)
{
    (void)state;
    static const struct db_migration *migrations[LIST_MAX];
    append((const void **)migrations, (const void *const *)bus_migrations);
    append((const void **)migrations, (const void *const *)SQL_MIGRATIONS);
    test_pg_start();
    test_pg_create_database(DATABASE);
    struct db_options options = test_pg_options(DATABASE, "kongsi_owner", 1);
    succeed(db_migrate(&options, migrations, 10000));
    succeed(db_migrate(&options, migrations, 10000));
    return 0;
}

static void test_statements_prepare(void **state)
{
    (void)state;
    static const struct db_statement *statements[LIST_MAX];
    append((const void **)statements, (const void *const *)bus_statements);
    append((const void **)statements, (const void *const *)SQL_STATEMENTS);
    struct db_options options = test_pg_options(DATABASE, "kongsi_app", 2);
    options.statements = statements;
    struct db_pool *pool;
    succeed(db_pool_open(&options, &pool));
    struct err *error = db_pool_check_statements(pool);
    db_pool_close(pool);
    succeed(error);
}

static void test_row_level_security_is_forced_everywhere(void **state)
{
    (void)state;
    int64_t tables = test_pg_number(
        DATABASE, "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace");
    assert_true(tables > 2);
    assert_int_equal(
        test_pg_number(DATABASE, "SELECT count(*) FROM pg_class c WHERE relkind IN ('r', 'p') AND NOT relispartition "
                                 "AND relnamespace = 'public'::regnamespace AND relname NOT IN " EXEMPT_TABLES
                                 " AND NOT (relrowsecurity AND relforcerowsecurity "
                                 "AND EXISTS (SELECT FROM pg_policy WHERE polrelid = c.oid))"),
        0);
}

/* A partition is reached through its table alone: the application role has no right on it, so no policy can be walked
 * around. */
static void test_partitions_are_not_reachable_directly(void **state)
{
    (void)state;
    assert_int_equal(test_pg_number(DATABASE, "SELECT count(*) FROM pg_class WHERE relispartition AND relkind = 'r' "
                                              "AND has_table_privilege('kongsi_app', oid, 'SELECT, INSERT, UPDATE, DELETE') "
                                              "AND NOT (relrowsecurity AND relforcerowsecurity)"),
        0);
}

static void test_application_role_is_bound(void **state)
{
    (void)state;
    assert_int_equal(test_pg_number(DATABASE,
                         "SELECT count(*) FROM pg_roles WHERE rolname = 'kongsi_app' AND (rolsuper OR rolbypassrls)"),
        0);
    assert_int_equal(test_pg_number(DATABASE, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace "
                                              "AND pg_get_userbyid(relowner) = 'kongsi_app'"),
        0);
    assert_int_equal(
        test_pg_number(DATABASE, "SELECT count(*) FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace "
                                 "AND NOT coalesce(proconfig::text LIKE '%search_path=%', false)"),
        0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_statements_prepare),
        cmocka_unit_test(test_row_level_security_is_forced_everywhere),
        cmocka_unit_test(test_partitions_are_not_reachable_directly), cmocka_unit_test(test_application_role_is_bound)};
    return cmocka_run_group_tests(tests, migrate, NULL);
}
