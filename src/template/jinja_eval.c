/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions. */
#include <string.h>
#include "template/jinja_eval.h"
#include "template/jinja_registry.h"

struct jinja_scope *jinja_scope_new(struct jinja_run *run, struct jinja_scope *outer)
{
    struct jinja_scope *scope = jinja_alloc(run, sizeof(*scope));
    if (scope)
        scope->outer = outer;
    return scope;
}

struct jinja_scope *jinja_scope_next(struct jinja_run *run, struct jinja_scope *scope,
                                     struct jinja_scope *outer)
{
    if (!scope || scope->captured)
        return jinja_scope_new(run, outer);
    while (scope->bindings) {
        struct jinja_binding *binding = scope->bindings;
        scope->bindings = binding->next;
        binding->next = scope->spare;
        scope->spare = binding;
    }
    return scope;
}

bool jinja_scope_set(struct jinja_run *run, struct jinja_scope *scope,
                     const struct jinja_string *name, struct jinja_value value)
{
    for (struct jinja_binding *binding = scope->bindings; binding; binding = binding->next) {
        if (binding->name == name) {
            binding->value = value;
            return true;
        }
    }
    struct jinja_binding *binding = scope->spare;
    if (binding)
        scope->spare = binding->next;
    else
        binding = jinja_alloc(run, sizeof(*binding));
    if (!binding)
        return false;
    *binding = (struct jinja_binding){name, value, scope->bindings};
    scope->bindings = binding;
    return true;
}

/* Assigned names, innermost first; the request's variables; functions. */
static struct jinja_value eval_name(struct jinja_run *run, const struct jinja_string *name,
                                    const struct jinja_scope *scope)
{
    for (; scope; scope = scope->outer) {
        for (const struct jinja_binding *binding = scope->bindings; binding;
             binding = binding->next) {
            if (binding->name == name)
                return binding->value;
        }
    }
    const struct jinja_value *found = jinja_dict_find(run->variables, name);
    if (found)
        return *found;
    const struct jinja_function *function = jinja_function_find(name->data, name->size);
    if (function)
        return (struct jinja_value){.kind = JINJA_FUNCTION, .as.function = function};
    return jinja_undefined_name(run, name);
}

static struct jinja_value eval_items(struct jinja_run *run, const struct jinja_node *node,
                                     struct jinja_scope *scope)
{
    bool tuple = node->kind == NODE_TUPLE;
    struct jinja_value list =
        jinja_list_new(run, tuple ? JINJA_TUPLE : JINJA_LIST, tuple ? "tuple" : "list");
    for (const struct jinja_node *item = node->as.items.first; list.kind && item;
         item = item->next) {
        struct jinja_value value = jinja_eval(run, item, scope);
        if (!value.kind || !jinja_list_push(run, list.as.list, value))
            return jinja_error();
    }
    return list;
}

static struct jinja_value eval_dict(struct jinja_run *run, const struct jinja_node *node,
                                    struct jinja_scope *scope)
{
    struct jinja_value dict = jinja_dict_new(run);
    for (const struct jinja_node *key = node->as.items.first; dict.kind && key;
         key = key->next->next) {
        struct jinja_value name = jinja_eval(run, key, scope);
        struct jinja_value value = name.kind ? jinja_eval(run, key->next, scope) : name;
        run->at = node;
        if (!value.kind || !jinja_dict_set(run, dict.as.dict, name, value))
            return jinja_error();
    }
    return dict;
}

static struct jinja_value eval_concat(struct jinja_run *run, const struct jinja_node *node,
                                      struct jinja_scope *scope)
{
    struct jinja_value result = jinja_error();
    for (const struct jinja_node *item = node->as.items.first; item; item = item->next) {
        struct jinja_value value = jinja_eval(run, item, scope);
        if (value.kind)
            value = jinja_str(run, value);
        if (!value.kind)
            return value;
        run->at = node;
        result = item == node->as.items.first
                     ? jinja_from_string(value.as.string)
                     : jinja_string_concat(run, result.as.string, value.as.string);
        if (!result.kind)
            return result;
    }
    return result;
}

/* a < b < c: each operand once, up to the first comparison that fails. */
static struct jinja_value eval_compare(struct jinja_run *run, const struct jinja_node *node,
                                       struct jinja_scope *scope)
{
    const struct jinja_node *operand = node->as.items.first;
    struct jinja_value left = jinja_eval(run, operand, scope);
    int found = 1;
    while (left.kind && found == 1 && (operand = operand->next)) {
        struct jinja_value right = jinja_eval(run, operand->as.pair.left, scope);
        if (!right.kind)
            return right;
        run->at = operand;
        found = jinja_compare(run, (enum jinja_operator)operand->op, left, right);
        left = right;
    }
    return !left.kind || found < 0 ? jinja_error() : jinja_bool(found);
}

