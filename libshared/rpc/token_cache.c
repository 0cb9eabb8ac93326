#include "libshared/rpc/token_internal.h"

#include <stdlib.h>
#include <string.h>

struct token_cache_entry {
    uint8_t digest[TOKEN_DIGEST_SIZE];
    struct rpc_caller caller;
    char permissions[];
};

void token_cache_init(struct token_cache *cache)
{
    for (size_t i = 0; i < TOKEN_CACHE_SHARDS; i++) {
        pthread_mutex_init(&cache->shards[i].mutex, NULL);
    }
}

void token_cache_deinit(struct token_cache *cache)
{
    for (size_t i = 0; i < TOKEN_CACHE_SHARDS; i++) {
        for (size_t set = 0; set < TOKEN_CACHE_SETS; set++) {
            for (size_t way = 0; way < TOKEN_CACHE_WAYS; way++) {
                free(cache->shards[i].entries[set][way]);
            }
        }
        pthread_mutex_destroy(&cache->shards[i].mutex);
    }
}

static size_t shard_of(const uint8_t digest[TOKEN_DIGEST_SIZE])
{
    return digest[0] % TOKEN_CACHE_SHARDS;
}

static size_t set_of(const uint8_t digest[TOKEN_DIGEST_SIZE])
{
    return (size_t)(digest[1] | digest[2] << 8) % TOKEN_CACHE_SETS;
}

bool token_cache_find(
    struct token_cache *cache, const uint8_t digest[TOKEN_DIGEST_SIZE], struct arena *arena, struct rpc_caller *ret_caller)
{
    size_t shard = shard_of(digest);
    struct token_cache_entry **set = cache->shards[shard].entries[set_of(digest)];
    bool found = false;
    pthread_mutex_lock(&cache->shards[shard].mutex);
    for (size_t way = 0; way < TOKEN_CACHE_WAYS && !found; way++) {
        if (set[way] && memcmp(set[way]->digest, digest, TOKEN_DIGEST_SIZE) == 0) {
            struct rpc_caller caller = set[way]->caller;
            caller.permissions = arena_strdup(arena, set[way]->permissions);
            found = caller.permissions != NULL;
            *ret_caller = found ? caller : *ret_caller;
        }
    }
    pthread_mutex_unlock(&cache->shards[shard].mutex);
    return found;
}

void token_cache_add(struct token_cache *cache, const uint8_t digest[TOKEN_DIGEST_SIZE], const struct rpc_caller *caller)
{
    size_t length = strlen(caller->permissions);
    struct token_cache_entry *entry = malloc(sizeof(*entry) + length + 1);
    if (!entry) {
        return; /* it is verified again then */
    }
    memcpy(entry->digest, digest, TOKEN_DIGEST_SIZE);
    memcpy(entry->permissions, caller->permissions, length + 1);
    entry->caller = *caller;
    entry->caller.permissions = NULL;
    size_t shard = shard_of(digest);
    struct token_cache_entry **set = cache->shards[shard].entries[set_of(digest)];
    pthread_mutex_lock(&cache->shards[shard].mutex);
    size_t victim = 0;
    for (size_t way = 0; way < TOKEN_CACHE_WAYS && set[victim]; way++) {
        if (!set[way] || set[way]->caller.token_expire_time.us < set[victim]->caller.token_expire_time.us) {
            victim = way;
        }
    }
    free(set[victim]);
    set[victim] = entry;
    pthread_mutex_unlock(&cache->shards[shard].mutex);
}
