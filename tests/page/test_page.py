# SPDX-License-Identifier: Apache-2.0
"""The chat page against the scripted server: every promise that docs/serving.md makes about it."""
import json
import time

import pytest
from fake_server import PAGE, FakeServer
from page import ANSWER, QUESTION, THINKING, Page

@pytest.fixture
def page(english, server):
    yield make_page(english, server)
    complaints = Page(english, server).complaints()
    assert not complaints, complaints


def make_page(driver, server):
    server.scripts[QUESTION] = lambda handler: handler.stream(ANSWER, THINKING, pause=0.002)
    page = Page(driver, server)
    page.js("localStorage.clear(); sessionStorage.clear()")
    page.open()
    page.wait(lambda: page.one("#model").get_attribute("value"), "the models")
    page.complaints()
    return page


# ---- An answer


def test_answer_with_thinking(page):
    article = page.answer_to(QUESTION)
    thinking = article.find_element(page.by, ".thinking")
    assert thinking.get_attribute("open") is None
    assert thinking.text.startswith("Thought for ") and "loop" not in article.text
    content = article.find_element(page.by, ".content")
    assert [node.tag_name for node in content.find_elements(page.by, ":scope > *")] == \
        ["p", "div", "ul", "div"]
    assert content.find_element(page.by, "strong").text == "factorial"
    assert content.find_element(page.by, "pre code").text == ANSWER.split("```")[1][7:].rstrip("\n")
    assert len(content.find_elements(page.by, "tbody tr")) == 2
    assert "tokens ·" in article.text and "tokens/s" in article.text
    stats = article.find_element(page.by, ".stats").text
    assert "first token after" in stats and "prompt 21 (16 cached)" in stats
    page.unfold(article)
    assert "A loop from 2 to n is enough" in thinking.text
    assert thinking.find_element(page.by, "strong").text == "loop"


def test_request_is_what_vllm_takes(page):
    page.answer_to("hello")
    assert page.server.requests == [{
        "model": "demo", "messages": [{"role": "user", "content": "hello"}], "stream": True,
        "stream_options": {"include_usage": True}}]
    page.answer_to("again")
    assert [m["content"] for m in page.server.requests[1]["messages"]] == ["hello", "hello", "again"]


def test_text_is_shown_while_it_comes(page):
    hold = []
    page.server.scripts["slow"] = lambda handler: slow(handler, hold)
    page.ask("slow")
    page.wait(lambda: "first words" in page.one(".assistant .content").text, "the first words")
    assert page.one(".assistant").get_attribute("aria-busy") == "true"
    hold.append(True)
    assert "last words" in page.answered().text


def slow(handler, hold):
    handler.begin()
    handler.delta(role="assistant", content="")
    handler.delta(content="first words ")
    while not hold:
        handler.delta(content=".")
        time.sleep(0.02)
    handler.delta(content=" last words", finish="stop")
    handler.event("[DONE]")


@pytest.mark.parametrize("how", ["button", "escape"])
def test_stop(page, how):
    page.server.scripts["slow"] = lambda handler: slow(handler, [])
    page.ask("slow")
    page.wait(lambda: "first words" in page.one(".assistant .content").text, "the first words")
    assert page.one("#send").get_attribute("aria-label") == "Stop"
    if how == "button":
        page.one("#send").click()
    else:
        page.press(page.keys.ESCAPE)
    article = page.answered()
    assert "first words" in article.text and "stopped" in article.text
    assert page.server.aborted.wait(10), "the server saw no end of the connection"
    assert page.one("#send").get_attribute("aria-label") == "Send"
    assert "hello" in page.answer_to("hello").text


def test_thinking_that_uses_up_the_tokens(page):
    page.server.scripts["hard"] = lambda handler: handler.stream(reasoning="Hm.", finish="length")
    assert "Raise Max tokens" in page.answer_to("hard").text
    page.server.scripts["long"] = lambda handler: handler.stream("Once", finish="length")
    assert "largest number of tokens" in page.answer_to("long").text


# ---- Errors


