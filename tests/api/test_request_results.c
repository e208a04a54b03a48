/* SPDX-License-Identifier: Apache-2.0 */
/* Every field that is accepted: what the request becomes. */
#include "api/request_case.h"

#include "support/testing.h"

#define FINE(body, expected)                                                                       \
    {                                                                                              \
        body, 200, NULL, NULL, expected                                                            \
    }
#define TOOL(name)                                                                                 \
    "{'type':'function','function':{'name':'" name "','parameters':{'type':'object'}}}"
#define TOOLS "'tools':[" TOOL("f") "," TOOL("g") "]"
#define USER(text) "{'role':'user','content':'" text "'}"
#define OFF "'chat_template_kwargs':{'enable_thinking':false}"

static const struct request_case sampling[] = {
    FINE("h ", "model=demo prompts=1 n=1| max_tokens=-1 | temperature=0.6 top_k=20 top_p=0.95 "
               "min_p=0| seed=none | logprobs=-1 prompt_logprobs=-1 | budget=-1 "),
    FINE("c ", " max_tokens=16 | temperature=0.6 | ids=["),
    FINE("h 'model':'models/demo'", "model=models/demo "),
    FINE("h 'model':null,'temperature':null,'top_p':null,'stop':null,'n':null,'seed':null,"
         "'stream':null,'stream_options':null,'logprobs':null,'tools':null,'response_format':null,"
         "'tool_choice':null,'logit_bias':null,'max_tokens':null,'user':null,'best_of':null,"
         "'functions':null,'suffix':null",
         "model=demo | n=1| max_tokens=-1 "),
    FINE("h 'temperature':0", " temperature=0 "),
    FINE("h 'temperature':2", " temperature=2 "),
    FINE("h 'temperature':0.005", " temperature=0.01 "),
    FINE("h 'temperature':1e-7", " temperature=1e-07 "),
    FINE("h 'temperature':-0.0", " temperature=-0 "),
    FINE("h 'top_k':-1,'top_p':1,'min_p':0.05", " top_k=-1 top_p=1 min_p=0.05 "),
    FINE("h 'top_k':0", " top_k=0 "),
    FINE("h 'top_k':2000000000", " top_k=4096 "),
    FINE("h 'top_k':5.0", " top_k=5 "),
    FINE("h 'presence_penalty':-2,'frequency_penalty':2,'repetition_penalty':1.1",
         " repetition=1.1 presence=-2 frequency=2 "),
    FINE("h 'repeat_penalty':1.3", " repetition=1.3 "),
    FINE("h 'n':3", " n=3 "),
    FINE("h 'n':2,'best_of':2", " n=2 "),
    FINE("h 'n':1,'temperature':0", " n=1 | temperature=0 "),
    FINE("h 'seed':42", " seed=42 "),
    FINE("h 'seed':-1", " seed=none "),
    FINE("h 'seed':-5", " seed=-5 "),
    FINE("h 'seed':9223372036854775807", " seed=9223372036854775807 "),
    FINE("h 'ignore_eos':true,'min_tokens':3,'max_tokens':4", " max_tokens=4 min_tokens=3 | "
                                                              "ignore_eos=1"),
    FINE("h 'max_tokens':5,'max_completion_tokens':7", " max_tokens=7 "),
    FINE("h 'max_tokens':499", " max_tokens=499 "),
    FINE("h 'priority':0", " priority=0 "),
    FINE("h 'thinking_token_budget':-1", " budget=-1 "),
    FINE("h 'use_beam_search':false,'length_penalty':1.0,'functions':[]", " n=1 "),
};

