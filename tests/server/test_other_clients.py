# SPDX-License-Identifier: Apache-2.0
"""LangChain and LiteLLM on top of the server, lm-eval's and vLLM bench's request shapes."""
import math
import random
import struct
import subprocess

import pytest

import harness
from scripts_data import TEXTS, TOOLS, say


def test_langchain(talker):
    langchain = pytest.importorskip("langchain_openai")
    chat = langchain.ChatOpenAI(base_url=f"http://127.0.0.1:{talker.port}/v1", api_key="none",
                                model="talker", temperature=0)
    assert chat.invoke(say("plain")).content == TEXTS["plain"]
    assert "".join(part.content for part in chat.stream(say("plain"))) == TEXTS["plain"]
    calls = chat.bind_tools(TOOLS).invoke(say("tool")).tool_calls
    assert calls[0]["name"] == "get_weather" and calls[0]["args"]["city"] == "Paris"


def test_litellm(talker):
    litellm = pytest.importorskip("litellm")
    fields = {"model": "openai/talker", "api_key": "none",
              "api_base": f"http://127.0.0.1:{talker.port}/v1"}
    answer = litellm.completion(messages=[{"role": "user", "content": say("think")}], **fields)
    assert answer.choices[0].message.content.strip() == "It is **144**."
    assert "120" in answer.choices[0].message.reasoning_content
    with pytest.raises(litellm.ContextWindowExceededError):
        litellm.completion(messages=[{"role": "user", "content": "a" * 9000}], **fields)
    with pytest.raises(litellm.NotFoundError):
        litellm.completion(messages=[{"role": "user", "content": "a"}],
                           **{**fields, "model": "openai/other"})


def lm_eval_parse(choice, context_length):
    """What lm-eval's local-completions does with an answer: the sum of the continuation's
    log-likelihoods and whether it is the greedy one."""
    logprobs = choice["logprobs"]
    chosen = logprobs["token_logprobs"][context_length:-1]
    greedy = True
    for token, top in zip(chosen, logprobs["top_logprobs"][context_length:-1]):
        if token != max(top.values()):
            greedy = False
            break
    return sum(chosen), greedy


def test_lm_eval_loglikelihood(demo, tmp_path):
    """Lists of token ids, echo, one generated token that is thrown away."""
    def ids(text):
        return demo.ok("/tokenize", {"prompt": text})["tokens"]
    context = ids("Once upon a time, there was a little")
    greedy = demo.complete(context, max_tokens=6, temperature=0,
                           return_token_ids=True)["choices"][0]["token_ids"]
    other = [(greedy[0] + 1) % 4000, *greedy[1:]]
    body = {"prompt": [context + greedy, context + other], "max_tokens": 1, "temperature": 0,
            "logprobs": 1, "echo": True, "seed": 1234, "model": "demo"}
    choices = demo.ok("/v1/completions", body)["choices"]
    assert [choice["index"] for choice in choices] == [0, 1]
    results = [lm_eval_parse(choice, len(context)) for choice in choices]
    assert results[0][1] is True and results[1][1] is False, results
    assert results[0][0] > results[1][0]
    for choice, tokens in zip(choices, body["prompt"]):
        logprobs = choice["logprobs"]
        assert logprobs["token_logprobs"][0] is None and logprobs["top_logprobs"][0] is None
        for key in ("tokens", "token_logprobs", "top_logprobs", "text_offset"):
            assert len(logprobs[key]) == len(tokens) + 1, key
        for name, value, top in zip(logprobs["tokens"][1:], logprobs["token_logprobs"][1:],
                                    logprobs["top_logprobs"][1:]):
            assert top[name] == value, "the chosen token is among the top ones, bit for bit"
    compare_with_logits(choices[0], context + greedy, tmp_path)


def compare_with_logits(choice, tokens, tmp_path):
    """The log-likelihoods are the log-softmax of what `octet logits` writes."""
    out = tmp_path / "logits"
    subprocess.run([harness.binary(), "logits", harness.DEMO, "--out", out, "--ids",
                    ",".join(map(str, tokens))], check=True, capture_output=True)
    values = struct.unpack(f"<{out.stat().st_size // 4}f", out.read_bytes())
    width = len(values) // len(tokens)
    for place in range(1, len(tokens)):
        row = values[(place - 1) * width:place * width]
        top = max(row)
        expected = row[tokens[place]] - top - math.log(sum(math.exp(v - top) for v in row))
        found = choice["logprobs"]["token_logprobs"][place]
        assert abs(found - expected) < 1e-4, (place, found, expected)


