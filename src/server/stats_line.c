/* SPDX-License-Identifier: Apache-2.0 */
/* The line that operators of vLLM know, word for word. */
#include "server/server_internal.h"

void stats_line_tick(struct server *server, struct stats_line *stats, uint64_t now_ns)
{
    double interval = server->options.stats_interval_s;
    if (interval <= 0 || server_phase(server) == SERVER_LOADING || !server->engine)
        return;
    if (stats->last_ns == 0)
        stats->last_ns = now_ns;
    double seconds = (double)(now_ns - stats->last_ns) / 1e9;
    if (seconds < interval)
        return;
    struct engine_stats engine;
    engine_stats(server->engine, &engine);
    double prompt = (double)(engine.prompt_tokens - stats->prompt_tokens) / seconds;
    double generated = (double)(engine.generated_tokens - stats->generated_tokens) / seconds;
    double usage = engine.blocks_total > 0
                       ? 100.0 * (double)engine.blocks_used / (double)engine.blocks_total
                       : 0;
    double hits = engine.cache_queried_tokens > 0 ? 100.0 * (double)engine.cache_hit_tokens /
                                                        (double)engine.cache_queried_tokens
                                                  : 0;
    bool idle = prompt <= 0 && generated <= 0 && engine.running + engine.waiting == 0;
    /* The first idle line shows that it became idle; those after it are for debugging. */
    server_log(server, idle && stats->was_idle ? LOG_DEBUG : LOG_INFO,
               "Engine 000: Avg prompt throughput: %.1f tokens/s, Avg generation throughput: %.1f "
               "tokens/s, Running: %d reqs, Waiting: %d reqs, GPU KV cache usage: %.1f%%, Prefix "
               "cache hit rate: %.1f%%",
               prompt, generated, engine.running, engine.waiting, usage, hits);
    *stats = (struct stats_line){.last_ns = now_ns,
                                 .prompt_tokens = engine.prompt_tokens,
                                 .generated_tokens = engine.generated_tokens,
                                 .was_idle = idle};
}
