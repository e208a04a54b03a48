/* SPDX-License-Identifier: Apache-2.0 */
/* Every refusal: its status, its field's path, its code and its sentence. */
#include "api/request_case.h"

#include "support/testing.h"

#define INVALID "invalid_value"
#define UNSUPPORTED "unsupported_parameter"
#define BAD(body, param, sentence)                                                                 \
    {                                                                                              \
        body, 400, param, INVALID, sentence                                                        \
    }
#define REFUSED(body, param, sentence)                                                             \
    {                                                                                              \
        body, 400, param, UNSUPPORTED, sentence                                                    \
    }
#define TOO_LONG(body, param, sentence)                                                            \
    {                                                                                              \
        body, 400, param, "context_length_exceeded", sentence                                      \
    }
#define WRONG(body, param, types)                                                                  \
    {                                                                                              \
        body, 400, param, INVALID, param ": expected " types                                       \
    }
#define TOOL "{'type':'function','function':{'name':'f','parameters':{'type':'object'}}}"
#define TOOLS "'tools':[" TOOL "]"

static const struct request_case bodies[] = {
    BAD("H ", NULL, "request: line 1, column 1|the text is empty"),
    BAD("H null", NULL, "expected object, got null"),
    BAD("H []", NULL, "expected object, got array"),
    BAD("H 'x'", NULL, "expected object, got string"),
    BAD("H 1", NULL, "expected object, got integer"),
    BAD("H {", NULL, "line 1, column 2"),
    BAD("H {}{}", NULL, "line 1, column 3"),
    BAD("H {'messages':[]} x", NULL, "line 1"),
    BAD("H \xEF\xBB\xBF{}", NULL, "line 1, column 1"),
    BAD("H {'user':'\\u0000'}", "user", "U+0000"),
    BAD("h 'stop':['a','b\\u0000']", "stop.1", "U+0000"),
    BAD("h 'tools':[{'type':'function','function':{'name':'f\\u0000'}}]", "tools.0.function.name",
        "U+0000"),
    BAD("H {'messages':[{'role':'us\\u0000er','content':'x'}]}", "messages.0.role", "U+0000"),
    BAD("H {'\\u0000':1}", NULL, "line 1"),
    BAD("H {'user':'\\ud800'}", NULL, "line 1"),
    BAD("H {'user':'\xff'}", NULL, "line 1"),
    BAD("H {'user':'\xc0\xaf'}", NULL, "line 1"),
    BAD("H {'temperature':1e999}", NULL, "line 1"),
    BAD("H {'temperature':NaN}", NULL, "line 1"),
    BAD("H {'temperature':Infinity}", NULL, "line 1"),
    BAD("H {'temperature':+1}", NULL, "line 1"),
    BAD("H {'temperature':01}", NULL, "line 1"),
    BAD("H {'a':1,}", NULL, "line 1"),
    BAD("C {\n 'prompt': ]", NULL, "line 2, column 12"),
};

static const struct request_case models[] = {
    {"h 'model':'x'", 404, "model", "model_not_found",
     "The model `x` does not exist.|`demo`|`models/demo`"},
    {"c 'model':'x'", 404, "model", "model_not_found", "The model `x` does not exist."},
    {"T {'model':'x','prompt':'a'}", 404, "model", "model_not_found", "The model `x`"},
    {"D {'model':'x','tokens':[]}", 404, "model", "model_not_found", "The model `x`"},
    {"h 'model':''", 404, "model", "model_not_found", "The model `` does not exist."},
    WRONG("h 'model':5", "model", "string, got integer"),
    WRONG("h 'model':['demo']", "model", "string, got array"),
};

