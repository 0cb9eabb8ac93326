#include "libshared/rpc/schema.h"

#include "gen/schema_set.h"
#include "libshared/base/check.h"
#include "libshared/rpc/schema_tables.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int compare_message_name(const void *name, const void *message)
{
    return strcmp(name, ((const struct schema_message *)message)->full_name);
}

const struct schema_message *schema_find_message(const struct schema *schema, const char *full_name)
{
    return bsearch(full_name, schema->messages, schema->message_count, sizeof(*schema->messages), compare_message_name);
}

struct method_key {
    const char *service, *name;
};

static int compare_method_key(const void *key, const void *method)
{
    const struct method_key *wanted = key;
    const struct schema_method *candidate = method;
    int order = strcmp(wanted->service, candidate->service);
    return order ? order : strcmp(wanted->name, candidate->name);
}

const struct schema_method *schema_find_method(const struct schema *schema, const char *service, const char *method)
{
    struct method_key key = {service, method};
    return bsearch(&key, schema->methods, schema->method_count, sizeof(*schema->methods), compare_method_key);
}

const struct schema_method *schema_methods(const struct schema *schema, size_t *ret_count)
{
    *ret_count = schema->method_count;
    return schema->methods;
}

int schema_name_compare(const char *a, size_t a_length, const char *b, size_t b_length)
{
    if (a_length != b_length) {
        return a_length < b_length ? -1 : 1;
    }
    return memcmp(a, b, a_length);
}

const struct schema_field *schema_find_field(const struct schema_message *message, const char *name, size_t length)
{
    size_t low = 0;
    size_t high = message->name_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct schema_name *candidate = &message->names[middle];
        int order = schema_name_compare(name, length, candidate->name, candidate->length);
        if (order == 0) {
            return candidate->field;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

const struct schema_field *schema_find_field_number(const struct schema_message *message, uint32_t number)
{
    size_t high = message->field_count;
    if (number - 1U < high &&
        message->fields[number - 1U].number == number) { /* most messages number their fields 1, 2, 3 */
        return &message->fields[number - 1U];
    }
    size_t low = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint32_t candidate = message->fields[middle].number;
        if (candidate == number) {
            return &message->fields[middle];
        }
        if (number < candidate) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

void schema_free(struct schema *schema)
{
    if (schema) {
        arena_free(schema->arena); /* the schema itself lives in it */
    }
}

static struct schema *embedded;
static pthread_once_t embedded_once = PTHREAD_ONCE_INIT;

static void load_embedded(void)
{
    struct bytes set = {kongsi_schema_set, kongsi_schema_set_length};
    struct err *error = schema_load(set, &embedded);
    check(!error);
}

const struct schema *schema_kongsi(void)
{
    pthread_once(&embedded_once, load_embedded);
    return embedded;
}
