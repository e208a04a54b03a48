# SPDX-License-Identifier: Apache-2.0
"""Right answers under load: lines X1 to X5. The pytest files beside this folder go further."""
import pathlib
import statistics
import time

import harness
from harness import DEMO, Background, Joined, Server
from scripts_data import TEXTS, TOOLS, say

CHAT, COMPLETE = "/v1/chat/completions", "/v1/completions"
PROMPTS = ["Once upon a time", "The little dog", "Tell me a story about a fox.", "In the morning",
           "She said", "There was a tree", "What is the sea?", "The moon"]


def sampled(rng, number):
    """A request of the demo model: greedy or seeded, with and without logprobs and penalties."""
    body = {"prompt": " ".join(rng.choice(PROMPTS) for _ in range(rng.randint(1, 25))),
            "max_tokens": rng.randint(1, 40), "logprobs": rng.choice((None, 0, 5)),
            "temperature": rng.choice((0, 0.7, 1.2)), "seed": number}
    if rng.random() < 0.3:
        body.update(presence_penalty=0.5, repetition_penalty=1.1)
    if rng.random() < 0.3:
        body.update(top_p=0.9, top_k=40, min_p=0.01)
    return body


def mixes(setting):
    count = setting.pick(24, 200)
    bodies = [sampled(setting.rng, number) for number in range(count)]
    chunks = setting.pick((64, 8192), (64, 128, 256, 512, 1024, 2048, 4096, 8192))
    with Server(DEMO, "--no-enable-prefix-caching") as server:
        alone = [server.ok(COMPLETE, body)["choices"] for body in bodies]
    compared = 0
    for chunk in chunks:
        for caching in ("--enable-prefix-caching", "--no-enable-prefix-caching"):
            with Server(DEMO, "--max-num-batched-tokens", str(chunk), caching, "--max-num-seqs",
                        "16", "--max-num-queued-reqs", str(count * 2)) as server:
                order = setting.rng.sample(range(count), count)
                waves = [order[i:i + 16] for i in range(0, count, 16)]
                for wave in waves:
                    running = {i: Background(server.ok, COMPLETE, bodies[i], 600) for i in wave}
                    for i, one in running.items():
                        got = one.result(600)["choices"]
                        assert got == alone[i], f"chunk {chunk} {caching}: {bodies[i]}"
                        compared += 1
    return f"{count} requests alone, then in mixes of 16 with {len(chunks)} chunk sizes, cached " \
           f"or not: {compared} answers and logprobs equal bit for bit (speculation and LoRA do " \
           "not exist yet)"


def message_of(choice):
    message = choice["message"]
    return {"content": message.get("content") or "", "reasoning": message.get("reasoning") or "",
            "reasoning_content": message.get("reasoning_content") or "",
            "tools": [(call["function"]["name"], call["function"]["arguments"])
                      for call in message.get("tool_calls") or []],
            "finish": choice["finish_reason"],
            "logprobs": (choice.get("logprobs") or {}).get("content")}


def joined_of(choice):
    logprobs = [entry for part in choice["logprobs"] for entry in part.get("content") or []]
    return {"content": choice["content"], "reasoning": choice["reasoning"],
            "reasoning_content": choice["reasoning_content"],
            "tools": [(tool["name"], tool["arguments"]) for _, tool in sorted(choice["tools"].items())],
            "finish": choice["finish_reason"], "logprobs": logprobs or None}


def compare(server, body):
    """Stream and whole answer of one chat request: equal, or an AssertionError."""
    whole = server.ok(CHAT, body)
    events = server.stream(CHAT, {**body, "stream_options": {"include_usage": True}})
    joined = Joined(events)
    for choice in whole["choices"]:
        one, other = message_of(choice), joined_of(joined.choices[choice["index"]])
        assert one == other, f"{body}\nwhole:  {one}\nstream: {other}"
    usage = {key: whole["usage"][key] for key in ("prompt_tokens", "completion_tokens",
                                                  "total_tokens")}
    assert usage == {key: joined.usage[key] for key in usage}, (usage, joined.usage)
    assert len(joined.ids) == 1, joined.ids


def stream_is_whole(setting):
    server, count = setting.shared(), 0
    for name in TEXTS:
        for fields in ({}, {"tools": TOOLS}, {"logprobs": True, "top_logprobs": 2},
                       {"tools": TOOLS, "chat_template_kwargs": {"enable_thinking": False}}):
            compare(server, {"messages": [{"role": "user", "content": say(name)}],
                             "max_tokens": 300, "temperature": 0, **fields})
            count += 1
    return f"{count} requests: content, reasoning, tool calls, logprobs and usage equal"


