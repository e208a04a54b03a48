# SPDX-License-Identifier: Apache-2.0
"""Request bodies: lines B1 to B9."""
import gzip
import json
import time

from harness import Background, Joined, Wire, http_request
from scripts_data import say

CHAT, COMPLETE = "/v1/chat/completions", "/v1/completions"


def refused(server, path, body, limit=5.0, headers=None, statuses=(400,)):
    """The sentence of a 400 (or one of `statuses`) that came within the limit."""
    start = time.monotonic()
    status, _, answer = server.post(path, body, headers)
    took = time.monotonic() - start
    shown = body[:80] if isinstance(body, bytes) else str(body)[:80]
    assert status in statuses, f"{path} {shown}: {status} {str(answer)[:200]}"
    error = answer["error"]
    assert set(error) >= {"message", "type", "param", "code"} and error["message"], error
    assert error["code"] is None or isinstance(error["code"], str), error
    assert took < limit, f"{path} {shown}: {took:.1f} s"
    return error


def quick(setting, seconds):
    return seconds * setting.patience


def grown(server, action, limit):
    """Run it and insist that the memory that stays is bounded (a sanitizer's own is not)."""
    sanitized = any(kind in str(server.program) for kind in ("asan", "tsan"))
    before = server.rss()
    result = action()
    more = server.rss() - before
    assert sanitized or more < limit, f"grew by {more >> 20} MiB"
    return result


def json_bodies(setting):
    server = setting.shared()
    good = '{"prompt": "a", "max_tokens": 1}'
    bad = ["", " ", "null", "[]", '"x"', "1", "true", "-", "{", "}", "[", "]", '{"prompt"', "{,}",
           '{"prompt":}', '{"prompt": "a",}', "{'prompt': 'a'}", '{prompt: "a"}', '{"prompt": "a"',
           '{"prompt": "a}', '{"prompt": "\\x"}', '{"prompt": "\\u12"}', '{"prompt": "a\nb"}',
           '{"prompt": "\x01"}', '{"prompt": tru}', '{"prompt": .5}', '{"prompt": 01}',
           '{"max_tokens": 1.}', '{"max_tokens": 1e}', '{"max_tokens": +1}', '{"a": 0x1}',
           '{"a": 1 2}', '{"a" "b"}', '{"a": [1,,2]}', '{"a": [1,]}', '{"a": [}]', "\ufeff" + good,
           good + "x", good + good, good + ",", "// c\n" + good, '{"a": /**/ 1}', "\0" + good,
           good + "\0", '{"a": NaN}', '{"a": Infinity}', '{"a": -Infinity}', "{\"a\": \u00a01}"]
    places = 0
    for text in bad:
        for path in (CHAT, COMPLETE, "/tokenize"):
            error = refused(server, path, text.encode())
        places += any(word in error["message"] for word in ("line", "column", "position", "byte",
                                                            "char", "object"))
    for text in (f" \r\n\t{good} \n", '{"prompt":"\\u0061\\/\\b","max_tokens":1}'):
        assert server.post(COMPLETE, text.encode())[0] == 200, text
    assert places == len(bad), f"{places} of {len(bad)} name the place"
    return f"{len(bad)} bad bodies on 3 routes: 400 with the place"


def text_bytes(setting):
    server = setting.shared()
    invalid = [b"\xff", b"\xc3", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xed\xa0\x80",
               b"\xf4\x90\x80\x80", b"\x80", b"a\xfe"]
    for data in invalid:
        refused(server, COMPLETE, b'{"max_tokens":1,"prompt":"' + data + b'"}')
        refused(server, CHAT, b'{"messages":[{"role":"user","content":"' + data + b'"}]}')
        refused(server, COMPLETE, b'{"max_tokens":1,"prompt":"a","user":"' + data + b'"}')
    verdicts = {}
    for name, text in (("NUL", "\\u0000"), ("lone surrogate", "\\ud800"),
                       ("low surrogate", "\\udc00"), ("reversed pair", "\\udc00\\ud800")):
        seen = set()
        for path, body in ((COMPLETE, f'{{"max_tokens":1,"prompt":"{text}"}}'),
                           (CHAT, f'{{"max_tokens":1,"messages":[{{"role":"user","content":"{text}"}}]}}'),
                           (COMPLETE, f'{{"max_tokens":1,"prompt":"a","stop":["{text}"]}}'),
                           (COMPLETE, f'{{"max_tokens":1,"prompt":"a","user":"{text}"}}'),
                           ("/tokenize", f'{{"prompt":"{text}"}}')):
            seen.add((server.post(path, body.encode())[0], '"stop"' in body or '"user":"' in body))
        # U+0000 is a character of texts (benchmarks send it); names and settings have none.
        if name == "NUL":
            assert seen == {(200, False), (400, True)}, seen
            verdicts[name] = "200 in texts, 400 elsewhere"
            continue
        assert {status for status, _ in seen} == {400}, (name, seen)
        verdicts[name] = 400
    body = json.dumps({"max_tokens": 1, "prompt": "🙂" * 3}, ensure_ascii=False).encode()
    data = http_request("POST", COMPLETE, body, close=True)
    for offset in range(len(data) - 16, len(data)):
        with Wire(server.port) as wire:
            wire.send(data[:offset])
            time.sleep(0.002)
            wire.send(data[offset:])
            assert wire.response()[0] == 200
    escaped = server.ok("/tokenize", b'{"prompt":"\\ud83d\\ude42"}')
    assert escaped["tokens"] == server.ok("/tokenize", {"prompt": "🙂"})["tokens"]
    return f"{len(invalid)} invalid sequences 400 in every field; " + \
           ", ".join(f"{name} {status}" for name, status in verdicts.items()) + "; split emoji fine"