static const struct request_case lists[] = {
    FINE("h 'stop':'END'", " stop=<END> include_stop=0 "),
    FINE("h 'stop':['a','\\u00e9']", " stop=<a> stop=<\xC3\xA9> "),
    FINE("h 'stop':[]", " include_stop=0 "),
    FINE("h 'stop':'x','include_stop_str_in_output':true", " include_stop=1 "),
    FINE("h 'stop_token_ids':[0,4095]", " stop_ids=[0,4095] "),
    FINE("h 'stop_token_ids':[]", " stop_ids=[] "),
    FINE("h 'allowed_token_ids':[5,6]", " allowed=[5,6]"),
    FINE("h 'logit_bias':{'1':5,'2':-500,'3':1e300}", " bias[1]=5 bias[2]=-100 bias[3]=100"),
    FINE("h 'logit_bias':{}", " allowed=[] "),
    FINE("h 'bad_words':['hello']", " bad=["),
    FINE("h 'skip_special_tokens':false,'spaces_between_special_tokens':false", " skip_special=0 "),
};

static const struct request_case answers[] = {
    FINE("h 'stream':true", " stream=1 usage=0/0 interval=1 "),
    FINE("h 'stream':true,'stream_options':{'include_usage':true}", " usage=1/0 "),
    FINE("h 'stream':true,'stream_options':{'include_usage':true,'continuous_usage_stats':true,"
         "'include_obfuscation':false}",
         " usage=1/1 "),
    FINE("h 'stream':true,'stream_options':{'continuous_usage_stats':true}", " usage=0/0 "),
    FINE("h 'stream':false,'stream_options':{}", " stream=0 "),
    FINE("h 'stream':true,'stream_interval':4", " interval=4 "),
    FINE("h 'logprobs':true", " wants_logprobs=1 | logprobs=0 "),
    FINE("h 'logprobs':true,'top_logprobs':20", " logprobs=20 | wants_logprobs=1 "),
    FINE("h 'logprobs':false,'top_logprobs':0", " logprobs=-1 | wants_logprobs=0 "),
    FINE("h 'prompt_logprobs':0", " prompt_logprobs=0 | wants_prompt_logprobs=1 "),
    FINE("c 'logprobs':0", " logprobs=0 | wants_logprobs=1 "),
    FINE("c 'logprobs':null", " logprobs=-1 | wants_logprobs=0 "),
    FINE("c 'logprobs':5,'echo':true,'stream':true", " logprobs=5 prompt_logprobs=5 "),
    FINE("c 'logprobs':2,'echo':true,'prompt_logprobs':4", " logprobs=2 prompt_logprobs=4 "),
    FINE("c 'echo':true", " prompt_logprobs=-1 | echo=1"),
    FINE("c 'echo':true,'max_tokens':0", " max_tokens=0 "),
    FINE("h 'return_token_ids':true,'return_tokens_as_token_ids':true", " token_ids=1 as_ids=1 "),
    FINE("h 'include_reasoning':false", " include_reasoning=0 "),
    FINE("h 'request_id':'abc-1'", " id=abc-1 "),
    FINE("h 'request_id':''", " id=none "),
    /* The first 64 bits of SHA-256("a") and ("b"). */
    FINE("h 'cache_salt':'a'", " salt=14598278634844962250 "),
    FINE("h 'prompt_cache_key':'a'", " salt=14598278634844962250 "),
    FINE("h 'cache_salt':'b','prompt_cache_key':'a'", " salt=4477677635727087946 "),
    FINE("h ", " salt=0 "),
    FINE("h 'echo':true", " echo=1| echo_text=<>"),
    FINE("H {'messages':[" USER("a") ",{'role':'assistant','content':'Yes '}],'echo':true,"
                                     "'add_generation_prompt':false,'continue_final_message':true}",
         " echo_text=<Yes >"),
    FINE("h 'metadata':{'a':'b'},'store':true,'service_tier':'auto','safety_identifier':'x',"
         "'verbosity':'low','prediction':{},'web_search_options':{},'moderation':{},'user':'me',"
         "'modalities':['text'],'vllm_xargs':{'a':1},'mm_processor_kwargs':{},'session_id':'s',"
         "'typo':1",
         "model=demo "),
};

