/* SPDX-License-Identifier: Apache-2.0 */
/* Filters of text and numbers, and how a filter is found and called. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/utf8.h"
#include "template/jinja_eval.h"
#include "template/jinja_registry.h"
#include "template/jinja_unicode.h"

/* Every filter has this form; what it does not need is named (void). */
#define FILTER(name)                                                                               \
    static struct jinja_value filter_##name(struct jinja_run *run, struct jinja_value input,       \
                                            const struct jinja_value *bound,                       \
                                            const struct jinja_args *args)

const struct jinja_filter *jinja_filter_find(const char *name, size_t size)
{
    const struct jinja_filter *const tables[] = {jinja_text_filters, jinja_list_filters,
                                                 jinja_select_filters};
    for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (const struct jinja_filter *filter = tables[t]; filter->name; filter++) {
            if (strlen(filter->name) == size && !memcmp(filter->name, name, size))
                return filter;
        }
    }
    return NULL;
}

struct jinja_value jinja_filter_apply(struct jinja_run *run, const struct jinja_filter *filter,
                                      struct jinja_value input, const struct jinja_args *args)
{
    struct jinja_value bound[JINJA_PARAMETERS_MAX];
    if (filter->parameters &&
        !jinja_bind(run, filter->function, filter->parameters, filter->required, args, bound))
        return jinja_error();
    if (run->depth >= JINJA_CALL_DEPTH_MAX) /* map('map', 'map', ...) nests without evaluating */
        return jinja_raise(run, "RecursionError", "maximum recursion depth exceeded");
    run->depth++;
    struct jinja_value value = filter->apply(run, input, bound, args);
    run->depth--;
    return value;
}

static struct jinja_value with_case(struct jinja_run *run, struct jinja_value input,
                                    enum jinja_case to)
{
    struct jinja_value text = jinja_str(run, input);
    if (!text.kind)
        return text;
    struct jinja_value result = jinja_change_case(run, text.as.string, to);
    result.markup = text.markup;
    return result;
}

FILTER(upper)
{
    (void)bound;
    (void)args;
    return with_case(run, input, CASE_UPPER);
}

FILTER(lower)
{
    (void)bound;
    (void)args;
    return with_case(run, input, CASE_LOWER);
}

FILTER(capitalize)
{
    (void)bound;
    (void)args;
    return with_case(run, input, CASE_CAPITALIZE);
}

/* Where Jinja's title filter lets words begin: after these and after white space. */
static bool splits_title(uint32_t code_point)
{
    return (code_point && code_point < 0x80 && strchr("-({[<", (int)code_point)) ||
           jinja_unicode_is(code_point, UNICODE_IS_SPACE);
}

FILTER(title)
{
    (void)bound;
    (void)args;
    struct jinja_value text = jinja_str(run, input);
    struct buffer out;
    if (!text.kind)
        return text;
    const struct jinja_string *string = text.as.string;
    buffer_init(&out, JINJA_MEMORY_MAX);
    for (size_t start = 0, end = 0; start < string->size; start = end) {
        size_t length = 1;
        bool separator =
            splits_title(utf8_decode(string->data + start, string->size - start, &length));
        for (end = start + length; end < string->size; end += length) {
            if (splits_title(utf8_decode(string->data + end, string->size - end, &length)) !=
                separator)
                break;
        }
        utf8_decode(string->data + start, end - start, &length);
        struct jinja_string first = {string->data + start, length, 1, NULL};
        struct jinja_string rest = {string->data + start + length, end - start - length, 0, NULL};
        struct jinja_value a = jinja_change_case(run, &first, CASE_UPPER);
        struct jinja_value b = jinja_change_case(run, &rest, CASE_LOWER);
        if (!a.kind || !b.kind) {
            buffer_free(&out);
            return jinja_error();
        }
        buffer_append(&out, a.as.string->data, a.as.string->size);
        buffer_append(&out, b.as.string->data, b.as.string->size);
    }
    return jinja_string_take(run, &out);
}

