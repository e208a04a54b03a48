/* SPDX-License-Identifier: Apache-2.0 */
/* What depends on the server's settings and on the chat template. */
#include "api/api_parse.h"
#include "api/request_case.h"

#include "support/testing.h"

#define TOOLS "'tools':[{'type':'function','function':{'name':'f'}}]"
#define USER(text) "{'role':'user','content':'" text "'}"

static struct request_model served;

static int open_model(void **state)
{
    (void)state;
    return request_model_open(&served, "tests/golden/template/qwen3.jinja") ? 0 : -1;
}

static int close_model(void **state)
{
    (void)state;
    request_model_close(&served);
    return 0;
}

/* One row against a model that differs from the usual one. */
static void expect(const struct api_model *model, struct request_case row)
{
    request_cases_check(model, &row, 1);
}

static void fine(const struct api_model *model, const char *body, const char *expected)
{
    expect(model, (struct request_case){body, 200, NULL, NULL, expected});
}

static void bad(const struct api_model *model, const char *body, const char *param,
                const char *code, const char *expected)
{
    expect(model, (struct request_case){body, 400, param, code, expected});
}

static void test_strict(void **state)
{
    (void)state;
    struct api_model model = served.model;
    model.strict_requests = true;
    fine(&model, "h 'temperature':1,'user':'me','metadata':{}", "model=demo");
    bad(&model, "h 'temprature':1,'top_pp':2", "temprature", "unsupported_parameter",
        "temprature: unknown field|top_pp: unknown field");
    bad(&model, "c 'messages':[]", "messages", "unsupported_parameter", "messages: unknown field");
    bad(&model, "h 'stream':true,'stream_options':{'include_usge':true}",
        "stream_options.include_usge", "unsupported_parameter", "unknown field");
    bad(&model, "T {'prompt':'a','promt':'b'}", "promt", "unsupported_parameter", "unknown field");
}

static void test_switches(void **state)
{
    (void)state;
    struct api_model model = served.model;
    model.priority_scheduling = true;
    fine(&model, "h 'priority':-3", " priority=-3 ");
    model.force_include_usage = true;
    fine(&model, "h 'stream':true", " usage=1/0 ");
    fine(&model, "h 'stream':true,'stream_options':{'include_usage':false}", " usage=1/0 ");
    model.tokens_as_token_ids = true;
    fine(&model, "h ", " as_ids=1 ");
    fine(&model, "h 'return_tokens_as_token_ids':false", " as_ids=0 ");
    model.stream_interval = 8;
    fine(&model, "h ", " interval=8 ");
    fine(&model, "h 'stream_interval':2", " interval=2 ");
    model.max_logprobs = model.vocab_size;
    fine(&model, "h 'logprobs':true,'top_logprobs':-1", " logprobs=4096 ");
    model.defaults.max_tokens = 7;
    fine(&model, "h ", " max_tokens=7 ");
    fine(&model, "h 'max_tokens':9", " max_tokens=9 ");
}

static void test_tool_settings(void **state)
{
    (void)state;
    struct api_model model = served.model;
    const char *sentence = "\"auto\" tool choice requires --enable-auto-tool-choice and "
                           "--tool-call-parser to be set";
    model.exclude_tools_when_none = true;
    fine(&model, "h " TOOLS ",'tool_choice':'none'", " mode=0 | text=<<|im_start|>user");
    model.auto_tool_choice = false;
    bad(&model, "h " TOOLS ",'tool_choice':'auto'", "tool_choice", "invalid_value", sentence);
    bad(&model, "h " TOOLS, "tool_choice", "invalid_value", sentence);
    fine(&model, "h " TOOLS ",'tool_choice':'required'", " mode=2 grammar=1 ");
    model.auto_tool_choice = true;
    model.tools = TOOLS_QWEN3_CODER;
    fine(&model, "h " TOOLS, " tools=2 parallel=1 mode=1 grammar=0 ");
    fine(&model, "h " TOOLS ",'tool_choice':'required'", " tools=1 parallel=1 mode=2 grammar=1 ");
    model.vocab = NULL;
    bad(&model, "h 'response_format':{'type':'json_object'}", "response_format",
        "unsupported_parameter", "not available");
    bad(&model, "h " TOOLS ",'tool_choice':'required'", "tool_choice", "unsupported_parameter",
        "not available");
    bad(&model, "h 'thinking_token_budget':5", "thinking_token_budget", "unsupported_parameter",
        "not available");
    fine(&model, "h " TOOLS, " mode=1 grammar=0 ");
}

static void test_template_kwargs(void **state)
{
    (void)state;
    struct octet_error err = {.status = OCTET_OK};
    struct json *kwargs = NULL;
    const char text[] = "{\"enable_thinking\": false}";
    struct api_model model = served.model;
    assert_int_equal(json_parse(text, strlen(text), 100, "kwargs", &kwargs, &err), OCTET_OK);
    model.template_kwargs = kwargs;
    fine(&model, "h ", "<think>\n\n</think>\n\n>| start=2 ");
    fine(&model, "h 'chat_template_kwargs':{'enable_thinking':true}", "assistant\n>| start=0 ");
    fine(&model, "h 'response_format':{'type':'json_object'}", " grammar=1 begins=0");
    json_free(kwargs);
}