static const struct request_case chats[] = {
    FINE("h ", " text=<<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n>| start=0 | "
               "reasoning=1 "),
    FINE("h " OFF, "<think>\n\n</think>\n\n>| start=2 "),
    FINE("h 'reasoning_effort':'none'", "<think>\n\n</think>\n\n>| start=2 "),
    FINE("h 'reasoning_effort':'none','chat_template_kwargs':{'enable_thinking':true}",
         "assistant\n>| start=0 "),
    FINE("h 'reasoning_effort':'high'", " start=0 "),
    FINE("h 'chat_template_kwargs':{'messages':[],'add_generation_prompt':false}",
         "hi<|im_end|>\n<|im_start|>assistant\n>"),
    FINE("H {'messages':[{'role':'developer','content':'Be kind.'}," USER("a") "]}",
         "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\na"),
    FINE("H {'messages':[{'role':'user','content':[{'type':'text','text':'one'},'two',{'type':"
         "'input_text','text':'three'}]}]}",
         "user\none\ntwo\nthree<|im_end|>"),
    FINE("H {'messages':[{'role':'user','content':[]}]}", "user\n<|im_end|>"),
    FINE("H {'messages':[{'role':'user'}]}", "user\n<|im_end|>"),
    FINE("H {'messages':[" USER(
             "a") ",{'role':'assistant','content':null,'tool_calls':[{'id':'1',"
                  "'type':'function','function':{'name':'f','arguments':'{\\'x\\': [1, "
                  "2]}'}}]},{'role':"
                  "'tool','tool_call_id':'1','content':[{'type':'text','text':'42'}]}]}",
         "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"x\": [1, "
         "2]}}\n</tool_call>|<tool_response>\n42\n</tool_response>"),
    FINE("H {'messages':[" USER("a") ",{'role':'assistant','tool_calls':[{'function':{'name':'f',"
                                     "'arguments':''}}]}]}",
         "{\"name\": \"f\", \"arguments\": {}}"),
    FINE("H {'messages':[" USER("a") ",{'role':'assistant','tool_calls':[{'function':{'name':'f',"
                                     "'arguments':{'b':2,'a':1}}}]}]}",
         "\"arguments\": {\"b\": 2, \"a\": 1}}"),
    FINE("H {'messages':[" USER("a") ",{'role':'assistant','content':'x','tool_calls':[]}]}",
         "x<|im_end|>"),
    FINE("H {'messages':[" USER("a") ",{'role':'assistant','content':'b','reasoning':'because'}]}",
         "<think>\nbecause\n</think>\n\nb<|im_end|>"),
    FINE("H {'messages':[" USER("a") ",{'role':'assistant','content':'b','reasoning_content':"
                                     "'because'}]}",
         "<think>\nbecause\n</think>\n\nb<|im_end|>"),
    FINE("H {'messages':[" USER("a") ",{'role':'assistant','content':'b','reasoning_content':"
                                     "'old','reasoning':'new'}]}",
         "<think>\nnew\n</think>"),
    FINE("H {'messages':[" USER("a") ",{'role':'assistant','content':'Once upon'}],"
                                     "'continue_final_message':true,'add_generation_prompt':false}",
         "Once upon>| start=2 "),
    FINE("H {'messages':[" USER("a") ",{'role':'assistant','content':'<think> I'}],"
                                     "'continue_final_message':true}",
         "<think> I>| start=1 "),
    FINE("h 'add_generation_prompt':false", "hi<|im_end|>\n>"),
    FINE("h 'documents':[{'title':'t','text':'x'}]", "model=demo"),
    FINE("h 'truncate_prompt_tokens':5", " ids=[4094,930,604,640,198] "),
    FINE("h 'truncate_prompt_tokens':1,'truncation_side':'right'", " ids=[4094] "),
    FINE("h 'truncate_prompt_tokens':-1", " ids=[4094,"),
    FINE("H {'messages':[{'role':'alien','content':'x'}," USER("a") "]}", "user\na"),
};

