/* SPDX-License-Identifier: Apache-2.0 */
/* The parts that JSON texts are made of. */
#include "grammar/grammar_regex.h"
#include "grammar/literal_trie.h"

#include <string.h>

#define INTEGER_PATTERN "0|-?[1-9][0-9]{0,17}"
#define NUMBER_PATTERN "-?(0|[1-9][0-9]{0,17})(\\.[0-9]{1,17})?([eE][+-]?[0-9]{1,2})?"
#define ESCAPED_MAX ((size_t)8 * GRAMMAR_SOURCE_BYTES_MAX)

static uint32_t add_string_state(struct grammar_builder *builder, uint8_t state, uint32_t min,
                                 uint32_t max, uint32_t next)
{
    return grammar_add_node(
        builder, (struct grammar_node){
                     .kind = NODE_STRING, .count = state, .min = min, .max = max, .next = next});
}

uint32_t grammar_add_string(struct grammar_builder *builder, uint32_t min, uint32_t max,
                            uint32_t next)
{
    return grammar_add_byte(builder, '"', add_string_state(builder, STRING_BODY, min, max, next));
}

/* "{" was read: members, "}", then next. */
static uint32_t add_any_members(struct grammar_builder *builder, uint32_t next)
{
    uint32_t again = grammar_add_open_split(builder, 2);
    uint32_t value = grammar_add_shared(builder, SHARED_VALUE, again);
    uint32_t member =
        grammar_add_string(builder, 0, GRAMMAR_NO_LIMIT, grammar_add_colon(builder, value));
    uint32_t close = grammar_add_byte(builder, '}', next);
    uint32_t comma = grammar_add_byte(builder, ',', grammar_add_space(builder, member));
    grammar_set_target(builder, again, 0, comma);
    grammar_set_target(builder, again, 1, grammar_add_space(builder, close));
    return grammar_add_space(builder, grammar_add_either(builder, member, close));
}

static uint32_t add_any_elements(struct grammar_builder *builder, uint32_t next)
{
    uint32_t again = grammar_add_open_split(builder, 2);
    uint32_t value = grammar_add_shared(builder, SHARED_VALUE, again);
    uint32_t close = grammar_add_byte(builder, ']', next);
    uint32_t comma = grammar_add_byte(builder, ',', grammar_add_space(builder, value));
    grammar_set_target(builder, again, 0, comma);
    grammar_set_target(builder, again, 1, grammar_add_space(builder, close));
    return grammar_add_space(builder, grammar_add_either(builder, value, close));
}

static uint32_t add_any_value(struct grammar_builder *builder)
{
    uint32_t ways[] = {
        grammar_add_string(builder, 0, GRAMMAR_NO_LIMIT, 0),
        grammar_add_shared(builder, SHARED_OBJECT, 0),
        grammar_add_shared(builder, SHARED_ARRAY, 0),
        grammar_add_shared(builder, SHARED_NUMBER, 0),
        grammar_add_literal(builder, "true", 4, 0),
        grammar_add_literal(builder, "false", 5, 0),
        grammar_add_literal(builder, "null", 4, 0),
    };
    return grammar_add_split(builder, ways, sizeof ways / sizeof ways[0]);
}

static uint32_t add_shared_body(struct grammar_builder *builder, enum grammar_shared_rule shared)
{
    switch (shared) {
    case SHARED_VALUE:
        return add_any_value(builder);
    case SHARED_OBJECT:
        return grammar_add_byte(builder, '{', add_any_members(builder, 0));
    case SHARED_ARRAY:
        return grammar_add_byte(builder, '[', add_any_elements(builder, 0));
    case SHARED_NUMBER:
        return grammar_add_regex(builder, NUMBER_PATTERN, sizeof NUMBER_PATTERN - 1, REGEX_WHOLE,
                                 false, 0, GRAMMAR_NO_LIMIT, 0);
    default:
        return grammar_add_regex(builder, INTEGER_PATTERN, sizeof INTEGER_PATTERN - 1, REGEX_WHOLE,
                                 false, 0, GRAMMAR_NO_LIMIT, 0);
    }
}