static const struct request_case numbers[] = {
    BAD("h 'temperature':2.5", "temperature", "temperature must be in [0, 2], got 2.5."),
    BAD("h 'temperature':-1", "temperature", "temperature must be in [0, 2], got -1.0."),
    BAD("h 'temperature':1e308", "temperature", "temperature must be in [0, 2], got 1e+308."),
    BAD("c 'temperature':3", "temperature", "temperature must be in [0, 2], got 3.0."),
    WRONG("h 'temperature':'hot'", "temperature", "number, got string"),
    WRONG("h 'temperature':true", "temperature", "number, got boolean"),
    WRONG("h 'temperature':[1]", "temperature", "number, got array"),
    BAD("h 'top_p':0", "top_p", "top_p must be in (0, 1], got 0.0."),
    BAD("h 'top_p':1.1", "top_p", "top_p must be in (0, 1], got 1.1."),
    BAD("h 'top_p':-1", "top_p", "top_p must be in (0, 1]"),
    BAD("h 'min_p':-0.1", "min_p", "min_p must be in [0, 1], got -0.1."),
    BAD("h 'min_p':2", "min_p", "min_p must be in [0, 1], got 2.0."),
    BAD("h 'top_k':-2", "top_k", "top_k must be 0 (disable), or at least 1, got -2."),
    BAD("h 'top_k':1099511627776", "top_k", "top_k must be at most 2147483647"),
    WRONG("h 'top_k':1.5", "top_k", "integer, got number"),
    BAD("h 'presence_penalty':2.1", "presence_penalty",
        "presence_penalty must be in [-2, 2], got 2.1."),
    BAD("h 'presence_penalty':-3", "presence_penalty", "presence_penalty must be in [-2, 2]"),
    BAD("h 'frequency_penalty':9", "frequency_penalty", "frequency_penalty must be in [-2, 2]"),
    BAD("h 'repetition_penalty':0", "repetition_penalty",
        "repetition_penalty must be greater than zero, got 0.0."),
    BAD("h 'repeat_penalty':-1", "repeat_penalty", "repetition_penalty must be greater than zero"),
    BAD("h 'repetition_penalty':5e-324", "repetition_penalty",
        "repetition_penalty must be in [1e-30, 1e+30], got 4.94066e-324."),
    BAD("h 'repetition_penalty':1e300", "repetition_penalty", "must be in [1e-30, 1e+30]"),
    BAD("h 'n':0", "n", "n must be at least 1, got 0."),
    BAD("h 'n':-1", "n", "n must be at least 1, got -1."),
    BAD("h 'n':1000000000", "n", "n must be at most 16384, got 1000000000.|VLLM_MAX_N_SEQUENCES"),
    BAD("h 'n':1e30", "n", "n: expected integer, got number"),
    WRONG("h 'n':'2'", "n", "integer, got string"),
    WRONG("h 'n':true", "n", "integer, got boolean"),
    BAD("h 'n':2,'temperature':0", "n", "n must be 1 when using greedy sampling, got 2."),
    REFUSED("h 'best_of':3", "best_of", "best_of=3, n=1"),
    REFUSED("c 'best_of':3,'n':2", "best_of", "best_of is not supported"),
    REFUSED("h 'use_beam_search':true", "use_beam_search", "beam search is not supported"),
    REFUSED("h 'length_penalty':0.5", "length_penalty", "beam search"),
    BAD("h 'seed':18446744073709551616", "seed", "seed must be at most 9223372036854775807"),
    BAD("h 'seed':-18446744073709551616", "seed", "seed must be at least"),
    WRONG("h 'seed':1.5", "seed", "integer, got number"),
    BAD("h 'priority':1", "priority", "Got priority 1 but priority scheduling is not enabled"),
    BAD("h 'priority':4294967296", "priority", "priority must be at most 2147483647"),
    BAD("h 'stream_interval':0", "stream_interval", "stream_interval must be at least 1, got 0."),
    BAD("h 'thinking_token_budget':-2", "thinking_token_budget",
        "`thinking_token_budget` must be a non-negative integer or -1 for unlimited"),
    WRONG("h 'ignore_eos':1", "ignore_eos", "boolean, got integer"),
    WRONG("h 'stream':'yes'", "stream", "boolean, got string"),
    BAD("h 'temperature':3,'top_p':0,'n':'a'", "temperature",
        "temperature must be in [0, 2], got 3.0.|top_p must be in|n: expected integer, got string"),
    BAD("h 'n':[],'seed':[],'top_k':[],'top_p':[],'min_p':[],'stream':[],'echo':[],'model':[],"
        "'user':[],'max_tokens':[],'min_tokens':[],'ignore_eos':[],'temperature':[]",
        "n", "n: expected integer|seed: expected integer|min_tokens: expected"),
};