static const struct request_case tools[] = {
    FINE("h ", " tools=0 parallel=1 mode=0 "),
    FINE("h " TOOLS,
         " tools=1 parallel=1 mode=1 |{\"type\": \"function\", \"function\": {\"name\": "
         "\"f\", \"parameters\": {\"type\": \"object\"}}}"),
    FINE("h " TOOLS ",'tool_choice':'auto','parallel_tool_calls':false",
         " tools=1 parallel=0 mode=1 "),
    FINE("h " TOOLS ",'tool_choice':'none'", " tools=0 parallel=1 mode=0 |<tools>"),
    FINE("h 'tool_choice':'none'", " mode=0 "),
    FINE("h " TOOLS ",'tool_choice':null", " mode=1 "),
};

/* begins: 0 at once, 1 after thinking, 2 in tool calls. */
static const struct request_case structures[] = {
    FINE("h 'response_format':{'type':'text'}", " grammar=0 "),
    FINE("h 'response_format':{'type':'json_object'}", " grammar=1 begins=1"),
    FINE("h 'response_format':{'type':'json_object'}," OFF, " grammar=1 begins=0"),
    FINE("h 'response_format':{'type':'json_object','schema':{'type':'integer'}}", " grammar=1 "),
    FINE("h 'response_format':{'type':'json_schema','json_schema':{'name':'x','strict':true,"
         "'schema':{'type':'object','properties':{'a':{'type':'integer'}},'required':['a'],"
         "'additionalProperties':false}}}",
         " grammar=1 begins=1"),
    FINE("h 'response_format':{'type':'json_schema','json_schema':{'name':'x'}}", " grammar=1 "),
    FINE("h 'structured_outputs':{'choice':['yes','no']}", " grammar=1 begins=1"),
    FINE("h 'structured_outputs':{'regex':'[a-z]+'}", " grammar=1 "),
    FINE("h 'structured_outputs':{'json':'{\\'type\\':\\'integer\\'}'}", " grammar=1 "),
    FINE("h 'structured_outputs':{'json_object':true,'whitespace_pattern':' '}", " grammar=1 "),
    FINE("h 'guided_json':{'type':'integer'}", " grammar=1 "),
    FINE("h 'guided_regex':'a|b'", " grammar=1 "),
    FINE("h 'guided_choice':['a'],'guided_decoding_backend':'x'", " grammar=1 "),
    FINE("c 'guided_choice':['a']", " grammar=1 begins=0"),
    FINE("c 'response_format':{'type':'json_object'}", " grammar=1 begins=0"),
    FINE("h " TOOLS, " tools=1 parallel=1 mode=1 grammar=1 begins=2"),
    FINE("h " TOOLS ",'tool_choice':'none'", " grammar=0 "),
    FINE("h " TOOLS ",'tool_choice':'required'", " tools=1 parallel=1 mode=2 grammar=1 begins=1"),
    FINE("h " TOOLS ",'tool_choice':'required'," OFF, " mode=2 grammar=1 begins=0"),
    FINE("h " TOOLS ",'tool_choice':{'type':'function','function':{'name':'g'}}",
         " tools=1 parallel=1 mode=3 grammar=1 begins=1"),
    FINE("h " TOOLS ",'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'required',"
         "'tools':[{'type':'function','function':{'name':'g'}}]}}",
         " mode=2 grammar=1 |\"name\": \"g\""),
    FINE("h " TOOLS ",'tool_choice':{'type':'allowed_tools','tools':[{'type':'function','name':"
         "'f'}]}",
         " mode=1 grammar=1 begins=2"),
    FINE("h 'thinking_token_budget':20", " budget=20 | grammar=0 "),
};

