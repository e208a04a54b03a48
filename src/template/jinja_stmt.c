/* SPDX-License-Identifier: Apache-2.0 */
/* The statement half of the parser: text, {{ print }}, {% tags %}. */
#include <stdio.h>
#include <string.h>
#include "template/jinja_parser.h"
#include "template/jinja_registry.h"

/* Statements up to one of the names in ends (NULL-terminated), which becomes the current token. */
static struct jinja_node *parse_body(struct jinja_parser *parser, const char *const *ends,
                                     unsigned *depth);

static unsigned max_depth(unsigned a, unsigned b)
{
    return a > b ? a : b;
}

static bool at_name_of(const struct jinja_parser *parser, const char *const *names)
{
    for (size_t i = 0; names && names[i]; i++) {
        if (jinja_parser_is_name(&parser->token, names[i]))
            return true;
    }
    return false;
}

static bool expect_block_end(struct jinja_parser *parser)
{
    char found[64];
    if (parser->status != OCTET_OK)
        return false;
    if (parser->token.type == TOKEN_BLOCK_END)
        return jinja_parser_advance(parser);
    jinja_parser_describe(&parser->token, found, sizeof(found));
    jinja_parser_fail(parser, &parser->token, "expected token 'end of statement block', got '%s'",
                      found);
    return false;
}

/* The rest of a tag, then a body. The end name is the current token afterwards. */
static struct jinja_node *parse_statements(struct jinja_parser *parser, const char *const *ends,
                                           unsigned *depth)
{
    jinja_parser_skip_operator(parser, ":");
    if (!expect_block_end(parser))
        return NULL;
    return parse_body(parser, ends, depth);
}

/* The same where one end is possible; it is consumed. */
static struct jinja_node *parse_until(struct jinja_parser *parser, const char *end, unsigned *depth)
{
    const char *const ends[] = {end, NULL};
    struct jinja_node *body = parse_statements(parser, ends, depth);
    return jinja_parser_advance(parser) ? body : NULL;
}

static struct jinja_node *finish(struct jinja_parser *parser, struct jinja_node *node,
                                 unsigned depth)
{
    return parser->status == OCTET_OK && node ? jinja_parser_over(parser, node, depth) : NULL;
}

static struct jinja_node *parse_if(struct jinja_parser *parser, const struct jinja_token *token)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    struct jinja_node *first = NULL, **link = &first;
    unsigned deepest = 0;
    struct jinja_token at = *token;
    for (;;) {
        unsigned depth = 0;
        struct jinja_node *node = jinja_parser_node(parser, NODE_IF, &at);
        struct jinja_node *test = node ? jinja_parse_tuple(parser, false, NULL) : NULL;
        if (!test)
            return NULL;
        node->as.cond.test = test;
        node->as.cond.yes = parse_statements(parser, ends, &depth);
        deepest = max_depth(deepest, max_depth(depth, test->depth));
        *link = node;
        link = &node->as.cond.no;
        at = parser->token;
        if (!jinja_parser_skip_name(parser, "elif"))
            break;
    }
    if (jinja_parser_skip_name(parser, "else")) {
        unsigned depth = 0;
        *link = parse_until(parser, "endif", &depth);
        deepest = max_depth(deepest, depth);
    } else {
        jinja_parser_advance(parser); /* endif */
    }
    return finish(parser, first, deepest);
}

static struct jinja_node *parse_for(struct jinja_parser *parser, const struct jinja_token *token)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    unsigned depth = 0, other = 0;
    struct jinja_node *node = jinja_parser_node(parser, NODE_FOR, token);
    struct jinja_node *target = node ? jinja_parse_target(parser, true, "in") : NULL;
    if (!target)
        return NULL;
    if (target->kind == NODE_NAME && jinja_string_is(target->as.name, "loop"))
        return jinja_parser_fail(parser, token,
                                 "Can't assign to special loop variable in for-loop target");
    if (!jinja_parser_skip_name(parser, "in"))
        return jinja_parser_fail(parser, &parser->token, "expected token 'in'");
    struct jinja_node *iterable = jinja_parse_tuple(parser, false, "recursive");
    if (!iterable)
        return NULL;
    if (jinja_parser_skip_name(parser, "if")) {
        node->as.loop.condition = jinja_parse_expression(parser, true);
        if (!node->as.loop.condition)
            return NULL;
        other = node->as.loop.condition->depth;
    }
    node->as.loop.target = target;
    node->as.loop.iterable = iterable;
    node->as.loop.recursive = jinja_parser_skip_name(parser, "recursive");
    parser->loops++;
    node->as.loop.body = parse_statements(parser, ends, &depth);
    parser->loops--;
    depth = max_depth(max_depth(depth, other), max_depth(target->depth, iterable->depth));
    if (jinja_parser_skip_name(parser, "else"))
        node->as.loop.otherwise = parse_until(parser, "endfor", &other);
    else
        jinja_parser_advance(parser); /* endfor */
    return finish(parser, node, max_depth(depth, other));
}

