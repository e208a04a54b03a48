# SPDX-License-Identifier: Apache-2.0
"""What the scripted model says: answers with thinking, tool calls, any characters.

A prompt selects one by its mark: say("think") is the text "<|say:think|>".
"""
import random


def tool_call(name, arguments):
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


WEATHER = tool_call("get_weather", '{"city": "Paris", "unit": "celsius"}')
TEXTS = {
    "default": "I have nothing to say about that.",
    "plain": "The quick brown fox jumps over the lazy dog, and 7 × 6 is 42.",
    "think": "<think>\nTwelve times twelve: 10 × 12 is 120, 2 × 12 is 24.\n</think>\n\n"
             "It is **144**.",
    "think_only": "<think>\nI go on and on, and never come to an end of what I think",
    "think_empty": "<think>\n\n</think>\n\nNo thought was needed.",
    "open_think": "First this, then that.\n</think>\n\nThe rest is said.",
    "unicode": "日本語のテキスト, Ελληνικά, עברית, 한국어; 🙂👩‍👩‍👧‍👦🇨🇳 é e\u0301 ﷽ 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 \u2028 end.",
    "escapes": 'A "quoted" \\ back\\slash, a\ttab, a\nnewline, \u0001 control, </script> & <b>.',
    "sse": "data: {\"not\": \"an event\"}\n\ndata: [DONE]\n\n: ping\n\nstill the same answer",
    "special": "About <|im_start|> and <think as text, <tool_cal and </tool_call too.",
    "stop_words": "one two three STOP four five STOPPING six",
    "json": '{"name": "Ada", "age": 36, "tags": ["math", "engine"]}',
    "tool": WEATHER,
    "tool_text": "I will look that up.\n" + WEATHER,
    "tool_think": "<think>\nThe user wants the weather. I call a tool.\n</think>\n\n" + WEATHER,
    "tool_two": WEATHER + "\n" + tool_call("get_time", '{"zone": "Europe/Rome"}'),
    "tool_none": tool_call("get_time", "{}"),
    "tool_unicode": tool_call("get_weather", '{"city": "京都 🙂 \\"é\\" \\u00e9"}'),
    "tool_nested": tool_call("get_weather", '{"city": "A", "where": {"lat": 1.5, "list": [1, [2, '
                             '{"x": null}], true]}, "text": "}{ ]["}'),
    "tool_string": tool_call("get_weather", '"{\\"city\\": \\"Oslo\\"}"'),
    "tool_bad": '<tool_call>\n{"name": "get_weather", "arguments": {"city": }\n</tool_call>',
    "tool_open": '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Lima"}}',
    "tool_in_think": "<think>\nShould I write <tool_call> here? No.\n</think>\n\nDone.",
    "tool_answer": "It is 21 °C in Paris today.",
    "after_tool": WEATHER + "\nThat is all.",
    "loop": "round and round the garden like a teddy bear, one step, two step, tickle you "
            "under there; ",
}
LOOPS = ("loop",)


def say(name):
    return f"<|say:{name}|>"


def random_texts(count, seed):
    """More of them: random letters, numbers, emoji, tags and calls in random order."""
    rng = random.Random(seed)
    alphabet = ["word ", "Ünï ", "数 ", "🙂", "\n", "  ", '"', "\\", "{", "}", "[1, 2]", "<", "</",
                "<tool", "&amp;", "é", "0123456789 ", "\t", "`code`", "STOP", "<thi", "nk >"]
    found = {}
    for number in range(count):
        parts = []
        if rng.random() < 0.5:
            parts.append("<think>\n" + phrase(rng, alphabet) + "\n</think>\n\n")
        if rng.random() < 0.7:
            parts.append(f"({number}) " + phrase(rng, alphabet))
        for call in range(rng.choice((0, 0, 1, 1, 2))):
            city = phrase(rng, [letter for letter in alphabet if letter not in ('"', "\\", "\n",
                                                                               "\t")])
            parts.append("\n" + tool_call(rng.choice(("get_weather", "get_time")),
                                          f'{{"city": "{city}", "n": {number}.{call}5}}'))
        found[f"random_{number}"] = "".join(parts) or f"nothing {number}"
    return found


def phrase(rng, alphabet):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 25)))


TOOLS = [
    {"type": "function", "function": {
        "name": "get_weather", "description": "The weather of a city",
        "parameters": {"type": "object", "properties": {
            "city": {"type": "string"}, "unit": {"type": "string", "enum": ["celsius", "kelvin"]}},
            "required": ["city"]}}},
    {"type": "function", "function": {
        "name": "get_time", "description": "The time in a zone",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}},
]
