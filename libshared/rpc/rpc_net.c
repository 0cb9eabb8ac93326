/* Who is where: the services of this process, the addresses of the others. */
#include "libshared/rpc/rpc_internal.h"

#include "gen/kongsi_errors.h"
#include "libshared/base/check.h"

#include <curl/curl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SERVICE_KEY_LENGTH_MIN 32
#define CONNECTIONS_DEFAULT 16

static void init_libraries(void)
{
    check(sodium_init() >= 0);
    check(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static struct err *open_peers(struct rpc_net *net, const struct rpc_net_options *options)
{
    net->peers = calloc(options->peer_count + 1, sizeof(struct rpc_peer *));
    if (!net->peers) {
        return err_out_of_memory();
    }
    int connections_max = options->connections_per_peer_max > 0 ? options->connections_per_peer_max : CONNECTIONS_DEFAULT;
    for (size_t i = 0; i < options->peer_count; i++) {
        ERR_TRY(rpc_peer_new(options->peer_names[i], options->peer_urls[i], connections_max, &net->peers[i]));
        net->peer_count++;
    }
    return NULL;
}

struct err *rpc_net_new(const struct rpc_net_options *options, struct rpc_net **ret_net)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_libraries);
    if (!options->service_key || strlen(options->service_key) < SERVICE_KEY_LENGTH_MIN) {
        return err_new(
            &KONGSI_CONFIG_INVALID, "the services' shared key has less than %d characters", SERVICE_KEY_LENGTH_MIN);
    }
    struct rpc_net *net = calloc(1, sizeof(*net));
    if (!net) {
        return err_out_of_memory();
    }
    net->self = strdup(options->self);
    net->service_key = strdup(options->service_key);
    struct err *error = net->self && net->service_key ? open_peers(net, options) : err_out_of_memory();
    if (error) {
        rpc_net_free(net);
        return error;
    }
    *ret_net = net;
    return NULL;
}

void rpc_net_free(struct rpc_net *net)
{
    if (!net) {
        return;
    }
    while (net->locals) {
        struct rpc_local *local = net->locals;
        net->locals = local->next;
        free(local->methods);
        free(local);
    }
    for (size_t i = 0; i < net->peer_count; i++) {
        rpc_peer_free(net->peers[i]);
    }
    free(net->peers);
    free(net->self);
    if (net->service_key) {
        sodium_memzero(net->service_key, strlen(net->service_key));
    }
    free(net->service_key);
    free(net);
}

void rpc_net_set_token_verifier(struct rpc_net *net, struct token_verifier *verifier)
{
    net->tokens = verifier;
}

void rpc_net_add_local(struct rpc_net *net, const char *component, const struct rpc_service *service, void *state)
{
    size_t count = 0;
    while (service->methods[count].name) {
        count++;
    }
    struct rpc_local *local = calloc(1, sizeof(*local));
    check(local);
    *local = (struct rpc_local){.component = component, .service = service, .state = state, .method_count = count};
    local->methods = calloc(count + 1, sizeof(*local->methods));
    check(local->methods);
    for (size_t i = 0; i < count; i++) {
        const struct rpc_method *method = &service->methods[i];
        local->methods[i] = (struct rpc_local_method){
            .schema = schema_find_method(schema_kongsi(), service->full_name, method->name),
            .method = method,
            .metrics = rpc_metrics_get(component, method->name),
        };
        check(local->methods[i].schema && local->methods[i].metrics);
    }
    local->next = net->locals;
    net->locals = local;
}

const struct rpc_local *rpc_net_find_local(const struct rpc_net *net, const char *component,
    const struct schema_method *method, const struct rpc_local_method **ret_method)
{
    for (const struct rpc_local *local = net->locals; local; local = local->next) {
        if (component && strcmp(local->component, component) != 0) {
            continue;
        }
        for (size_t i = 0; i < local->method_count; i++) {
            if (local->methods[i].schema == method) {
                *ret_method = &local->methods[i];
                return local;
            }
        }
    }
    return NULL;
}

struct rpc_peer *rpc_net_find_peer(const struct rpc_net *net, const char *component)
{
    for (size_t i = 0; i < net->peer_count; i++) {
        if (strcmp(rpc_peer_name(net->peers[i]), component) == 0) {
            return net->peers[i];
        }
    }
    return NULL;
}
