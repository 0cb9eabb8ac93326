#include "libshared/config/config.h"

#include "gen/kongsi_errors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct gateway {
    char *address;
    int64_t port;
    int64_t any;
    bool compress;
    int mode;
    struct config_strings origins;
    struct config_map peers;
    char *key;
};

static const char *const MODES[] = {"single", "services", NULL};

static const struct config_field FIELDS[] = {
    {.key = "address", .type = CONFIG_STRING, .offset = offsetof(struct gateway, address), .default_text = "127.0.0.1"},
    {.key = "port",
        .type = CONFIG_INT,
        .offset = offsetof(struct gateway, port),
        .default_text = "8080",
        .minimum = 1,
        .maximum = 65535},
    {.key = "any", .type = CONFIG_INT, .offset = offsetof(struct gateway, any)},
    {.key = "compress", .type = CONFIG_BOOL, .offset = offsetof(struct gateway, compress), .default_text = "true"},
    {.key = "mode",
        .type = CONFIG_ENUM,
        .offset = offsetof(struct gateway, mode),
        .default_text = "services",
        .choices = MODES},
    {.key = "origins", .type = CONFIG_STRING_LIST, .offset = offsetof(struct gateway, origins)},
    {.key = "peers", .type = CONFIG_STRING_MAP, .offset = offsetof(struct gateway, peers), .default_text = "a=http://a"},
    {.key = "key", .type = CONFIG_STRING, .offset = offsetof(struct gateway, key), .secret = true},
    {0},
};

static const struct config_field OTHER_FIELDS[] = {
    {.key = "count", .type = CONFIG_INT, .offset = 0, .minimum = 0, .maximum = 10},
    {.key = "names", .type = CONFIG_STRING_LIST, .offset = 0},
    {0},
};

static struct gateway gateway;
static const struct config_section SECTIONS[] = {
    {.name = "gateway", .fields = FIELDS, .target = &gateway},
    {.name = "other", .fields = OTHER_FIELDS, .target = NULL}, /* of another program */
    {.name = "bare"},
};
#define SECTION_COUNT (sizeof(SECTIONS) / sizeof(SECTIONS[0]))

static struct err *load(const char *text)
{
    char *exact = malloc(strlen(text) + 1); /* without the NUL, for the sanitizer */
    memcpy(exact, text, strlen(text));
    exact = realloc(exact, strlen(text) ? strlen(text) : 1);
    struct err *error = config_load_text("kongsi.yaml", exact, strlen(text), SECTIONS, SECTION_COUNT);
    free(exact);
    return error;
}

static void unload(void)
{
    config_deinit(SECTIONS, SECTION_COUNT);
}

static void test_defaults(void **state)
{
    (void)state;
    static const char *const EMPTY[] = {"", "# nothing\n", "---\n", "gateway: {}\n", "\n\n",
        "bare:\n  a: {b: [1, {c: d}]}\n  e: f\ngateway: {}\n" /* another program's section is passed over */};
    for (size_t i = 0; i < sizeof(EMPTY) / sizeof(EMPTY[0]); i++) {
        assert_null(load(EMPTY[i]));
        assert_string_equal(gateway.address, "127.0.0.1");
        assert_int_equal(gateway.port, 8080);
        assert_int_equal(gateway.any, 0);
        assert_true(gateway.compress);
        assert_int_equal(gateway.mode, 1);
        assert_int_equal(gateway.origins.count, 0);
        assert_int_equal(gateway.peers.count, 1);
        assert_string_equal(gateway.peers.values[0], "http://a");
        assert_string_equal(gateway.key, "");
        unload();
        assert_null(gateway.address);
    }
}