static const struct request_case lengths[] = {
    BAD("h 'max_tokens':0", "max_tokens", "max_tokens must be at least 1, got 0."),
    BAD("c 'max_tokens':0", "max_tokens", "max_tokens must be at least 1, got 0."),
    BAD("h 'max_tokens':-1", "max_tokens", "max_tokens must be at least 1, got -1."),
    BAD("h 'max_tokens':2147483648", "max_tokens", "max_tokens must be at most 2147483647"),
    BAD("h 'max_tokens':9223372036854775808", "max_tokens", "got 9223372036854775808."),
    WRONG("h 'max_tokens':1.5", "max_tokens", "integer, got number"),
    WRONG("h 'max_tokens':'16'", "max_tokens", "integer, got string"),
    WRONG("h 'max_tokens':true", "max_tokens", "integer, got boolean"),
    BAD("h 'max_completion_tokens':0", "max_completion_tokens",
        "max_completion_tokens must be at least 1, got 0."),
    TOO_LONG("h 'max_tokens':600", "max_tokens",
             "'max_tokens' or 'max_completion_tokens' is too large: 600. This model's maximum "
             "context length is 512 tokens and your request has 13 input tokens (600 > 512 - 13)."),
    TOO_LONG("h 'max_completion_tokens':600,'max_tokens':5", "max_completion_tokens",
             "is too large: 600."),
    TOO_LONG("h 'max_tokens':500", "max_tokens", "(500 > 512 - 13)."),
    TOO_LONG("c 'max_tokens':2147483647", "max_tokens", "request has 2 input tokens"),
    BAD("h 'min_tokens':-1", "min_tokens", "min_tokens must be greater than or equal to 0"),
    BAD("h 'min_tokens':5,'max_tokens':4", "min_tokens",
        "min_tokens must be less than or equal to max_tokens=4, got 5."),
    BAD("c 'min_tokens':17", "min_tokens", "max_tokens=16, got 17."),
    BAD("h 'min_tokens':511", "min_tokens", "max_tokens=499, got 511."),
    BAD("h 'truncate_prompt_tokens':-2", "truncate_prompt_tokens", "must be at least -1"),
    BAD("h 'truncate_prompt_tokens':5,'truncation_side':'up'", "truncation_side", "left or right"),
    BAD("h 'truncate_prompt_tokens':0", "messages", "non-empty"),
};

static const struct request_case lists[] = {
    BAD("h 'stop':''", "stop", "stop cannot contain an empty string."),
    BAD("h 'stop':['a','']", "stop.1", "stop cannot contain an empty string."),
    WRONG("h 'stop':5", "stop", "string or array, got integer"),
    WRONG("h 'stop':['a',5]", "stop.1", "string, got integer"),
    WRONG("h 'stop_token_ids':5", "stop_token_ids", "array, got integer"),
    WRONG("h 'stop_token_ids':['a']", "stop_token_ids.0", "integer, got string"),
    BAD("h 'stop_token_ids':[1,4096]", "stop_token_ids.1",
        "token_id(s) [4096] in stop_token_ids contain out-of-vocab token ids. Vocabulary size: "
        "4096"),
    BAD("h 'stop_token_ids':[-1]", "stop_token_ids.0", "out-of-vocab"),
    BAD("h 'stop_token_ids':[99999999999999999999]", "stop_token_ids.0", "[99999999999999999999]"),
    BAD("h 'allowed_token_ids':[]", "allowed_token_ids", "empty"),
    BAD("h 'allowed_token_ids':[5000]", "allowed_token_ids.0", "out-of-vocab"),
    BAD("h 'logit_bias':{'a':1}", "logit_bias.a",
        "logit_bias contains key(s) that cannot be converted to integer token IDs: ['a']"),
    WRONG("h 'logit_bias':[1]", "logit_bias", "object, got array"),
    BAD("h 'logit_bias':{'4096':1}", "logit_bias.4096",
        "token_id(s) [4096] in logit_bias contain out-of-vocab token ids. Vocabulary size: 4096"),
    BAD("h 'logit_bias':{'-1':1}", "logit_bias.-1", "out-of-vocab"),
    WRONG("h 'logit_bias':{'1':'x'}", "logit_bias.1", "number, got string"),
    WRONG("h 'logit_bias':{'1':false}", "logit_bias.1", "number, got boolean"),
    BAD("h 'bad_words':['']", "bad_words.0", "bad_words cannot contain an empty string."),
    BAD("h 'bad_words':[' ']", "bad_words", "bad_words entries must tokenize to at least one"),
    WRONG("h 'bad_words':[1]", "bad_words.0", "string, got integer"),
    WRONG("h 'bad_words':'x'", "bad_words", "array, got string"),
};