/* What {% set %} assigns to: "a", "a, b" or "ns.a". */
static struct jinja_node *parse_set_target(struct jinja_parser *parser)
{
    struct jinja_token *look = jinja_parser_look(parser);
    if (!look || !jinja_parser_is_operator(look, "."))
        return look ? jinja_parse_target(parser, true, NULL) : NULL;
    struct jinja_node *node = jinja_parser_node(parser, NODE_ATTR, &parser->token);
    struct jinja_node *object = jinja_parser_node(parser, NODE_NAME, &parser->token);
    struct jinja_name *name = jinja_parser_expect_name(parser);
    struct jinja_name *attribute =
        jinja_parser_expect_operator(parser, ".") ? jinja_parser_expect_name(parser) : NULL;
    if (!node || !object || !name || !attribute)
        return NULL;
    object->as.name = &name->string;
    node->as.attr.object = object;
    node->as.attr.name = &attribute->string;
    return jinja_parser_over(parser, node, 1);
}

static struct jinja_node *parse_set(struct jinja_parser *parser, const struct jinja_token *token)
{
    struct jinja_node *target = parse_set_target(parser);
    if (!target)
        return NULL;
    if (jinja_parser_skip_operator(parser, "=")) {
        struct jinja_node *node = jinja_parser_node(parser, NODE_SET, token);
        struct jinja_node *value = node ? jinja_parse_tuple(parser, true, NULL) : NULL;
        if (!value)
            return NULL;
        node->as.pair.left = target;
        node->as.pair.right = value;
        return finish(parser, node, max_depth(target->depth, value->depth));
    }
    unsigned depth = 0;
    struct jinja_node *node = jinja_parser_node(parser, NODE_SET_BLOCK, token);
    struct jinja_node *filters = jinja_parse_filters(parser, NULL, false);
    if (!node || parser->status)
        return NULL;
    node->as.block.target = target;
    node->as.block.filters = filters;
    node->as.block.body = parse_until(parser, "endset", &depth);
    return finish(parser, node, max_depth(depth, filters ? filters->depth : target->depth));
}

static struct jinja_node *parse_with(struct jinja_parser *parser, const struct jinja_token *token)
{
    struct jinja_node_list assignments = {0};
    struct jinja_node *node = jinja_parser_node(parser, NODE_WITH, token);
    while (node && !parser->status && parser->token.type != TOKEN_BLOCK_END &&
           parser->token.type != TOKEN_EOF) {
        if (assignments.count && !jinja_parser_expect_operator(parser, ","))
            return NULL;
        struct jinja_node *set = jinja_parser_node(parser, NODE_SET, &parser->token);
        struct jinja_node *target = set ? jinja_parse_target(parser, false, NULL) : NULL;
        if (!target || !jinja_parser_expect_operator(parser, "="))
            return NULL;
        struct jinja_node *value = jinja_parse_expression(parser, true);
        if (!value)
            return NULL;
        set->as.pair.left = target;
        set->as.pair.right = value;
        if (!finish(parser, set, max_depth(target->depth, value->depth)))
            return NULL;
        jinja_node_list_push(&assignments, set);
    }
    if (!node || parser->status)
        return NULL;
    unsigned depth = 0;
    node->as.block.target = assignments.first;
    node->as.block.body = parse_until(parser, "endwith", &depth);
    return finish(parser, node, max_depth(depth, assignments.depth));
}

