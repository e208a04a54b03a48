/* SPDX-License-Identifier: Apache-2.0 */
/* Statements. */
#include <string.h>
#include "template/jinja_eval.h"
#include "template/jinja_registry.h"

static bool assign(struct jinja_run *run, const struct jinja_node *target,
                   struct jinja_scope *scope, struct jinja_value value);

static bool unpack(struct jinja_run *run, const struct jinja_node *target,
                   struct jinja_scope *scope, struct jinja_value value)
{
    size_t wanted = target->as.items.count;
    struct jinja_iter iter;
    struct jinja_value items = jinja_list_new(run, JINJA_LIST, "list"), item;
    if (value.kind != JINJA_UNDEFINED && !jinja_is_sequence(value) && value.kind != JINJA_STRING &&
        value.kind != JINJA_DICT && value.kind != JINJA_RANGE)
        return jinja_raise(run, "TypeError", "cannot unpack non-iterable %s object",
                           jinja_type_name(value))
            .kind;
    if (!items.kind || !jinja_iter_start(run, value, &iter))
        return false;
    int more = 0;
    while ((more = jinja_iter_next(run, &iter, &item)) == 1) {
        if (items.as.list->count == wanted)
            return jinja_raise(run, "ValueError", "too many values to unpack (expected %zu)",
                               wanted)
                .kind;
        if (!jinja_list_push(run, items.as.list, item))
            return false;
    }
    if (more < 0)
        return false;
    if (items.as.list->count < wanted)
        return jinja_raise(run, "ValueError", "not enough values to unpack (expected %zu, got %zu)",
                           wanted, items.as.list->count)
            .kind;
    size_t i = 0;
    for (const struct jinja_node *part = target->as.items.first; part; part = part->next) {
        if (!assign(run, part, scope, items.as.list->items[i++]))
            return false;
    }
    return true;
}

static bool assign(struct jinja_run *run, const struct jinja_node *target,
                   struct jinja_scope *scope, struct jinja_value value)
{
    if (target->kind == NODE_NAME)
        return jinja_scope_set(run, scope, target->as.name, value);
    if (target->kind == NODE_TUPLE)
        return unpack(run, target, scope, value);
    struct jinja_value object = jinja_eval(run, target->as.attr.object, scope);
    if (!object.kind)
        return false;
    if (object.kind != JINJA_NAMESPACE)
        return jinja_raise(run, "TemplateRuntimeError",
                           "cannot assign attribute on non-namespace object")
            .kind;
    return jinja_dict_set(run, object.as.dict, jinja_from_string(target->as.attr.name), value);
}

/* The filters of a block, applied to its text: the innermost has no input of its own. */
static struct jinja_value filter_text(struct jinja_run *run, const struct jinja_node *filters,
                                      struct jinja_scope *scope, struct jinja_value text)
{
    struct jinja_args args;
    if (!filters)
        return text;
    struct jinja_value input = filter_text(run, filters->as.filter.input, scope, text);
    if (!input.kind || !jinja_eval_args(run, filters->as.filter.args, scope, &args))
        return jinja_error();
    run->at = filters;
    return jinja_filter_apply(run, filters->as.filter.filter, input, &args);
}

struct jinja_value jinja_exec_text(struct jinja_run *run, const struct jinja_node *node,
                                   struct jinja_scope *scope, enum jinja_flow *flow)
{
    struct buffer text, *outer = run->out;
    buffer_init(&text, JINJA_MEMORY_MAX);
    run->out = &text;
    *flow = jinja_exec(run, node, scope);
    run->out = outer;
    if (*flow == FLOW_FAILED) {
        buffer_free(&text);
        return jinja_error();
    }
    return jinja_string_take(run, &text);
}

static bool write_value(struct jinja_run *run, const struct jinja_node *node,
                        struct jinja_value value)
{
    run->at = node;
    return value.kind && jinja_str_append(run, run->out, value);
}

static enum jinja_flow exec_if(struct jinja_run *run, const struct jinja_node *node,
                               struct jinja_scope *scope)
{
    /* An elif is a NODE_IF in the else part; no recursion for long chains. */
    for (;;) {
        struct jinja_value test = jinja_eval(run, node->as.cond.test, scope);
        if (!test.kind)
            return FLOW_FAILED;
        if (jinja_truth(test))
            return jinja_exec(run, node->as.cond.yes, scope);
        const struct jinja_node *no = node->as.cond.no;
        if (!no)
            return FLOW_NEXT;
        if (no->kind != NODE_IF || no->next)
            return jinja_exec(run, no, scope);
        node = no;
    }
}