static const struct request_case logprobs[] = {
    BAD("h 'top_logprobs':2", "top_logprobs",
        "when using `top_logprobs`, `logprobs` must be set to true."),
    BAD("h 'top_logprobs':2,'logprobs':false", "top_logprobs", "must be set to true."),
    BAD("h 'top_logprobs':-2,'logprobs':true", "top_logprobs", "must be a positive value or -1"),
    BAD("h 'top_logprobs':21,'logprobs':true", "top_logprobs",
        "Requested sample logprobs of 21, which is greater than max allowed: 20"),
    BAD("h 'top_logprobs':-1,'logprobs':true", "top_logprobs",
        "Requested sample logprobs of 4096, which is greater than max allowed: 20"),
    WRONG("h 'logprobs':5", "logprobs", "boolean, got integer"),
    WRONG("c 'logprobs':true", "logprobs", "integer, got boolean"),
    WRONG("c 'logprobs':'a'", "logprobs", "integer, got string"),
    BAD("c 'logprobs':-5", "logprobs", "`logprobs` must be a positive value or -1"),
    BAD("c 'logprobs':1000000000", "logprobs", "greater than max allowed: 20"),
    BAD("h 'prompt_logprobs':1,'stream':true", "prompt_logprobs",
        "`prompt_logprobs` are not available when `stream=True`."),
    BAD("h 'prompt_logprobs':-3", "prompt_logprobs",
        "`prompt_logprobs` must be a positive value or -1"),
    BAD("h 'prompt_logprobs':25", "prompt_logprobs",
        "Requested prompt logprobs of 25, which is greater than max allowed: 20"),
    REFUSED("h 'logprob_token_ids':[1]", "logprob_token_ids", "top_logprobs"),
};

static const struct request_case answers[] = {
    BAD("h 'stream_options':{'include_usage':true}", "stream_options",
        "Stream options can only be defined when `stream=True`."),
    BAD("h 'stream':false,'stream_options':{'include_usage':true}", "stream_options",
        "Stream options can only be defined"),
    WRONG("h 'stream':true,'stream_options':5", "stream_options", "object, got integer"),
    WRONG("h 'stream':true,'stream_options':{'include_usage':1}", "stream_options.include_usage",
          "boolean, got integer"),
    BAD("h 'request_id':'a b'", "request_id", "printable ASCII"),
    BAD("h 'request_id':'\\u00e9'", "request_id", "printable ASCII"),
    WRONG("h 'request_id':5", "request_id", "string, got integer"),
    BAD("h 'cache_salt':''", "cache_salt", "must be a non-empty string"),
    BAD("h 'cache_salt':'a/b'", "cache_salt", "must be at most 128 characters and must not"),
    BAD("h 'cache_salt':'a@b'", "cache_salt", "must be at most 128 characters"),
    WRONG("h 'cache_salt':7", "cache_salt", "string, got integer"),
    REFUSED("h 'kv_transfer_params':{'a':1}", "kv_transfer_params", "does not transfer"),
    REFUSED("h 'modalities':['text','audio']", "modalities", "text only"),
    REFUSED("h 'audio':{'voice':'x'}", "audio", "text only"),
    REFUSED("h 'chat_template':'{{ x }}'", "chat_template", "--chat-template"),
    REFUSED("h 'functions':[{'name':'f'}]", "functions", "use `tools`"),
    REFUSED("h 'function_call':'auto'", "function_call", "use `tool_choice`"),
    REFUSED("h 'repetition_detection':{'min_count':2}", "repetition_detection", "not supported"),
};

