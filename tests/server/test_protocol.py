# SPDX-License-Identifier: Apache-2.0
"""Routes and request fields, one by one, at the level of JSON and headers."""
import json
import re
import time

import pytest

import harness
from harness import Joined
from scripts_data import TEXTS, TOOLS, say

CHAT, COMPLETE = "/v1/chat/completions", "/v1/completions"


def said(server, name, **fields):
    """The message and the choice of a scripted answer."""
    choice = server.chat(say(name), temperature=0, **fields)["choices"][0]
    return choice["message"], choice


def refusal(server, path, body, status=400):
    found, _, answer = server.post(path, body)
    assert found == status, (found, answer)
    assert set(answer["error"]) >= {"message", "type", "param", "code"}
    return answer["error"]


def user(text):
    return [{"role": "user", "content": text}]


# Routes.


def test_small_routes(demo):
    assert json.loads(demo.get("/health")[2]) == {"status": "ok"}
    assert demo.get("/ping")[0] == 200 and demo.post("/ping", b"")[0] == 200
    assert json.loads(demo.get("/version")[2])["version"]
    assert "server_load" in json.loads(demo.get("/load")[2])
    page = demo.get("/")
    assert page[0] == 200 and page[1]["content-type"].startswith("text/html")
    assert b"<script src=\"http" not in page[2] and b"//cdn" not in page[2]
    for path in ("/v1/embeddings", "/v1/rerank", "/v1/score"):
        assert refusal(demo, path, {"input": "a"}, 404)["message"], path


def test_models(demo):
    listing = json.loads(demo.get("/v1/models")[2])
    assert listing["object"] == "list"
    card = listing["data"][0]
    assert card["id"] == "demo" and card["object"] == "model" and card["max_model_len"] == 1024
    assert isinstance(card["created"], int) and card["owned_by"]
    assert json.loads(demo.get("/v1/models/demo")[2])["id"] == "demo"
    answer = json.loads(demo.get("/v1/models/none")[2])
    assert answer["error"]["code"] == "model_not_found"


def test_model_names(demo):
    """The argument as typed and its last path component are served too."""
    for name in ("demo", str(harness.DEMO), None):
        assert demo.complete("a", model=name, max_tokens=1)["model"] in ("demo", name)
    error = refusal(demo, COMPLETE, {"model": "x/y", "prompt": "a"}, 404)
    assert error["message"].startswith("The model `x/y` does not exist.") and "demo" in error["message"]
    assert (error["param"], error["code"]) == ("model", "model_not_found")


def test_tokenize(demo):
    one = demo.ok("/tokenize", {"prompt": "Once upon", "return_token_strs": True})
    assert one["count"] == len(one["tokens"]) == len(one["token_strs"])
    assert one["max_model_len"] == 1024
    two = demo.ok("/tokenize", {"content": "Once upon"})
    assert two["tokens"] == one["tokens"]
    assert demo.ok("/detokenize", {"tokens": one["tokens"]})["prompt"] == "Once upon"
    chat = demo.ok("/tokenize", {"messages": user("Hi")})
    rendered = demo.ok("/v1/chat/completions/render", {"messages": user("Hi")})
    assert chat["tokens"] == next(value for value in rendered.values()
                                  if isinstance(value, list) and value and isinstance(value[0], int))
    assert any(isinstance(value, str) and "<|im_start|>user\nHi<|im_end|>" in value
               for value in rendered.values()), rendered
    refusal(demo, "/detokenize", {"tokens": [999999]})
    refusal(demo, "/detokenize", {"tokens": "x"})


def test_headers(demo):
    _, headers, body = demo.request("POST", COMPLETE, {"prompt": "a", "max_tokens": 1},
                                    {"X-Request-Id": "my-id-1", "Origin": "http://a.example"})
    assert headers["x-request-id"] == "my-id-1"
    assert json.loads(body)["id"].startswith("cmpl-")
    assert headers["access-control-allow-origin"] == "*"
    assert "openai-processing-ms" in headers and "server" in headers
    _, headers, _ = demo.request("POST", COMPLETE, {"prompt": "a", "max_tokens": 1, "stream": True})
    assert headers["cache-control"] == "no-cache" and headers["x-accel-buffering"] == "no"
    for stream in (False, True):
        _, headers, data = demo.request("POST", "/v1/chat/completions", {
            "messages": [{"role": "user", "content": "a"}], "max_tokens": 1, "stream": stream,
            "request_id": "given-7"})
        assert b'"chatcmpl-given-7"' in data and headers["x-request-id"] == "given-7"
    evil = demo.request("GET", "/version", headers={"X-Request-Id": "a\"b<script>"})
    assert evil[0] == 200