def test_error_has_the_servers_sentence_and_a_retry(page):
    sentence = ("This model's maximum context length is 1024 tokens. However, your request has 1302 "
                "input tokens. Please reduce the length of the messages.")
    question = "Summarise the following chapters: " + "It was a dark and stormy night. " * 8
    page.server.scripts["What is the capital of France?"] = lambda handler: handler.stream("The capital of France is Paris.",
                                                                    pause=0.02)
    page.answer_to("What is the capital of France?")
    page.server.scripts[question.strip()] = lambda handler: handler.fail(
        400, sentence, "context_length_exceeded")
    article = page.answer_to(question)
    error = article.find_element(page.by, ".error")
    assert sentence in error.text and "400 · context_length_exceeded" in error.text
    page.server.scripts.clear()
    error.find_element(page.by, "button").click()
    page.wait(lambda: "dark and stormy" in page.all(".assistant .content")[-1].text, "an answer")
    assert len(page.all(".user")) == 2 and not page.all(".error")


def cut(handler):
    handler.begin()
    handler.delta(content="half an ans")


def failing(handler):
    cut(handler)
    handler.event({"error": {"message": "The engine died.", "type": "server_error", "param": None,
                             "code": "engine_dead"}})
    handler.event("[DONE]")


@pytest.mark.parametrize("script, said", [
    (cut, "The connection was cut"),
    (failing, "The engine died."),
    (lambda handler: handler.reply(502, "<html><h1>Bad Gateway</h1></html>", "text/html"), "Bad Gateway"),
    (lambda handler: handler.reply(500, "", "text/plain"), "Internal Server Error"),
    (lambda handler: handler.fail(429, "Too many requests are waiting.", "rate_limit_exceeded",
                                  Retry_After="3"), "Too many requests are waiting."),
])
def test_whatever_goes_wrong_is_said(page, script, said):
    page.server.scripts["x"] = script
    article = page.answer_to("x")
    assert said in article.find_element(page.by, ".error").text
    if script in (cut, failing):
        assert "half an ans" in article.text


def test_no_server(english):
    with FakeServer() as fake:
        page = make_page(english, fake)
    assert "The server cannot be reached." in page.answer_to("hello").text


def test_loading_is_waited_for(page):
    page.server.loading = 3
    page.open()
    page.wait(lambda: "The model is being loaded" in page.one("#notice").text, "the notice")
    page.wait(lambda: not page.one("#notice").is_displayed(), "the end of loading")
    page.server.loading = 3
    assert "hello" in page.answer_to("hello").text
    assert not page.one("#notice").is_displayed() and not page.all(".error")


def test_loading_can_be_stopped(page):
    page.server.loading = 10 ** 6
    page.ask("hello")
    page.wait(lambda: "The model is being loaded" in page.one("#notice").text, "the notice")
    page.press(page.keys.ESCAPE)
    assert "stopped" in page.answered().text


def test_api_key_is_asked_for_and_not_stored_for_good(page):
    page.server.api_key = "sk-secret"
    page.open()
    page.wait(lambda: "asks for an API key" in page.one("#notice").text, "the notice")
    page.one("#notice button").click()
    page.press("sk-secret", page.keys.ENTER)
    page.wait(lambda: not page.one("#notice").is_displayed(), "the models")
    assert "hello" in page.answer_to("hello").text
    assert page.server.keys[-1] == "Bearer sk-secret"
    assert "sk-secret" not in json.dumps(page.js("return {...localStorage}"))
    page.set(key="sk-wrong")
    assert "Incorrect API key provided." in page.answer_to("hello").text


# ---- Settings, editing, keyboard


def test_settings_are_sent_and_kept(page):
    page.set(system="Be brief.", temperature="0.5", top_p="0.9", top_k="20", max_tokens="64",
             seed="7", thinking="off")
    page.open()
    page.answer_to("hello")
    body = page.server.requests[-1]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert [body[key] for key in ("temperature", "top_p", "top_k", "max_tokens", "seed")] == \
        [0.5, 0.9, 20, 64, 7]
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    page.one("#open-settings").click()
    page.one("#reset").click()
    page.one("#settings .main").click()
    page.answer_to("bye")
    assert set(page.server.requests[-1]) == {"model", "messages", "stream", "stream_options"}


