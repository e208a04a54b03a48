/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "server/server_internal.h"

/* A step may take longer than hang_timeout_s when the slowest one so far took a fifth of it. */
#define SLOW_STEPS 5
/* Hanging this many times as long means that it hangs for good. */
#define FAILED_AFTER 4
#define WATCH_STUCK_NS UINT64_C(10000000000)

void health_update(struct server *server, uint64_t now_ns)
{
    if (server_phase(server) == SERVER_LOADING || !server->engine)
        return;
    struct engine_pulse pulse;
    engine_pulse(server->engine, &pulse);
    double allowed = server->options.hang_timeout_s;
    double slow = (double)pulse.slowest_step_ns / 1e9 * SLOW_STEPS;
    if (slow > allowed)
        allowed = slow;
    double age = 0;
    if (pulse.pending > 0 && now_ns > pulse.beat_ns)
        age = (double)(now_ns - pulse.beat_ns) / 1e9;
    bool hung = age > allowed;
    if (hung && !atomic_exchange(&server->hung, true))
        server_log(server, LOG_ERROR,
                   "the engine has given no sign of life for %.0f s while %d requests wait", age,
                   pulse.pending);
    if (!hung)
        atomic_store(&server->hung, false);
    if ((pulse.failed || age > allowed * FAILED_AFTER) && !atomic_exchange(&server->failed, true))
        server_log(server, LOG_ERROR, "the engine has failed: %s",
                   pulse.failed ? "its steps end in errors" : "it hangs");
}

const char *health_problem(struct server *server)
{
    switch (server_phase(server)) {
    case SERVER_LOADING:
        return "The model is loading.";
    case SERVER_SERVING:
        break;
    default:
        return "The server is shutting down.";
    }
    uint64_t beat_ns = atomic_load(&server->watch_beat_ns), now_ns = clock_now_ns();
    if (atomic_load(&server->failed))
        return "The engine has failed.";
    if (atomic_load(&server->hung))
        return "The engine gives no sign of life.";
    if (now_ns > beat_ns && now_ns - beat_ns > WATCH_STUCK_NS)
        return "The server's watch gives no sign of life.";
    return NULL;
}