static const struct request_case messages[] = {
    WRONG("H {}", "messages", "array, got absent"),
    WRONG("H {'messages':null}", "messages", "array, got absent"),
    WRONG("H {'messages':'hi'}", "messages", "array, got string"),
    WRONG("H {'messages':{}}", "messages", "array, got object"),
    BAD("H {'messages':[]}", "messages", "at least one message"),
    WRONG("H {'messages':[1]}", "messages.0", "object, got integer"),
    WRONG("H {'messages':[{}]}", "messages.0.role", "string, got absent"),
    WRONG("H {'messages':[{'role':5,'content':'a'}]}", "messages.0.role", "string, got integer"),
    WRONG("H {'messages':[{'role':'user','content':5}]}", "messages.0.content",
          "string or array, got integer"),
    WRONG("H {'messages':[{'role':'user','content':'a'},{'role':'user','content':{}}]}",
          "messages.1.content", "string or array, got object"),
    WRONG("H {'messages':[{'role':'user','content':[5]}]}", "messages.0.content.0",
          "string or object, got integer"),
    WRONG("H {'messages':[{'role':'user','content':[{'type':'text'}]}]}",
          "messages.0.content.0.text", "string, got absent"),
    WRONG("H {'messages':[{'role':'user','content':[{'type':5}]}]}", "messages.0.content.0.type",
          "string, got integer"),
    REFUSED("H {'messages':[{'role':'user','content':[{'type':'image_url','image_url':{}}]}]}",
            "messages.0.content.0", "not supported by this model"),
    REFUSED("H {'messages':[{'role':'user','content':[{'type':'input_audio'}]}]}",
            "messages.0.content.0", "not supported by this model"),
    BAD("H {'messages':[{'role':'user','content':[{'type':'smell'}]}]}", "messages.0.content.0",
        "unknown part type"),
    WRONG("H {'messages':[{'role':'user','content':'a','name':5}]}", "messages.0.name",
          "string, got integer"),
    WRONG("H {'messages':[{'role':'tool','content':'a','tool_call_id':5}]}",
          "messages.0.tool_call_id", "string, got integer"),
    WRONG("H {'messages':[{'role':'assistant','content':'a','reasoning':5}]}",
          "messages.0.reasoning", "string, got integer"),
    WRONG("H {'messages':[{'role':'assistant','reasoning_content':[]}]}",
          "messages.0.reasoning_content", "string, got array"),
    WRONG("H {'messages':[{'role':'assistant','tool_calls':5}]}", "messages.0.tool_calls",
          "array, got integer"),
    WRONG("H {'messages':[{'role':'assistant','tool_calls':[5]}]}", "messages.0.tool_calls.0",
          "object, got integer"),
    WRONG("H {'messages':[{'role':'assistant','tool_calls':[{'id':'a'}]}]}",
          "messages.0.tool_calls.0.function", "object, got absent"),
    REFUSED("H {'messages':[{'role':'assistant','tool_calls':[{'type':'custom'}]}]}",
            "messages.0.tool_calls.0.type", "\"function\""),
    WRONG("H {'messages':[{'role':'assistant','tool_calls':[{'function':{}}]}]}",
          "messages.0.tool_calls.0.function.name", "string, got absent"),
    BAD("H {'messages':[{'role':'assistant','tool_calls':[{'function':{'name':'f','arguments':"
        "'{bad'}}]}]}",
        "messages.0.tool_calls.0.function.arguments", "line 1, column 2"),
    WRONG("H {'messages':[{'role':'assistant','tool_calls':[{'function':{'name':'f','arguments':"
          "5}}]}]}",
          "messages.0.tool_calls.0.function.arguments", "string or object, got integer"),
    BAD("h 'add_generation_prompt':true,'continue_final_message':true", "continue_final_message",
        "Cannot set both `continue_final_message` and `add_generation_prompt` to True."),
    BAD("H {'messages':[{'role':'user','content':''}],'continue_final_message':true}",
        "continue_final_message", "does not appear"),
    WRONG("h 'chat_template_kwargs':5", "chat_template_kwargs", "object, got integer"),
    WRONG("h 'chat_template_kwargs':{'enable_thinking':'false'}",
          "chat_template_kwargs.enable_thinking", "boolean, got string"),
    BAD("h 'reasoning_effort':'huge'", "reasoning_effort", "none, minimal, low, medium, high"),
    WRONG("h 'reasoning_effort':5", "reasoning_effort", "string, got integer"),
    WRONG("h 'documents':['a']", "documents", "object, got string"),
};