static void test_without_template(void **state)
{
    (void)state;
    struct api_model model = served.model;
    model.render = NULL;
    model.template_source = NULL;
    bad(&model, "h ", "messages", "unsupported_parameter", "no chat template");
    bad(&model, "R {'messages':[" USER("a") "]}", "messages", "unsupported_parameter", "template");
    fine(&model, "c ", "model=demo");
}

/* Use a template for some rows, then Qwen3's again. */
static void with_template(const char *source, const struct request_case *rows, size_t count)
{
    char *before = strdup(served.source);
    assert_non_null(before);
    assert_true(request_model_set_template(&served, source));
    request_cases_check(&served.model, rows, count);
    assert_true(request_model_set_template(&served, before));
    free(before);
}

static void test_template_errors(void **state)
{
    (void)state;
    static const struct request_case rows[] = {
        {"h ", 400, "messages", "invalid_value", "Roles must alternate"},
    };
    with_template("a\n{{ raise_exception('Roles must alternate') }}", rows, 1);
    static const struct request_case empty[] = {
        {"h ", 400, "messages", "invalid_value", "empty prompt"},
    };
    with_template("", empty, 1);
    static const struct request_case wrong[] = {
        {"h ", 400, "messages", "invalid_value", "template|1"},
    };
    with_template("{{ messages[0].content + 1 }}", wrong, 1);
}

static void test_content_formats(void **state)
{
    (void)state;
    static const struct request_case rows[] = {
        {"h ", 200, NULL, NULL, " text=<text:hi;>"},
        {"H {'messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'text',"
         "'text':'b'}]}]}",
         200, NULL, NULL, " text=<text:a\nb;>"},
        {"H {'messages':[{'role':'tool','content':'a'}]}", 200, NULL, NULL, " text=<a>"},
    };
    with_template("{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}"
                  "{% for part in m['content'] %}{{ part.type }}:{{ part.text }};{% endfor %}"
                  "{% endif %}{% endfor %}",
                  rows, 3);
    struct api_model model = served.model;
    assert_int_equal(message_content_format(&model), CONTENT_STRING);
    model.content_format = CONTENT_OPENAI;
    assert_int_equal(message_content_format(&model), CONTENT_OPENAI);
    model.content_format = CONTENT_AUTO;
    model.template_source = "{% for x in message.content %}";
    assert_int_equal(message_content_format(&model), CONTENT_OPENAI);
    model.template_source = "{% if 'a' in message.content %}for in for x in y %}";
    assert_int_equal(message_content_format(&model), CONTENT_STRING);
    model.template_source = "{%- for item in messages[-1][\"content\"] -%}";
    assert_int_equal(message_content_format(&model), CONTENT_OPENAI);
}

static void test_where_reasoning_begins(void **state)
{
    (void)state;
    static const struct request_case open[] = {
        {"h ", 200, NULL, NULL, " start=1 "},
        {"h 'response_format':{'type':'json_object'}", 200, NULL, NULL, " grammar=1 begins=1"},
    };
    with_template("{{ messages[0].content }}<think>\n", open, 2);
    static const struct request_case closed[] = {
        {"h ", 200, NULL, NULL, " start=2 "},
        {"h 'response_format':{'type':'json_object'}", 200, NULL, NULL, " grammar=1 begins=0"},
    };
    with_template("{{ messages[0].content }}<think></think>\n\n", closed, 2);
    /* A template without the switch: the model does not think. */
    static const struct request_case plain[] = {
        {"h ", 200, NULL, NULL, " start=0 "},
        {"h 'response_format':{'type':'json_object'}", 200, NULL, NULL, " grammar=1 begins=0"},
    };
    with_template("{{ messages[0].content }}", plain, 2);
    struct api_model model = served.model;
    model.reasoning = REASONING_NONE;
    fine(&model, "h 'response_format':{'type':'json_object'}", " grammar=1 begins=0");
}

static void test_tables_are_sorted(void **state)
{
    (void)state;
    const struct field_table tables[] = {common_field_table, chat_field_table,
                                         completion_field_table};
    for (size_t t = 0; t < 3; t++) {
        for (size_t i = 1; i < tables[t].count; i++)
            assert_true(strcmp(tables[t].fields[i - 1].name, tables[t].fields[i].name) < 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_switches),
        cmocka_unit_test(test_tool_settings),
        cmocka_unit_test(test_template_kwargs),
        cmocka_unit_test(test_without_template),
        cmocka_unit_test(test_template_errors),
        cmocka_unit_test(test_content_formats),
        cmocka_unit_test(test_where_reasoning_begins),
        cmocka_unit_test(test_tables_are_sorted),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