/* "(a, b=1)" */
static bool parse_signature(struct jinja_parser *parser, struct jinja_macro_def *def,
                            unsigned *depth)
{
    struct jinja_node_list parameters = {0}, defaults = {0};
    if (!jinja_parser_expect_operator(parser, "("))
        return false;
    while (!jinja_parser_is_operator(&parser->token, ")")) {
        if (parameters.count && !jinja_parser_expect_operator(parser, ","))
            return false;
        struct jinja_token token = parser->token;
        struct jinja_node *node = jinja_parser_node(parser, NODE_NAME, &token);
        struct jinja_name *name = jinja_parser_expect_name(parser);
        if (!node || !name)
            return false;
        name->stored = true;
        node->as.name = &name->string;
        jinja_node_list_push(&parameters, node);
        if (jinja_parser_skip_operator(parser, "=")) {
            struct jinja_node *value = jinja_parse_expression(parser, true);
            if (!value)
                return false;
            jinja_node_list_push(&defaults, value);
        } else if (defaults.count) {
            return jinja_parser_fail(parser, &token,
                                     "non-default argument follows default argument");
        }
    }
    size_t bare = parameters.count - defaults.count;
    for (struct jinja_node *node = parameters.first; node && bare; node = node->next, bare--) {
        if (jinja_string_is(node->as.name, "caller"))
            return jinja_parser_fail(parser, &parser->token,
                                     "the special \"caller\" argument of a macro or call block "
                                     "must be omitted or be given a default");
    }
    def->parameters = parameters.first;
    def->count = parameters.count;
    def->defaults = defaults.first;
    def->default_count = defaults.count;
    *depth = defaults.depth;
    return jinja_parser_advance(parser);
}

/* The body of a macro or call block: names in it belong to def, loops outside are out of reach. */
static bool parse_macro_body(struct jinja_parser *parser, struct jinja_macro_def *def,
                             const char *end, unsigned *depth)
{
    struct jinja_macro_scope scope = {def, parser->macro};
    unsigned loops = parser->loops;
    parser->macro = &scope;
    parser->loops = 0;
    def->body = parse_until(parser, end, depth);
    parser->loops = loops;
    parser->macro = scope.outer;
    return parser->status == OCTET_OK;
}

static struct jinja_macro_def *new_macro(struct jinja_parser *parser)
{
    struct jinja_macro_def *def = arena_alloc(parser->arena, sizeof(*def));
    if (!def && parser->status == OCTET_OK)
        parser->status = error_memory(parser->err, "chat template", sizeof(*def));
    return def;
}

static struct jinja_node *parse_macro(struct jinja_parser *parser, const struct jinja_token *token)
{
    unsigned depth = 0, defaults = 0;
    struct jinja_node *node = jinja_parser_node(parser, NODE_MACRO, token);
    struct jinja_macro_def *def = new_macro(parser);
    struct jinja_name *name = jinja_parser_expect_name(parser);
    if (!node || !def || !name)
        return NULL;
    name->stored = true;
    def->name = &name->string;
    node->as.macro = def;
    if (!parse_signature(parser, def, &defaults) ||
        !parse_macro_body(parser, def, "endmacro", &depth))
        return NULL;
    return finish(parser, node, max_depth(depth, defaults));
}

static struct jinja_node *parse_call_block(struct jinja_parser *parser,
                                           const struct jinja_token *token)
{
    unsigned depth = 0, defaults = 0;
    struct jinja_node *node = jinja_parser_node(parser, NODE_CALL_BLOCK, token);
    struct jinja_macro_def *def = new_macro(parser);
    if (!node || !def)
        return NULL;
    node->as.macro = def;
    if (jinja_parser_is_operator(&parser->token, "(") && !parse_signature(parser, def, &defaults))
        return NULL;
    def->call = jinja_parse_expression(parser, true);
    if (!def->call)
        return NULL;
    if (def->call->kind != NODE_CALL)
        return jinja_parser_fail(parser, token, "expected call");
    if (!parse_macro_body(parser, def, "endcall", &depth))
        return NULL;
    return finish(parser, node, max_depth(max_depth(depth, defaults), def->call->depth));
}

static struct jinja_node *parse_filter_block(struct jinja_parser *parser,
                                             const struct jinja_token *token)
{
    unsigned depth = 0;
    struct jinja_node *node = jinja_parser_node(parser, NODE_FILTER_BLOCK, token);
    struct jinja_node *filters = node ? jinja_parse_filters(parser, NULL, true) : NULL;
    if (!filters)
        return NULL;
    node->as.block.filters = filters;
    node->as.block.body = parse_until(parser, "endfilter", &depth);
    return finish(parser, node, max_depth(depth, filters->depth));
}