static const struct request_case tools[] = {
    BAD("h 'tools':[]", "tools", "`tools` must not be an empty array."),
    WRONG("h 'tools':{}", "tools", "array, got object"),
    WRONG("h 'tools':[5]", "tools.0", "object, got integer"),
    WRONG("h 'tools':[{'type':'function'}]", "tools.0.function", "object, got absent"),
    REFUSED("h 'tools':[{'type':'custom','custom':{'name':'x'}}]", "tools.0.type",
            "only \"function\""),
    WRONG("h 'tools':[{'type':5,'function':{}}]", "tools.0.type", "string, got integer"),
    WRONG("h 'tools':[{'function':{}}]", "tools.0.function.name", "string, got absent"),
    BAD("h 'tools':[{'function':{'name':''}}]", "tools.0.function.name", "1 to 64 letters"),
    BAD("h 'tools':[{'function':{'name':'a b'}}]", "tools.0.function.name", "got \"a b\""),
    BAD("h 'tools':[{'function':{'name':'\\u00e9'}}]", "tools.0.function.name", "1 to 64"),
    WRONG("h 'tools':[{'function':{'name':'f','parameters':[]}}]", "tools.0.function.parameters",
          "object, got array"),
    WRONG("h 'tools':[{'function':{'name':'f','description':[]}}]", "tools.0.function.description",
          "string, got array"),
    BAD("h 'tool_choice':'auto'", "tool_choice", "When using `tool_choice`, `tools` must be set."),
    BAD("h 'tool_choice':'required'", "tool_choice", "`tools` must be set."),
    BAD("h 'tool_choice':{'type':'function','function':{'name':'f'}}", "tool_choice",
        "`tools` must be set."),
    BAD("h " TOOLS ",'tool_choice':'any'", "tool_choice", "Invalid value for `tool_choice`: any!"),
    WRONG("h " TOOLS ",'tool_choice':5", "tool_choice", "string or object, got integer"),
    BAD("h " TOOLS ",'tool_choice':{'type':'function','function':{'name':'g'}}", "tool_choice",
        "The tool specified in `tool_choice` does not match any of the specified `tools`"),
    BAD("h " TOOLS ",'tool_choice':{'type':'function'}", "tool_choice.function",
        "Correct usage: `{\"type\": \"function\", \"function\": {\"name\": \"my_function\"}}`"),
    BAD("h " TOOLS ",'tool_choice':{'type':'function','function':{}}", "tool_choice.function.name",
        "Expected field `name`"),
    BAD("h " TOOLS ",'tool_choice':{'type':'function','function':{'name':''}}",
        "tool_choice.function.name", "Invalid `name`"),
    REFUSED("h " TOOLS ",'tool_choice':{'type':'custom','custom':{'name':'f'}}", "tool_choice.type",
            "\"custom\" is not supported"),
    BAD("h " TOOLS ",'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'auto','tools':"
        "[{'type':'function','function':{'name':'g'}}]}}",
        "tool_choice", "does not match any"),
    WRONG("h " TOOLS ",'tool_choice':{'type':'allowed_tools','allowed_tools':{'mode':'auto'}}",
          "tool_choice.allowed_tools.tools", "array, got absent"),
};

