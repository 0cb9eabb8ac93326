#include "services/identity/password.h"
#include "services/identity/password_hash.h"

#include "gen/identity_errors.h"
#include "gen/kongsi_errors.h"
#include "libshared/base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct password_owner JOYCE = {"HR00001", "joyce.szeto@example.hk", "+85291234567"};
static const struct password_owner NOBODY = {"1", "a@b", ""};

static const struct {
    const char *password;
    const struct password_owner *owner;
    bool good;
} CASES[] = {
    {"123456789", &JOYCE, false},
    {"1234567890", &JOYCE, true},
    {"密碼密碼密碼密碼密碼", &JOYCE, true},
    {"密碼密碼密碼密碼密", &JOYCE, false},
    {"", &JOYCE, false},
    {"my-hr00001-word", &JOYCE, false},
    {"my-HR0000-word", &JOYCE, true},
    {"JOYCE.SZETO!!!!", &JOYCE, false},
    {"joyce-szeto!!!!", &JOYCE, true},
    {"xx91234567xx", &JOYCE, false},
    {"+85291234567", &JOYCE, false},
    {"9123456-abcdef", &JOYCE, true},
    {"1111111111", &NOBODY, true}, /* an id of one character is not looked for */
    {"a@b a@b a@b", &NOBODY, true},
};

static void test_rules(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        ERR_AUTO error = password_check(CASES[i].password, CASES[i].owner);
        if (CASES[i].good ? error != NULL : !err_is(error, &IDENTITY_PASSWORD_TOO_WEAK)) {
            fail_msg("'%s'", CASES[i].password);
        }
    }
}

/* As cheap as Argon2id can be: these tests are not about its strength. */
static struct password_hasher *cheap_hasher(int concurrency)
{
    assert_true(sodium_init() >= 0);
    return password_hasher_new((struct password_cost){crypto_pwhash_OPSLIMIT_MIN, crypto_pwhash_MEMLIMIT_MIN}, concurrency);
}

static int64_t soon(void)
{
    return clock_monotonic_ms() + 10000;
}

static void test_hash_and_verify(void **state)
{
    (void)state;
    struct password_hasher *hasher = cheap_hasher(1);
    char hash[PASSWORD_HASH_SIZE];
    bool valid = false, outdated = true;
    assert_null(password_hash(hasher, "right password", soon(), hash));
    assert_memory_equal(hash, "$argon2id$", 10);
    assert_null(password_verify(hasher, "right password", hash, soon(), &valid, &outdated));
    assert_true(valid);
    assert_false(outdated);
    assert_null(password_verify(hasher, "wrong password", hash, soon(), &valid, &outdated));
    assert_false(valid);
    assert_null(password_verify(hasher, "right password", NULL, soon(), &valid, &outdated));
    assert_false(valid);
    assert_null(password_verify(hasher, "right password", "not a hash", soon(), &valid, NULL));
    assert_false(valid);
    password_hasher_free(hasher);
    hasher = password_hasher_new((struct password_cost){2, 65536}, 1);
    assert_null(password_verify(hasher, "right password", hash, soon(), &valid, &outdated));
    assert_true(valid);
    assert_true(outdated);
    password_hasher_free(hasher);
}

struct crowd {
    struct password_hasher *hasher;
    int64_t deadline_ms;
    _Atomic int done, late, other;
};

static void *hash_one(void *argument)
{
    struct crowd *crowd = argument;
    char hash[PASSWORD_HASH_SIZE];
    ERR_AUTO error = password_hash(crowd->hasher, "password", crowd->deadline_ms, hash);
    if (!error) {
        crowd->done++;
    } else if (err_is(error, &KONGSI_DEADLINE_EXCEEDED)) {
        crowd->late++;
    } else {
        crowd->other++;
    }
    return NULL;
}

static struct crowd run_crowd(struct password_cost cost, int concurrency, int64_t deadline_ms)
{
    struct crowd crowd = {.hasher = password_hasher_new(cost, concurrency), .deadline_ms = deadline_ms};
    pthread_t threads[16];
    for (size_t i = 0; i < 16; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hash_one, &crowd), 0);
    }
    for (size_t i = 0; i < 16; i++) {
        pthread_join(threads[i], NULL);
    }
    password_hasher_free(crowd.hasher);
    return crowd;
}

static void test_waiting_is_bounded(void **state)
{
    (void)state;
    struct crowd crowd = run_crowd((struct password_cost){1, 65536}, 2, soon());
    assert_int_equal(crowd.done, 16);
    crowd = run_crowd((struct password_cost){3, (size_t)32 * 1024 * 1024}, 1, clock_monotonic_ms() + 20);
    assert_true(crowd.late > 0);
    assert_int_equal(crowd.done + crowd.late, 16);
    assert_int_equal(crowd.other, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules), cmocka_unit_test(test_hash_and_verify), cmocka_unit_test(test_waiting_is_bounded)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
