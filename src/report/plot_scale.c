/* SPDX-License-Identifier: Apache-2.0 */
#include "report/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool plot_drawable(double *value, bool log)
{
    if (!isfinite(*value) || (log && *value <= 0))
        return false;
    *value = fmin(fmax(*value, -PLOT_HUGE), PLOT_HUGE);
    /* Smaller than that, the powers of ten of labels would not be numbers. */
    if (fabs(*value) < 1 / PLOT_HUGE)
        *value = log ? 1 / PLOT_HUGE : 0;
    return true;
}

void plot_range_add(struct plot_range *range, double value, bool log)
{
    if (!plot_drawable(&value, log))
        return;
    range->low = range->any ? fmin(range->low, value) : value;
    range->high = range->any ? fmax(range->high, value) : value;
    range->any = true;
}

/* ---- Labels ---- */

static void append_text(char out[32], const char *text)
{
    size_t used = strlen(out);
    snprintf(out + used, 32 - used, "%s", text);
}

/* " ×10ⁿ" without the mantissa: "10⁻⁷". */
static void append_power(char out[32], int exponent)
{
    static const char *const digits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
    char text[16];
    snprintf(text, sizeof text, "%d", exponent);
    append_text(out, "10");
    for (const char *c = text; *c; c++)
        append_text(out, *c == '-' ? "⁻" : digits[*c - '0']);
}

/* printf's number with a minus sign in place of the hyphen. */
static void append_number(char out[32], int decimals, double value)
{
    char text[24];
    snprintf(text, sizeof text, "%.*f", decimals, fabs(value));
    if (value < 0 && strspn(text, "0.") != strlen(text))
        append_text(out, "−");
    append_text(out, text);
}

/* How the labels of one axis are written: value / 10^power and what stands behind it. */
struct notation {
    int power;
    bool suffix; /* k, M, G, T; otherwise ×10ⁿ */
};

static struct notation notation_of(double magnitude)
{
    struct notation notation = {0, true};
    if (magnitude == 0 || (magnitude >= 1e-3 && magnitude < 1e4))
        return notation;
    int exponent = (int)floor(log10(magnitude) + 1e-9);
    if (exponent >= 4 && exponent < 15) {
        notation.power = exponent / 3 * 3;
        return notation;
    }
    return (struct notation){exponent, false};
}

static void label_with(struct notation notation, double value, int decimals, char out[32])
{
    out[0] = '\0';
    if (value == 0) {
        append_text(out, "0");
        return;
    }
    append_number(out, decimals, value / pow(10, notation.power));
    if (notation.power == 0)
        return;
    static const char *const suffixes[] = {"", "k", "M", "G", "T"};
    if (notation.suffix) {
        append_text(out, suffixes[notation.power / 3]);
    } else {
        append_text(out, "×");
        append_power(out, notation.power);
    }
}

/* Decimals that show `significant` digits of value. */
static int decimals_for(double value, int significant)
{
    if (value == 0)
        return 0;
    int decimals = significant - 1 - (int)floor(log10(fabs(value)) + 1e-9);
    return decimals < 0 ? 0 : decimals > 9 ? 9 : decimals;
}

void plot_value_label(double value, char out[32])
{
    if (!plot_drawable(&value, false)) {
        snprintf(out, 32, "–");
        return;
    }
    struct notation notation = notation_of(fabs(value));
    double scaled = value / pow(10, notation.power);
    label_with(notation, value, decimals_for(scaled, 3), out);
}

void plot_tick_label(double value, char out[32])
{
    struct notation notation = notation_of(value);
    double scaled = value / pow(10, notation.power);
    if (!notation.suffix && fabs(scaled - 1) < 1e-6) {
        out[0] = '\0';
        append_power(out, notation.power);
        return;
    }
    int decimals = decimals_for(scaled, 1);
    while (decimals < 4 && fabs(scaled * pow(10, decimals) - round(scaled * pow(10, decimals))) >
                               1e-6 * fabs(scaled))
        decimals++;
    label_with(notation, value, decimals, out);
}

/* ---- Linear scales ---- */