def test_one_connection_after_a_stream(demo):
    with demo.connect() as wire:
        for _ in range(3):
            wire.send(harness.http_request("POST", COMPLETE, {
                "prompt": "a", "max_tokens": 2, "stream": True}))
            assert wire.response()[2].endswith(b"data: [DONE]\n\n")


# Answers.


def test_required_keys(talker):
    message, choice = said(talker, "plain")
    assert message["refusal"] is None and choice["logprobs"] is None and "stop_reason" in choice
    answer = talker.chat(say("plain"))
    assert answer["usage"]["prompt_tokens_details"] == {"cached_tokens": 0} or \
        answer["usage"]["prompt_tokens_details"]["cached_tokens"] > 0
    assert answer.get("system_fingerprint", "x") is not None
    think = talker.chat(say("think"))
    assert think["usage"]["completion_tokens_details"]["reasoning_tokens"] > 5


def test_first_and_last_event(talker):
    events = talker.stream(CHAT, {"messages": user(say("plain")),
                                  "stream_options": {"include_usage": True}})
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert all("usage" not in event for event in events[:-1])
    assert events[-1]["choices"] == []
    assert events[-2]["choices"][0]["finish_reason"] == "stop"
    assert all(event["object"] == "chat.completion.chunk" for event in events)


@pytest.mark.parametrize("name", ["tool", "tool_text", "tool_think", "tool_two", "tool_none",
                                  "tool_unicode", "tool_nested", "tool_string", "tool_open"])
def test_tool_calls(talker, name):
    message, choice = said(talker, name, tools=TOOLS, max_tokens=300)
    assert choice["finish_reason"] == "tool_calls"
    for call in message["tool_calls"]:
        assert re.fullmatch(r"chatcmpl-tool-[0-9a-f]{32}", call["id"]) and call["type"] == "function"
        assert isinstance(json.loads(call["function"]["arguments"]), dict), call
    assert "<tool_call>" not in (message["content"] or "")


def test_bad_tool_call_is_content(talker):
    """Where the grammar of tool calls is on, bad JSON cannot be said; the text stays content
    where tools are off."""
    message, choice = said(talker, "tool_bad", max_tokens=300)
    assert message["content"] == TEXTS["tool_bad"] and not message.get("tool_calls")
    assert choice["finish_reason"] == "stop"


def test_thinking_switch(talker):
    on, _ = said(talker, "think")
    assert on["reasoning"] and "144" in on["content"]
    off, _ = said(talker, "plain", chat_template_kwargs={"enable_thinking": False})
    assert off["content"] == TEXTS["plain"] and off.get("reasoning") is None
    effort, _ = said(talker, "plain", reasoning_effort="none")
    assert effort["content"] == TEXTS["plain"]
    opened, _ = said(talker, "open_think", chat_template_kwargs={"open_thinking": True})
    assert "First this" in opened["reasoning"] and opened["content"].strip() == "The rest is said."
    hidden, _ = said(talker, "think", include_reasoning=False)
    assert not hidden.get("reasoning") and "144" in hidden["content"]
    refusal(talker, CHAT, {"messages": user("a"), "chat_template_kwargs": {"enable_thinking": "no"}})


def test_thinking_budget(talker):
    budget = talker.chat(say("loop"), max_tokens=60, thinking_token_budget=5,
                         chat_template_kwargs={"open_thinking": True})
    message = budget["choices"][0]["message"]
    assert message["reasoning"] and budget["usage"]["completion_tokens_details"]["reasoning_tokens"] <= 8
    assert message["content"], "the answer begins after the budget"


def test_lost_in_thought_is_logged_once(serve, scripted_dir):
    server = serve(scripted_dir)
    for _ in range(3):
        answer = server.chat(say("think_only"), max_tokens=4)
        assert answer["choices"][0]["message"]["content"] is None
    lines = [line for line in server.log().splitlines() if "max_tokens" in line and "think" in line]
    assert len(lines) == 1, lines


