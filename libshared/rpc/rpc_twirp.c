/* Twirp v7's errors: {"code":"not_found","msg":"…","meta":{…}}. Its codes are those of google.rpc; our reason, domain,
 * metadata and whether to try again travel in `meta`. */
#include "libshared/rpc/rpc_internal.h"

#include "gen/kongsi_errors.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#define META_PREFIX "metadata."
#define META_KEY_SIZE 256
#define JSON_DEPTH_OF_ERRORS 3

static const struct {
    enum err_code code;
    const char *name;
    int status;
} CODES[] = {
    {ERR_CANCELLED, "canceled", 408},
    {ERR_UNKNOWN, "unknown", 500},
    {ERR_INVALID_ARGUMENT, "invalid_argument", 400},
    {ERR_INVALID_ARGUMENT, "malformed", 400},
    {ERR_DEADLINE_EXCEEDED, "deadline_exceeded", 408},
    {ERR_NOT_FOUND, "not_found", 404},
    {ERR_NOT_FOUND, "bad_route", 404},
    {ERR_ALREADY_EXISTS, "already_exists", 409},
    {ERR_PERMISSION_DENIED, "permission_denied", 403},
    {ERR_UNAUTHENTICATED, "unauthenticated", 401},
    {ERR_RESOURCE_EXHAUSTED, "resource_exhausted", 429},
    {ERR_FAILED_PRECONDITION, "failed_precondition", 412},
    {ERR_ABORTED, "aborted", 409},
    {ERR_OUT_OF_RANGE, "out_of_range", 400},
    {ERR_UNIMPLEMENTED, "unimplemented", 501},
    {ERR_INTERNAL, "internal", 500},
    {ERR_UNAVAILABLE, "unavailable", 503},
    {ERR_DATA_LOSS, "dataloss", 500},
    {ERR_DATA_LOSS, "data_loss", 500},
};
#define CODE_COUNT (sizeof(CODES) / sizeof(CODES[0]))

static size_t index_of_err(const struct err *error)
{
    if (err_is(error, &KONGSI_ROUTE_NOT_FOUND)) {
        return 6;
    }
    for (size_t i = 0; i < CODE_COUNT; i++) {
        if (CODES[i].code == error->code) {
            return i;
        }
    }
    return 1;
}

int rpc_twirp_status(const struct err *error)
{
    return CODES[index_of_err(error)].status;
}

static void append_text(struct buf *json, const char *text)
{
    bool valid = text && utf8_valid(text, strlen(text));
    buf_append_json_string(json, valid ? text : "", valid ? strlen(text) : 0);
}

struct err *rpc_twirp_print(const struct err *error, struct buf *json)
{
    buf_printf(json, "{\"code\":\"%s\",\"msg\":", CODES[index_of_err(error)].name);
    append_text(json, error->message);
    buf_append_text(json, ",\"meta\":{\"reason\":");
    append_text(json, error->reason);
    buf_append_text(json, ",\"domain\":");
    append_text(json, error->domain);
    buf_printf(json, ",\"retriable\":\"%s\"", error->retriable ? "true" : "false");
    for (size_t i = 0; i < error->metadata_count; i++) {
        char key[META_KEY_SIZE];
        snprintf(key, sizeof(key), META_PREFIX "%s", error->metadata[i].key);
        buf_append_char(json, ',');
        append_text(json, key);
        buf_append_char(json, ':');
        append_text(json, error->metadata[i].value);
    }
    buf_append_text(json, "}}");
    return json->failed ? err_out_of_memory() : NULL;
}

/* What a proxy or a stopping process says, in its own words. */
static struct err *from_status(int status, const char *peer)
{
    if (status == 502 || status == 503 || status == 504) {
        struct err *error = err_new(&KONGSI_UNAVAILABLE, "%s is away for the moment (HTTP %d)", peer, status);
        error->retriable = true;
        return error;
    }
    if (status == 413) {
        return err_new(&KONGSI_BODY_TOO_LARGE, "the request is too large for %s", peer);
    }
    return err_new(&KONGSI_INTERNAL, "%s answered HTTP %d without an error of ours", peer, status);
}

bool rpc_json_is_shallow(const char *text, size_t length, int depth_max)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (in_string) {
            i += c == '\\';
            in_string = c != '"';
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > depth_max) {
                return false;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

static struct err *from_json(const json_t *root)
{
    const char *name = json_string_value(json_object_get(root, "code"));
    const char *message = json_string_value(json_object_get(root, "msg"));
    json_t *meta = json_object_get(root, "meta");
    size_t at = 0;
    while (name && at < CODE_COUNT && strcmp(CODES[at].name, name) != 0) {
        at++;
    }
    if (!name || at == CODE_COUNT) {
        return NULL;
    }
    const char *reason = json_string_value(json_object_get(meta, "reason"));
    const char *domain = json_string_value(json_object_get(meta, "domain"));
    const char *retriable = json_string_value(json_object_get(meta, "retriable"));
    struct err *error = err_restore(CODES[at].code, domain ? domain : "kongsi", reason ? reason : "INTERNAL",
        message ? message : name, retriable && strcmp(retriable, "true") == 0);
    const char *key;
    json_t *value;
    json_object_foreach(meta, key, value)
    {
        if (str_starts_with(key, META_PREFIX) && json_is_string(value)) {
            error = err_with(error, key + strlen(META_PREFIX), "%s", json_string_value(value));
        }
    }
    return error;
}

struct err *rpc_twirp_parse(int http_status, const char *body, size_t length, const char *peer)
{
    bool shallow = rpc_json_is_shallow(body, length, JSON_DEPTH_OF_ERRORS);
    json_t *root = shallow ? json_loadb(body, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    struct err *error = root ? from_json(root) : NULL;
    json_decref(root);
    return error ? error : from_status(http_status, peer);
}