FILTER(trim)
{
    (void)args;
    struct jinja_value text = jinja_str(run, input);
    if (!text.kind)
        return text;
    if (bound[0].kind && bound[0].kind != JINJA_NONE && bound[0].kind != JINJA_STRING)
        return jinja_raise(run, "TypeError", "strip arg must be None or str");
    struct jinja_value result = jinja_strip(
        run, text.as.string, bound[0].kind == JINJA_STRING ? bound[0].as.string : NULL, true, true);
    result.markup = text.markup;
    return result;
}

FILTER(replace)
{
    (void)args;
    int64_t count = -1;
    struct jinja_value text = jinja_str(run, input);
    struct jinja_value old = text.kind ? jinja_str(run, bound[0]) : text;
    struct jinja_value with = old.kind ? jinja_str(run, bound[1]) : old;
    if (!with.kind)
        return with;
    if (bound[2].kind && bound[2].kind != JINJA_NONE && !jinja_index(run, bound[2], &count))
        return jinja_error();
    return jinja_replace(run, text.as.string, old.as.string, with.as.string, count);
}

/* The indentation that indent's width means: text as it is, or so many blanks. */
static struct jinja_value indent_text(struct jinja_run *run, struct jinja_value width)
{
    static const struct jinja_string blank = {" ", 1, 1, NULL};
    int64_t count = 4;
    if (width.kind == JINJA_STRING)
        return width;
    if (width.kind && !jinja_as_int(width, &count))
        return jinja_raise(run, "TypeError", "can't multiply sequence by non-int of type '%s'",
                           jinja_type_name(width));
    return jinja_repeat(run, jinja_from_string(&blank), count);
}

FILTER(indent)
{
    (void)args;
    static const struct jinja_string newline = {"\n", 1, 1, NULL};
    bool first = jinja_truth(bound[1]), blank = jinja_truth(bound[2]);
    struct jinja_value indent = indent_text(run, bound[0]);
    if (!indent.kind)
        return indent;
    if (input.kind == JINJA_LIST)
        return jinja_raise(run, "AttributeError", "'list' object has no attribute 'splitlines'");
    if (input.kind != JINJA_STRING && input.kind != JINJA_UNDEFINED)
        return jinja_raise(run, "TypeError", "unsupported operand type(s) for +=: '%s' and 'str'",
                           jinja_type_name(input));
    struct jinja_value text = jinja_binary(run, OP_ADD, input, jinja_from_string(&newline));
    if (!text.kind)
        return text;
    struct jinja_value lines = jinja_split_lines(run, text.as.string, false);
    if (!lines.kind)
        return lines;
    struct buffer out;
    buffer_init(&out, JINJA_MEMORY_MAX);
    for (size_t i = 0; i < lines.as.list->count; i++) {
        const struct jinja_string *line = lines.as.list->items[i].as.string;
        if (i)
            buffer_append_char(&out, '\n');
        if (i ? blank || line->size : first)
            buffer_append(&out, indent.as.string->data, indent.as.string->size);
        buffer_append(&out, line->data, line->size);
    }
    struct jinja_value result = jinja_string_take(run, &out);
    result.markup = input.markup;
    return result;
}

FILTER(center)
{
    (void)args;
    static const struct jinja_string blank = {" ", 1, 1, NULL};
    int64_t width = 80;
    struct jinja_value text = jinja_str(run, input);
    if (!text.kind || (bound[0].kind && !jinja_index(run, bound[0], &width)))
        return jinja_error();
    return jinja_pad(run, text.as.string, width, &blank, 0);
}

FILTER(escape)
{
    (void)bound;
    (void)args;
    return jinja_escape(run, input);
}

FILTER(forceescape)
{
    (void)bound;
    (void)args;
    input.markup = false;
    return jinja_escape(run, input);
}

FILTER(safe)
{
    (void)bound;
    (void)args;
    struct jinja_value text = jinja_str(run, input);
    text.markup = text.kind == JINJA_STRING;
    return text;
}