static struct jinja_value eval_pair(struct jinja_run *run, const struct jinja_node *node,
                                    struct jinja_scope *scope)
{
    struct jinja_value left = jinja_eval(run, node->as.pair.left, scope);
    if (!left.kind)
        return left;
    if (node->kind == NODE_AND || node->kind == NODE_OR) {
        if (jinja_truth(left) == (node->kind == NODE_OR))
            return left;
        return jinja_eval(run, node->as.pair.right, scope);
    }
    if (node->kind == NODE_UNARY) {
        run->at = node;
        return jinja_unary(run, (enum jinja_operator)node->op, left);
    }
    struct jinja_value right = jinja_eval(run, node->as.pair.right, scope);
    if (!right.kind)
        return right;
    run->at = node;
    return node->kind == NODE_ITEM ? jinja_item(run, left, right)
                                   : jinja_binary(run, (enum jinja_operator)node->op, left, right);
}

static struct jinja_value eval_cond(struct jinja_run *run, const struct jinja_node *node,
                                    struct jinja_scope *scope)
{
    struct jinja_value test = jinja_eval(run, node->as.cond.test, scope);
    if (!test.kind)
        return test;
    if (jinja_truth(test))
        return jinja_eval(run, node->as.cond.yes, scope);
    if (node->as.cond.no)
        return jinja_eval(run, node->as.cond.no, scope);
    struct buffer hint;
    buffer_init(&hint, 256);
    buffer_printf(&hint,
                  "the inline if-expression on line %u evaluated to false and no else section "
                  "was defined.",
                  node->line);
    struct jinja_value text = jinja_string_take(run, &hint);
    return text.kind ? jinja_undefined_hint(run, text.as.string->data) : text;
}

static struct jinja_value eval_slice(struct jinja_run *run, const struct jinja_node *node,
                                     struct jinja_scope *scope)
{
    const struct jinja_node *parts[] = {node->as.slice.start, node->as.slice.stop,
                                        node->as.slice.step};
    struct jinja_value bounds[3];
    struct jinja_value object = jinja_eval(run, node->as.slice.object, scope);
    if (!object.kind)
        return object;
    for (size_t i = 0; i < 3; i++) {
        bounds[i] = parts[i] ? jinja_eval(run, parts[i], scope) : jinja_none();
        if (!bounds[i].kind)
            return bounds[i];
    }
    run->at = node;
    return jinja_slice(run, object, bounds[0], bounds[1], bounds[2]);
}

static struct jinja_value eval_call(struct jinja_run *run, const struct jinja_node *node,
                                    struct jinja_scope *scope)
{
    struct jinja_args args;
    struct jinja_value callee = jinja_eval(run, node->as.call.callee, scope);
    if (!callee.kind || !jinja_eval_args(run, node->as.call.args, scope, &args))
        return jinja_error();
    run->at = node;
    return jinja_call(run, callee, &args);
}

static struct jinja_value eval_filter(struct jinja_run *run, const struct jinja_node *node,
                                      struct jinja_scope *scope)
{
    struct jinja_args args;
    struct jinja_value input = jinja_eval(run, node->as.filter.input, scope);
    if (!input.kind || !jinja_eval_args(run, node->as.filter.args, scope, &args))
        return jinja_error();
    run->at = node;
    return jinja_filter_apply(run, node->as.filter.filter, input, &args);
}

static struct jinja_value eval_test(struct jinja_run *run, const struct jinja_node *node,
                                    struct jinja_scope *scope)
{
    struct jinja_args args;
    struct jinja_value input = jinja_eval(run, node->as.test.input, scope);
    if (!input.kind || !jinja_eval_args(run, node->as.test.args, scope, &args))
        return jinja_error();
    run->at = node;
    int found = jinja_test_apply(run, node->as.test.test, input, &args);
    return found < 0 ? jinja_error() : jinja_bool(found != node->op);
}

