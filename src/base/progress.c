/* SPDX-License-Identifier: Apache-2.0 */
#include "base/progress.h"
#include "base/clock.h"
#include "base/parse.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW_NS 100000000u
#define BAR_WIDTH_MAX 40
#define WIDTH_DEFAULT 80

void progress_bar_init(struct progress_bar *bar, FILE *stream, const char *unit)
{
    *bar = (struct progress_bar){
        .stream = stream,
        .terminal = isatty(fileno(stream)),
        .unit = unit,
        .started_ns = clock_now_ns(),
        .last_decile = -1,
    };
}

static void format_amount(const struct progress_bar *bar, double amount, char out[32])
{
    uint64_t whole = amount < 1e18 ? (uint64_t)(amount + 0.5) : (uint64_t)1e18;
    if (strcmp(bar->unit, "B") == 0)
        format_bytes(whole, out);
    else
        format_count(whole, out);
}

/* "1.20 GB / 4.41 GB, 812 MB/s, 4 s left"; a unit that is a noun follows the amounts. */
static void format_facts(const struct progress_bar *bar, uint64_t done, uint64_t total, char *out,
                         size_t size)
{
    bool bytes = strcmp(bar->unit, "B") == 0;
    char done_text[32], total_text[32], rate_text[32];
    format_amount(bar, (double)done, done_text);
    format_amount(bar, (double)total, total_text);
    double seconds = clock_seconds_since(bar->started_ns);
    double rate = seconds > 0 ? (double)done / seconds : 0;
    format_amount(bar, rate, rate_text);
    int used = snprintf(out, size, "%s / %s%s%s, %s%s/s", done_text, total_text, bytes ? "" : " ",
                        bytes ? "" : bar->unit, rate_text, "");
    if (used < 0 || (size_t)used >= size)
        return;
    if (done >= total)
        snprintf(out + used, size - (size_t)used, ", %.1f s", seconds);
    else if (rate > 0)
        snprintf(out + used, size - (size_t)used, ", %.0f s left", (double)(total - done) / rate);
}

static size_t terminal_width(FILE *stream)
{
    struct winsize window;
    if (ioctl(fileno(stream), TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col;
    return WIDTH_DEFAULT;
}

static void draw_bar(struct progress_bar *bar, const char *what, int percent, const char *facts)
{
    char cells[BAR_WIDTH_MAX + 1];
    size_t width = terminal_width(bar->stream);
    /* "what  [cells] 100 % facts" in width - 1 columns: a full last column would wrap. */
    size_t fixed = strlen(what) + strlen(facts) + 10;
    size_t length = width > fixed + 1 ? width - 1 - fixed : 0;
    if (length > BAR_WIDTH_MAX)
        length = BAR_WIDTH_MAX;
    size_t full = length * (size_t)percent / 100;
    memset(cells, '#', full);
    memset(cells + full, '.', length - full);
    cells[length] = '\0';
    char line[512];
    snprintf(line, sizeof line, "%s [%s] %3d %% %s", what, cells, percent, facts);
    fprintf(bar->stream, "\r%.*s\033[K", (int)(width - 1), line);
    fflush(bar->stream);
    bar->open = true;
}

static bool bar_report(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct progress_bar *bar = context;
    bool go_on = !bar->cancel_flag || !*bar->cancel_flag;
    if (done > total)
        done = total;
    int percent = total ? (int)((double)done * 100.0 / (double)total) : 100;
    uint64_t now = clock_now_ns();
    int decile = percent / 10;
    /* A new phase, or the same one from its start, is counted afresh. */
    if (decile < bar->last_decile) {
        bar->last_decile = -1;
        bar->started_ns = now;
        if (bar->open)
            progress_bar_finish(bar);
    }
    char facts[160];
    if (bar->terminal) {
        if (done < total && bar->drawn_ns && now - bar->drawn_ns < REDRAW_NS)
            return go_on;
        bar->drawn_ns = now;
        bar->last_decile = decile;
        format_facts(bar, done, total, facts, sizeof facts);
        draw_bar(bar, what, percent, facts);
    } else if (decile > bar->last_decile) {
        bar->last_decile = decile;
        format_facts(bar, done, total, facts, sizeof facts);
        fprintf(bar->stream, "%s: %d %%, %s\n", what, percent, facts);
        fflush(bar->stream);
    }
    return go_on;
}

struct progress progress_bar_callback(struct progress_bar *bar)
{
    return (struct progress){.report = bar_report, .context = bar};
}

void progress_bar_finish(struct progress_bar *bar)
{
    if (bar->open) {
        fputc('\n', bar->stream);
        fflush(bar->stream);
    }
    bar->open = false;
}