FILTER(string)
{
    (void)bound;
    (void)args;
    return jinja_str(run, input);
}

FILTER(format)
{
    (void)bound;
    struct jinja_value text = jinja_str(run, input);
    struct jinja_value values =
        args->named_count ? jinja_dict_new(run) : jinja_list_new(run, JINJA_TUPLE, "tuple");
    if (args->count && args->named_count)
        return jinja_raise(run, "FilterArgumentError",
                           "can't handle positional and keyword arguments at the same time");
    if (!text.kind || !values.kind)
        return jinja_error();
    for (size_t i = 0; i < args->count; i++) {
        if (!jinja_list_push(run, values.as.list, args->positional[i]))
            return jinja_error();
    }
    for (size_t i = 0; i < args->named_count; i++) {
        if (!jinja_dict_set(run, values.as.dict, jinja_from_string(args->names[i]), args->named[i]))
            return jinja_error();
    }
    return jinja_percent_format(run, text.as.string, values);
}

FILTER(default)
{
    (void)args;
    if (input.kind == JINJA_UNDEFINED || (jinja_truth(bound[1]) && !jinja_truth(input)))
        return bound[0].kind ? bound[0] : jinja_string_text(run, "");
    return input;
}

/* int(value) of a float: towards zero, beyond 64 bits by its exact digits. */
static struct jinja_value truncate_float(struct jinja_run *run, double value)
{
    char digits[DBL_MAX_10_EXP + 8];
    if (isnan(value) || isinf(value))
        return jinja_raise(run, isnan(value) ? "ValueError" : "OverflowError",
                           "cannot convert float %s to integer", isnan(value) ? "NaN" : "infinity");
    if (value > -0x1p63 && value < 0x1p63)
        return jinja_int((int64_t)value);
    snprintf(digits, sizeof(digits), "%.0f", value);
    struct jinja_value big = jinja_string_text(run, digits);
    if (big.kind)
        big.kind = JINJA_BIG;
    return big;
}

FILTER(int)
{
    (void)args;
    struct jinja_value fallback = bound[0].kind ? bound[0] : jinja_int(0), value;
    int64_t base = 10, integer = 0;
    double real = 0;
    /* A base that is none makes int(text, base) fail, which the filter takes as "no number". */
    bool base_fits = (!bound[1].kind || jinja_as_int(bound[1], &base)) &&
                     (base == 0 || (base >= 2 && base <= 36));
    if (input.kind == JINJA_UNDEFINED)
        return jinja_undefined_raise(run, input);
    if (input.kind == JINJA_BIG)
        return input;
    if (jinja_as_int(input, &integer))
        return jinja_int(integer);
    if (input.kind == JINJA_FLOAT)
        return isnan(input.as.real) ? fallback : truncate_float(run, input.as.real);
    if (input.kind != JINJA_STRING)
        return fallback;
    if (base_fits && jinja_parse_int(run, input.as.string, (int)base, &value))
        return value;
    if (run->status != OCTET_OK)
        return jinja_error();
    if (!jinja_parse_float(input.as.string, &real) || isnan(real))
        return fallback;
    return truncate_float(run, real);
}

FILTER(float)
{
    (void)args;
    struct jinja_value fallback = bound[0].kind ? bound[0] : jinja_float(0);
    double real = 0;
    if (input.kind == JINJA_UNDEFINED)
        return jinja_undefined_raise(run, input);
    if (jinja_as_double(input, &real))
        return jinja_float(real);
    if (input.kind == JINJA_STRING && jinja_parse_float(input.as.string, &real))
        return jinja_float(real);
    return fallback;
}

FILTER(abs)
{
    (void)bound;
    (void)args;
    int64_t integer = 0;
    if (input.kind == JINJA_FLOAT)
        return jinja_float(fabs(input.as.real));
    if (jinja_as_int(input, &integer))
        return integer < 0 ? jinja_unary(run, OP_SUB, jinja_int(integer)) : jinja_int(integer);
    if (input.kind == JINJA_BIG && input.as.string->data[0] != '-')
        return input;
    return jinja_raise(run, "TypeError", "bad operand type for abs(): '%s'",
                       jinja_type_name(input));
}