/* The rule is entered in `shared` before its body, which may call it. */
uint32_t grammar_add_shared(struct grammar_builder *builder, enum grammar_shared_rule shared,
                            uint32_t next)
{
    if (builder->shared[shared] == GRAMMAR_NO_RULE) {
        uint32_t rule = grammar_add_rule(builder);
        if (builder->status != OCTET_OK)
            return 0;
        builder->shared[shared] = rule;
        grammar_set_rule(builder, rule, add_shared_body(builder, shared));
    }
    return grammar_add_call(builder, builder->shared[shared], next);
}

bool grammar_escape(struct buffer *out, const char *text, size_t size)
{
    static const char letters[] = "\b\f\n\r\t\"\\", written[] = "bfnrt\"\\";
    for (size_t i = 0; i < size; i++) {
        const char *letter = text[i] ? strchr(letters, text[i]) : NULL;
        if (letter)
            buffer_printf(out, "\\%c", written[letter - letters]);
        else if ((unsigned char)text[i] < 0x20)
            buffer_printf(out, "\\u%04x", (unsigned)(unsigned char)text[i]);
        else
            buffer_append_char(out, text[i]);
    }
    return !buffer_failed(out);
}

uint32_t grammar_add_quoted(struct grammar_builder *builder, const char *text, size_t size,
                            uint32_t next)
{
    struct buffer out;
    buffer_init(&out, ESCAPED_MAX);
    uint32_t entry = 0;
    if (buffer_append_char(&out, '"') && grammar_escape(&out, text, size) &&
        buffer_append_char(&out, '"'))
        entry = grammar_add_literal(builder, out.data, out.size, next);
    else
        grammar_fail_memory(builder, "a text of a grammar", size);
    buffer_free(&out);
    return entry;
}

static uint32_t add_scalar(struct grammar_builder *builder, const struct json *value, uint32_t next)
{
    struct buffer out;
    buffer_init(&out, ESCAPED_MAX);
    uint32_t entry = 0;
    if (json_dump(value, 0, &out))
        entry = grammar_add_literal(builder, buffer_text(&out), out.size, next);
    else
        grammar_fail_memory(builder, "a value of a grammar", out.size);
    buffer_free(&out);
    return entry;
}

/* The last element first. */
static uint32_t add_array_value(struct grammar_builder *builder, const struct json *value,
                                unsigned depth, uint32_t next)
{
    size_t count = json_count(value);
    uint32_t entry = grammar_add_byte(builder, ']', next);
    entry = count ? grammar_add_space(builder, entry) : entry;
    for (size_t i = count; i-- > 0 && builder->status == OCTET_OK;) {
        entry = grammar_add_value(builder, json_at(value, i), depth + 1, entry);
        if (i > 0)
            entry = grammar_add_byte(builder, ',', grammar_add_space(builder, entry));
    }
    return grammar_add_byte(builder, '[', grammar_add_space(builder, entry));
}

/* Members come in their order, so a member's continuation is not built yet: open splits. */
static uint32_t add_object_value(struct grammar_builder *builder, const struct json *value,
                                 unsigned depth, uint32_t next)
{
    uint32_t first = grammar_add_open_split(builder, 1), hole = first;
    bool any = false;
    for (struct json_iter it = json_iter(value); json_next(&it);) {
        uint32_t behind = grammar_add_open_split(builder, 1);
        uint32_t member = grammar_add_value(builder, it.value, depth + 1, behind);
        member =
            grammar_add_quoted(builder, it.key, it.key_length, grammar_add_colon(builder, member));
        if (any)
            member = grammar_add_byte(builder, ',', grammar_add_space(builder, member));
        grammar_set_target(builder, hole, 0, member);
        hole = behind;
        any = true;
        if (builder->status != OCTET_OK)
            return 0;
    }
    uint32_t close = grammar_add_byte(builder, '}', next);
    grammar_set_target(builder, hole, 0, any ? grammar_add_space(builder, close) : close);
    return grammar_add_byte(builder, '{', grammar_add_space(builder, first));
}