def test_stop_strings(talker):
    message, choice = said(talker, "stop_words", stop="STOP", max_tokens=100)
    assert message["content"] == "one two three " and choice["finish_reason"] == "stop"
    assert choice["stop_reason"] == "STOP"
    message, _ = said(talker, "stop_words", stop=["four", "STOPP"], max_tokens=100,
                      include_stop_str_in_output=True)
    assert message["content"] == "one two three STOP four"
    message, _ = said(talker, "stop_words", stop=["never", "six!"], max_tokens=100)
    assert message["content"] == TEXTS["stop_words"]
    for size in range(1, 12):  # a stop string at every border of tokens
        text = TEXTS["plain"]
        stop = text[20:20 + size]
        whole = talker.chat(say("plain"), stop=stop, max_tokens=100)["choices"][0]["message"]
        joined = Joined(talker.stream(CHAT, {"messages": user(say("plain")), "stop": stop,
                                             "max_tokens": 100})).choices[0]
        assert whole["content"] == joined["content"] == text[:text.index(stop)], stop


def test_token_limits(talker):
    choice = talker.complete(say("plain") + "\n", max_tokens=3, return_token_ids=True)["choices"][0]
    assert choice["finish_reason"] == "length" and len(choice["token_ids"]) == 3
    both = talker.chat(say("plain"), max_tokens=5, max_completion_tokens=2)
    assert both["usage"]["completion_tokens"] == 2
    assert talker.complete(say("plain") + "\n")["usage"]["completion_tokens"] <= 16
    ids = talker.complete(say("plain") + "\n", max_tokens=200, return_token_ids=True)
    end = ids["choices"][0]["token_ids"]
    on = talker.complete(say("plain") + "\n", max_tokens=len(end) + 20, ignore_eos=True)
    assert on["usage"]["completion_tokens"] == len(end) + 20
    least = talker.complete(say("plain") + "\n", max_tokens=len(end) + 20, min_tokens=len(end) + 10)
    assert least["usage"]["completion_tokens"] >= len(end) + 10
    third = end[3]
    stopped = talker.complete(say("plain") + "\n", max_tokens=50, stop_token_ids=[third])
    assert stopped["usage"]["completion_tokens"] == 4
    assert stopped["choices"][0]["stop_reason"] == third


def test_logit_bias_and_allowed_ids(demo):
    only = demo.complete("Once", max_tokens=4, temperature=0, allowed_token_ids=[300],
                         return_token_ids=True)
    assert only["choices"][0]["token_ids"] == [300] * 4
    pushed = demo.complete("Once", max_tokens=3, temperature=0, logit_bias={"301": 100},
                           return_token_ids=True)
    assert pushed["choices"][0]["token_ids"] == [301] * 3
    text = demo.complete("Once upon a", max_tokens=1, temperature=0)["choices"][0]["text"]
    without = demo.complete("Once upon a", max_tokens=8, temperature=0, bad_words=[text.strip()])
    assert text.strip() not in without["choices"][0]["text"].split()[:1]


def test_prompt_logprobs(demo):
    ids = demo.ok("/tokenize", {"prompt": "Once upon a time"})["tokens"]
    answer = demo.complete(ids, max_tokens=1, prompt_logprobs=1, temperature=0)
    rows = answer["choices"][0].get("prompt_logprobs") or answer["prompt_logprobs"]
    assert len(rows) == len(ids) and rows[0] is None
    for row, token in zip(rows[1:], ids[1:]):
        assert str(token) in row and row[str(token)]["logprob"] <= 0, row
    echo = demo.complete(ids, max_tokens=0, echo=True, logprobs=1)["choices"][0]["logprobs"]
    assert [row[str(token)]["logprob"] for row, token in zip(rows[1:], ids[1:])] == \
        echo["token_logprobs"][1:]
    error = refusal(demo, COMPLETE, {"prompt": "a", "prompt_logprobs": 1, "stream": True})
    assert "prompt_logprobs" in error["message"] and "stream" in error["message"]


