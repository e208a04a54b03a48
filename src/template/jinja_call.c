/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: macros, bound methods, the functions every template has. */
#include <string.h>
#include <time.h>
#include "template/jinja_eval.h"
#include "template/jinja_registry.h"

/* The index-th word of a blank-separated list; its length, 0 when there is none. */
static size_t parameter_name(const char *parameters, size_t index, const char **name)
{
    while (index-- && parameters) {
        parameters = strchr(parameters, ' ');
        if (parameters)
            parameters++;
    }
    *name = parameters;
    return parameters ? strcspn(parameters, " ") : 0;
}

static bool bind_named(struct jinja_run *run, const char *function, const char *parameters,
                       const struct jinja_args *args, struct jinja_value *bound)
{
    const char *name = NULL;
    for (size_t i = 0; i < args->named_count; i++) {
        size_t length = 0, place = 0;
        const struct jinja_string *given = args->names[i];
        while ((length = parameter_name(parameters, place, &name)) != 0 &&
               (length != given->size || memcmp(name, given->data, length) != 0))
            place++;
        if (!length)
            return jinja_raise(run, "TypeError", "%s() got an unexpected keyword argument '%.*s'",
                               function, (int)(given->size < 200 ? given->size : 200), given->data)
                .kind;
        if (bound[place].kind)
            return jinja_raise(run, "TypeError", "%s() got multiple values for argument '%.*s'",
                               function, (int)length, name)
                .kind;
        bound[place] = args->named[i];
    }
    return true;
}

bool jinja_bind(struct jinja_run *run, const char *function, const char *parameters,
                unsigned required, const struct jinja_args *args, struct jinja_value *bound)
{
    const char *name = NULL;
    size_t count = 0;
    memset(bound, 0, JINJA_PARAMETERS_MAX * sizeof(*bound));
    while (parameter_name(parameters, count, &name))
        count++;
    if (args->count > count)
        return jinja_raise(run, "TypeError", "%s() takes at most %zu arguments (%zu given)",
                           function, count, args->count)
            .kind;
    for (size_t i = 0; i < args->count; i++)
        bound[i] = args->positional[i];
    if (!bind_named(run, function, parameters, args, bound))
        return false;
    for (size_t i = 0; i < required; i++) {
        size_t length = parameter_name(parameters, i, &name);
        if (!bound[i].kind)
            return jinja_raise(run, "TypeError",
                               "%s() missing 1 required positional argument: '%.*s'", function,
                               (int)length, name)
                .kind;
    }
    return true;
}

static bool bind_parameters(struct jinja_run *run, const struct jinja_macro_def *def,
                            const struct jinja_args *args, struct jinja_scope *scope, bool *taken)
{
    size_t index = 0, first_default = def->count - def->default_count;
    const struct jinja_node *fallback = def->defaults;
    struct buffer hint;
    for (const struct jinja_node *node = def->parameters; node; node = node->next, index++) {
        const struct jinja_string *name = node->as.name;
        struct jinja_value value = jinja_error();
        if (index < args->count)
            value = args->positional[index];
        for (size_t i = 0; !value.kind && i < args->named_count; i++) {
            if (jinja_string_equal(args->names[i], name)) {
                value = args->named[i];
                taken[i] = true;
            }
        }
        if (!value.kind && index >= first_default) {
            value = jinja_eval(run, fallback, scope);
        } else if (!value.kind) {
            buffer_init(&hint, 4096);
            buffer_printf(&hint, "parameter '%.*s' was not provided", (int)name->size, name->data);
            struct jinja_value text = jinja_string_take(run, &hint);
            value = text.kind ? jinja_undefined_hint(run, text.as.string->data) : text;
        }
        if (index >= first_default)
            fallback = fallback->next;
        if (!value.kind || !jinja_scope_set(run, scope, name, value))
            return false;
    }
    return true;
}