static void test_values(void **state)
{
    (void)state;
    assert_null(load("gateway:\n"
                     "  address: '::1'\n"
                     "  port: 443\n"
                     "  any: -7\n"
                     "  compress: false\n"
                     "  mode: single\n"
                     "  origins: [https://a.hk, \"https://公司.hk\"]\n"
                     "  peers:\n"
                     "    messaging: http://m:1\n"
                     "    identity: http://i:2\n"
                     "  key: 12345\n"
                     "other: {count: 10, names: [x]}\n"));
    assert_string_equal(gateway.address, "::1");
    assert_int_equal(gateway.port, 443);
    assert_int_equal(gateway.any, -7);
    assert_false(gateway.compress);
    assert_int_equal(gateway.mode, 0);
    assert_int_equal(gateway.origins.count, 2);
    assert_string_equal(gateway.origins.items[1], "https://公司.hk");
    assert_int_equal(gateway.peers.count, 2);
    assert_string_equal(gateway.peers.keys[1], "identity");
    assert_string_equal(gateway.peers.values[1], "http://i:2");
    assert_string_equal(gateway.key, "12345");
    unload();
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text, *want;
    } CASES[] = {
        {"unknown section", "gateway: {}\ngatway: {}\n", "kongsi.yaml:2: unknown section \"gatway\""},
        {"unknown key", "gateway:\n  port: 1\n  prot: 2\n", "kongsi.yaml:3: unknown key \"prot\" in section gateway"},
        {"unknown key of a section not used", "other:\n  cuont: 1\n",
            "kongsi.yaml:2: unknown key \"cuont\" in section other"},
        {"duplicate key", "gateway:\n  port: 1\n\n  port: 2\n", "kongsi.yaml:4: duplicate key \"port\" in section gateway"},
        {"duplicate section", "gateway: {}\ngateway: {}\n", "kongsi.yaml:2: duplicate section \"gateway\""},
        {"duplicate map key", "gateway:\n  peers:\n    a: 1\n    a: 2\n", "kongsi.yaml:4: duplicate key \"a\""},
        {"not a number", "gateway:\n  port: http\n",
            "kongsi.yaml:2: gateway.port is \"http\", must be a whole number from 1 to 65535"},
        {"a fraction", "gateway: {port: 1.5}\n", "kongsi.yaml:1: gateway.port is \"1.5\", must be a whole number"},
        {"quoted number", "gateway:\n  port: \"80\"\n",
            "kongsi.yaml:2: gateway.port is \"80\", must be a number without quotes"},
        {"below", "gateway:\n  port: 0\n", "kongsi.yaml:2: gateway.port is \"0\", must be a whole number from 1 to 65535"},
        {"above", "gateway:\n  port: 65536\n", "kongsi.yaml:2: gateway.port is \"65536\""},
        {"past 64 bits", "gateway:\n  any: 9223372036854775808\n", "kongsi.yaml:2: gateway.any is \"9223372036854775808\""},
        {"above in a section not used", "other:\n  count: 11\n", "kongsi.yaml:2: other.count is \"11\""},
        {"yes is no truth value", "gateway:\n  compress: yes\n",
            "kongsi.yaml:2: gateway.compress is \"yes\", must be true or false"},
        {"quoted truth", "gateway:\n  compress: 'true'\n", "kongsi.yaml:2: gateway.compress"},
        {"unknown choice", "gateway:\n  mode: double\n",
            "kongsi.yaml:2: gateway.mode is \"double\", must be one of single, services"},
        {"null", "gateway:\n  address: ~\n", "kongsi.yaml:2: gateway.address is null"},
        {"list for a scalar", "gateway:\n  port: [1]\n", "kongsi.yaml:2: gateway.port must be a plain value"},
        {"scalar for a list", "gateway:\n  origins: x\n", "kongsi.yaml:2: gateway.origins must be a list"},
        {"map for a list", "gateway:\n  origins: {a: b}\n", "kongsi.yaml:2: gateway.origins must be a list"},
        {"list for a map", "gateway:\n  peers: [a]\n", "kongsi.yaml:2: gateway.peers must be a map"},
        {"nested list", "gateway:\n  origins:\n    - [a]\n", "kongsi.yaml:3: gateway.origins must be a plain value"},
        {"nested map", "gateway:\n  peers:\n    a: {b: c}\n", "kongsi.yaml:3: gateway.peers must be a plain value"},
        {"deep nesting", "gateway: {port: [[[[[[[[[[1]]]]]]]]]]}\n", "kongsi.yaml:1: gateway.port must be a plain value"},
        {"scalar for a section", "gateway: 1\n", "kongsi.yaml:1: section gateway must be a map"},
        {"section without anything", "gateway:\n", "section gateway must be a map of keys; leave it out when it has none"},
        {"list at the top", "- a\n", "kongsi.yaml:1: the file must be a map of sections"},
        {"scalar at the top", "hello\n", "kongsi.yaml:1: the file must be a map of sections"},
        {"list as a key", "[a]: b\n", "kongsi.yaml:1: a section's name must be a plain value"},
        {"anchor", "gateway:\n  address: &a x\n", "kongsi.yaml:2: anchors (&) are not supported"},
        {"anchor on a map", "gateway: &a\n  port: 1\n", "kongsi.yaml:1: anchors (&) are not supported"},
        {"alias", "gateway:\n  address: *a\n", "kongsi.yaml:2: aliases (*) are not supported"},
        {"merge key", "gateway:\n  <<: {port: 1}\n", "kongsi.yaml:2: unknown key \"<<\""},
        {"tag", "gateway:\n  port: !!str 1\n", "kongsi.yaml:2: tags (!) are not supported"},
        {"two documents", "gateway: {}\n---\nother: {}\n", "kongsi.yaml:2: only one YAML document"},
        {"broken YAML", "gateway:\n  port: \"1\n", "not valid YAML"},
        {"tab", "gateway:\n\tport: 1\n", "kongsi.yaml:2: not valid YAML"},
        {"no UTF-8", "gateway:\n  address: \xff\n", "kongsi.yaml:2: not valid YAML"},
        {"NUL escape", "gateway:\n  address: \"a\\0b\"\n", "kongsi.yaml:2: gateway.address has a NUL character"},
        {"control byte", "gateway:\n  address: \"a\x01\"\n", "kongsi.yaml:2: not valid YAML"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        ERR_AUTO error = load(CASES[i].text);
        if (!error || !err_is(error, &KONGSI_CONFIG_INVALID) || !strstr(error->message, CASES[i].want)) {
            fail_msg("%s: got \"%s\", want \"%s\"", CASES[i].name, error ? error->message : "success", CASES[i].want);
        }
        assert_null(gateway.address); /* nothing left behind */
        assert_int_equal(gateway.origins.count, 0);
    }
}

