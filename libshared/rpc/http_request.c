/* What a handler asks about a request. */
#include "libshared/rpc/http_internal.h"

#include <string.h>
#include <strings.h>

const char *http_method(const struct http_exchange *exchange)
{
    return exchange->method;
}

const char *http_path(const struct http_exchange *exchange)
{
    return exchange->path;
}

const char *http_query(const struct http_exchange *exchange)
{
    return exchange->query;
}

const char *http_header(const struct http_exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->field_count; i++) {
        if (strcasecmp(exchange->fields[i].name, name) == 0) {
            return exchange->fields[i].value;
        }
    }
    return NULL;
}

size_t http_header_count(const struct http_exchange *exchange)
{
    return exchange->field_count;
}

void http_header_at(const struct http_exchange *exchange, size_t index, const char **ret_name, const char **ret_value)
{
    *ret_name = exchange->fields[index].name;
    *ret_value = exchange->fields[index].value;
}

const char *http_client_address(const struct http_exchange *exchange)
{
    return exchange->client_address;
}

struct arena *http_arena(struct http_exchange *exchange)
{
    return exchange->arena;
}

int64_t http_content_length(const struct http_exchange *exchange)
{
    return exchange->content_length;
}

int http_hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

char *http_percent_decode(struct arena *arena, const char *text, size_t length, bool plus_is_space)
{
    char *decoded = arena_alloc(arena, length + 1);
    if (!decoded) {
        return NULL;
    }
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < length ? http_hex_value(text[i + 1]) : -1;
            int low = high < 0 ? -1 : http_hex_value(text[i + 2]);
            if (low < 0) {
                return NULL;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0') {
            return NULL;
        }
        decoded[used++] = c;
    }
    decoded[used] = '\0';
    return utf8_valid(decoded, used) ? decoded : NULL;
}