def test_logprobs_of_completions(demo):
    logprobs = demo.complete("Once", max_tokens=4, logprobs=2, temperature=0)["choices"][0]["logprobs"]
    assert all(2 <= len(top) <= 3 for top in logprobs["top_logprobs"])
    zero = demo.complete("Once", max_tokens=2, logprobs=0, temperature=0)["choices"][0]["logprobs"]
    assert all(len(top) == 1 for top in zero["top_logprobs"])
    ids = demo.complete("Once", max_tokens=2, logprobs=1, return_tokens_as_token_ids=True)
    assert all(token.startswith("token_id:") for token in ids["choices"][0]["logprobs"]["tokens"])


def test_prompts_of_every_kind(demo):
    ids = demo.ok("/tokenize", {"prompt": "Once upon a"})["tokens"]
    texts = [demo.complete(prompt, max_tokens=5, temperature=0)["choices"][0]["text"]
             for prompt in ("Once upon a", ["Once upon a"], ids, [ids])]
    assert len(set(texts)) == 1
    for bad in ("", [], [[]], [""], None, [999999], [-1], [[1], "a"]):
        refusal(demo, COMPLETE, {"prompt": bad})
    refusal(demo, COMPLETE, {"max_tokens": 1})
    refusal(demo, COMPLETE, {"prompt": "a", "suffix": "b"})
    refusal(demo, COMPLETE, {"prompt": "a", "best_of": 3})
    refusal(demo, COMPLETE, {"prompt": "a", "use_beam_search": True})


def test_messages(talker):
    parts = [{"type": "text", "text": "hello "}, {"type": "text", "text": say("plain")}]
    assert talker.ok(CHAT, {"messages": [{"role": "developer", "content": "be kind"},
                                         {"role": "user", "content": parts}]
                            })["choices"][0]["message"]["content"] == TEXTS["plain"]
    error = refusal(talker, CHAT, {"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:x"}}]}]})
    assert "not support" in error["message"], error
    for bad in (None, [], {}, "a", [1], [{"role": "user", "content": 7}], [{"content": "a"}]):
        error = refusal(talker, CHAT, {"messages": bad})
        assert "messages" in error["param"], error
    error = refusal(talker, CHAT, {"messages": [
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "x", "type": "function", "function": {"name": "f", "arguments": "{bad"}}]},
        *user("a")]})
    assert "arguments" in error["message"] or "arguments" in error["param"], error


@pytest.mark.parametrize("fields, words", [
    ({"top_logprobs": 2}, "when using `top_logprobs`, `logprobs` must be set to true."),
    ({"logprobs": True, "top_logprobs": 21}, "21, which is greater than max allowed: 20"),
    ({"stream_options": {"include_usage": True}},
     "Stream options can only be defined when `stream=True`."),
    ({"tool_choice": "required"}, "When using `tool_choice`, `tools` must be set."),
    ({"tools": []}, "tools"),
    ({"n": 2, "temperature": 0}, "n must be 1 when using greedy sampling"),
    ({"temperature": 2.5}, "temperature must be in [0, 2], got 2.5"),
    ({"continue_final_message": True, "add_generation_prompt": True},
     "Cannot set both `continue_final_message` and `add_generation_prompt` to True."),
    ({"response_format": {"type": "json_schema"}}, "json_schema"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {
        "type": "object", "patternProperties": {"a": {}}}}}}, "patternProperties"),
    ({"structured_outputs": {"json": {}, "regex": "a"}}, "structured_outputs"),
    ({"cache_salt": "a/b"}, "cache_salt"),
    ({"priority": 3}, "priority"),
    ({"kv_transfer_params": {"a": 1}}, "kv_transfer_params"),
    ({"max_tokens": 9000}, "'max_tokens' or 'max_completion_tokens' is too large: 9000. This "
     "model's maximum context length is 8192 tokens and your request has"),
])
def test_sentences(talker, fields, words):
    error = refusal(talker, CHAT, {"messages": user("a"), **fields})
    assert words in error["message"], error