/* round(integer, -digits): to a multiple of a power of ten, ties to even. */
static struct jinja_value round_integer(int64_t value, int64_t digits)
{
    int64_t unit = 1;
    if (digits >= 0)
        return jinja_int(value);
    for (; digits < 0; digits++) {
        if (__builtin_mul_overflow(unit, (int64_t)10, &unit))
            return jinja_int(0);
    }
    int64_t rest = value % unit, base = value - rest, half = unit / 2;
    int64_t size = rest < 0 ? -rest : rest;
    if (size > half || (size == half && (base / unit) % 2 != 0))
        base += rest < 0 ? -unit : unit;
    return jinja_int(base);
}

static struct jinja_value round_float(double value, int64_t digits)
{
    char text[DBL_MAX_10_EXP + 340];
    if (!isfinite(value) || digits > 323)
        return jinja_float(value);
    if (digits < 0) {
        double unit = pow(10.0, (double)-digits);
        return jinja_float(isinf(unit) ? 0.0 * value : nearbyint(value / unit) * unit);
    }
    /* printf rounds the exact value, ties to even, which is what Python does. */
    snprintf(text, sizeof(text), "%.*f", (int)digits, value);
    return jinja_float(strtod(text, NULL));
}

FILTER(round)
{
    (void)args;
    int64_t digits = 0, integer = 0;
    double real = 0;
    bool common = !bound[1].kind ||
                  (bound[1].kind == JINJA_STRING && jinja_string_is(bound[1].as.string, "common"));
    bool ceiling =
        !common && bound[1].kind == JINJA_STRING && jinja_string_is(bound[1].as.string, "ceil");
    if (!common && !ceiling &&
        (bound[1].kind != JINJA_STRING || !jinja_string_is(bound[1].as.string, "floor")))
        return jinja_raise(run, "FilterArgumentError", "method must be common, ceil or floor");
    if (bound[0].kind && !jinja_index(run, bound[0], &digits))
        return jinja_error();
    if (common && jinja_as_int(input, &integer))
        return round_integer(integer, digits);
    if (common && input.kind == JINJA_FLOAT)
        return round_float(input.as.real, digits);
    if (common && input.kind == JINJA_BIG)
        return digits >= 0 ? input
                           : jinja_raise(run, "OverflowError",
                                         "arithmetic on integers beyond 64 bits is not supported");
    if (!jinja_as_double(input, &real))
        return jinja_raise(run, "TypeError", "type %s doesn't define __round__ method",
                           jinja_type_name(input));
    double unit = pow(10.0, (double)digits);
    return jinja_float((ceiling ? ceil(real * unit) : floor(real * unit)) / unit);
}

/* json.dumps()'s indent: a number of blanks, text, or None. */
static bool json_indent(struct jinja_run *run, struct jinja_value value,
                        struct jinja_json_style *style)
{
    if (!value.kind || value.kind == JINJA_NONE)
        return true;
    struct jinja_value text = indent_text(run, value);
    style->indent = text.as.string;
    return text.kind != JINJA_ERROR;
}

FILTER(tojson)
{
    (void)args;
    struct jinja_json_style style = {.ascii = jinja_truth(bound[0]),
                                     .sort_keys = jinja_truth(bound[3])};
    if (!json_indent(run, bound[1], &style))
        return jinja_error();
    if (bound[2].kind && bound[2].kind != JINJA_NONE) {
        struct jinja_value pair = jinja_to_list(run, bound[2]);
        if (!pair.kind)
            return pair;
        if (pair.as.list->count != 2 || pair.as.list->items[0].kind != JINJA_STRING ||
            pair.as.list->items[1].kind != JINJA_STRING)
            return jinja_raise(run, "ValueError", "separators must be two strings");
        style.item_separator = pair.as.list->items[0].as.string;
        style.key_separator = pair.as.list->items[1].as.string;
    }
    return jinja_to_json(run, input, &style);
}

