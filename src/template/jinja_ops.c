/* SPDX-License-Identifier: Apache-2.0 */
/* Python's operators. Integers are 64 bits: what would leave them is an error, never a wrong
 * number. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "template/jinja_eval.h"

bool jinja_as_int(struct jinja_value value, int64_t *out)
{
    if (value.kind == JINJA_INT)
        *out = value.as.integer;
    else if (value.kind == JINJA_BOOL)
        *out = value.as.boolean;
    else
        return false;
    return true;
}

bool jinja_as_double(struct jinja_value value, double *out)
{
    int64_t integer = 0;
    if (value.kind == JINJA_FLOAT)
        *out = value.as.real;
    else if (value.kind == JINJA_BIG)
        *out = strtod(value.as.string->data, NULL);
    else if (jinja_as_int(value, &integer))
        *out = (double)integer;
    else
        return false;
    return true;
}

static bool is_number(struct jinja_value value)
{
    return value.kind == JINJA_FLOAT || value.kind == JINJA_BIG || value.kind == JINJA_INT ||
           value.kind == JINJA_BOOL;
}

static const char *symbol_of(enum jinja_operator op)
{
    static const char *const symbols[] = {
        [OP_ADD] = "+",       [OP_SUB] = "-", [OP_MUL] = "*",           [OP_DIV] = "/",
        [OP_FLOORDIV] = "//", [OP_MOD] = "%", [OP_POW] = "** or pow()", [OP_EQ] = "==",
        [OP_NE] = "!=",       [OP_LT] = "<",  [OP_LE] = "<=",           [OP_GT] = ">",
        [OP_GE] = ">=",
    };
    return symbols[op];
}

static struct jinja_value too_big(struct jinja_run *run)
{
    return jinja_raise(run, "OverflowError",
                       "arithmetic on integers beyond 64 bits is not supported");
}

static struct jinja_value zero_division(struct jinja_run *run, const char *text)
{
    return jinja_raise(run, "ZeroDivisionError", "%s", text);
}

/* The quotient rounded towards minus infinity; b is neither 0 nor makes the division overflow. */
static int64_t floor_div(int64_t a, int64_t b)
{
    int64_t quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

static struct jinja_value int_pow(struct jinja_run *run, int64_t a, int64_t b)
{
    int64_t result = 1;
    if (b < 0) {
        if (a == 0)
            return zero_division(run, "0.0 cannot be raised to a negative power");
        return jinja_float(pow((double)a, (double)b));
    }
    while (b > 0) {
        if ((b & 1) && __builtin_mul_overflow(result, a, &result))
            return too_big(run);
        b >>= 1;
        if (b > 0 && __builtin_mul_overflow(a, a, &a))
            return too_big(run);
    }
    return jinja_int(result);
}

static struct jinja_value int_divide(struct jinja_run *run, enum jinja_operator op, int64_t a,
                                     int64_t b)
{
    if (b == 0)
        return zero_division(run, op == OP_DIV        ? "division by zero"
                                  : op == OP_FLOORDIV ? "integer division or modulo by zero"
                                                      : "integer modulo by zero");
    if (op == OP_DIV)
        return jinja_float((double)((long double)a / (long double)b));
    if (a == INT64_MIN && b == -1)
        return op == OP_MOD ? jinja_int(0) : too_big(run);
    int64_t quotient = floor_div(a, b);
    return jinja_int(op == OP_MOD ? a - quotient * b : quotient);
}

static struct jinja_value int_binary(struct jinja_run *run, enum jinja_operator op, int64_t a,
                                     int64_t b)
{
    int64_t result = 0;
    bool overflow = false;
    switch (op) {
    case OP_ADD:
        overflow = __builtin_add_overflow(a, b, &result);
        break;
    case OP_SUB:
        overflow = __builtin_sub_overflow(a, b, &result);
        break;
    case OP_MUL:
        overflow = __builtin_mul_overflow(a, b, &result);
        break;
    case OP_POW:
        return int_pow(run, a, b);
    default:
        return int_divide(run, op, a, b);
    }
    return overflow ? too_big(run) : jinja_int(result);
}

/* Python's float % and //: the remainder has the sign of the divisor. */
static struct jinja_value float_divmod(struct jinja_run *run, enum jinja_operator op, double a,
                                       double b)
{
    if (b == 0)
        return zero_division(run, op == OP_MOD ? "float modulo" : "float floor division by zero");
    double mod = fmod(a, b), div = (a - mod) / b;
    if (mod != 0) {
        if ((b < 0) != (mod < 0)) {
            mod += b;
            div -= 1.0;
        }
    } else {
        mod = copysign(0.0, b);
    }
    if (op == OP_MOD)
        return jinja_float(mod);
    if (div == 0)
        return jinja_float(copysign(0.0, a / b));
    double floored = floor(div);
    return jinja_float(div - floored > 0.5 ? floored + 1.0 : floored);
}

static struct jinja_value float_pow(struct jinja_run *run, double a, double b)
{
    if (a == 0 && b < 0)
        return zero_division(run, "0.0 cannot be raised to a negative power");
    if (a < 0 && isfinite(a) && isfinite(b) && floor(b) != b)
        return jinja_raise(run, "ValueError", "complex numbers are not supported");
    double result = pow(a, b);
    if (isinf(result) && isfinite(a) && isfinite(b))
        return jinja_raise(run, "OverflowError", "(34, 'Numerical result out of range')");
    return jinja_float(result);
}

static struct jinja_value float_binary(struct jinja_run *run, enum jinja_operator op, double a,
                                       double b)
{
    switch (op) {
    case OP_ADD:
        return jinja_float(a + b);
    case OP_SUB:
        return jinja_float(a - b);
    case OP_MUL:
        return jinja_float(a * b);
    case OP_DIV:
        return b == 0 ? zero_division(run, "float division by zero") : jinja_float(a / b);
    case OP_POW:
        return float_pow(run, a, b);
    default:
        return float_divmod(run, op, a, b);
    }
}

struct jinja_value jinja_repeat(struct jinja_run *run, struct jinja_value value, int64_t times)
{
    size_t count = times > 0 ? (size_t)times : 0, total = 0;
    if (value.kind == JINJA_STRING) {
        const struct jinja_string *string = value.as.string;
        if (__builtin_mul_overflow(string->size, count, &total) || total > JINJA_MEMORY_MAX)
            return jinja_raise_limit(run, "the template repeats a string %zu times", count);
        char *data = jinja_alloc(run, total + 1);
        if (!data || !jinja_charge(run, total / 64))
            return jinja_error();
        for (size_t i = 0; i < count && string->size; i++)
            memcpy(data + i * string->size, string->data, string->size);
        struct jinja_value result = jinja_string_view(run, data, total);
        result.markup = value.markup;
        return result;
    }
    const struct jinja_list *list = value.as.list;
    if (__builtin_mul_overflow(list->count, count, &total) || !jinja_charge(run, total))
        return jinja_raise_limit(run, "the template repeats a list %zu times", count);
    struct jinja_value result = jinja_list_new(run, value.kind, list->type);
    for (size_t i = 0; result.kind && i < total; i++) {
        if (!jinja_list_push(run, result.as.list, list->items[i % list->count]))
            return jinja_error();
    }
    return result;
}

static struct jinja_value join_lists(struct jinja_run *run, struct jinja_value a,
                                     struct jinja_value b)
{
    struct jinja_value result = jinja_list_new(run, a.kind, a.as.list->type);
    if (!result.kind || !jinja_charge(run, a.as.list->count + b.as.list->count))
        return jinja_error();
    for (size_t i = 0; i < a.as.list->count; i++) {
        if (!jinja_list_push(run, result.as.list, a.as.list->items[i]))
            return jinja_error();
    }
    for (size_t i = 0; i < b.as.list->count; i++) {
        if (!jinja_list_push(run, result.as.list, b.as.list->items[i]))
            return jinja_error();
    }
    return result;
}

static struct jinja_value unsupported(struct jinja_run *run, enum jinja_operator op,
                                      struct jinja_value a, struct jinja_value b)
{
    return jinja_raise(run, "TypeError", "unsupported operand type(s) for %s: '%s' and '%s'",
                       symbol_of(op), jinja_type_name(a), jinja_type_name(b));
}

static struct jinja_value add_values(struct jinja_run *run, struct jinja_value a,
                                     struct jinja_value b)
{
    if (a.kind == JINJA_STRING && b.kind == JINJA_STRING) {
        bool markup = a.markup || b.markup;
        if (markup) {
            a = jinja_escape(run, a);
            b = jinja_escape(run, b);
            if (!a.kind || !b.kind)
                return jinja_error();
        }
        struct jinja_value result = jinja_string_concat(run, a.as.string, b.as.string);
        result.markup = markup;
        return result;
    }
    if (a.kind == b.kind && (a.kind == JINJA_LIST || a.kind == JINJA_TUPLE))
        return join_lists(run, a, b);
    if (a.kind == JINJA_STRING || a.kind == JINJA_LIST || a.kind == JINJA_TUPLE) {
        const char *type = a.kind == JINJA_STRING ? "str" : jinja_type_name(a);
        return jinja_raise(run, "TypeError", "can only concatenate %s (not \"%s\") to %s", type,
                           jinja_type_name(b), type);
    }
    return unsupported(run, OP_ADD, a, b);
}

static bool is_repeatable(struct jinja_value value)
{
    return value.kind == JINJA_STRING || value.kind == JINJA_LIST || value.kind == JINJA_TUPLE;
}

static struct jinja_value multiply_values(struct jinja_run *run, struct jinja_value a,
                                          struct jinja_value b)
{
    int64_t times = 0;
    if (is_repeatable(a) && jinja_as_int(b, &times))
        return jinja_repeat(run, a, times);
    if (is_repeatable(b) && jinja_as_int(a, &times))
        return jinja_repeat(run, b, times);
    if (is_repeatable(a) || is_repeatable(b))
        return jinja_raise(run, "TypeError", "can't multiply sequence by non-int of type '%s'",
                           jinja_type_name(is_repeatable(a) ? b : a));
    return unsupported(run, OP_MUL, a, b);
}

struct jinja_value jinja_binary(struct jinja_run *run, enum jinja_operator op, struct jinja_value a,
                                struct jinja_value b)
{
    int64_t left = 0, right = 0;
    double x = 0, y = 0;
    if (op == OP_MOD && a.kind == JINJA_STRING)
        return jinja_percent_format(run, a.as.string, b);
    if (a.kind == JINJA_UNDEFINED || b.kind == JINJA_UNDEFINED)
        return jinja_undefined_raise(run, a.kind == JINJA_UNDEFINED ? a : b);
    if (jinja_as_int(a, &left) && jinja_as_int(b, &right))
        return int_binary(run, op, left, right);
    if (is_number(a) && is_number(b)) {
        if (a.kind != JINJA_FLOAT && b.kind != JINJA_FLOAT)
            return too_big(run);
        jinja_as_double(a, &x);
        jinja_as_double(b, &y);
        return float_binary(run, op, x, y);
    }
    if (op == OP_ADD)
        return add_values(run, a, b);
    if (op == OP_MUL)
        return multiply_values(run, a, b);
    return unsupported(run, op, a, b);
}

/* -digits, which may come back into 64 bits: -(2^63). */
static struct jinja_value negate_big(struct jinja_run *run, const struct jinja_string *digits)
{
    struct buffer text;
    buffer_init(&text, digits->size + 2);
    bool negative = digits->data[0] == '-';
    if (!negative)
        buffer_append_char(&text, '-');
    buffer_append(&text, digits->data + negative, digits->size - negative);
    struct jinja_value string = jinja_string_take(run, &text), value;
    if (!string.kind)
        return string;
    return jinja_parse_int(run, string.as.string, 10, &value) ? value : jinja_error();
}

struct jinja_value jinja_unary(struct jinja_run *run, enum jinja_operator op,
                               struct jinja_value value)
{
    int64_t integer = 0;
    if (op == OP_NOT)
        return jinja_bool(!jinja_truth(value));
    if (value.kind == JINJA_UNDEFINED)
        return jinja_undefined_raise(run, value);
    if (value.kind == JINJA_FLOAT)
        return jinja_float(op == OP_SUB ? -value.as.real : value.as.real);
    if (value.kind == JINJA_BIG)
        return op == OP_SUB ? negate_big(run, value.as.string) : value;
    if (!jinja_as_int(value, &integer))
        return jinja_raise(run, "TypeError", "bad operand type for unary %s: '%s'", symbol_of(op),
                           jinja_type_name(value));
    if (op == OP_SUB && __builtin_sub_overflow((int64_t)0, integer, &integer))
        return too_big(run);
    return jinja_int(integer);
}

static int contains_item(struct jinja_run *run, struct jinja_value container,
                         struct jinja_value needle)
{
    struct jinja_iter iter;
    struct jinja_value item;
    int more = 0;
    if (!jinja_iter_start(run, container, &iter))
        return -1;
    while ((more = jinja_iter_next(run, &iter, &item)) == 1) {
        int equal = jinja_equal(run, item, needle);
        if (equal)
            return equal;
    }
    return more;
}

int jinja_contains(struct jinja_run *run, struct jinja_value container, struct jinja_value needle)
{
    struct jinja_value ignored;
    switch (container.kind) {
    case JINJA_STRING:
        if (needle.kind != JINJA_STRING) {
            jinja_raise(run, "TypeError", "'in <string>' requires string as left operand, not %s",
                        jinja_type_name(needle));
            return -1;
        }
        if (!jinja_charge(run, container.as.string->size / 64))
            return -1;
        return jinja_find(container.as.string, needle.as.string, 0) != SIZE_MAX;
    case JINJA_DICT:
        return jinja_dict_get(run, container.as.dict, needle, &ignored);
    case JINJA_UNDEFINED:
    case JINJA_LIST:
    case JINJA_TUPLE:
    case JINJA_VIEW:
    case JINJA_GENERATOR:
    case JINJA_RANGE:
        return contains_item(run, container, needle);
    default:
        jinja_raise(run, "TypeError", "argument of type '%s' is not iterable",
                    jinja_type_name(container));
        return -1;
    }
}

int jinja_compare(struct jinja_run *run, enum jinja_operator op, struct jinja_value a,
                  struct jinja_value b)
{
    int order = 0, found = 0;
    switch (op) {
    case OP_EQ:
    case OP_NE:
        found = jinja_equal(run, a, b);
        return found < 0 ? -1 : found == (op == OP_EQ);
    case OP_IN:
    case OP_NOT_IN:
        found = jinja_contains(run, b, a);
        return found < 0 ? -1 : found == (op == OP_IN);
    default:
        break;
    }
    if (!jinja_order(run, a, b, symbol_of(op), &order))
        return -1;
    if (order == 2)
        return 0;
    return op == OP_LT   ? order < 0
           : op == OP_LE ? order <= 0
           : op == OP_GT ? order > 0
                         : order >= 0;
}
