/* SPDX-License-Identifier: Apache-2.0 */
#include "grammar/schema_build.h"

/* What an array's keywords say. */
struct array_plan {
    const struct json *prefix; /* list of schemas; NULL: none */
    const struct json *items;  /* of the elements behind them; NULL: any */
    size_t prefix_count;
    uint32_t min, max;
    bool closed; /* no elements behind the prefix */
};

static bool read_plan(struct schema_work *work, const struct json *schema,
                      const struct schema_path *path, struct array_plan *plan)
{
    *plan = (struct array_plan){.prefix = json_get(schema, "prefixItems"),
                                .items = json_get(schema, "items"),
                                .max = GRAMMAR_NO_LIMIT};
    if (plan->prefix && json_type(plan->prefix) != JSON_TYPE_ARRAY) {
        schema_refuse(work, path, OCTET_INPUT, "'prefixItems' must be a list");
        return false;
    }
    if (json_type(plan->items) == JSON_TYPE_ARRAY) {
        schema_refuse(work, path, OCTET_UNSUPPORTED,
                      "keyword 'items' with a list is not supported; it is 'prefixItems' now");
        return false;
    }
    plan->prefix_count = json_count(plan->prefix);
    plan->closed = json_type(plan->items) == JSON_TYPE_BOOL && !json_bool(plan->items, true);
    if (!schema_size(work, schema, path, "minItems", &plan->min) ||
        !schema_size(work, schema, path, "maxItems", &plan->max))
        return false;
    bool much = plan->max != GRAMMAR_NO_LIMIT && plan->max > SCHEMA_ITEMS_MAX;
    if (plan->min > SCHEMA_ITEMS_MAX || plan->prefix_count > SCHEMA_ITEMS_MAX || much) {
        schema_refuse(work, path, OCTET_LIMIT,
                      "'minItems' or 'maxItems' is above %d, the most "
                      "allowed",
                      SCHEMA_ITEMS_MAX);
        return false;
    }
    if (plan->closed && plan->max > plan->prefix_count)
        plan->max = (uint32_t)plan->prefix_count;
    return true;
}

static uint32_t build_item(struct schema_work *work, const struct array_plan *plan, size_t index,
                           const struct schema_path *path, unsigned depth, uint32_t next)
{
    if (index < plan->prefix_count) {
        struct schema_path list = {.parent = path, .key = "prefixItems"};
        struct schema_path item = {.parent = &list, .index = index};
        return schema_build(work, json_at(plan->prefix, index), &item, depth + 1, next);
    }
    if (!plan->items)
        return grammar_add_shared(work->builder, SHARED_VALUE, next);
    struct schema_path item = {.parent = path, .key = "items"};
    return schema_build(work, plan->items, &item, depth + 1, next);
}

/* The state behind `count` elements: a comma and one more, or the end, as far as allowed. */
static uint32_t build_behind(struct schema_work *work, const struct array_plan *plan, size_t count,
                             uint32_t item, uint32_t close)
{
    uint32_t ways[2];
    size_t way_count = 0;
    if (item)
        ways[way_count++] =
            grammar_add_byte(work->builder, ',', grammar_add_space(work->builder, item));
    if (count >= plan->min)
        ways[way_count++] = grammar_add_space(work->builder, close);
    return grammar_add_split(work->builder, ways, way_count);
}

/*
 * Elements from the last place that is told apart to the first. Beyond the prefix and the counts
 * the elements repeat; where there are many places with one schema, it is a rule that each calls.
 */
static uint32_t build_elements(struct schema_work *work, const struct array_plan *plan,
                               const struct schema_path *path, unsigned depth, uint32_t close)
{
    struct grammar_builder *builder = work->builder;
    bool bounded = plan->max != GRAMMAR_NO_LIMIT;
    size_t places = bounded                          ? plan->max
                    : plan->min > plan->prefix_count ? plan->min
                                                     : plan->prefix_count;
    uint32_t rule = GRAMMAR_NO_RULE, item = 0;
    if (places > plan->prefix_count) {
        rule = grammar_add_rule(builder);
        grammar_set_rule(builder, rule, build_item(work, plan, plan->prefix_count, path, depth, 0));
    }
    if (!bounded) {
        uint32_t again = grammar_add_open_split(builder, 2);
        item = rule != GRAMMAR_NO_RULE
                   ? grammar_add_call(builder, rule, again)
                   : build_item(work, plan, plan->prefix_count, path, depth, again);
        grammar_set_target(builder, again, 0,
                           grammar_add_byte(builder, ',', grammar_add_space(builder, item)));
        grammar_set_target(builder, again, 1, grammar_add_space(builder, close));
    }
    for (size_t i = places; i-- > 0 && builder->status == OCTET_OK;) {
        uint32_t behind = build_behind(work, plan, i + 1, item, close);
        item = i >= plan->prefix_count ? grammar_add_call(builder, rule, behind)
                                       : build_item(work, plan, i, path, depth, behind);
    }
    return item;
}

uint32_t schema_build_array(struct schema_work *work, const struct json *schema,
                            const struct schema_path *path, unsigned depth, uint32_t next)
{
    struct array_plan plan;
    uint32_t ways[2];
    size_t count = 0;
    if (!read_plan(work, schema, path, &plan))
        return 0;
    if (plan.min > plan.max)
        return grammar_add_open_bytes(work->builder);
    uint32_t close = grammar_add_byte(work->builder, ']', next);
    uint32_t first = build_elements(work, &plan, path, depth, close);
    if (first)
        ways[count++] = first;
    if (plan.min == 0)
        ways[count++] = close;
    uint32_t inside = grammar_add_split(work->builder, ways, count);
    return grammar_add_byte(work->builder, '[', grammar_add_space(work->builder, inside));
}