def test_a_value_out_of_range_is_not_sent(page):
    page.set(temperature="3")
    assert page.one("#settings").is_displayed()
    page.press(page.keys.ESCAPE)
    page.answer_to("hello")
    assert "temperature" not in page.server.requests[-1]


def test_model_is_chosen_from_those_served(page):
    assert not page.one("#model").is_enabled()
    page.server.models = ["demo", "other"]
    page.open()
    page.wait(lambda: page.one("#model").is_enabled(), "the models")
    page.one("#model option[value=other]").click()
    page.open()
    page.wait(lambda: page.one("#model").get_attribute("value") == "other", "the chosen model")
    page.answer_to("hello")
    assert page.server.requests[-1]["model"] == "other"


def test_regenerate_and_edit(page):
    page.answer_to("one")
    page.answer_to("two")
    assert [button.is_displayed() for button in page.all(".regenerate")] == [False, True]
    page.all(".regenerate")[-1].click()
    page.answered(2)
    assert [m["content"] for m in page.server.requests[-1]["messages"]] == ["one", "one", "two"]
    page.type(page.keys.ARROW_UP)
    assert page.one("#text").get_attribute("value") == "two"
    page.press(page.keys.ESCAPE)
    assert page.one("#text").get_attribute("value") == "" and len(page.all(".user")) == 2
    page.all(".edit")[0].click()
    page.press(" more", page.keys.ENTER)
    page.answered(1)
    assert [node.text for node in page.all(".bubble")] == ["one more"]
    assert page.server.requests[-1]["messages"] == [{"role": "user", "content": "one more"}]


def test_keyboard(page):
    assert page.driver.switch_to.active_element.get_attribute("id") == "text"
    page.type("a")
    page.shift_enter()
    page.type("b")
    assert page.one("#text").get_attribute("value") == "a\nb" and not page.server.requests
    page.type(page.keys.ENTER)
    page.answered()
    assert page.server.requests[-1]["messages"][-1]["content"] == "a\nb"
    page.type("  ", page.keys.ENTER)
    assert len(page.server.requests) == 1
    page.one("#new").click()
    assert not page.all(".turn") and page.one("#welcome").is_displayed()
    assert page.driver.switch_to.active_element.get_attribute("id") == "text"


def test_an_example_starts_a_conversation(page):
    page.one("#welcome button").click()
    page.answered()
    assert page.one(".bubble").text == "Tell me a story about a dog and a ball."


# ---- Untrusted text


HOSTILE = """<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>

[a](javascript:document.title='owned') [b](data:text/html,x) [c](JaVaScRiPt:alert(1)) ![d](file:///x)
<b>bold</b> [good](https://example.org/a_b_c?x=1&y=2) https://example.org/bare_one. *un **closed

| <i>x</i> |
| --- |
| <svg onload=alert(1)> |

```"><script>document.title='owned'</script>
<script>document.title='owned'</script>
"""


def test_text_never_becomes_html(page):
    page.server.scripts["x"] = lambda handler: handler.stream(HOSTILE, HOSTILE)
    page.set(system="")
    article = page.answer_to("x")
    page.unfold(article)
    links = [node.get_attribute("href") for node in article.find_elements(page.by, ".content a")]
    assert links == ["https://example.org/a_b_c?x=1&y=2", "https://example.org/bare_one"]
    assert not article.find_elements(page.by, "img, script, svg, b, i")
    assert "<b>bold</b>" in article.text and "*un **closed" in article.text
    assert page.driver.title == "octet"