def test_echo_prompt_text(demo):
    choice = demo.complete("The sea is", echo=True, max_tokens=0, logprobs=0)["choices"][0]
    assert choice["text"] == "The sea is" and choice["finish_reason"] == "length"
    assert "".join(choice["logprobs"]["tokens"]) == "The sea is"
    assert choice["logprobs"]["text_offset"][0] == 0


def test_bench_completions_shape(demo, seed):
    """The body and the reading of `vllm bench serve --backend openai`."""
    rng = random.Random(seed)
    with demo.connect(60) as wire:
        for number in range(6):  # one connection, as aiohttp keeps it
            body = {"model": "demo", "prompt": "x " * rng.randint(1, 60), "repetition_penalty": 1.0,
                    "max_tokens": 12, "logprobs": None, "stream": True, "ignore_eos": True,
                    "stream_options": {"include_usage": True}, "temperature": 0.0}
            wire.send(harness.http_request("POST", "/v1/completions", body))
            status, headers, data = wire.response()
            assert status == 200 and headers["content-type"].startswith("text/event-stream")
            events = harness.parse_events(data)
            with_choices = [event for event in events if event["choices"]]
            assert len(with_choices) == 12, "one event a token"
            assert with_choices[-1]["choices"][0]["finish_reason"] == "length"
            assert events[-1]["choices"] == [] and events[-1]["usage"]["completion_tokens"] == 12
            assert all("usage" not in event for event in with_choices), number


def test_bench_chat_shape(demo):
    body = {"model": "demo", "messages": [{"role": "user", "content": [
        {"type": "text", "text": "Once upon a time"}]}], "max_completion_tokens": 9, "stream": True,
        "ignore_eos": True, "stream_options": {"include_usage": True}, "temperature": 0.0}
    events = demo.stream("/v1/chat/completions", body)
    with_choices = [event for event in events if event["choices"]]
    assert with_choices[0]["choices"][0]["delta"]["role"] == "assistant"
    assert events[-1]["usage"]["completion_tokens"] == 9
    texts = [event for event in with_choices if "content" in event["choices"][0]["delta"]]
    assert 9 <= len(with_choices) <= 10 and texts


def test_guidellm_shape(demo):
    """Continuous usage, explicit nulls."""
    events = demo.stream("/v1/chat/completions", {
        "messages": [{"role": "user", "content": "Hi"}], "stop": None, "max_tokens": 5, "n": None,
        "ignore_eos": True, "stream_options": {"include_usage": True,
                                               "continuous_usage_stats": True}})
    counts = [event["usage"]["completion_tokens"] for event in events]
    assert counts == sorted(counts) and counts[-1] == 5
    assert all("usage" in event for event in events)


def test_time_to_first_token_is_true(tmp_path):
    """No event before the first token exists: not while the prompt is still being computed."""
    import scripted
    slow = scripted.write_checkpoint(tmp_path / "slow", TEXTS, layers=6, intermediate=2048)
    with harness.Server(slow, "--max-num-batched-tokens", "256", "--max-model-len",
                        "8192") as server, server.connect(120) as wire:
        wire.send(harness.http_request("POST", "/v1/chat/completions", {
            "messages": [{"role": "user", "content": "a b c " * 1000 + say("plain")}],
            "stream": True, "max_tokens": 3}))
        wire.until(b"data: ")
        found = server.metrics()
        tokens = [value for (name, _), value in found.items()
                  if name == "vllm:generation_tokens_total"]
        assert tokens[0] >= 1, "an event was sent before the first token"
        wire.until(b"[DONE]\n\n")


def test_prefix_cache(demo):
    prompt = "In the morning the little fox went out to look for something to eat. " * 12
    first = demo.complete(prompt, max_tokens=4, temperature=0, cache_salt="a")
    second = demo.complete(prompt, max_tokens=4, temperature=0, cache_salt="a")
    other = demo.complete(prompt, max_tokens=4, temperature=0, cache_salt="b")
    cached = [answer["usage"]["prompt_tokens_details"]["cached_tokens"]
              for answer in (first, second, other)]
    assert cached[0] == 0 and cached[2] == 0, cached
    assert cached[1] > first["usage"]["prompt_tokens"] // 2, cached
    texts = {answer["choices"][0]["text"] for answer in (first, second, other)}
    assert len(texts) == 1
    assert math.isfinite(demo.gauge("vllm:prefix_cache_hits_total"))