/* Positional arguments past the parameters, named ones that no parameter took. */
static bool bind_rest(struct jinja_run *run, const struct jinja_macro *macro,
                      const struct jinja_args *args, struct jinja_scope *scope, bool *taken)
{
    const struct jinja_macro_def *def = macro->def;
    struct jinja_value rest = jinja_list_new(run, JINJA_TUPLE, "tuple");
    struct jinja_value named = jinja_dict_new(run), name = jinja_none();
    struct jinja_value caller = jinja_undefined_hint(run, "No caller defined");
    if (macro->name)
        name = jinja_from_string(macro->name);
    name = jinja_repr(run, name);
    if (!rest.kind || !named.kind || !caller.kind || !name.kind)
        return false;
    for (size_t i = 0; i < args->named_count; i++) {
        if (taken[i])
            continue;
        if (def->uses_caller && jinja_string_is(args->names[i], "caller"))
            caller = args->named[i];
        else if (!def->uses_kwargs && jinja_string_is(args->names[i], "caller"))
            return jinja_raise(run, "TypeError",
                               "macro %s was invoked with two values for the special caller "
                               "argument. This is most likely a bug.",
                               name.as.string->data)
                .kind;
        else if (!def->uses_kwargs)
            return jinja_raise(run, "TypeError", "macro %s takes no keyword argument '%.*s'",
                               name.as.string->data, (int)args->names[i]->size,
                               args->names[i]->data)
                .kind;
        else if (!jinja_dict_set(run, named.as.dict, jinja_from_string(args->names[i]),
                                 args->named[i]))
            return false;
    }
    if (args->count > def->count && !def->uses_varargs)
        return jinja_raise(run, "TypeError", "macro %s takes not more than %zu argument(s)",
                           name.as.string->data, def->count)
            .kind;
    for (size_t i = def->count; i < args->count; i++) {
        if (!jinja_list_push(run, rest.as.list, args->positional[i]))
            return false;
    }
    return (!def->uses_caller || jinja_scope_set(run, scope, run->tree->caller, caller)) &&
           (!def->uses_kwargs || jinja_scope_set(run, scope, run->tree->kwargs, named)) &&
           (!def->uses_varargs || jinja_scope_set(run, scope, run->tree->varargs, rest));
}

struct jinja_value jinja_macro_call(struct jinja_run *run, const struct jinja_macro *macro,
                                    struct jinja_args *args)
{
    enum jinja_flow flow = FLOW_NEXT;
    struct jinja_scope *scope = jinja_scope_new(run, macro->scope);
    bool *taken = jinja_alloc(run, args->named_count + 1);
    if (!scope || !taken || !bind_parameters(run, macro->def, args, scope, taken) ||
        !bind_rest(run, macro, args, scope, taken))
        return jinja_error();
    return jinja_exec_text(run, macro->def->body, scope, &flow);
}

/* loop(children): the loop's body again over other items. */
static struct jinja_value call_loop(struct jinja_run *run, const struct jinja_loop *loop,
                                    const struct jinja_args *args)
{
    if (!loop->node->as.loop.recursive)
        return jinja_raise(run, "TypeError",
                           "The loop must have the 'recursive' marker to be called recursively.");
    if (args->count != 1 || args->named_count)
        return jinja_raise(run, "TypeError", "loop() takes exactly one argument (%zu given)",
                           args->count + args->named_count);
    struct buffer text, *outer = run->out;
    buffer_init(&text, JINJA_MEMORY_MAX);
    run->out = &text;
    enum jinja_flow flow =
        jinja_exec_loop(run, loop->node, loop->scope, args->positional[0], loop->depth0 + 1);
    run->out = outer;
    if (flow == FLOW_FAILED) {
        buffer_free(&text);
        return jinja_error();
    }
    return jinja_string_take(run, &text);
}

/* ", " on every call but the first. */
static struct jinja_value call_joiner(struct jinja_run *run, struct jinja_cycler *joiner)
{
    return joiner->position++ ? joiner->items : jinja_string_text(run, "");
}

/*
 * Methods of Markup escape the text they are given; octet refuses where that would change it.
 * join() and format() escape what they are not given directly, so they are refused outright.
 */
static bool markup_allows(struct jinja_run *run, const struct jinja_method *method,
                          const struct jinja_args *args)
{
    bool allowed = strcmp(method->name, "join") != 0 && strcmp(method->name, "format") != 0;
    for (size_t i = 0; i < args->count; i++) {
        struct jinja_value value = args->positional[i];
        for (size_t j = 0; value.kind == JINJA_STRING && j < value.as.string->size; j++)
            allowed &=
                value.as.string->data[j] == '\0' || !strchr("&<>'\"", value.as.string->data[j]);
    }
    return allowed ||
           jinja_raise(run, "TypeError",
                       "octet does not support %s() of a safe or escaped string here", method->name)
               .kind;
}

/* What a method of Markup returns is Markup. */
static struct jinja_value mark_result(struct jinja_value value)
{
    if (value.kind == JINJA_STRING)
        value.markup = true;
    else if (value.kind == JINJA_LIST || value.kind == JINJA_TUPLE)
        for (size_t i = 0; i < value.as.list->count; i++)
            value.as.list->items[i].markup = value.as.list->items[i].kind == JINJA_STRING;
    return value;
}