MARKDOWN = [
    ("a *b* __c__ ~~d~~ e_f_g", "<p>a <em>b</em> <strong>c</strong> <del>d</del> e_f_g</p>"),
    ("2 * 3 * 4 and \\*x\\*", "<p>2 * 3 * 4 and *x*</p>"),
    ("**a *b* c**", "<p><strong>a <em>b</em> c</strong></p>"),
    ("***a*** **b *c***", "<p><strong><em>a</em></strong> <strong>b <em>c</em></strong></p>"),
    ("``a ` b`` `**c**`", "<p><code>a ` b</code> <code>**c**</code></p>"),
    ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
    ("## T `x`\ntext", "<h2>T <code>x</code></h2><p>text</p>"),
    ("- a\n- b\n  - c\n\n  more\n- d", "<ul><li>a</li><li>b<ul><li>c</li></ul>more</li><li>d</li></ul>"),
    ("3. a\n4. b\n- c", '<ol start="3"><li>a</li><li>b</li></ol><ul><li>c</li></ul>'),
    ("> a\n> > b\n\n---", "<blockquote><p>a</p><blockquote><p>b</p></blockquote></blockquote><hr>"),
    ("a | b\n--|--\n1 \\| 2 | `x` |", "<table><thead><tr><th>a</th><th>b</th></tr></thead>"
     "<tbody><tr><td>1 | 2</td><td><code>x</code></td></tr></tbody></table>"),
    ("- a\n\t- b", "<ul><li>a<ul><li>b</li></ul></li></ul>"),
    ("- \n\n- x\n1) y", '<ul><li></li><li>x</li></ul><ol start="1"><li>y</li></ol>'),
]


def test_markdown(page):
    render = ("const root = document.createElement('div'); showMarkdown(root, arguments[0]);"
              "for (const n of root.querySelectorAll('.table')) n.replaceWith(...n.children);"
              "return root.innerHTML")
    for text, wanted in MARKDOWN:
        assert page.js(render, text) == wanted, text


def test_code_is_shown_and_copied_as_it_is(page):
    code = "all:\n\tcc -o x x.c  \n\n\t@echo *done* <b>"
    page.server.scripts["x"] = lambda handler: handler.stream(f"```make\n{code}\n```")
    article = page.answer_to("x")
    page.js("navigator.clipboard.writeText = (text) => { window.copied = text; return Promise.resolve(); }")
    article.find_element(page.by, ".code button").click()
    page.wait(lambda: article.find_element(page.by, ".code button").text == "Copied", "the button")
    assert page.js("return window.copied") == code
    assert page.js("return document.querySelector('pre code').textContent") == code


def test_markdown_does_not_depend_on_how_the_text_arrives(page):
    text = ANSWER + HOSTILE + "\n\n".join(source for source, _ in MARKDOWN)
    whole, grown = page.js("""
        const one = document.createElement('div'), other = document.createElement('div');
        showMarkdown(one, arguments[0]);
        for (let i = 1; i <= arguments[0].length; i++) showMarkdown(other, arguments[0].slice(0, i));
        return [one.innerHTML, other.innerHTML];""", text)
    assert whole == grown and whole.count("<") > 50


@pytest.mark.parametrize("piece", ["*a ", "**", "_a", "`", "[a](", "> ", "- ", "  - x\n", "~~a ", "<",
                                   "| ", "```\n", "\\", "https://", "# "])
