# SPDX-License-Identifier: Apache-2.0
"""openai-python against the server, as a program that was written for OpenAI uses it."""
import asyncio
import json
import time
from typing import List

import pytest

import harness
from scripts_data import TEXTS, TOOLS, say

openai = pytest.importorskip("openai")
pydantic = pytest.importorskip("pydantic")


def client_of(server, **fields):
    return openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none",
                         timeout=120, **fields)


@pytest.fixture(scope="module")
def talk(talker):
    with client_of(talker) as client:
        yield client


@pytest.fixture(scope="module")
def story(demo):
    with client_of(demo) as client:
        yield client


def user(text):
    return [{"role": "user", "content": text}]


def test_chat(talk):
    answer = talk.chat.completions.create(model="talker", messages=user(say("plain")))
    assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-")
    assert answer.model == "talker"
    choice = answer.choices[0]
    assert choice.message.content == TEXTS["plain"]
    assert choice.message.role == "assistant" and choice.message.refusal is None
    assert choice.finish_reason == "stop" and choice.logprobs is None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.prompt_tokens_details.cached_tokens >= 0


def test_thinking(talk):
    message = talk.chat.completions.create(model="talker", messages=user(say("think"))) \
        .choices[0].message
    assert message.content.strip() == "It is **144**."
    assert message.reasoning == message.reasoning_content
    assert "10 × 12 is 120" in message.reasoning and "<think>" not in message.reasoning


def test_thinking_that_never_ends(talk):
    message = talk.chat.completions.create(model="talker", messages=user(say("think_only"))) \
        .choices[0].message
    assert message.content is None and message.reasoning


def test_streaming(talk):
    with talk.chat.completions.create(model="talker", messages=user(say("think")), stream=True,
                                      stream_options={"include_usage": True}) as stream:
        chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert not chunks[-1].choices and chunks[-1].usage.completion_tokens > 0
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1
    deltas = [chunk.choices[0].delta for chunk in chunks[:-1]]
    assert "".join(d.content or "" for d in deltas).strip() == "It is **144**."
    assert "120" in "".join(getattr(d, "reasoning", None) or "" for d in deltas)


def test_stream_helper(talk):
    with talk.chat.completions.stream(model="talker", messages=user(say("tool")),
                                      tools=TOOLS) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    call = final.choices[0].message.tool_calls[0]
    assert json.loads(call.function.arguments) == {"city": "Paris", "unit": "celsius"}


def test_unicode(talk):
    message = talk.chat.completions.create(model="talker", messages=user(say("unicode")))
    assert message.choices[0].message.content == TEXTS["unicode"]


def test_tools_round_trip(talk):
    messages = user(f"The weather in Paris? {say('tool_think')}")
    first = talk.chat.completions.create(model="talker", messages=messages, tools=TOOLS)
    assert first.choices[0].finish_reason == "tool_calls"
    message = first.choices[0].message
    assert message.content is None
    call = message.tool_calls[0]
    assert call.type == "function" and call.function.name == "get_weather"
    assert json.loads(call.function.arguments)["city"] == "Paris"
    messages += [message, {"role": "tool", "tool_call_id": call.id,
                           "content": '{"celsius": 21} ' + say("tool_answer")}]
    second = talk.chat.completions.create(model="talker", messages=messages, tools=TOOLS)
    assert second.choices[0].message.content == TEXTS["tool_answer"]
    assert second.choices[0].finish_reason == "stop"


def test_tools_two_and_without_parameters(talk):
    calls = talk.chat.completions.create(model="talker", messages=user(say("tool_two")),
                                         tools=TOOLS).choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "get_time"]
    assert len({call.id for call in calls}) == 2
    only = talk.chat.completions.create(
        model="talker", messages=user(say("tool_two")), tools=TOOLS,
        parallel_tool_calls=False).choices[0].message.tool_calls
    assert len(only) == 1
    empty = talk.chat.completions.create(model="talker", messages=user(say("tool_none")),
                                         tools=TOOLS).choices[0].message.tool_calls[0]
    assert json.loads(empty.function.arguments) == {}


def test_tool_choice(story):
    """What the model would not do by itself, the grammar makes it do."""
    required = story.chat.completions.create(
        model="demo", messages=user("Weather?"), tools=TOOLS, tool_choice="required",
        max_tokens=300, temperature=0)
    call = required.choices[0].message.tool_calls[0]
    assert call.function.name in ("get_weather", "get_time")
    if required.choices[0].finish_reason == "tool_calls":
        json.loads(call.function.arguments)
    named = story.chat.completions.create(
        model="demo", messages=user("Time?"), tools=TOOLS, max_tokens=300, temperature=0,
        tool_choice={"type": "function", "function": {"name": "get_time"}})
    assert named.choices[0].message.tool_calls[0].function.name == "get_time"
    with pytest.raises(openai.BadRequestError, match="does not match any of the specified"):
        story.chat.completions.create(
            model="demo", messages=user("Time?"), tools=TOOLS,
            tool_choice={"type": "function", "function": {"name": "other"}})