#define FORMAT(rest) "h 'response_format':{'type':'json_schema','json_schema':{" rest "}}"

static const struct request_case structures[] = {
    WRONG("h 'response_format':5", "response_format", "object, got integer"),
    WRONG("h 'response_format':{}", "response_format.type", "string, got absent"),
    WRONG("h 'response_format':{'type':5}", "response_format.type", "string, got integer"),
    BAD("h 'response_format':{'type':'xml'}", "response_format.type", "\"xml\" is not supported"),
    REFUSED("h 'response_format':{'type':'structural_tag'}", "response_format.type",
            "structural_tag"),
    BAD("h 'response_format':{'type':'json_schema'}", "response_format.json_schema",
        "When response_format type is 'json_schema', the 'json_schema' field must be provided."),
    WRONG("h 'response_format':{'type':'json_schema','json_schema':5}",
          "response_format.json_schema", "object, got integer"),
    WRONG(FORMAT("'name':5"), "response_format.json_schema.name", "string, got integer"),
    BAD(FORMAT("'name':'a b'"), "response_format.json_schema.name", "a-z, A-Z, 0-9"),
    WRONG(FORMAT("'schema':5"), "response_format.json_schema.schema", "string or object"),
    REFUSED(FORMAT("'name':'a','schema':{'type':'object','not':{}}"),
            "response_format.json_schema.schema", "not"),
    BAD(FORMAT("'name':'a','schema':{'type':'smell'}"), "response_format.json_schema.schema",
        "smell"),
    BAD(FORMAT("'schema':{'$ref':'#'}"), "response_format.json_schema.schema", "$ref"),
    BAD("h 'structured_outputs':{}", "structured_outputs", "none are specified"),
    WRONG("h 'structured_outputs':'x'", "structured_outputs", "object, got string"),
    BAD("h 'structured_outputs':{'json':{},'regex':'a'}", "structured_outputs.regex",
        "You can only use one kind of structured outputs constraint but multiple are specified"),
    BAD("h 'structured_outputs':{'regex':'a'},'response_format':{'type':'json_object'}",
        "structured_outputs.regex", "multiple are specified: response_format and"),
    BAD("h 'structured_outputs':{'regex':'('}", "structured_outputs.regex", "group"),
    WRONG("h 'structured_outputs':{'regex':5}", "structured_outputs.regex", "string, got integer"),
    BAD("h 'structured_outputs':{'choice':[]}", "structured_outputs.choice", "choice"),
    BAD("h 'structured_outputs':{'choice':['']}", "structured_outputs.choice", "empty"),
    WRONG("h 'structured_outputs':{'choice':'a'}", "structured_outputs.choice",
          "array, got string"),
    BAD("h 'structured_outputs':{'choice':[5]}", "structured_outputs.choice",
        "structured_outputs.choice.0: expected string, got integer"),
    REFUSED("h 'structured_outputs':{'grammar':'root ::= x'}", "structured_outputs.grammar",
            "EBNF"),
    REFUSED("h 'structured_outputs':{'structural_tag':'x'}", "structured_outputs.structural_tag",
            "not supported"),
    REFUSED("h 'guided_grammar':'root ::= x'", "guided_grammar", "EBNF"),
    BAD("h 'guided_regex':'a','guided_choice':['b']", "guided_choice", "multiple are specified"),
    BAD("h 'guided_json':'{'", "guided_json", "guided_json: line 1"),
    BAD("c 'structured_outputs':{'regex':'['}", "structured_outputs.regex", "class"),
    BAD("h " TOOLS ",'tool_choice':{'function':{'name':'f'}},'guided_regex':'a'", "guided_regex",
        "You can only either use constraints for structured outputs or tools, not both."),
};