def test_markdown_survives_floods(page, piece):
    """Linear, and without deep recursion: 200 kB of each end in text, not in a dead page."""
    text = piece * (200_000 // len(piece))
    size = page.js("const root = document.createElement('div'); showMarkdown(root, arguments[0]);"
                   "return root.textContent.length + root.querySelectorAll('*').length", text)
    assert size > 0


# ---- Looks


def luminance(color):
    parts = [int(part) / 255 for part in color[color.index("(") + 1:-1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(page, selector):
    """Of the text of the node with the nearest background behind it."""
    front, back = page.js("""
        let node = document.querySelector(arguments[0]);
        const front = getComputedStyle(node).color;
        for (; node; node = node.parentElement) {
          const back = getComputedStyle(node).backgroundColor;
          if (!/, 0\\)$/.test(back)) return [front, back];
        }
        return [front, 'rgb(255, 255, 255)'];""", selector)
    light, dark = sorted((luminance(front), luminance(back)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(page, theme):
    page.server.scripts["x"] = lambda handler: handler.fail(400, "no", "invalid_value")
    page.server.scripts["y"] = lambda handler: handler.stream(ANSWER, THINKING, finish="length")
    page.set(theme=theme)
    page.answer_to("y")
    page.answer_to("x")
    page.js("notify('notice')")
    for selector in ("h1", "#model", ".bubble", ".content p", ".content code", ".content pre code",
                     ".code button", "th", ".thinking summary", ".note", ".error", ".error .kind",
                     ".stats", ".edit", "#notice span", "#hint span", "#send", "#text"):
        assert contrast(page, selector) >= 4.5, selector


def test_everything_that_can_be_used_has_a_name(page):
    page.answer_to(QUESTION)
    usable = "button, select, textarea, input, #turns"
    shown = [node for node in page.all(usable) if node.is_displayed()]
    names = [node.accessible_name for node in shown]
    page.one("#open-settings").click()
    dialog = [node for node in page.all("dialog, dialog :is(button, select, textarea, input)")]
    names += [node.accessible_name for node in dialog]
    assert len(shown) >= 9 and len(dialog) >= 12 and all(names), names


def test_dark_mode_follows_the_system_and_the_button(page):
    theme = "return document.documentElement.dataset.theme"
    assert page.js(theme) == "light"
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-color-scheme", "value": "dark"}]})
    page.wait(lambda: page.js(theme) == "dark", "the dark theme")
    page.one("#theme").click()
    assert page.js(theme) == "light"
    page.open()
    assert page.js(theme) == "light"


def test_narrow_screen(page):
    page.narrow()
    page.set(theme="dark")
    article = page.answer_to(QUESTION)
    page.unfold(article)
    page.answer_to("w" * 400)
    sizes = page.js("return [document.documentElement.scrollWidth, innerWidth,"
                    " document.getElementById('scroll').scrollWidth, document.getElementById('scroll').clientWidth]")
    assert sizes[0] <= sizes[1] and sizes[2] <= sizes[3], "something is wider than the screen"
    for button in page.all("header button, #send"):
        assert button.size["width"] >= 40 and button.size["height"] >= 40
    page.one("#new").click()
    page.answer_to(QUESTION)


def test_chinese(chinese, server):
    page = make_page(chinese, server)
    assert page.js("return document.documentElement.lang") == "zh"
    assert page.one("#text").get_attribute("placeholder") == "输入消息"
    assert "思考了" in page.answer_to(QUESTION).text


def test_both_languages_have_the_same_texts(page):
    english, chinese = page.js("return [TEXTS.en, TEXTS.zh].map((t) => Object.entries(t))")
    assert [key for key, _ in english] == [key for key, _ in chinese]
    for (key, one), (_, other) in zip(english, chinese):
        if isinstance(one, str):
            assert one.count("{0}") == other.count("{0}"), key
    used = page.js("return Object.keys(TEXTS.en).filter((key) => !arguments[0].includes(key + \"'\")"
                   " && !arguments[0].includes('\"' + key + '\"') && key !== 'examples')",
                   PAGE.read_text())
    assert used == [], "texts that nothing shows"


def test_scrolling_up_is_respected(page):
    hold = []
    page.server.scripts["slow"] = lambda handler: slow(handler, hold)
    page.server.scripts["long"] = lambda handler: handler.stream("line\n\n" * 60)
    page.answer_to("long")
    page.ask("slow")
    page.wait(lambda: "first words" in page.all(".assistant")[-1].text, "the first words")
    page.js("document.getElementById('scroll').scrollTop = 0")
    page.wait(lambda: page.one("#down").is_displayed(), "the button to the end")
    hold.append(True)
    page.answered(2)
    assert page.js("return document.getElementById('scroll').scrollTop") == 0
    page.one("#down").click()
    assert page.js("return atEnd()")


# ---- Where it is served


@pytest.mark.parametrize("opened", ["/octet/", "/octet"])
def test_root_path(english, opened):
    with FakeServer("/octet/") as fake:
        page = make_page(english, fake)
        page.driver.get(fake.url.replace("/octet/", opened))
        assert "hello" in page.answer_to("hello").text


def test_nothing_comes_from_elsewhere():
    text = PAGE.read_text()
    assert "src=" not in text.replace("img-src", "").replace("script-src", "") and "@import" not in text
    assert "innerHTML" not in text and "insertAdjacentHTML" not in text and "eval(" not in text
    assert len(text) < 64 * 1024