/* The smallest of 1, 2, 5 times a power of ten that is not below value. */
static double nice_step(double value)
{
    double power = pow(10, floor(log10(value)));
    double part = value / power;
    return power * (part <= 1 + 1e-9 ? 1 : part <= 2 + 1e-9 ? 2 : part <= 5 + 1e-9 ? 5 : 10);
}

static void make_linear(struct plot_range range, bool from_zero, struct plot_scale *scale,
                        struct plot_ticks *ticks)
{
    if (from_zero) {
        range.low = fmin(range.low, 0);
        range.high = fmax(range.high, 0);
    }
    double magnitude = fmax(fabs(range.low), fabs(range.high));
    if (magnitude < 1 / PLOT_HUGE)
        magnitude = 1;
    /* Values that are almost one: their digits would not tell the ticks apart. */
    if (range.high - range.low < magnitude * 1e-6) {
        range.low -= from_zero && range.low == 0 ? 0 : magnitude * 0.05;
        range.high += from_zero && range.high == 0 && range.low < 0 ? 0 : magnitude * 0.05;
    }
    double step = nice_step((range.high - range.low) / 6);
    double first = floor(range.low / step + 1e-9), last = ceil(range.high / step - 1e-9);
    scale->low = first * step;
    scale->high = last * step;
    struct notation notation = notation_of(fmax(fabs(scale->low), fabs(scale->high)));
    double shown = step / pow(10, notation.power);
    int decimals = shown >= 1 - 1e-9 ? 0 : (int)ceil(-log10(shown) - 1e-9);
    ticks->count = 0;
    while (ticks->count < PLOT_TICKS_MAX && first + (double)ticks->count <= last) {
        double value = (first + (double)ticks->count) * step;
        ticks->values[ticks->count] = value;
        label_with(notation, value, decimals, ticks->labels[ticks->count++]);
    }
}

/* ---- Logarithmic scales ---- */

/* Mark k of the series ..., 1, 2, 5, 10, 20, 50, ...; 3 a decade. */
static double mark_at(int k)
{
    int part = (k % 3 + 3) % 3, decade = (k - part) / 3;
    double mark = part == 0 ? 1 : part == 1 ? 2 : 5;
    return mark * pow(10, decade);
}

/* The last mark that is not above value. */
static int mark_below(double value)
{
    int k = 3 * (int)floor(log10(value)) - 1;
    while (mark_at(k + 1) <= value * (1 + 1e-9))
        k++;
    return k;
}

static void make_log(const struct plot_range *range, struct plot_scale *scale,
                     struct plot_ticks *ticks)
{
    int first = mark_below(range->low), last = mark_below(range->high);
    if (mark_at(last) < range->high * (1 - 1e-9))
        last++;
    if (first == last) {
        first--;
        last++;
    }
    scale->low = mark_at(first);
    scale->high = mark_at(last);
    /* All marks where they are few, else whole decades, else every second, fifth, ... decade. */
    int stride = last - first <= 8 ? 1 : 3;
    while ((last - first) / stride > 10)
        stride += 3;
    ticks->count = 0;
    for (int k = first; k <= last && ticks->count < PLOT_TICKS_MAX; k++) {
        if (stride > 1 && k % stride != 0)
            continue;
        ticks->values[ticks->count] = mark_at(k);
        plot_tick_label(mark_at(k), ticks->labels[ticks->count++]);
    }
}

void plot_scale_make(const struct plot_range *range, bool log, bool from_zero,
                     struct plot_scale *scale, struct plot_ticks *ticks)
{
    struct plot_range whole = *range;
    if (!whole.any)
        whole = (struct plot_range){.low = log ? 1 : 0, .high = log ? 10 : 1, .any = true};
    *scale = (struct plot_scale){.log = log};
    if (log)
        make_log(&whole, scale, ticks);
    else
        make_linear(whole, from_zero, scale, ticks);
}

double plot_scale_map(const struct plot_scale *scale, double value)
{
    double low = scale->low, high = scale->high;
    if (scale->log) {
        low = log10(low);
        high = log10(high);
        value = log10(value);
    }
    return scale->from + (value - low) / (high - low) * (scale->to - scale->from);
}