/* {% generation %}: Hugging Face marks what the assistant says; the text is the same without it. */
static struct jinja_node *parse_generation(struct jinja_parser *parser,
                                           const struct jinja_token *token)
{
    unsigned depth = 0;
    struct jinja_node *node = jinja_parser_node(parser, NODE_SCOPE, token);
    if (!node)
        return NULL;
    node->as.block.body = parse_until(parser, "endgeneration", &depth);
    return finish(parser, node, depth);
}

static struct jinja_node *parse_print(struct jinja_parser *parser, const struct jinja_token *token)
{
    struct jinja_node_list outputs = {0};
    while (!parser->status && parser->token.type != TOKEN_BLOCK_END) {
        if (outputs.count && !jinja_parser_expect_operator(parser, ","))
            return NULL;
        struct jinja_node *node = jinja_parser_node(parser, NODE_OUTPUT, &parser->token);
        struct jinja_node *value = node ? jinja_parse_expression(parser, true) : NULL;
        if (!value)
            return NULL;
        node->as.pair.left = value;
        if (!finish(parser, node, value->depth))
            return NULL;
        jinja_node_list_push(&outputs, node);
    }
    struct jinja_node *node = jinja_parser_node(parser, NODE_SCOPE, token);
    if (node)
        node->as.block.body = outputs.first;
    return finish(parser, node, outputs.depth);
}

static struct jinja_node *parse_jump(struct jinja_parser *parser, const struct jinja_token *token)
{
    bool stop = jinja_parser_is_name(token, "break");
    if (!parser->loops)
        return jinja_parser_fail(parser, token, "'%s' outside loop", stop ? "break" : "continue");
    return jinja_parser_node(parser, stop ? NODE_BREAK : NODE_CONTINUE, token);
}

static struct jinja_node *fail_tag(struct jinja_parser *parser, const struct jinja_token *token,
                                   const char *const *ends)
{
    static const char *const known[] = {"block",     "extends",    "include", "import",
                                        "from",      "autoescape", "trans",   "do",
                                        "pluralize", "debug",      NULL};
    char looking[200] = "";
    size_t length = 0;
    for (size_t i = 0; known[i]; i++) {
        if (jinja_parser_is_name(token, known[i]))
            return jinja_parser_fail(parser, token, "the tag '%s' is not supported", known[i]);
    }
    for (size_t i = 0; ends && ends[i] && length < sizeof(looking); i++)
        length +=
            (size_t)snprintf(looking + length, sizeof(looking) - length, "%s'%s'",
                             i ? " or " : " Jinja was looking for the following tags: ", ends[i]);
    return jinja_parser_fail(parser, token, "Encountered unknown tag '%.*s'.%s%s",
                             (int)(token->size < 60 ? token->size : 60), token->text, looking,
                             length ? "." : "");
}

static struct jinja_node *parse_statement(struct jinja_parser *parser, const char *const *ends)
{
    static const struct {
        const char *name;
        struct jinja_node *(*parse)(struct jinja_parser *, const struct jinja_token *);
    } tags[] = {
        {"if", parse_if},
        {"for", parse_for},
        {"set", parse_set},
        {"with", parse_with},
        {"macro", parse_macro},
        {"call", parse_call_block},
        {"print", parse_print},
        {"filter", parse_filter_block},
        {"break", parse_jump},
        {"continue", parse_jump},
        {"generation", parse_generation},
    };
    struct jinja_token token = parser->token;
    if (token.type != TOKEN_NAME)
        return jinja_parser_fail(parser, &token, "tag name expected");
    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        if (!jinja_parser_is_name(&token, tags[i].name))
            continue;
        if (!jinja_parser_advance(parser) || !jinja_parser_enter(parser))
            return NULL;
        struct jinja_node *node = tags[i].parse(parser, &token);
        jinja_parser_leave(parser);
        return node && expect_block_end(parser) ? node : NULL;
    }
    return fail_tag(parser, &token, ends);
}