static struct jinja_value call_method(struct jinja_run *run, const struct jinja_bound *callee,
                                      const struct jinja_args *args)
{
    struct jinja_value bound[JINJA_PARAMETERS_MAX], self = callee->self;
    const struct jinja_method *method = callee->method;
    bool markup = self.kind == JINJA_STRING && self.markup;
    if (method->class == METHOD_UNSUPPORTED)
        return jinja_raise(run, "TypeError", "octet does not support the method '%s' of %s",
                           method->name, jinja_type_name(self));
    bool keywords = !method->parameters || strstr("split rsplit splitlines", method->name);
    if (args->named_count && !keywords)
        return jinja_raise(run, "TypeError", "%s.%s() takes no keyword arguments",
                           jinja_type_name(self), method->name);
    if (method->parameters &&
        !jinja_bind(run, method->name, method->parameters, method->required, args, bound))
        return jinja_error();
    if (markup && !markup_allows(run, method, args))
        return jinja_error();
    struct jinja_value value = method->apply(run, self, bound, args);
    return markup ? mark_result(value) : value;
}

struct jinja_value jinja_call(struct jinja_run *run, struct jinja_value callee,
                              struct jinja_args *args)
{
    if (run->depth >= JINJA_CALL_DEPTH_MAX)
        return jinja_raise(run, "RecursionError", "maximum recursion depth exceeded");
    switch (callee.kind) {
    case JINJA_UNDEFINED:
        return jinja_undefined_raise(run, callee);
    case JINJA_FUNCTION:
        return callee.as.function->apply(run, args);
    case JINJA_MACRO:
        return jinja_macro_call(run, callee.as.macro, args);
    case JINJA_LOOP:
        return call_loop(run, callee.as.loop, args);
    case JINJA_JOINER:
        return call_joiner(run, callee.as.cycler);
    case JINJA_METHOD:
        return call_method(run, callee.as.bound, args);
    default:
        return jinja_raise(run, "TypeError", "'%s' object is not callable",
                           jinja_type_name(callee));
    }
}

static struct jinja_value call_raise(struct jinja_run *run, const struct jinja_args *args)
{
    struct jinja_value bound[JINJA_PARAMETERS_MAX];
    if (!jinja_bind(run, "raise_exception", "message", 1, args, bound))
        return jinja_error();
    struct jinja_value text = jinja_str(run, bound[0]);
    return text.kind ? jinja_raise_text(run, text.as.string) : text;
}

static struct jinja_value call_strftime(struct jinja_run *run, const struct jinja_args *args)
{
    struct jinja_value bound[JINJA_PARAMETERS_MAX];
    char text[512];
    time_t now = time(NULL);
    struct tm parts;
    if (!jinja_bind(run, "strftime_now", "format", 1, args, bound))
        return jinja_error();
    if (bound[0].kind != JINJA_STRING)
        return jinja_raise(run, "TypeError", "strftime() argument 1 must be str, not %s",
                           jinja_type_name(bound[0]));
    const struct jinja_string *format = bound[0].as.string;
    char *copy = jinja_alloc(run, format->size + 2);
    if (!copy || !localtime_r(&now, &parts))
        return copy ? jinja_raise(run, "ValueError", "no local time") : jinja_error();
    memcpy(copy, format->data, format->size);
    copy[format->size] = ' '; /* so that an empty result is told from one that does not fit */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t length = strftime(text, sizeof(text), copy, &parts);
#pragma GCC diagnostic pop
    if (!length)
        return jinja_raise(run, "ValueError", "the result of strftime_now() is too long");
    return jinja_string_new(run, text, length - 1);
}

static struct jinja_value call_range(struct jinja_run *run, const struct jinja_args *args)
{
    int64_t numbers[3] = {0, 0, 1};
    if (args->named_count)
        return jinja_raise(run, "TypeError", "range() takes no keyword arguments");
    if (args->count < 1 || args->count > 3)
        return jinja_raise(run, "TypeError", "range expected at %s %d argument%s, got %zu",
                           args->count ? "most" : "least", args->count ? 3 : 1,
                           args->count ? "s" : "", args->count);
    for (size_t i = 0; i < args->count; i++) {
        if (!jinja_index(run, args->positional[i], &numbers[args->count == 1 ? 1 : i]))
            return jinja_error();
    }
    if (numbers[2] == 0)
        return jinja_raise(run, "ValueError", "range() arg 3 must not be zero");
    bool down = numbers[2] < 0;
    uint64_t span = 0, step = down ? 0 - (uint64_t)numbers[2] : (uint64_t)numbers[2];
    if (down ? numbers[0] > numbers[1] : numbers[0] < numbers[1])
        span = down ? (uint64_t)numbers[0] - (uint64_t)numbers[1]
                    : (uint64_t)numbers[1] - (uint64_t)numbers[0];
    uint64_t count = span ? (span - 1) / step + 1 : 0;
    if (count > JINJA_RANGE_MAX)
        return jinja_raise(run, "OverflowError",
                           "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).",
                           JINJA_RANGE_MAX);
    struct jinja_range *range = jinja_alloc(run, sizeof(*range));
    if (!range)
        return jinja_error();
    *range = (struct jinja_range){numbers[0], numbers[1], numbers[2], (int64_t)count};
    return (struct jinja_value){.kind = JINJA_RANGE, .as.range = range};
}