@pytest.mark.parametrize("path, fields, words", [
    (CHAT, {"messages": user("a"), "n": 16384, "logprobs": True, "top_logprobs": 20}, "memory"),
    (CHAT, {"messages": user("a"), "n": 16384, "max_tokens": 1,
            "structured_outputs": {"regex": "a+"}}, "memory"),
    ("/tokenize", {"prompt": "a b " * (3 << 20)}, "tokenized in one request"),
    ("/detokenize", {"tokens": [1] * ((1 << 20) + 1)}, "at most 1048576 are allowed"),
    ("/v1/completions", {"prompt": "a b " * (3 << 20), "truncate_prompt_tokens": 5},
     "tokenized in one request"),
])
def test_requests_that_multiply(talker, path, fields, words):
    """A small body that asks for gigabytes, or for a minute of a worker's time."""
    before = talker.rss()
    error = refusal(talker, path, fields)
    assert words in error["message"], error
    assert talker.rss() - before < 512 << 20


def test_time_in_the_queue(serve, scripted_dir):
    server = serve(scripted_dir, "--max-num-seqs", "1", "--request-timeout", "1",
                   "--max-model-len", "16384")
    with server.connect() as busy:
        busy.send(harness.http_request("POST", "/v1/completions", {
            "prompt": say("loop"), "max_tokens": 16000, "stream": True,
            "ignore_eos": True}))
        busy.until(b"data: ")
        for stream in (False, True):
            status, headers, answer = server.post("/v1/completions",
                                                  {"prompt": "a", "stream": stream})
            assert (status, answer["error"]["code"]) == (503, "server_overloaded"), answer
            assert "retry-after" in headers
        name = "octet_requests_rejected_total", (("reason", "timed_out"),)
        assert server.metrics()[name] == 2


def test_extra_fields(talker, serve, scripted_dir):
    extra = {"user": "u", "metadata": {}, "store": False, "service_tier": "auto", "vllm_xargs": {},
             "unheard_of": 1, "session_id": "s", "mm_processor_kwargs": None}
    talker.chat(say("plain"), max_tokens=2, **extra)
    strict = serve(scripted_dir, "--strict-requests")
    error = refusal(strict, CHAT, {"messages": user("a"), "unheard_of": 1, "temprature": 0})
    assert "unheard_of" in error["message"] and "temprature" in error["message"], error


def test_continue_final_message(talker):
    answer = talker.ok(CHAT, {"messages": [*user("hi"), {"role": "assistant", "content": "Well\n"}],
                              "continue_final_message": True, "add_generation_prompt": False,
                              "max_tokens": 5})
    assert answer["choices"][0]["message"]["role"] == "assistant"


def test_truncate_prompt(demo):
    answer = demo.complete("word " * 300, max_tokens=1, truncate_prompt_tokens=10)
    assert answer["usage"]["prompt_tokens"] == 10


def test_cors(serve, scripted_dir):
    server = serve(scripted_dir, "--allowed-origins", '["http://good.example"]')
    good = server.request("GET", "/version", headers={"Origin": "http://good.example"})[1]
    bad = server.request("GET", "/version", headers={"Origin": "http://bad.example"})[1]
    assert good["access-control-allow-origin"] == "http://good.example"
    assert "access-control-allow-origin" not in bad


def test_fingerprint_and_metrics_object(serve, scripted_dir):
    server = serve(scripted_dir, "--enable-per-request-metrics", "--enable-force-include-usage")
    answer = server.chat(say("plain"))
    assert isinstance(answer["metrics"], dict) and answer["metrics"], answer
    events = server.stream(CHAT, {"messages": user(say("plain"))})
    assert events[-1]["usage"]["completion_tokens"] > 0


def test_startup_lines(serve, scripted_dir):
    server = serve(scripted_dir, "--max-model-len", "4096")
    server.chat(say("plain"), max_tokens=1)
    log = server.log()
    for line in ("API server version", "non-default args:", "Chunked prefill is enabled",
                 "Loading weights took", "Model loading took", "KV cache size:",
                 "Maximum concurrency for 4,096 tokens per request:", "Starting server on http://",
                 "Available routes are:", "Application startup complete."):
        assert line in log, f"{line}\n{log}"
    assert log.count("Application startup complete.") == 1
    access = re.compile(r'127\.0\.0\.1:\d+ - "POST /v1/chat/completions HTTP/1\.1" 200')
    end = time.monotonic() + 30  # the line follows the answer, on a thread of its own
    while not access.search(server.log()) and time.monotonic() < end:
        time.sleep(0.02)
    assert access.search(server.log()), server.log()
