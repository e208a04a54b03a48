/* SPDX-License-Identifier: Apache-2.0 */
/* What templates may call: filters, tests, functions, methods. Const tables, searched by name. */
#ifndef TEMPLATE_JINJA_REGISTRY_H
#define TEMPLATE_JINJA_REGISTRY_H

#include "template/jinja_value.h"

/*
 * parameters: the names after the input, separated by blanks, the first `required` of which must be
 * given; apply gets one value for each, of kind JINJA_ERROR where the call did not give it. NULL:
 * apply gets the call's arguments as they are.
 */
struct jinja_filter {
    const char *name;
    const char *function; /* what Python's messages call it */
    const char *parameters;
    unsigned required;
    struct jinja_value (*apply)(struct jinja_run *run, struct jinja_value input,
                                const struct jinja_value *bound, const struct jinja_args *args);
};

struct jinja_test {
    const char *name;
    unsigned arguments; /* after the value: exactly so many */
    /* 1, 0, or -1 after an error. */
    int (*apply)(struct jinja_run *run, struct jinja_value value, struct jinja_value argument);
};

struct jinja_function {
    const char *name;
    struct jinja_value (*apply)(struct jinja_run *run, const struct jinja_args *args);
};

enum jinja_method_class {
    METHOD_SUPPORTED,
    METHOD_MUTATES,     /* the sandbox refuses it */
    METHOD_UNSUPPORTED, /* Python has it, octet does not: refused when the template is compiled */
};

struct jinja_method {
    const char *name;
    enum jinja_method_class class;
    const char *parameters;
    unsigned required;
    struct jinja_value (*apply)(struct jinja_run *run, struct jinja_value self,
                                const struct jinja_value *bound, const struct jinja_args *args);
};

#define JINJA_PARAMETERS_MAX 6

const struct jinja_filter *jinja_filter_find(const char *name, size_t size);
const struct jinja_test *jinja_test_find(const char *name, size_t size);
const struct jinja_function *jinja_function_find(const char *name, size_t size);

/* The method `name` that Python objects of this kind have; NULL when they have none. */
const struct jinja_method *jinja_method_find(struct jinja_value object, const char *name,
                                             size_t size);
/* Is name a method that no type supports here although some Python type has it? */
bool jinja_method_unsupported(const char *name, size_t size);

/* The tables behind: each ends with a NULL name. */
extern const struct jinja_filter jinja_text_filters[], jinja_list_filters[], jinja_select_filters[];
extern const struct jinja_method jinja_str_methods[], jinja_str_more_methods[];
extern const struct jinja_method jinja_list_methods[], jinja_tuple_methods[], jinja_dict_methods[];

/*
 * Spread a call's arguments over parameters (see struct jinja_filter) into
 * bound[JINJA_PARAMETERS_MAX]. False after Python's TypeError.
 */
bool jinja_bind(struct jinja_run *run, const char *function, const char *parameters,
                unsigned required, const struct jinja_args *args, struct jinja_value *bound);

struct jinja_value jinja_filter_apply(struct jinja_run *run, const struct jinja_filter *filter,
                                      struct jinja_value input, const struct jinja_args *args);
int jinja_test_apply(struct jinja_run *run, const struct jinja_test *test, struct jinja_value value,
                     const struct jinja_args *args);

#endif