uint32_t grammar_add_value(struct grammar_builder *builder, const struct json *value,
                           unsigned depth, uint32_t next)
{
    size_t size;
    const char *text = json_string_n(value, &size);
    if (depth > GRAMMAR_DEPTH_MAX)
        return grammar_fail(builder, OCTET_LIMIT, "a value is nested deeper than %d levels",
                            GRAMMAR_DEPTH_MAX);
    if (text)
        return grammar_add_quoted(builder, text, size, next);
    if (json_type(value) == JSON_TYPE_ARRAY)
        return add_array_value(builder, value, depth, next);
    if (json_type(value) == JSON_TYPE_OBJECT)
        return add_object_value(builder, value, depth, next);
    return add_scalar(builder, value, next);
}

/*
 * Bytes that leave the trie of names where it has no child go on as in any string, except that
 * "\/" and "\u" are left out there: they could spell a name in another way.
 */
static size_t add_leaving(uint8_t state, const uint32_t *children, const uint32_t *bodies,
                          uint32_t end, struct grammar_edge *edges)
{
    size_t count = 0;
    bool escaped = state >= STRING_HEX && state <= STRING_LOW_DIGIT;
    for (unsigned byte = 0; byte < 256; byte++) {
        uint8_t to = grammar_string_step(state, (uint8_t)byte);
        uint32_t target = children[byte];
        bool spells = escaped || (state == STRING_ESCAPE && (byte == '/' || byte == 'u'));
        if (!target && to < STRING_STATES && !spells)
            target = to == STRING_ESCAPE ? bodies[STRING_STATES] : bodies[to];
        if (!target && to == STRING_END)
            target = end;
        if (!target)
            continue;
        if (count && edges[count - 1].target == target && edges[count - 1].last + 1u == byte)
            edges[count - 1].last = (uint8_t)byte;
        else
            edges[count++] = (struct grammar_edge){(uint8_t)byte, (uint8_t)byte, target};
    }
    return count;
}

/* The state of the string behind each node of the trie. */
static void find_states(const struct literal_trie *trie, uint8_t *states)
{
    states[0] = STRING_BODY;
    for (uint32_t i = 0; i < trie->count; i++)
        for (uint32_t child = trie->nodes[i].first_child; child; child = trie->nodes[child].sibling)
            states[child] = grammar_string_step(states[i], trie->nodes[child].byte);
}

static uint32_t add_other_nodes(struct grammar_builder *builder, struct literal_trie *trie,
                                const uint8_t *states, uint32_t next)
{
    uint32_t bodies[STRING_STATES + 1];
    struct grammar_edge edges[256];
    static const uint32_t none[256] = {0};
    for (unsigned state = 0; state < STRING_STATES; state++)
        bodies[state] = add_string_state(builder, (uint8_t)state, 0, GRAMMAR_NO_LIMIT, next);
    bodies[STRING_STATES] = 0;
    size_t count = add_leaving(STRING_ESCAPE, none, bodies, 0, edges);
    bodies[STRING_STATES] = grammar_add_bytes(builder, edges, count);
    for (uint32_t i = trie->count; i-- > 0 && builder->status == OCTET_OK;) {
        uint32_t children[256] = {0};
        for (uint32_t child = trie->nodes[i].first_child; child; child = trie->nodes[child].sibling)
            children[trie->nodes[child].byte] = trie->nodes[child].built;
        count = add_leaving(states[i], children, bodies, trie->nodes[i].ends ? 0 : next, edges);
        trie->nodes[i].built = grammar_add_bytes(builder, edges, count);
    }
    return trie->nodes[0].built;
}

uint32_t grammar_add_other_name(struct grammar_builder *builder, struct grammar_literal *names,
                                size_t count, uint32_t next)
{
    if (count == 0)
        return grammar_add_string(builder, 0, GRAMMAR_NO_LIMIT, next);
    struct literal_trie trie;
    struct arena arena;
    arena_init(&arena, (size_t)2 * GRAMMAR_NODES_MAX);
    uint32_t entry = 0;
    uint8_t *states = NULL;
    if (literal_trie_build(&trie, builder, names, count)) {
        states = arena_alloc(&arena, trie.count);
        if (states) {
            find_states(&trie, states);
            entry = add_other_nodes(builder, &trie, states, next);
        } else {
            grammar_fail_memory(builder, "names of a grammar", trie.count);
        }
    }
    arena_free(&arena);
    literal_trie_free(&trie);
    return grammar_add_byte(builder, '"', entry);
}