static void test_limits(void **state)
{
    (void)state;
    BUF_AUTO text;
    buf_init(&text, 1 << 20);
    buf_append_text(&text, "gateway:\n  origins:\n");
    for (int i = 0; i < 1001; i++) {
        buf_printf(&text, "    - o%d\n", i);
    }
    ERR_AUTO error = load(text.data);
    assert_non_null(strstr(error->message, "kongsi.yaml:1003: gateway.origins has more than 1000 items"));
    buf_reset(&text);
    for (int i = 0; i < 50000; i++) {
        buf_append_char(&text, '[');
    }
    ERR_AUTO deep = load(text.data);
    assert_true(err_is(deep, &KONGSI_CONFIG_INVALID));
}

static void test_environment(void **state)
{
    (void)state;
    setenv("KONGSI_GATEWAY_PORT", "9000", 1);
    setenv("KONGSI_GATEWAY_ORIGINS", "https://a, https://b ,", 1);
    setenv("KONGSI_GATEWAY_PEERS", "messaging=http://m?a=b,identity=http://i", 1);
    setenv("KONGSI_GATEWAY_MODE", "single", 1);
    setenv("KONGSI_OTHER_COUNT", "not read here", 1);
    assert_null(load("gateway:\n  port: 1\n  address: x\n"));
    assert_int_equal(gateway.port, 9000);
    assert_string_equal(gateway.address, "x");
    assert_int_equal(gateway.origins.count, 2);
    assert_string_equal(gateway.origins.items[1], "https://b");
    assert_int_equal(gateway.peers.count, 2);
    assert_string_equal(gateway.peers.values[0], "http://m?a=b");
    assert_int_equal(gateway.mode, 0);
    unload();

    static const struct {
        const char *variable, *value, *want;
    } CASES[] = {
        {"KONGSI_GATEWAY_PORT", "0", "environment variable KONGSI_GATEWAY_PORT: gateway.port is \"0\""},
        {"KONGSI_GATEWAY_COMPRESS", "1", "environment variable KONGSI_GATEWAY_COMPRESS: gateway.compress is \"1\""},
        {"KONGSI_GATEWAY_PEERS", "messaging", "gateway.peers is \"messaging\", must be key=value pairs"},
        {"KONGSI_GATEWAY_ADDRESS", "\xff", "environment variable KONGSI_GATEWAY_ADDRESS is not valid UTF-8"},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        setenv(CASES[i].variable, CASES[i].value, 1);
        ERR_AUTO error = load("");
        assert_non_null(error);
        assert_non_null(strstr(error->message, CASES[i].want));
        unsetenv(CASES[i].variable);
    }
    unsetenv("KONGSI_GATEWAY_ORIGINS");
    unsetenv("KONGSI_GATEWAY_MODE");
    unsetenv("KONGSI_OTHER_COUNT");
}