FILTER(wordcount)
{
    (void)bound;
    (void)args;
    int64_t words = 0;
    bool inside = false;
    struct jinja_value text = jinja_str(run, input);
    if (!text.kind || !jinja_charge(run, text.as.string->size / 16))
        return jinja_error();
    for (size_t i = 0, length = 1; i < text.as.string->size; i += length) {
        uint32_t code_point =
            utf8_decode(text.as.string->data + i, text.as.string->size - i, &length);
        bool word = jinja_unicode_is(code_point, UNICODE_IS_WORD);
        words += word && !inside;
        inside = word;
    }
    return jinja_int(words);
}

FILTER(truncate)
{
    (void)args;
    int64_t length = 255, leeway = 5;
    struct jinja_value end = bound[2].kind ? bound[2] : jinja_string_text(run, "...");
    if ((bound[0].kind && !jinja_index(run, bound[0], &length)) ||
        (bound[3].kind && bound[3].kind != JINJA_NONE && !jinja_index(run, bound[3], &leeway)) ||
        !end.kind)
        return jinja_error();
    int64_t given = 0;
    if (!jinja_length(run, input, &given))
        return jinja_error();
    if (end.kind != JINJA_STRING)
        return jinja_raise(run, "TypeError", "object of type '%s' has no len()",
                           jinja_type_name(end));
    int64_t kept = length - (int64_t)end.as.string->chars;
    if (kept < 0 || leeway < 0)
        return jinja_raise(run, "AssertionError", "expected length >= %zu, got %lld",
                           end.as.string->chars, (long long)length);
    if (given - leeway <= length)
        return input;
    if (input.kind != JINJA_STRING)
        return jinja_raise(run, "TypeError", "only text can be truncated, not %s",
                           jinja_type_name(input));
    size_t cut = jinja_string_offset(input.as.string, (size_t)kept);
    if (!jinja_truth(bound[1])) {
        const char *space = memrchr(input.as.string->data, ' ', cut);
        if (space)
            cut = (size_t)(space - input.as.string->data);
    }
    struct jinja_value head = jinja_string_new(run, input.as.string->data, cut);
    return head.kind ? jinja_string_concat(run, head.as.string, end.as.string) : head;
}

const struct jinja_filter jinja_text_filters[] = {
    {"upper", "do_upper", "", 0, filter_upper},
    {"lower", "do_lower", "", 0, filter_lower},
    {"capitalize", "do_capitalize", "", 0, filter_capitalize},
    {"title", "do_title", "", 0, filter_title},
    {"trim", "do_trim", "chars", 0, filter_trim},
    {"replace", "do_replace", "old new count", 2, filter_replace},
    {"indent", "do_indent", "width first blank", 0, filter_indent},
    {"center", "do_center", "width", 0, filter_center},
    {"escape", "escape", "", 0, filter_escape},
    {"e", "escape", "", 0, filter_escape},
    {"forceescape", "do_forceescape", "", 0, filter_forceescape},
    {"safe", "do_mark_safe", "", 0, filter_safe},
    {"string", "soft_str", "", 0, filter_string},
    {"format", "do_format", NULL, 0, filter_format},
    {"default", "do_default", "default_value boolean", 0, filter_default},
    {"d", "do_default", "default_value boolean", 0, filter_default},
    {"int", "do_int", "default base", 0, filter_int},
    {"float", "do_float", "default", 0, filter_float},
    {"abs", "abs", "", 0, filter_abs},
    {"round", "do_round", "precision method", 0, filter_round},
    {"tojson", "tojson", "ensure_ascii indent separators sort_keys", 0, filter_tojson},
    {"wordcount", "do_wordcount", "", 0, filter_wordcount},
    {"truncate", "do_truncate", "length killwords end leeway", 0, filter_truncate},
    {0},
};