/* One (key, value) of dict([...]). */
static bool add_pair(struct jinja_run *run, struct jinja_dict *dict, struct jinja_value item)
{
    bool walkable = item.kind == JINJA_UNDEFINED || item.kind == JINJA_STRING ||
                    item.kind == JINJA_DICT || item.kind == JINJA_RANGE || jinja_is_sequence(item);
    if (!walkable)
        return jinja_raise(run, "TypeError",
                           "cannot convert dictionary update sequence element #%zu to a sequence",
                           dict->count)
            .kind;
    struct jinja_value pair = jinja_to_list(run, item);
    if (!pair.kind)
        return false;
    if (pair.as.list->count != 2)
        return jinja_raise(run, "ValueError",
                           "dictionary update sequence element #%zu has length %zu; 2 is required",
                           dict->count, pair.as.list->count)
            .kind;
    return jinja_dict_set(run, dict, pair.as.list->items[0], pair.as.list->items[1]);
}

static struct jinja_value call_dict(struct jinja_run *run, const struct jinja_args *args)
{
    struct jinja_value dict = jinja_dict_new(run), item;
    struct jinja_iter iter;
    if (args->count > 1)
        return jinja_raise(run, "TypeError", "dict expected at most 1 argument, got %zu",
                           args->count);
    if (!dict.kind)
        return dict;
    if (args->count && args->positional[0].kind == JINJA_DICT) {
        const struct jinja_dict *from = args->positional[0].as.dict;
        for (size_t i = 0; i < from->count; i++) {
            if (!jinja_dict_set(run, dict.as.dict, from->entries[i].key, from->entries[i].value))
                return jinja_error();
        }
    } else if (args->count) {
        int more = 0;
        if (!jinja_iter_start(run, args->positional[0], &iter))
            return jinja_error();
        while ((more = jinja_iter_next(run, &iter, &item)) == 1) {
            if (!add_pair(run, dict.as.dict, item))
                return jinja_error();
        }
        if (more < 0)
            return jinja_error();
    }
    for (size_t i = 0; i < args->named_count; i++) {
        if (!jinja_dict_set(run, dict.as.dict, jinja_from_string(args->names[i]), args->named[i]))
            return jinja_error();
    }
    return dict;
}

static struct jinja_value call_namespace(struct jinja_run *run, const struct jinja_args *args)
{
    struct jinja_value value = call_dict(run, args);
    if (value.kind)
        value.kind = JINJA_NAMESPACE;
    return value;
}

static struct jinja_value call_cycler(struct jinja_run *run, const struct jinja_args *args)
{
    struct jinja_cycler *cycler = jinja_alloc(run, sizeof(*cycler));
    struct jinja_value items = jinja_list_new(run, JINJA_LIST, "list");
    if (!args->count)
        return jinja_raise(run, "RuntimeError", "at least one item has to be provided");
    if (!cycler || !items.kind)
        return jinja_error();
    for (size_t i = 0; i < args->count; i++) {
        if (!jinja_list_push(run, items.as.list, args->positional[i]))
            return jinja_error();
    }
    cycler->items = items;
    return (struct jinja_value){.kind = JINJA_CYCLER, .as.cycler = cycler};
}

static struct jinja_value new_joiner(struct jinja_run *run, const struct jinja_args *args)
{
    struct jinja_value bound[JINJA_PARAMETERS_MAX];
    struct jinja_cycler *joiner = jinja_alloc(run, sizeof(*joiner));
    if (!joiner || !jinja_bind(run, "joiner", "sep", 0, args, bound))
        return jinja_error();
    joiner->items = bound[0].kind ? bound[0] : jinja_string_text(run, ", ");
    if (!joiner->items.kind)
        return jinja_error();
    return (struct jinja_value){.kind = JINJA_JOINER, .as.cycler = joiner};
}

const struct jinja_function *jinja_function_find(const char *name, size_t size)
{
    static const struct jinja_function functions[] = {
        {"raise_exception", call_raise},
        {"strftime_now", call_strftime},
        {"namespace", call_namespace},
        {"range", call_range},
        {"dict", call_dict},
        {"cycler", call_cycler},
        {"joiner", new_joiner},
    };
    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        if (strlen(functions[i].name) == size && !memcmp(functions[i].name, name, size))
            return &functions[i];
    }
    return NULL;
}