static void test_print(void **state)
{
    (void)state;
    assert_null(load("gateway: {key: hunter2, origins: [a, 'b\"c'], address: \"l1\\nl2\"}\n"));
    BUF_AUTO out;
    buf_init(&out, 10000);
    assert_true(config_print(SECTIONS, SECTION_COUNT, &out));
    assert_string_equal(out.data, "gateway:\n"
                                  "  address: \"l1\\nl2\"\n"
                                  "  port: 8080\n"
                                  "  any: 0\n"
                                  "  compress: true\n"
                                  "  mode: services\n"
                                  "  origins: [\"a\", \"b\\\"c\"]\n"
                                  "  peers: {\"a\": \"http://a\"}\n"
                                  "  key: \"********\"\n");
    unload();
    assert_null(load(out.data)); /* what is printed can be read */
    assert_string_equal(gateway.address, "l1\nl2");
    unload();
}

static void write_file(const char *path, const char *text, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    fclose(file);
}

static void test_files(void **state)
{
    (void)state;
    char path[] = "/tmp/test_config_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    write_file(path, "gateway:\n  port: 77\n", 20);
    assert_null(config_load(path, SECTIONS, SECTION_COUNT));
    assert_int_equal(gateway.port, 77);
    unload();
    write_file(path, "gateway:\n  port: x\n", 19);
    ERR_AUTO bad = config_load(path, SECTIONS, SECTION_COUNT);
    assert_non_null(strstr(bad->message, path));
    assert_null(config_load(NULL, SECTIONS, SECTION_COUNT));
    assert_int_equal(gateway.port, 8080);
    unload();

    char *large = malloc(1024 * 1024 + 1);
    memset(large, '#', 1024 * 1024 + 1);
    write_file(path, large, 1024 * 1024 + 1);
    free(large);
    ERR_AUTO too_large = config_load(path, SECTIONS, SECTION_COUNT);
    assert_non_null(strstr(too_large->message, "larger than 1048576 bytes"));
    unlink(path);
    ERR_AUTO missing = config_load(path, SECTIONS, SECTION_COUNT);
    assert_non_null(strstr(missing->message, "No such file"));
    ERR_AUTO directory = config_load("/tmp", SECTIONS, SECTION_COUNT);
    assert_true(err_is(directory, &KONGSI_CONFIG_INVALID));
}

static void test_secret_files(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t length;
        const char *want; /* NULL: refused */
    } CASES[] = {
        {"secret\n", 7, "secret"},
        {"secret", 6, "secret"},
        {" \tse cret \r\nsecond\n", 19, "se cret"},
        {"", 0, NULL},
        {"\n", 1, NULL},
        {"  \nsecond\n", 10, NULL},
        {"a\0b\n", 4, NULL},
    };
    char path[] = "/tmp/test_config_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        char *secret = NULL;
        write_file(path, CASES[i].text, CASES[i].length);
        ERR_AUTO error = config_read_secret_file(path, &secret);
        assert_int_equal(error == NULL, CASES[i].want != NULL);
        if (CASES[i].want) {
            assert_string_equal(secret, CASES[i].want);
        }
        free(secret);
    }
    unlink(path);
    char *secret = NULL;
    ERR_AUTO missing = config_read_secret_file(path, &secret);
    assert_non_null(missing);
    assert_null(secret);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_secret_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
