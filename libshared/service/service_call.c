/* `call SERVICE/METHOD`: an operator's call in Kongsi's own name, without a running server. */
#include "libshared/service/service_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/log.h"
#include "libshared/rpc/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT_MS 300000

static struct err *read_input(struct buf *input)
{
    char piece[65536];
    size_t length;
    while ((length = fread(piece, 1, sizeof(piece), stdin)) > 0) {
        if (!buf_append(input, piece, length)) {
            return err_new(&KONGSI_BODY_TOO_LARGE, "the request on stdin is larger than %zu bytes", input->cap_bytes);
        }
    }
    return input->length ? NULL : (buf_append_text(input, "{}") ? NULL : err_out_of_memory());
}

static struct err *find_method(const char *name, const struct schema_method **ret_method)
{
    char service[128];
    const char *slash = strchr(name, '/');
    if (!slash || (size_t)(slash - name) >= sizeof(service)) {
        return err_new(&KONGSI_ROUTE_NOT_FOUND, "%s is not of the form package.Service/Method", name);
    }
    snprintf(service, sizeof(service), "%.*s", (int)(slash - name), name);
    *ret_method = schema_find_method(schema_kongsi(), service, slash + 1);
    return *ret_method ? NULL : err_new(&KONGSI_ROUTE_NOT_FOUND, "no schema declares %s", name);
}

static struct err *call(struct service_process *process, const char *method_name, struct arena *arena, struct buf *output)
{
    const struct schema_method *method;
    ERR_TRY(find_method(method_name, &method));
    BUF_AUTO input, wire;
    buf_init(&input, RPC_MESSAGE_SIZE_MAX_BYTES);
    buf_init(&wire, RPC_MESSAGE_SIZE_MAX_BYTES);
    ERR_TRY(read_input(&input));
    ERR_TRY(json_to_wire(method->input, input.data, input.length, &wire));
    ERR_TRY(service_process_open(process));
    struct rpc_ctx ctx;
    rpc_ctx_init_self(&ctx, process->net, arena, CALL_TIMEOUT_MS);
    struct bytes answer;
    ERR_TRY(rpc_call_wire(&ctx, method->component, method,
        (struct bytes){.data = (const uint8_t *)wire.data, .length = wire.length}, &answer));
    return json_from_wire(method->output, answer, output);
}

int service_call(struct service_process *process, const char *method_name)
{
    ARENA_AUTO arena = arena_new((size_t)256 * 1024 * 1024);
    BUF_AUTO output;
    buf_init(&output, (size_t)64 * 1024 * 1024);
    ERR_AUTO error = arena ? call(process, method_name, arena, &output) : err_out_of_memory();
    if (error) {
        fprintf(stderr, "%s: %s: %s (%s)\n", process->program->name, method_name, error->message,
            error->reason ? error->reason : err_code_name(error->code));
        return EXIT_FAILURE;
    }
    fwrite(output.data, 1, output.length, stdout);
    fputc('\n', stdout);
    return EXIT_SUCCESS;
}
