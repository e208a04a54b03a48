/* SPDX-License-Identifier: Apache-2.0 */
/* "value is test". */
#include <math.h>
#include <string.h>
#include "template/jinja_eval.h"
#include "template/jinja_registry.h"

static int test_modulo(struct jinja_run *run, struct jinja_value value, struct jinja_value by,
                       int64_t wanted)
{
    struct jinja_value rest = jinja_binary(run, OP_MOD, value, by);
    return rest.kind ? jinja_equal(run, rest, jinja_int(wanted)) : -1;
}

static int test_odd(struct jinja_run *run, struct jinja_value value, struct jinja_value other)
{
    (void)other;
    return test_modulo(run, value, jinja_int(2), 1);
}

static int test_even(struct jinja_run *run, struct jinja_value value, struct jinja_value other)
{
    (void)other;
    return test_modulo(run, value, jinja_int(2), 0);
}

static int test_divisibleby(struct jinja_run *run, struct jinja_value value,
                            struct jinja_value other)
{
    return test_modulo(run, value, other, 0);
}

/* The tests that ask for a value's kind alone. */
#define KIND_TEST(name, expression)                                                                \
    static int test_##name(struct jinja_run *run, struct jinja_value value,                        \
                           struct jinja_value other)                                               \
    {                                                                                              \
        (void)run;                                                                                 \
        (void)other;                                                                               \
        return expression;                                                                         \
    }

KIND_TEST(defined, value.kind != JINJA_UNDEFINED)
KIND_TEST(undefined, value.kind == JINJA_UNDEFINED)
KIND_TEST(none, value.kind == JINJA_NONE)
KIND_TEST(boolean, value.kind == JINJA_BOOL)
KIND_TEST(true, value.kind == JINJA_BOOL && value.as.boolean)
KIND_TEST(false, value.kind == JINJA_BOOL && !value.as.boolean)
KIND_TEST(integer, value.kind == JINJA_INT || value.kind == JINJA_BIG)
KIND_TEST(float, value.kind == JINJA_FLOAT)
KIND_TEST(number, value.kind >= JINJA_BOOL && value.kind <= JINJA_FLOAT)
KIND_TEST(string, value.kind == JINJA_STRING)
KIND_TEST(mapping, value.kind == JINJA_DICT)
KIND_TEST(escaped, value.kind == JINJA_STRING && value.markup)
KIND_TEST(callable, value.kind == JINJA_UNDEFINED || value.kind == JINJA_MACRO ||
                        value.kind == JINJA_FUNCTION || value.kind == JINJA_METHOD ||
                        value.kind == JINJA_LOOP || value.kind == JINJA_JOINER)
KIND_TEST(iterable, value.kind == JINJA_UNDEFINED || value.kind == JINJA_STRING ||
                        value.kind == JINJA_DICT || value.kind == JINJA_RANGE ||
                        value.kind == JINJA_LOOP || jinja_is_sequence(value))
KIND_TEST(sequence, value.kind == JINJA_UNDEFINED || value.kind == JINJA_STRING ||
                        value.kind == JINJA_DICT || value.kind == JINJA_RANGE ||
                        value.kind == JINJA_LIST || value.kind == JINJA_TUPLE)

static int test_case(struct jinja_run *run, struct jinja_value value, bool upper)
{
    struct jinja_value text = jinja_str(run, value);
    return text.kind ? jinja_is_case(text.as.string, upper) : -1;
}

static int test_lower(struct jinja_run *run, struct jinja_value value, struct jinja_value other)
{
    (void)other;
    return test_case(run, value, false);
}

static int test_upper(struct jinja_run *run, struct jinja_value value, struct jinja_value other)
{
    (void)other;
    return test_case(run, value, true);
}

/* "is": the same object; small values that Python keeps once compare by value. */
static int test_sameas(struct jinja_run *run, struct jinja_value value, struct jinja_value other)
{
    if (value.kind != other.kind)
        return 0;
    if (value.kind != JINJA_UNDEFINED && value.kind <= JINJA_STRING)
        return jinja_equal(run, value, other);
    return value.as.list == other.as.list;
}

static int test_in(struct jinja_run *run, struct jinja_value value, struct jinja_value other)
{
    return jinja_contains(run, other, value);
}

static int test_filter(struct jinja_run *run, struct jinja_value value, struct jinja_value other)
{
    (void)run;
    (void)other;
    return value.kind == JINJA_STRING &&
           jinja_filter_find(value.as.string->data, value.as.string->size) != NULL;
}

static int test_test(struct jinja_run *run, struct jinja_value value, struct jinja_value other)
{
    (void)run;
    (void)other;
    return value.kind == JINJA_STRING &&
           jinja_test_find(value.as.string->data, value.as.string->size) != NULL;
}

#define COMPARE_TEST(name, op)                                                                     \
    static int test_##name(struct jinja_run *run, struct jinja_value value,                        \
                           struct jinja_value other)                                               \
    {                                                                                              \
        return jinja_compare(run, op, value, other);                                               \
    }

COMPARE_TEST(eq, OP_EQ)
COMPARE_TEST(ne, OP_NE)
COMPARE_TEST(lt, OP_LT)
COMPARE_TEST(le, OP_LE)
COMPARE_TEST(gt, OP_GT)
COMPARE_TEST(ge, OP_GE)

static const struct jinja_test tests[] = {
    {"defined", 0, test_defined},
    {"undefined", 0, test_undefined},
    {"none", 0, test_none},
    {"boolean", 0, test_boolean},
    {"true", 0, test_true},
    {"false", 0, test_false},
    {"integer", 0, test_integer},
    {"float", 0, test_float},
    {"number", 0, test_number},
    {"string", 0, test_string},
    {"mapping", 0, test_mapping},
    {"iterable", 0, test_iterable},
    {"sequence", 0, test_sequence},
    {"callable", 0, test_callable},
    {"escaped", 0, test_escaped},
    {"lower", 0, test_lower},
    {"upper", 0, test_upper},
    {"odd", 0, test_odd},
    {"even", 0, test_even},
    {"divisibleby", 1, test_divisibleby},
    {"sameas", 1, test_sameas},
    {"in", 1, test_in},
    {"filter", 0, test_filter},
    {"test", 0, test_test},
    {"==", 1, test_eq},
    {"eq", 1, test_eq},
    {"equalto", 1, test_eq},
    {"!=", 1, test_ne},
    {"ne", 1, test_ne},
    {"<", 1, test_lt},
    {"lt", 1, test_lt},
    {"lessthan", 1, test_lt},
    {"<=", 1, test_le},
    {"le", 1, test_le},
    {">", 1, test_gt},
    {"gt", 1, test_gt},
    {"greaterthan", 1, test_gt},
    {">=", 1, test_ge},
    {"ge", 1, test_ge},
};

const struct jinja_test *jinja_test_find(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (strlen(tests[i].name) == size && !memcmp(tests[i].name, name, size))
            return &tests[i];
    }
    return NULL;
}

int jinja_test_apply(struct jinja_run *run, const struct jinja_test *test, struct jinja_value value,
                     const struct jinja_args *args)
{
    if (args->count + args->named_count != test->arguments) {
        jinja_raise(run, "TypeError", "the test '%s' takes %u argument%s, %zu given", test->name,
                    test->arguments, test->arguments == 1 ? "" : "s",
                    args->count + args->named_count);
        return -1;
    }
    struct jinja_value other = args->count         ? args->positional[0]
                               : args->named_count ? args->named[0]
                                                   : jinja_none();
    return test->apply(run, value, other);
}
