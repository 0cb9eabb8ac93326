/* Set-up of the tests against a real PostgreSQL: the service's handlers over its own database, as a process would run them.
 */
#pragma once

#include "gen/identity_rpc.h"
#include "services/identity/identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the above first */
#include <cmocka.h>

#define TEST_DATABASE "kongsi_test_identity"
#define TEST_PASSWORD "harbour-2026"

/* Of a whole test program. */
int test_identity_start(void **state);
int test_identity_stop(void **state);
struct identity *test_identity(void);
/* Imported people are active with TEST_PASSWORD, or invited. */
void test_identity_set_development(bool development);

/* Contexts of requests, made anew; freed by test_ctx_free_all at the end of a test. */
struct rpc_ctx *test_ctx(void);
struct rpc_ctx *test_ctx_of(const char *org_id, const char *user_id, const char *session_id);
void test_ctx_free_all(void);

/* Fails the test, with the error's text, unless it is NULL. */
void succeed(struct err *error);
/* Fails the test unless the error has the reason; frees it. */
void refuse(struct err *error, const struct err_reason *reason);

/* An organization with the example's departments and the first rows of its staff; its id. */
const char *test_organization(const char *slug);
struct bytes test_example(const char *name);
/* Departments D1 (root) and D2 below it, and people of the rows given, behind the header. */
ImportReport *test_import(const char *slug, const char *staff_rows);
ImportReport *test_import_files(const char *slug, struct bytes departments, struct bytes staff, bool dry_run);
/* "id,name,email,mobile,department,manager,status" as a row of staff.csv. */
const char *test_row(
    const char *id, const char *name, const char *email, const char *mobile, const char *manager, const char *status);

SessionTokens test_sign_in(const char *identifier, const char *password, const char *slug);
/* The context of who has signed in. */
struct rpc_ctx *test_ctx_signed_in(const char *org_id, const SessionTokens *tokens);
int64_t test_events(const char *type);