static struct jinja_node *parse_data(struct jinja_parser *parser)
{
    struct jinja_node *node = jinja_parser_node(parser, NODE_DATA, &parser->token);
    struct jinja_string *string = arena_alloc(parser->arena, sizeof(*string));
    if (!node || !string) {
        if (parser->status == OCTET_OK)
            parser->status = error_memory(parser->err, "chat template", sizeof(*string));
        return NULL;
    }
    string->data = parser->token.text;
    string->size = parser->token.size;
    string->chars = jinja_count_chars(string->data, string->size);
    node->as.value = jinja_from_string(string);
    return jinja_parser_advance(parser) ? node : NULL;
}

static struct jinja_node *parse_output(struct jinja_parser *parser)
{
    char found[64];
    struct jinja_node *node = jinja_parser_node(parser, NODE_OUTPUT, &parser->token);
    if (!node || !jinja_parser_advance(parser))
        return NULL;
    struct jinja_node *value = jinja_parse_tuple(parser, true, NULL);
    if (!value)
        return NULL;
    if (parser->token.type != TOKEN_VARIABLE_END) {
        jinja_parser_describe(&parser->token, found, sizeof(found));
        return jinja_parser_fail(parser, &parser->token,
                                 "expected token 'end of print statement', got '%s'", found);
    }
    node->as.pair.left = value;
    if (!jinja_parser_advance(parser))
        return NULL;
    return finish(parser, node, value->depth);
}

static struct jinja_node *parse_body(struct jinja_parser *parser, const char *const *ends,
                                     unsigned *depth)
{
    struct jinja_node_list body = {0};
    while (parser->status == OCTET_OK) {
        struct jinja_node *node = NULL;
        if (parser->token.type == TOKEN_EOF) {
            if (ends)
                jinja_parser_fail(parser, &parser->token,
                                  "Unexpected end of template. Jinja was looking for the "
                                  "following tag: '%s'.",
                                  ends[0]);
            break;
        } else if (parser->token.type == TOKEN_DATA) {
            node = parse_data(parser);
        } else if (parser->token.type == TOKEN_VARIABLE_BEGIN) {
            node = parse_output(parser);
        } else {
            if (!jinja_parser_advance(parser) || at_name_of(parser, ends))
                break;
            node = parse_statement(parser, ends);
        }
        if (!node)
            break;
        jinja_node_list_push(&body, node);
    }
    *depth = body.depth;
    return parser->status == OCTET_OK ? body.first : NULL;
}

/* Every plain name that is called must be a function of octet's or something the template defines.
 */
static octet_status check_calls(struct jinja_parser *parser)
{
    static const char *const implied[] = {"loop", "caller"};
    const struct jinja_call_site *first = NULL;
    for (const struct jinja_call_site *site = parser->calls; site; site = site->next) {
        const struct jinja_string *name = &site->name->string;
        bool known = site->name->stored || jinja_function_find(name->data, name->size);
        for (size_t i = 0; i < sizeof(implied) / sizeof(implied[0]); i++)
            known |= jinja_string_is(name, implied[i]);
        if (!known)
            first = site; /* the list runs backwards through the template */
    }
    if (!first)
        return OCTET_OK;
    return jinja_lexer_fail(&parser->lexer, OCTET_INPUT, first->line, first->column,
                            "unknown function '%s'", first->name->string.data);
}

octet_status jinja_parse(struct arena *arena, const char *source, size_t size, const char *name,
                         struct jinja_tree *tree, struct octet_error *err)
{
    struct jinja_parser *parser = arena_alloc(arena, sizeof(*parser));
    unsigned depth = 0;
    if (!parser)
        return error_memory(err, "chat template", sizeof(*parser));
    parser->arena = parser->lexer.arena = arena;
    parser->err = parser->lexer.err = err;
    parser->lexer.name = name;
    const struct {
        const char *name;
        const struct jinja_string **place;
    } known[] = {{"loop", &tree->loop},
                 {"caller", &tree->caller},
                 {"kwargs", &tree->kwargs},
                 {"varargs", &tree->varargs}};
    RETURN_IF_ERROR(jinja_lexer_init(&parser->lexer, source, size));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct jinja_name *interned =
            jinja_parser_intern(parser, known[i].name, strlen(known[i].name));
        if (interned)
            *known[i].place = &interned->string;
    }
    jinja_parser_advance(parser);
    tree->first = parse_body(parser, NULL, &depth);
    RETURN_IF_ERROR(parser->status);
    return check_calls(parser);
}
