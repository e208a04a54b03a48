/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "base/log.h"
#include "engine/engine_internal.h"

/* Work that cannot go on now (its blocks are held elsewhere) is tried again this often. */
#define RETRY_NS 2000000L

/* Sleep until there is something to do. False: time to end. Called without the lock. */
static bool wait_for_work(struct engine *engine, bool blocked)
{
    pthread_mutex_lock(&engine->mutex);
    bool tried = false;
    while (!engine->stopping && !engine->arrivals_head && !engine->cancel_pending &&
           !(engine->unfinished > 0 && (!blocked || tried))) {
        if (engine->refusing && engine->unfinished == 0)
            break;
        if (blocked && engine->unfinished > 0) {
            struct timespec until;
            clock_gettime(CLOCK_MONOTONIC, &until);
            until.tv_nsec += RETRY_NS;
            until.tv_sec += until.tv_nsec / 1000000000L;
            until.tv_nsec %= 1000000000L;
            tried = pthread_cond_timedwait(&engine->wake, &engine->mutex, &until) == ETIMEDOUT;
        } else {
            pthread_cond_wait(&engine->wake, &engine->mutex);
        }
    }
    bool go_on = !engine->stopping && !(engine->refusing && engine->unfinished == 0);
    pthread_mutex_unlock(&engine->mutex);
    return go_on;
}

static void *thread_main(void *argument)
{
    struct engine *engine = argument;
    bool worked = true;
    pthread_setname_np(pthread_self(), "octet-engine");
    while (wait_for_work(engine, !worked)) {
        struct octet_error err;
        if (engine_step(engine, &worked, &err) != OCTET_OK)
            log_error("a step failed and ended its requests: %s", err.message);
    }
    engine_end_all(engine, FINISH_ABORT, NULL);
    return NULL;
}

octet_status engine_start(struct engine *engine, struct octet_error *err)
{
    pthread_mutex_lock(&engine->mutex);
    octet_status status = OCTET_OK;
    if (engine->has_thread) {
        status = error_set(err, OCTET_STATE, "the engine's thread runs already");
    } else {
        engine->stopping = engine->refusing = false;
        /* Signals belong to the program's own thread. */
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int result = pthread_create(&engine->thread, NULL, thread_main, engine);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (result != 0)
            status = error_errno(err, result, "cannot start", "the engine's thread");
        engine->has_thread = result == 0;
    }
    pthread_mutex_unlock(&engine->mutex);
    return status;
}

void engine_stop(struct engine *engine, bool drain)
{
    pthread_mutex_lock(&engine->mutex);
    bool join = engine->has_thread;
    engine->refusing = true;
    engine->stopping = !drain;
    pthread_cond_signal(&engine->wake);
    pthread_mutex_unlock(&engine->mutex);
    if (!join)
        return;
    pthread_join(engine->thread, NULL);
    pthread_mutex_lock(&engine->mutex);
    engine->has_thread = false;
    pthread_mutex_unlock(&engine->mutex);
}
