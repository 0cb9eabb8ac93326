/* The codec as a filter, for test_codec.py. Lines in: COMMAND MESSAGE HEX, with COMMAND one of
 *   to_wire JSON → wire · from_wire wire → JSON · check wire → nothing
 * Lines out: "ok HEX", or "err REASON". */
#include "libshared/rpc/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE_MAX_BYTES ((size_t)64 * 1024 * 1024)
#define SET_SIZE_MAX_BYTES ((size_t)4 * 1024 * 1024)

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool append_unhexed(const char *hex, struct buf *out)
{
    for (; hex[0] && hex[1]; hex += 2) {
        int high = hex_digit(hex[0]);
        int low = hex_digit(hex[1]);
        if (high < 0 || low < 0) {
            return false;
        }
        buf_append_char(out, (char)(high << 4 | low));
    }
    return hex[0] == '\0' && !out->failed;
}

static void print_hex(const struct buf *out)
{
    for (size_t i = 0; i < out->length; i++) {
        printf("%02x", (unsigned char)out->data[i]);
    }
}

static struct err *run(const char *command, const struct schema_message *message, struct buf *in, struct buf *out)
{
    struct bytes wire = {(const uint8_t *)in->data, in->length};
    if (strcmp(command, "to_wire") == 0) {
        return json_to_wire(message, in->data ? in->data : "", in->length, out);
    }
    return strcmp(command, "from_wire") == 0 ? json_from_wire(message, wire, out) : schema_check(message, wire);
}

static bool run_line(const struct schema *schema, char *line)
{
    char *rest = NULL;
    const char *command = strtok_r(line, " \n", &rest);
    const char *name = strtok_r(NULL, " \n", &rest);
    const char *hex = strtok_r(NULL, " \n", &rest);
    const struct schema_message *message = name ? schema_find_message(schema, name) : NULL;
    BUF_AUTO in;
    BUF_AUTO out;
    buf_init(&in, TEXT_SIZE_MAX_BYTES);
    buf_init(&out, TEXT_SIZE_MAX_BYTES);
    if (!command || !message || !append_unhexed(hex ? hex : "", &in)) {
        return false;
    }
    ERR_AUTO error = run(command, message, &in, &out);
    if (error) {
        printf("err %s\n", error->reason);
    } else {
        printf("ok ");
        print_hex(&out);
        printf("\n");
    }
    fflush(stdout);
    return true;
}

static struct err *load(const char *path, struct schema **ret_schema)
{
    struct bytes set = {NULL, 0};
    uint8_t *data = malloc(SET_SIZE_MAX_BYTES);
    FILE *file = fopen(path, "rb");
    if (data && file) {
        set = (struct bytes){data, fread(data, 1, SET_SIZE_MAX_BYTES, file)};
        fclose(file);
    }
    struct err *error = schema_load(set, ret_schema);
    free(data);
    return error;
}

int main(int argc, char **argv)
{
    struct schema *schema = NULL;
    char *line = NULL;
    size_t size = 0;
    bool fine = true;
    if (argc != 2) {
        fprintf(stderr, "usage: %s DESCRIPTOR_SET\n", argv[0]);
        return 2;
    }
    ERR_AUTO error = load(argv[1], &schema);
    if (error) {
        fprintf(stderr, "%s: %s\n", argv[1], error->message);
        return 2;
    }
    while (fine && getline(&line, &size, stdin) > 0) {
        fine = run_line(schema, line);
    }
    free(line);
    schema_free(schema);
    return fine ? 0 : 1;
}