/* The items of a loop, those that fail its condition left out. */
static struct jinja_value loop_items(struct jinja_run *run, const struct jinja_node *node,
                                     struct jinja_scope *scope, struct jinja_value value)
{
    if (value.kind == JINJA_LIST && !node->as.loop.condition)
        return value;
    struct jinja_iter iter;
    struct jinja_value list = jinja_list_new(run, JINJA_LIST, "list"), item;
    run->at = node->as.loop.iterable;
    if (!list.kind || !jinja_iter_start(run, value, &iter))
        return jinja_error();
    struct jinja_scope *inner = NULL;
    int more = 0;
    while ((more = jinja_iter_next(run, &iter, &item)) == 1) {
        if (node->as.loop.condition) {
            inner = jinja_scope_next(run, inner, scope);
            if (!inner || !assign(run, node->as.loop.target, inner, item))
                return jinja_error();
            struct jinja_value test = jinja_eval(run, node->as.loop.condition, inner);
            if (!test.kind)
                return test;
            if (!jinja_truth(test))
                continue;
        }
        if (!jinja_list_push(run, list.as.list, item))
            return jinja_error();
    }
    return more < 0 ? jinja_error() : list;
}

enum jinja_flow jinja_exec_loop(struct jinja_run *run, const struct jinja_node *node,
                                struct jinja_scope *scope, struct jinja_value value, size_t depth0)
{
    struct jinja_loop *loop = jinja_alloc(run, sizeof(*loop));
    struct jinja_value items = loop_items(run, node, scope, value);
    if (!loop || !items.kind)
        return FLOW_FAILED;
    loop->items = items.as.list;
    loop->depth0 = depth0;
    loop->node = node;
    loop->scope = scope;
    struct jinja_scope *inner = NULL;
    for (size_t i = 0; i < loop->items->count; i++) {
        inner = jinja_scope_next(run, inner, scope);
        loop->index0 = i;
        run->at = node;
        if (!inner || !jinja_charge(run, 1) ||
            !jinja_scope_set(run, inner, run->tree->loop,
                             (struct jinja_value){.kind = JINJA_LOOP, .as.loop = loop}) ||
            !assign(run, node->as.loop.target, inner, loop->items->items[i]))
            return FLOW_FAILED;
        enum jinja_flow flow = jinja_exec(run, node->as.loop.body, inner);
        if (flow == FLOW_FAILED)
            return flow;
        if (flow == FLOW_BREAK)
            break;
    }
    if (loop->items->count == 0 && node->as.loop.otherwise) {
        inner = jinja_scope_new(run, scope);
        return inner ? jinja_exec(run, node->as.loop.otherwise, inner) : FLOW_FAILED;
    }
    return FLOW_NEXT;
}

static enum jinja_flow exec_set_block(struct jinja_run *run, const struct jinja_node *node,
                                      struct jinja_scope *scope)
{
    enum jinja_flow flow = FLOW_NEXT;
    struct jinja_scope *inner = jinja_scope_new(run, scope);
    struct jinja_value text = jinja_error();
    if (inner)
        text = jinja_exec_text(run, node->as.block.body, inner, &flow);
    if (text.kind && flow == FLOW_NEXT)
        text = filter_text(run, node->as.block.filters, inner, text);
    if (!text.kind)
        return FLOW_FAILED;
    if (flow == FLOW_NEXT && !assign(run, node->as.block.target, scope, text))
        return FLOW_FAILED;
    return flow;
}

static enum jinja_flow exec_filter_block(struct jinja_run *run, const struct jinja_node *node,
                                         struct jinja_scope *scope)
{
    enum jinja_flow flow = FLOW_NEXT;
    struct jinja_scope *inner = jinja_scope_new(run, scope);
    struct jinja_value text = jinja_error();
    if (inner)
        text = jinja_exec_text(run, node->as.block.body, inner, &flow);
    if (text.kind && flow == FLOW_NEXT)
        text = filter_text(run, node->as.block.filters, inner, text);
    if (!text.kind || (flow == FLOW_NEXT && !write_value(run, node, text)))
        return FLOW_FAILED;
    return flow;
}

/* The values of all assignments are evaluated outside. */
static enum jinja_flow exec_with(struct jinja_run *run, const struct jinja_node *node,
                                 struct jinja_scope *scope)
{
    struct jinja_scope *inner = jinja_scope_new(run, scope);
    if (!inner)
        return FLOW_FAILED;
    for (const struct jinja_node *set = node->as.block.target; set; set = set->next) {
        struct jinja_value value = jinja_eval(run, set->as.pair.right, scope);
        if (!value.kind || !assign(run, set->as.pair.left, inner, value))
            return FLOW_FAILED;
    }
    return jinja_exec(run, node->as.block.body, inner);
}

