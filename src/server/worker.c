/* SPDX-License-Identifier: Apache-2.0 */
#include "server/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "server/exchange.h"

struct workers {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct exchange *head, **tail;
    bool stopping;
    int count;
    pthread_t threads[];
};

/* Under the lock. */
static struct exchange *take(struct workers *workers)
{
    struct exchange *exchange = workers->head;
    if (exchange) {
        workers->head = exchange->next_job;
        exchange->next_job = NULL;
        if (!workers->head)
            workers->tail = &workers->head;
    }
    return exchange;
}

static void *thread_main(void *argument)
{
    struct workers *workers = argument;
    pthread_setname_np(pthread_self(), "octet-request");
    pthread_mutex_lock(&workers->mutex);
    for (;;) {
        while (!workers->head && !workers->stopping)
            pthread_cond_wait(&workers->changed, &workers->mutex);
        struct exchange *exchange = take(workers);
        if (!exchange)
            break;
        void (*work)(struct exchange * exchange) = exchange->job;
        pthread_mutex_unlock(&workers->mutex);
        work(exchange);
        exchange_release(exchange);
        pthread_mutex_lock(&workers->mutex);
    }
    pthread_mutex_unlock(&workers->mutex);
    return NULL;
}

octet_status workers_start(int count, struct workers **out, struct octet_error *err)
{
    struct workers *workers = calloc(1, sizeof *workers + (size_t)count * sizeof(pthread_t));
    if (!workers)
        return error_memory(err, "request workers", sizeof *workers);
    pthread_mutex_init(&workers->mutex, NULL);
    pthread_cond_init(&workers->changed, NULL);
    workers->tail = &workers->head;
    for (int i = 0; i < count; i++) {
        int result = pthread_create(&workers->threads[i], NULL, thread_main, workers);
        if (result != 0) {
            workers_free(workers);
            return error_errno(err, result, "cannot start", "a request worker");
        }
        workers->count++;
    }
    *out = workers;
    return OCTET_OK;
}

void workers_stop(struct workers *workers)
{
    pthread_mutex_lock(&workers->mutex);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->mutex);
    for (int i = 0; i < workers->count; i++)
        pthread_join(workers->threads[i], NULL);
    workers->count = 0;
}

void workers_free(struct workers *workers)
{
    if (!workers)
        return;
    workers_stop(workers);
    for (struct exchange *exchange; (exchange = take(workers)) != NULL;)
        exchange_release(exchange);
    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->mutex);
    free(workers);
}

void workers_push(struct workers *workers, void (*work)(struct exchange *exchange),
                  struct exchange *exchange)
{
    pthread_mutex_lock(&workers->mutex);
    exchange->job = work;
    exchange->next_job = NULL;
    *workers->tail = exchange;
    workers->tail = &exchange->next_job;
    pthread_cond_signal(&workers->changed);
    pthread_mutex_unlock(&workers->mutex);
}