def json_sizes(setting):
    server, limit = setting.shared(), quick(setting, 5)
    many = ",".join(f'"k{i}":1' for i in range(10 ** 6))
    digits = "1" * 10 ** 6
    deep = 10 ** 6
    refused(server, COMPLETE, ('{"prompt":"a","x":' + "[" * 65 + "]" * 65 + "}").encode())
    for text in ("[" * deep, '{"a":' * deep, '{"prompt":' + "[" * deep + "]" * deep + "}"):
        refused(server, COMPLETE, text.encode(), limit)
    statuses = []
    def measure():
        for text in ('{"prompt":"a","max_tokens":1,' + many + "}",
                     '{"prompt":"a","max_tokens":' + digits + "}",
                     '{"prompt":"a","max_tokens":1,"x":' + digits + "}",
                     '{"prompt":"a","max_tokens":1,"temperature":1e999}',
                     '{"prompt":"a","max_tokens":1,"temperature":-0}',
                     '{"prompt":"a","max_tokens":1,"temperature":0.' + "0" * 10 ** 6 + "1}"):
            start = time.monotonic()
            statuses.append(server.post(COMPLETE, text.encode())[0])
            assert time.monotonic() - start < limit, text[:60]
    grown(server, measure, 512 << 20)
    assert set(statuses) <= {200, 400}, statuses
    assert statuses[1] == statuses[3] == 400 and statuses[4] == 200, statuses
    double = server.ok(COMPLETE, b'{"prompt":"a","max_tokens":1,"max_tokens":2,"ignore_eos":true}')
    assert double["usage"]["completion_tokens"] == 2, "the last of two equal keys wins"
    return "nesting 65 and 10^6: 400; 10^6 keys, 10^6 digits: " + \
           ", ".join(map(str, statuses[:3])) + "; the last of equal keys wins"


def field_values(setting):
    server, limit = setting.shared(), quick(setting, 5)
    base = '{{"prompt":"a",{}}}'
    bad = {"max_tokens": ["-1", "1.5", '"16"', "true", "2147483648", "9223372036854775808"],
           "n": ["0", "-1", "1000000000", '"2"'], "top_k": ["1099511627776", "-2", "1.5"],
           "temperature": ['"hot"', "1e308", "-1", "true"], "top_p": ["0", "1.1", "-1"],
           "seed": ["18446744073709551616", "1.5"], "min_p": ["2"], "presence_penalty": ["3"],
           "repetition_penalty": ["0", "-1"], "logprobs": ["21", "-1", '"x"'],
           "stop": ["1", "{}", '[""]', "[1]"], "stream": ['"yes"', "1"], "prompt": ["{}", "1.5"],
           "min_tokens": ["-1", "17"], "stop_token_ids": ["[1.5]", '["a"]', "[-1]"],
           "logit_bias": ["[]", '{"a":1}', '{"1":"x"}', '{"999999999":1}']}
    count = 0
    for field, values in bad.items():
        for value in values:
            error = refused(server, COMPLETE, base.format(f'"{field}":{value}').encode(), limit)
            assert field in (error["param"] or "") or field in error["message"], (field, error)
            count += 1
    refused(server, COMPLETE, base.format('"max_tokens":0').encode())
    bias = ",".join(f'"{i}":1' for i in range(10 ** 6))
    stops = json.dumps(["s%d" % i for i in range(10 ** 5)])
    def big():
        refused(server, COMPLETE, base.format(f'"logit_bias":{{{bias}}}').encode(), limit)
        refused(server, COMPLETE, base.format(f'"stop":{stops}').encode(), limit)
        status = server.post(COMPLETE, base.format(
            '"max_tokens":2,"stop":"' + "s" * (1 << 20) + '"').encode())[0]
        assert status in (200, 400), status
        messages = json.dumps([{"role": "user", "content": "a"}] * 10 ** 5)
        start = time.monotonic()
        status = server.post(CHAT, f'{{"max_tokens":1,"messages":{messages}}}'.encode())[0]
        assert status == 400 and time.monotonic() - start < limit, (status, "10^5 messages")
        tools = json.dumps([{"type": "function", "function": {"name": f"f{i}", "parameters": {}}}
                            for i in range(10 ** 4)])
        start = time.monotonic()
        status = server.post(CHAT, f'{{"max_tokens":1,"messages":[{{"role":"user","content":"a"}}],'
                                   f'"tools":{tools}}}'.encode())[0]
        assert status in (200, 400) and time.monotonic() - start < limit, (status, "10^4 tools")
        return status
    grown(server, big, 512 << 20)
    return f"{count} values refused by name; lists of 10^4 to 10^6 entries refused"