def usage_counts(setting):
    server, count = setting.shared(), 0
    for name, text in TEXTS.items():
        if name == "loop":
            continue
        prompt = f"{say(name)} some words before it\n"
        answer = server.complete(prompt, max_tokens=400, return_token_ids=True, temperature=0)
        choice, usage = answer["choices"][0], answer["usage"]
        tokens = server.ok("/tokenize", {"prompt": prompt})
        assert usage["prompt_tokens"] == tokens["count"], (name, usage, tokens["count"])
        assert usage["completion_tokens"] == len(choice["token_ids"]), (name, usage)
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
        assert choice["text"] == text, (name, choice["text"])
        count += 1
    return f"{count} answers: prompt tokens as /tokenize counts, completion tokens as token_ids"


def totals(setting):
    count = setting.pick(1000, 10000)
    rng = setting.rng
    with setting.server("--max-num-seqs", "16", "--max-num-queued-reqs", "100000",
                        "--disable-uvicorn-access-log") as server:
        sums = {"prompt": 0, "generated": 0, "stop": 0, "length": 0, "cached": 0}
        def client(number):
            local = dict.fromkeys(sums, 0)
            for _ in range(number):
                name = rng.choice(("plain", "think", "tool", "unicode", "loop"))
                answer = server.chat(say(name), max_tokens=rng.choice((1, 5, 60)), timeout=300)
                local["prompt"] += answer["usage"]["prompt_tokens"]
                local["generated"] += answer["usage"]["completion_tokens"]
                local["cached"] += answer["usage"]["prompt_tokens_details"]["cached_tokens"]
                # Tool calls end by a stop token.
                local["length" if answer["choices"][0]["finish_reason"] == "length" else "stop"] += 1
            return local
        for one in [Background(client, count // 10) for _ in range(10)]:
            for key, value in one.result(1200).items():
                sums[key] += value
        found = server.metrics()
        def total(name, **labels):
            return sum(value for (key, pairs), value in found.items()
                       if key == name and set(labels.items()) <= set(pairs))
        got = {"prompt": total("vllm:prompt_tokens_total"),
               "generated": total("vllm:generation_tokens_total"),
               "stop": total("vllm:request_success_total", finished_reason="stop"),
               "length": total("vllm:request_success_total", finished_reason="length"),
               "cached": total("vllm:prompt_tokens_cached_total")}
        assert got == sums, f"metrics {got}, responses {sums}"
        for name, key in (("prompt", "prompt"), ("generation", "generated")):
            assert total(f"vllm:request_{name}_tokens_sum") == sums[key], name
            assert total(f"vllm:request_{name}_tokens_count") == count, name
        setting.slots_free(server)
    return f"{count} responses: {sums['prompt']} prompt and {sums['generated']} generated tokens, " \
           f"{sums['stop']} stop, {sums['length']} length: counters equal"


def keys(setting):
    secret = "sk-robustness-0123456789abcdef"
    with setting.server("--api-key", secret) as server:
        assert server.get("/v1/models")[0] == 401
        status, headers, answer = server.post(COMPLETE, {"prompt": "a"},
                                              {"Authorization": "Bearer wrong"})
        assert status == 401 and headers["www-authenticate"].startswith("Bearer"), headers
        assert answer["error"]["code"] == "invalid_api_key", answer
        for name in ("Authorization", "X-API-Key"):
            value = f"Bearer {secret}" if name == "Authorization" else secret
            assert server.get("/v1/models", {name: value})[0] == 200, name
        for path in ("/health", "/ping", "/version"):
            assert server.get(path)[0] == 200, path
        assert server.request("OPTIONS", "/v1/models")[0] in (200, 204)
        medians = []
        with server.connect() as wire:
            for wrong in ("x" + secret[1:], secret[:-1] + "x", secret[:5]):
                times = []
                for _ in range(setting.pick(300, 3000)):
                    start = time.perf_counter()
                    wire.send(harness.http_request("GET", "/v1/models",
                                                   headers={"Authorization": f"Bearer {wrong}"}))
                    assert wire.response()[0] == 401
                    times.append(time.perf_counter() - start)
                medians.append(statistics.median(times) * 1e6)
        assert secret not in server.log() and "***" in server.log(), "the key is in the log"
    with setting.server(env={"VLLM_API_KEY": secret}) as server:
        assert server.get("/v1/models")[0] == 401
        command = pathlib.Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        assert secret.encode() not in command
        assert secret not in server.log()
    return "401 in " + ", ".join(f"{value:.0f}" for value in medians) + " µs (wrong at its begin, " \
           "its end, too short); *** in the log; from the environment it is not in ps"


LINES = {
    "X1": ("alone and in mixes of 16", mixes),
    "X2": ("stream equals whole answer", stream_is_whole),
    "X3": ("usage equals counted tokens", usage_counts),
    "X4": ("metrics equal the sum of responses", totals),
    "X5": ("API keys", keys),
}
