#include "libshared/bus/bus_kafka.h"

#include "libshared/base/log.h"

#include <stdlib.h>

/* A client that is being destroyed. Whoever is the last of the two to be done with it frees it. */
struct ending {
    rd_kafka_t *client;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* guards and tells of what follows */
    bool ended, abandoned;
};

static void ending_free(struct ending *ending)
{
    pthread_cond_destroy(&ending->changed);
    pthread_mutex_destroy(&ending->mutex);
    free(ending);
}

static void *end(void *argument)
{
    struct ending *ending = argument;
    rd_kafka_destroy(ending->client);
    pthread_mutex_lock(&ending->mutex);
    ending->ended = true;
    bool abandoned = ending->abandoned;
    pthread_cond_signal(&ending->changed);
    pthread_mutex_unlock(&ending->mutex);
    if (abandoned) {
        ending_free(ending);
    }
    return NULL;
}

static void wait_for_end(struct ending *ending)
{
    int64_t until_ms = clock_monotonic_ms() + BUS_KAFKA_TIMEOUT_MS;
    pthread_mutex_lock(&ending->mutex);
    while (!ending->ended && clock_monotonic_ms() < until_ms) {
        bus_cond_wait_until(&ending->changed, &ending->mutex, until_ms);
    }
    ending->abandoned = !ending->ended;
    bool abandoned = ending->abandoned;
    pthread_mutex_unlock(&ending->mutex);
    if (abandoned) {
        log_warn("a client of Kafka does not end within %d s and is left behind", BUS_KAFKA_TIMEOUT_MS / 1000);
    } else {
        ending_free(ending);
    }
}

void bus_kafka_destroy(rd_kafka_t *client)
{
    pthread_t thread;
    struct ending *ending = calloc(1, sizeof(*ending));
    if (!ending) {
        rd_kafka_destroy(client);
        return;
    }
    ending->client = client;
    pthread_mutex_init(&ending->mutex, NULL);
    bus_cond_init(&ending->changed);
    if (pthread_create(&thread, NULL, end, ending) != 0) {
        ending_free(ending);
        rd_kafka_destroy(client);
        return;
    }
    pthread_detach(thread);
    wait_for_end(ending);
}