static const struct request_case prompts[] = {
    FINE("C {'prompt':'hello'}", "prompts=1 | text=<hello>"),
    FINE("C {'prompt':['hello','b','c']}", "prompts=3 | text=<hello> text=<b> text=<c>"),
    FINE("C {'prompt':[5,6,4095]}", "prompts=1 n=1 ids=[5,6,4095] | text=<>"),
    FINE("C {'prompt':[[5],[6,7]],'n':2}", "prompts=2 n=2 ids=[5] ids=[6,7] "),
    FINE("C {'prompt':[5.0]}", "ids=[5] "),
    FINE("C {'prompt':'<|im_start|>'}", "ids=[4094] "),
    FINE("C {'prompt':'\\u0000'}", "ids=[188] "),
    FINE("C {'prompt':['\\u0000','a']}", "prompts=2 n=1 ids=[188] "),
    FINE("T {'prompt':'\\u0000\\u0000'}", "{\"count\": 2, |[188, 188]"),
    FINE("H {'messages':[{'role':'user','content':[{'type':'text','text':'\\u0000'}]}]}", ",188,"),
    /* lm-eval's log-likelihood request. */
    FINE("C {'model':'demo','prompt':[[5,6,7]],'temperature':0,'max_tokens':1,'logprobs':1,"
         "'seed':1234,'echo':true}",
         "ids=[5,6,7] | max_tokens=1 | temperature=0 | logprobs=1 prompt_logprobs=1 | echo=1"),
    /* vLLM's bench, completions and chat. */
    FINE("C {'model':'demo','prompt':'a','temperature':0.0,'repetition_penalty':1.0,'max_tokens':8,"
         "'logprobs':null,'stream':true,'stream_options':{'include_usage':true},'ignore_eos':true}",
         " max_tokens=8 | logprobs=-1 | usage=1/0 "),
    FINE("H {'model':'demo','messages':[{'role':'user','content':[{'type':'text','text':'a'}]}],"
         "'temperature':0.0,'max_completion_tokens':8,'stream':true,'stream_options':"
         "{'include_usage':true}}",
         " max_tokens=8 | usage=1/0 "),
    FINE("c 'suffix':'','add_special_tokens':false", "text=<hello>"),
};

static const struct request_case texts[] = {
    FINE("T {'prompt':'<|im_start|>'}",
         "{\"count\": 1, \"max_model_len\": 512, \"tokens\": [4094], \"token_strs\": null}"),
    FINE("T {'prompt':''}", "{\"count\": 0, |\"tokens\": []"),
    FINE("T {'content':'<|im_start|>','add_special':true,'with_pieces':true}",
         "\"tokens\": [{\"id\": 4094, \"piece\": \"<|im_start|>\"}]"),
    FINE("T {'prompt':'<|im_start|>','return_token_strs':true}",
         "\"token_strs\": [\"<|im_start|>\"]"),
    FINE("T {'messages':[" USER("hi") "]}", "{\"count\": 13, "),
    FINE("T {'messages':[" USER("hi") "],'add_generation_prompt':false}", "{\"count\": 8, "),
    FINE("T {'messages':[" USER("hi") "]," TOOLS "}", "{\"count\": 2"),
    FINE("D {'tokens':[4094,4095]}",
         "{\"prompt\": \"<|im_start|><|im_end|>\", \"content\": \"<|im_start|><|im_end|>\"}"),
    FINE("D {'tokens':[]}", "{\"prompt\": \"\", \"content\": \"\"}"),
    FINE("R {'messages':[" USER("hi") "]}",
         "{\"prompt\": \"<|im_start|>user\\nhi<|im_end|>\\n<|im_start|>assistant\\n\", \"count\": "
         "13, \"max_model_len\": 512, \"prompt_token_ids\": [4094,"),
    FINE("R {'messages':[" USER("hi") "]," OFF ",'max_tokens':9999,'temperature':1}",
         "<think>\\n\\n</think>\\n\\n\", "),
};

static struct request_model served;

#define CHECK_TABLE(name)                                                                          \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        request_cases_check(&served.model, name, sizeof name / sizeof name[0]);                    \
    }
CHECK_TABLE(sampling)
CHECK_TABLE(lists)
CHECK_TABLE(answers)
CHECK_TABLE(chats)
CHECK_TABLE(tools)
CHECK_TABLE(structures)
CHECK_TABLE(prompts)
CHECK_TABLE(texts)

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sampling), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_answers),  cmocka_unit_test(test_chats),
        cmocka_unit_test(test_tools),    cmocka_unit_test(test_prompts),
        cmocka_unit_test(test_texts),    cmocka_unit_test(test_structures),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