static struct jinja_value make_macro(struct jinja_run *run, const struct jinja_node *node,
                                     struct jinja_scope *scope)
{
    struct jinja_macro *macro = jinja_alloc(run, sizeof(*macro));
    if (!macro)
        return jinja_error();
    *macro = (struct jinja_macro){node->as.macro->name, node->as.macro, scope};
    for (; scope && !scope->captured; scope = scope->outer)
        scope->captured = true;
    return (struct jinja_value){.kind = JINJA_MACRO, .as.macro = macro};
}

static enum jinja_flow exec_call_block(struct jinja_run *run, const struct jinja_node *node,
                                       struct jinja_scope *scope)
{
    const struct jinja_node *call = node->as.macro->call;
    struct jinja_args args;
    struct jinja_value caller = make_macro(run, node, scope);
    struct jinja_value callee = caller.kind ? jinja_eval(run, call->as.call.callee, scope) : caller;
    if (!callee.kind || !jinja_eval_args(run, call->as.call.args, scope, &args) ||
        !jinja_args_name(run, &args, run->tree->caller, caller))
        return FLOW_FAILED;
    run->at = call;
    struct jinja_value text = jinja_call(run, callee, &args);
    return write_value(run, node, text) ? FLOW_NEXT : FLOW_FAILED;
}

static enum jinja_flow exec_set(struct jinja_run *run, const struct jinja_node *node,
                                struct jinja_scope *scope)
{
    struct jinja_value value = jinja_eval(run, node->as.pair.right, scope);
    run->at = node;
    return value.kind && assign(run, node->as.pair.left, scope, value) ? FLOW_NEXT : FLOW_FAILED;
}

static enum jinja_flow exec_for(struct jinja_run *run, const struct jinja_node *node,
                                struct jinja_scope *scope)
{
    struct jinja_value value = jinja_eval(run, node->as.loop.iterable, scope);
    return value.kind ? jinja_exec_loop(run, node, scope, value, 0) : FLOW_FAILED;
}

static enum jinja_flow exec_scope(struct jinja_run *run, const struct jinja_node *node,
                                  struct jinja_scope *scope)
{
    struct jinja_scope *inner = jinja_scope_new(run, scope);
    return inner ? jinja_exec(run, node->as.block.body, inner) : FLOW_FAILED;
}

static enum jinja_flow exec_macro(struct jinja_run *run, const struct jinja_node *node,
                                  struct jinja_scope *scope)
{
    struct jinja_value macro = make_macro(run, node, scope);
    return macro.kind && jinja_scope_set(run, scope, node->as.macro->name, macro) ? FLOW_NEXT
                                                                                  : FLOW_FAILED;
}

static enum jinja_flow exec_node(struct jinja_run *run, const struct jinja_node *node,
                                 struct jinja_scope *scope)
{
    switch (node->kind) {
    case NODE_DATA:
        return write_value(run, node, node->as.value) ? FLOW_NEXT : FLOW_FAILED;
    case NODE_OUTPUT:
        return write_value(run, node, jinja_eval(run, node->as.pair.left, scope)) ? FLOW_NEXT
                                                                                  : FLOW_FAILED;
    case NODE_IF:
        return exec_if(run, node, scope);
    case NODE_FOR:
        return exec_for(run, node, scope);
    case NODE_SET:
        return exec_set(run, node, scope);
    case NODE_SET_BLOCK:
        return exec_set_block(run, node, scope);
    case NODE_WITH:
        return exec_with(run, node, scope);
    case NODE_MACRO:
        return exec_macro(run, node, scope);
    case NODE_CALL_BLOCK:
        return exec_call_block(run, node, scope);
    case NODE_FILTER_BLOCK:
        return exec_filter_block(run, node, scope);
    case NODE_SCOPE:
        return exec_scope(run, node, scope);
    case NODE_BREAK:
        return FLOW_BREAK;
    default:
        return FLOW_CONTINUE;
    }
}

enum jinja_flow jinja_exec(struct jinja_run *run, const struct jinja_node *node,
                           struct jinja_scope *scope)
{
    enum jinja_flow flow = FLOW_NEXT;
    if (run->depth >= JINJA_CALL_DEPTH_MAX) {
        jinja_raise(run, "RecursionError", "maximum recursion depth exceeded");
        return FLOW_FAILED;
    }
    run->depth++;
    for (; node && flow == FLOW_NEXT; node = node->next) {
        run->at = node;
        flow = jinja_charge(run, 1) ? exec_node(run, node, scope) : FLOW_FAILED;
    }
    run->depth--;
    return flow;
}