def test_parse_pydantic(story):
    class Item(pydantic.BaseModel):
        name: str = pydantic.Field(max_length=12)
        count: int = pydantic.Field(ge=0, le=9)

    class Shopping(pydantic.BaseModel):
        items: List[Item] = pydantic.Field(min_length=1, max_length=2)
        urgent: bool

    answer = story.chat.completions.parse(model="demo", messages=user("A shopping list."),
                                          response_format=Shopping, max_tokens=400, temperature=0)
    parsed = answer.choices[0].message.parsed
    assert isinstance(parsed, Shopping) and 1 <= len(parsed.items) <= 2
    assert answer.choices[0].finish_reason == "stop"


def test_json_object_and_choice(story):
    answer = story.chat.completions.create(
        model="demo", messages=user("JSON please"), max_tokens=200, temperature=0,
        response_format={"type": "json_object"})
    text = answer.choices[0].message.content
    assert text.lstrip().startswith("{")
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(text), dict)
    chosen = story.chat.completions.create(
        model="demo", messages=user("Yes or no?"), max_tokens=20,
        extra_body={"structured_outputs": {"choice": ["yes", "no", "perhaps"]}})
    assert chosen.choices[0].message.content in ("yes", "no", "perhaps")
    number = story.chat.completions.create(
        model="demo", messages=user("A number"), max_tokens=20,
        extra_body={"structured_outputs": {"regex": "[0-9]{3}-[a-f]{2}"}})
    text = number.choices[0].message.content
    assert len(text) == 6 and text[3] == "-", text


def test_logprobs(story):
    choice = story.chat.completions.create(model="demo", messages=user("Hi"), max_tokens=8,
                                           logprobs=True, top_logprobs=3, temperature=0).choices[0]
    entries = choice.logprobs.content
    assert 1 <= len(entries) <= 8
    for entry in entries:
        assert len(entry.top_logprobs) == 3 and entry.logprob <= 0
        assert entry.top_logprobs[0].logprob == entry.logprob == max(
            top.logprob for top in entry.top_logprobs)
    joined = b"".join(bytes(entry.bytes) for entry in entries)
    assert joined.decode(errors="replace").startswith(choice.message.content)


def test_n_and_seed(story):
    def texts(**fields):
        answer = story.chat.completions.create(
            model="demo", messages=user("Tell me a story."), max_tokens=24, temperature=1.0, **fields)
        assert sorted(choice.index for choice in answer.choices) == list(range(len(answer.choices)))
        return [choice.message.content for choice in sorted(answer.choices, key=lambda c: c.index)]
    assert texts(n=4, seed=7) == texts(n=4, seed=7)
    assert len(set(texts(n=4, seed=7))) > 1
    assert texts(seed=1) == texts(seed=1)


def test_completions(story):
    answer = story.completions.create(model="demo", prompt=["Once upon", "The"], max_tokens=5, n=2,
                                      temperature=0.5, seed=3, logprobs=2)
    assert answer.object == "text_completion" and [c.index for c in answer.choices] == [0, 1, 2, 3]
    assert all(len(c.logprobs.tokens) <= 5 for c in answer.choices)
    echo = story.completions.create(model="demo", prompt="Once upon", max_tokens=3, echo=True,
                                    temperature=0)
    assert echo.choices[0].text.startswith("Once upon")
    text = "".join(chunk.choices[0].text for chunk in story.completions.create(
        model="demo", prompt="Once upon", max_tokens=3, temperature=0, stream=True))
    assert echo.choices[0].text == "Once upon" + text


def test_models(talk):
    names = [model.id for model in talk.models.list()]
    assert "talker" in names
    card = talk.models.retrieve("talker")
    assert card.object == "model" and card.max_model_len == 8192
    with pytest.raises(openai.NotFoundError, match="does not exist") as found:
        talk.models.retrieve("no/such model")
    assert found.value.code == "model_not_found"


def test_errors(talk):
    with pytest.raises(openai.NotFoundError, match="`gpt-4` does not exist") as found:
        talk.chat.completions.create(model="gpt-4", messages=user("a"))
    assert found.value.code == "model_not_found" and found.value.param == "model"
    assert "talker" in found.value.message
    with pytest.raises(openai.BadRequestError, match="temperature") as found:
        talk.chat.completions.create(model="talker", messages=user("a"), temperature=9)
    assert found.value.param == "temperature" and found.value.type == "invalid_request_error"
    with pytest.raises(openai.BadRequestError, match="maximum context length is 8192") as found:
        talk.completions.create(model="talker", prompt=[65] * 9000)
    assert found.value.code == "context_length_exceeded"
    with pytest.raises(openai.BadRequestError, match=r"request has (\d+) input tokens"):
        talk.completions.create(model="talker", prompt="a", max_tokens=9000)