static struct jinja_value eval_node(struct jinja_run *run, const struct jinja_node *node,
                                    struct jinja_scope *scope)
{
    struct jinja_value value;
    switch (node->kind) {
    case NODE_CONST:
        return node->as.value;
    case NODE_NAME:
        return eval_name(run, node->as.name, scope);
    case NODE_LIST:
    case NODE_TUPLE:
        return eval_items(run, node, scope);
    case NODE_DICT:
        return eval_dict(run, node, scope);
    case NODE_CONCAT:
        return eval_concat(run, node, scope);
    case NODE_COMPARE:
        return eval_compare(run, node, scope);
    case NODE_COND:
        return eval_cond(run, node, scope);
    case NODE_ATTR:
        value = jinja_eval(run, node->as.attr.object, scope);
        run->at = node;
        return value.kind ? jinja_attribute(run, value, node->as.attr.name) : value;
    case NODE_SLICE:
        return eval_slice(run, node, scope);
    case NODE_CALL:
        return eval_call(run, node, scope);
    case NODE_FILTER:
        return eval_filter(run, node, scope);
    case NODE_TEST:
        return eval_test(run, node, scope);
    default:
        return eval_pair(run, node, scope);
    }
}

struct jinja_value jinja_eval(struct jinja_run *run, const struct jinja_node *node,
                              struct jinja_scope *scope)
{
    run->at = node;
    if (!jinja_charge(run, 1))
        return jinja_error();
    if (run->depth >= JINJA_CALL_DEPTH_MAX)
        return jinja_raise(run, "RecursionError", "maximum recursion depth exceeded");
    run->depth++;
    struct jinja_value value = eval_node(run, node, scope);
    run->depth--;
    return value;
}

bool jinja_args_name(struct jinja_run *run, struct jinja_args *args,
                     const struct jinja_string *name, struct jinja_value value)
{
    const struct jinja_string **names =
        jinja_alloc(run, (args->named_count + 1) * sizeof(const struct jinja_string *));
    struct jinja_value *named = jinja_alloc(run, (args->named_count + 1) * sizeof(*named));
    if (!names || !named)
        return false;
    for (size_t i = 0; i < args->named_count; i++) {
        names[i] = args->names[i];
        named[i] = args->named[i];
    }
    names[args->named_count] = name;
    named[args->named_count++] = value;
    args->names = names;
    args->named = named;
    return true;
}

static bool add_star(struct jinja_run *run, struct jinja_value star, struct jinja_args *args)
{
    struct jinja_value list = jinja_to_list(run, star);
    if (!list.kind)
        return false;
    size_t total = args->count + list.as.list->count;
    struct jinja_value *all = jinja_alloc(run, (total + 1) * sizeof(*all));
    if (!all)
        return false;
    for (size_t i = 0; i < total; i++)
        all[i] = i < args->count ? args->positional[i] : list.as.list->items[i - args->count];
    args->positional = all;
    args->count = total;
    return true;
}

static bool add_star_star(struct jinja_run *run, struct jinja_value star, struct jinja_args *args)
{
    if (star.kind != JINJA_DICT)
        return jinja_raise(run, "TypeError", "argument after ** must be a mapping, not %s",
                           jinja_type_name(star))
            .kind;
    for (size_t i = 0; i < star.as.dict->count; i++) {
        const struct jinja_entry *entry = &star.as.dict->entries[i];
        if (entry->key.kind != JINJA_STRING)
            return jinja_raise(run, "TypeError", "keywords must be strings").kind;
        if (!jinja_args_name(run, args, entry->key.as.string, entry->value))
            return false;
    }
    return true;
}

bool jinja_eval_args(struct jinja_run *run, const struct jinja_call_args *written,
                     struct jinja_scope *scope, struct jinja_args *args)
{
    *args = (struct jinja_args){0};
    if (!written)
        return true;
    args->positional = jinja_alloc(run, (written->count + 1) * sizeof(*args->positional));
    if (!args->positional)
        return false;
    for (const struct jinja_node *node = written->positional; node; node = node->next) {
        args->positional[args->count] = jinja_eval(run, node, scope);
        if (!args->positional[args->count++].kind)
            return false;
    }
    for (const struct jinja_node *node = written->named; node; node = node->next) {
        struct jinja_value value = jinja_eval(run, node, scope);
        if (!value.kind || !jinja_args_name(run, args, node->arg_name, value))
            return false;
    }
    struct jinja_value star = written->star ? jinja_eval(run, written->star, scope) : jinja_none();
    if (!star.kind || (written->star && !add_star(run, star, args)))
        return false;
    if (!written->star_star)
        return true;
    star = jinja_eval(run, written->star_star, scope);
    return star.kind && add_star_star(run, star, args);
}