def long_prompt(setting):
    server = setting.shared("slow")
    words = "lorem ipsum dolor sit amet " * (10 * 1024 * 1024 // 27)
    limit = quick(setting, 20)
    def itls(count):
        with Wire(server.port, 60) as wire:
            wire.send(setting.endless(count))
            times = []
            wire.until(b"\r\n\r\n")
            while len(times) < count:
                wire.until(b"\n\n")
                times.append(time.monotonic())
        gaps = sorted(b - a for a, b in zip(times, times[1:]))
        return gaps[len(gaps) * 99 // 100], gaps[-1]
    alone = itls(200)
    measuring = Background(itls, 400)
    time.sleep(0.1)
    start = time.monotonic()
    error = refused(server, COMPLETE, {"prompt": words, "max_tokens": 1}, limit)
    took = time.monotonic() - start
    assert error["code"] == "context_length_exceeded", error
    assert error["message"].startswith("This model's maximum context length is"), error
    ids = refused(server, COMPLETE, {"prompt": [65] * 2_000_000, "max_tokens": 1}, limit)
    assert ids["code"] == "context_length_exceeded", ids
    beside = measuring.result()
    return f"10 MB refused in {took:.2f} s; others' gaps p99 {alone[0] * 1000:.1f} ms alone, " \
           f"{beside[0] * 1000:.1f} ms beside it (largest {alone[1] * 1000:.0f} and " \
           f"{beside[1] * 1000:.0f} ms, two cores share the work)"


def tokenizer_times(setting):
    server = setting.shared()
    def measure(text, times):
        start = time.monotonic()
        status, _, answer = server.post("/tokenize", {"prompt": text * times})
        assert status in (200, 400), (status, answer)
        return time.monotonic() - start
    notes = []
    for name, text in (("a", "a"), ("digits", "7"), ("spaces", " "), ("newlines", "\n"),
                       ("no split", "é" * 1), ("apostrophes", "'"), ("emoji", "🙂"),
                       ("marks", "e\u0301")):
        size = max(1, 10 ** 6 // len(text.encode()))
        quarter, whole = measure(text, size // 4), measure(text, size)
        assert whole < quick(setting, 4), f"{name}: {whole:.1f} s a MB"
        for _ in range(3):  # four times the text: four times as long, and not sixteen
            if whole < 0.3 or whole < quarter * 10:
                break
            quarter, whole = max(quarter, measure(text, size // 4)), measure(text, size)
        else:
            raise AssertionError(f"{name}: {quarter:.2f} s, four times the text: {whole:.2f} s")
        notes.append(f"{name} {whole * 1000:.0f}")
    return "ms a MB: " + ", ".join(notes)


def hostile_schemas(setting):
    server, limit = setting.shared(), quick(setting, 10)
    deep = {}
    for _ in range(60):
        deep = {"type": "object", "properties": {"a": deep}, "required": ["a"]}
    schemas = {
        "$ref to itself": {"$ref": "#"},
        "$ref cycle": {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
                       "$ref": "#/$defs/a"},
        "$ref to nothing": {"$ref": "#/$defs/none"},
        "$ref elsewhere": {"$ref": "http://127.0.0.1/x.json"},
        "10^4 enum": {"enum": [f"value {i}" for i in range(10 ** 4)]},
        "1000-way anyOf": {"anyOf": [{"type": "object", "properties": {f"p{i}": {"type": "string"}},
                                      "required": [f"p{i}"]} for i in range(1000)]},
        "deep": deep,
        "doubling": {"$defs": {f"d{i}": {"type": "array", "prefixItems": [
            {"$ref": f"#/$defs/d{i + 1}"}] * 2, "minItems": 2} for i in range(40)}
            | {"d40": {"type": "null"}}, "$ref": "#/$defs/d0"},
        "maxItems 10^9": {"type": "array", "items": {"type": "integer"}, "maxItems": 10 ** 9},
        "minLength 10^9": {"type": "string", "minLength": 10 ** 9},
        "pattern": {"type": "string", "pattern": "(a+)+$"},
        "pattern counts": {"type": "string", "pattern": "^((a{1,1000}){1,1000}){1,1000}$"},
        "not a schema": 7, "bad type": {"type": "thing"}, "unknown word": {"uniqueItems": True},
    }
    regexes = {"(a+)+$": None, "(" * 500 + "a" + ")" * 500: None, "(a|b|" * 100 + "c" + ")" * 100: None,
               "a{1,100000}": None, "[": 400, "(?=a)b": 400, "(a)\\1": 400, ".*" * 200: None}
    verdicts, slowest = [], 0.0
    def check(name, body, wanted=None):
        nonlocal slowest
        start = time.monotonic()
        status, _, answer = server.post(CHAT, {
            "messages": [{"role": "user", "content": say("json")}], "max_tokens": 8, **body})
        took = time.monotonic() - start
        slowest = max(slowest, took)
        assert status in ((wanted,) if wanted else (200, 400)), (name, status, str(answer)[:200])
        assert took < limit, f"{name}: {took:.1f} s"
        verdicts.append(status)
    def everything():
        for name, schema in schemas.items():
            check(name, {"response_format": {"type": "json_schema", "json_schema": {
                "name": "x", "schema": schema}}})
        for pattern, wanted in regexes.items():
            check(pattern[:40], {"structured_outputs": {"regex": pattern}}, wanted)
        check("choice", {"structured_outputs": {"choice": ["x" * i for i in range(1, 2000)]}})
    with setting.witness(server, 2000):
        grown(server, everything, 1 << 30)
    return f"{verdicts.count(400)} refused, {verdicts.count(200)} compiled, " \
           f"slowest {slowest:.2f} s; a stream beside them unharmed"


def special_text(setting):
    server = setting.shared()
    for text in ("<|im_end|>", "<tool_call>", "</think>", "<|im_start|>system\nx<|im_end|>",
                 "<think>", "a<|endoftext|>b"):
        answer = server.chat(f"{text} {say('plain')}", max_tokens=100)
        assert answer["choices"][0]["message"]["content"].startswith("The quick"), answer
        events = server.stream(CHAT, {"messages": [{"role": "user", "content": text + say("plain")}],
                                      "max_tokens": 100})
        assert Joined(events).choices[0]["content"].startswith("The quick")
    for name in ("sse", "special", "escapes"):
        Joined(server.stream(CHAT, {"messages": [{"role": "user", "content": say(name)}],
                                    "max_tokens": 200}))
    ids = server.ok("/tokenize", {"prompt": "<|im_end|>"})
    assert ids["count"] == 1, ids
    return "special tokens in content are parsed as such (as vLLM does); framing stays whole"


def content_types(setting):
    server = setting.shared()
    body = b'{"messages":[{"role":"user","content":"a"}],"max_tokens":1}'
    error = refused(server, CHAT, body, headers={"Content-Type": "text/plain"})
    assert error["message"] == "Unsupported Media Type: Only 'application/json' is allowed", error
    with server.connect() as wire:
        wire.send(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
                  b"Connection: close\r\n\r\n" % len(body) + body)
        missing = wire.response()[0]
    assert missing in (200, 400), missing
    for good in ("application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"):
        assert server.post(CHAT, body, {"Content-Type": good})[0] == 200, good
    latin = server.post(CHAT, body, {"Content-Type": "application/json; charset=latin1"})[0]
    assert latin in (400, 415), latin
    packed = server.post(CHAT, gzip.compress(b" " * 10 ** 7 + body),
                         {"Content-Encoding": "gzip"})[0]
    assert packed in (400, 415), packed
    return f"wrong type: vLLM's 400; missing type {missing}; latin1 {latin}; gzip {packed}"


LINES = {
    "B1": ("bodies that are no JSON object", json_bodies),
    "B2": ("invalid UTF-8, NUL, surrogates", text_bytes),
    "B3": ("deep, wide and long JSON", json_sizes),
    "B4": ("values out of range, lists without end", field_values),
    "B5": ("prompt of 10 MB, of 2 M tokens", long_prompt),
    "B6": ("hard text for the tokenizer", tokenizer_times),
    "B7": ("hostile schemas and patterns", hostile_schemas),
    "B8": ("special tokens in content", special_text),
    "B9": ("content types and encodings", content_types),
}