def test_authentication(serve, scripted_dir):
    server = serve(scripted_dir, "--api-key", "secret")
    with client_of(server) as wrong, pytest.raises(openai.AuthenticationError) as found:
        wrong.models.list()
    assert found.value.code == "invalid_api_key"
    with openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="secret") as right:
        assert right.models.list().data


def test_rate_limit(serve, tmp_path):
    import scripted
    slow = scripted.write_checkpoint(tmp_path / "slow", TEXTS, layers=4, intermediate=2048,
                                     loops=("loop",))
    server = serve(slow, "--max-num-seqs", "1", "--max-num-queued-reqs", "1")
    fields = {"model": str(slow), "prompt": say("loop") + "\n", "max_tokens": 3000}
    with client_of(server, max_retries=0) as client:
        streams = [client.completions.create(**fields, stream=True,
                                             extra_body={"ignore_eos": True}) for _ in range(1)]
        next(iter(streams[0]))
        busy = [harness.Background(server.post, "/v1/completions", {
            "prompt": say("loop") + "\n", "max_tokens": 3000, "ignore_eos": True})
            for _ in range(3)]
        end = time.monotonic() + 20
        while True:
            try:
                client.completions.create(**{**fields, "max_tokens": 1})
            except openai.RateLimitError as found:
                assert found.code == "rate_limit_exceeded", found.code
                assert int(found.response.headers["retry-after"]) >= 1
                assert int(found.response.headers["retry-after-ms"]) > 0
                break
            assert time.monotonic() < end, "never told to wait"
        for stream in streams:
            stream.close()
        for one in busy:
            one.result()


def test_async_32_streams(talker):
    names = [name for name in TEXTS if name != "loop"]

    async def one(client, number):
        name = names[number % len(names)]
        stream = await client.completions.create(
            model="talker", prompt=say(name) + "\n", max_tokens=400, stream=True, temperature=0)
        return name, "".join([chunk.choices[0].text async for chunk in stream])

    async def everything():
        async with openai.AsyncOpenAI(base_url=f"http://127.0.0.1:{talker.port}/v1",
                                      api_key="none") as client:
            return await asyncio.gather(*(one(client, number) for number in range(32)))

    for name, text in asyncio.run(everything()):
        assert text == TEXTS[name], name
    assert talker.idle()


def test_all_parameters(talk):
    """openai-python's own test sends everything it knows; a refusal must name a field."""
    body = {
        "messages": [{"content": say("plain"), "role": "developer", "name": "name"}],
        "model": "talker", "frequency_penalty": -2, "logit_bias": {"10": 0}, "logprobs": True,
        "max_completion_tokens": 60, "max_tokens": 60, "metadata": {"foo": "string"},
        "modalities": ["text"], "n": 1, "parallel_tool_calls": True,
        "prediction": {"content": "string", "type": "content"}, "presence_penalty": -2,
        "prompt_cache_key": "prompt-cache-key-1234", "prompt_cache_retention": "in_memory",
        "reasoning_effort": "low", "response_format": {"type": "text"},
        "safety_identifier": "safety-identifier-1234", "seed": -1, "service_tier": "auto",
        "stop": "\n", "store": True, "stream": False, "temperature": 1, "tool_choice": "none",
        "tools": TOOLS, "top_logprobs": 0, "top_p": 1, "user": "user-1234", "verbosity": "low",
        "web_search_options": {"search_context_size": "low"}}
    answer = talk.chat.completions.create(**body)
    assert answer.choices[0].message.content
    for extra in ({"functions": [{"name": "f"}]}, {"function_call": "none"},
                  {"modalities": ["text", "audio"]}):
        with pytest.raises(openai.BadRequestError) as found:
            talk.chat.completions.create(model="talker", messages=user("a"), **extra)
        assert found.value.param and list(extra)[0] in found.value.param


def test_error_in_stream(serve, tmp_path):
    """A server that has to stop tells its streams, and openai-python raises."""
    import scripted
    import signal
    slow = scripted.write_checkpoint(tmp_path / "slow", TEXTS, layers=4, intermediate=2048,
                                     loops=("loop",))
    server = serve(slow, "--shutdown-timeout", "1")
    with client_of(server, max_retries=0) as client, pytest.raises(openai.APIError) as found:
        for number, _ in enumerate(client.completions.create(
                model=str(slow), prompt=say("loop") + "\n", max_tokens=20000, stream=True,
                extra_body={"ignore_eos": True})):
            if number == 3:
                server.process.send_signal(signal.SIGTERM)
    assert found.value.code == "server_shutting_down"
    assert server.process.wait(60) == 0