static const struct request_case prompts[] = {
    BAD("C {}", "prompt", "Either prompt or prompt_embeds must be provided and non-empty."),
    BAD("C {'prompt':null}", "prompt", "Either prompt or prompt_embeds"),
    BAD("C {'prompt':''}", "prompt", "Either prompt or prompt_embeds"),
    BAD("C {'prompt':[]}", "prompt", "Either prompt or prompt_embeds"),
    BAD("C {'prompt':['a','']}", "prompt", "Either prompt or prompt_embeds"),
    BAD("C {'prompt':[[1],[]]}", "prompt", "Either prompt or prompt_embeds"),
    WRONG("C {'prompt':5}", "prompt", "string or array, got integer"),
    WRONG("C {'prompt':{}}", "prompt", "string or array, got object"),
    WRONG("C {'prompt':[null]}", "prompt.0", "integer or string or array, got null"),
    WRONG("C {'prompt':[1.5]}", "prompt.0", "integer or string or array, got number"),
    WRONG("C {'prompt':[1,'a']}", "prompt.1", "integer, got string"),
    WRONG("C {'prompt':['a',1]}", "prompt.1", "string, got integer"),
    WRONG("C {'prompt':[[1],2]}", "prompt.1", "array, got integer"),
    WRONG("C {'prompt':[[1],['a']]}", "prompt.1.0", "integer, got string"),
    BAD("C {'prompt':[4096]}", "prompt.0", "Token id 4096 is out of vocabulary"),
    BAD("C {'prompt':[1,-1]}", "prompt.1", "Token id -1 is out of vocabulary"),
    BAD("C {'prompt':[[1],[2,99999999999999999999]]}", "prompt.1.1", "is out of vocabulary"),
    REFUSED("c 'suffix':'x'", "suffix", "suffix is not supported"),
    REFUSED("c 'prompt_embeds':'x'", "prompt_embeds", "not supported"),
    BAD("C {'prompt':['a','b'],'n':16384}", "n", "each of 2 prompts"),
};

static const struct request_case texts[] = {
    BAD("T {}", "prompt", "prompt: expected prompt, messages or content"),
    WRONG("T {'prompt':5}", "prompt", "string, got integer"),
    WRONG("T {'prompt':['a']}", "prompt", "string, got array"),
    WRONG("T {'messages':[{'role':'user','content':5}]}", "messages.0.content", "string or array"),
    WRONG("T {'prompt':'a','add_special_tokens':1}", "add_special_tokens", "boolean, got integer"),
    WRONG("D {}", "tokens", "array, got absent"),
    WRONG("D {'tokens':'a'}", "tokens", "array, got string"),
    WRONG("D {'tokens':['a']}", "tokens", "integer, got string"),
    BAD("D {'tokens':[4096]}", "tokens", "tokens.0 is out of vocabulary"),
    BAD("D {'tokens':[-1]}", "tokens", "out of vocabulary"),
    BAD("R {'messages':[]}", "messages", "at least one message"),
    WRONG("R {'messages':[{'role':'user','content':5}]}", "messages.0.content", "string or array"),
};

static struct request_model served;

#define CHECK_TABLE(name)                                                                          \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        request_cases_check(&served.model, name, sizeof name / sizeof name[0]);                    \
    }
CHECK_TABLE(bodies)
CHECK_TABLE(models)
CHECK_TABLE(numbers)
CHECK_TABLE(lengths)
CHECK_TABLE(lists)
CHECK_TABLE(logprobs)
CHECK_TABLE(answers)
CHECK_TABLE(messages)
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
        cmocka_unit_test(test_bodies),  cmocka_unit_test(test_models),
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_lists),   cmocka_unit_test(test_logprobs),
        cmocka_unit_test(test_answers), cmocka_unit_test(test_messages),
        cmocka_unit_test(test_tools),   cmocka_unit_test(test_prompts),
        cmocka_unit_test(test_texts),   cmocka_unit_test(test_structures),
    };
    return cmocka_run_group_tests(tests, open_model, close_model);
}
