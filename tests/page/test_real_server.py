# SPDX-License-Identifier: Apache-2.0
"""The chat page that octet itself serves, with a model that says given texts and with the demo."""
import harness
import pytest
import scripted
from fake_server import POLICY
from page import ANSWER, QUESTION, THINKING, Page

SCRIPTS = {
    "default": "I have nothing to say about that.",
    "factorial": f"<think>\n{THINKING}\n</think>\n\n{ANSWER}",
    "endless": "<think>\nI go on and on, and never come to an end of what I think",
    "loop": "round and round the garden like a teddy bear, one step, two step, tickle you under there; ",
}
KEY = "sk-of-the-test"
GREEDY = ("--override-generation-config", '{"temperature": 0}')  # chance would say another script


class Served(harness.Server):
    """octet serve, whose page is at url."""

    def start(self):
        super().start()
        self.url = f"http://127.0.0.1:{self.port}/"
        return self


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return scripted.write_checkpoint(tmp_path_factory.mktemp("model"), SCRIPTS, loops=("loop",))


@pytest.fixture(scope="module")
def talker(model):
    with Served(model, "--served-model-name", "talker", "--max-model-len", "1024",
                *GREEDY) as server:
        yield server


def open_page(driver, server):
    page = Page(driver, server)
    page.js("localStorage.clear(); sessionStorage.clear()")
    page.open()
    page.wait(lambda: page.one("#model").get_attribute("value"), "the models")
    return page


@pytest.fixture
def page(english, talker):
    page = open_page(english, talker)
    page.complaints()
    yield page
    assert page.complaints() == []


def say(page, name, **settings):
    """The template finds the mark in the system prompt, so that the question can be a natural one."""
    page.set(system=f"<|say:{name}|>", **settings)


def test_policy_is_the_one_that_the_page_was_tested_with(talker):
    status, headers, body = talker.get("/")
    assert status == 200 and headers["content-security-policy"] == POLICY
    assert headers["content-type"] == "text/html; charset=utf-8" and b"<title>octet" in body


def test_answer_with_thinking(page):
    say(page, "factorial")
    article = page.answer_to(QUESTION)
    assert article.find_element(page.by, ".thinking").text.startswith("Thought for ")
    content = article.find_element(page.by, ".content")
    assert [node.tag_name for node in content.find_elements(page.by, ":scope > *")] == \
        ["p", "div", "ul", "div"]
    assert "return result" in content.find_element(page.by, "pre code").text
    stats = article.find_element(page.by, ".stats").text
    for part in ("tokens", "tokens/s", "first token after", "prompt"):
        assert part in stats
    page.unfold(article)
    assert "A loop from 2 to n is enough" in article.text
    page.js("document.getElementById('scroll').scrollTop = 0")
    page.picture("page-thinking")


def test_thinking_without_an_end(page):
    say(page, "endless", max_tokens="8")
    assert "Raise Max tokens" in page.answer_to("Hm?").text


def test_stop_frees_the_engine(page, talker):
    say(page, "loop")
    page.ask("Sing!")
    page.wait(lambda: "garden" in page.one(".assistant .content").text, "the song")
    assert talker.gauge("vllm:num_requests_running") == 1
    page.press(page.keys.ESCAPE)
    assert "stopped" in page.answered().text
    assert talker.idle(), "the request went on without its client"


def test_error_has_the_servers_sentence_and_can_be_edited_away(page):
    error = page.answer_to("It was a dark and stormy night. " * 400).find_element(page.by, ".error")
    assert "maximum context length is 1024 tokens" in error.text
    assert "400 · context_length_exceeded" in error.text
    page.js("""const bubble = document.querySelector('.bubble');  // the picture shows its beginning
               bubble.textContent = bubble.textContent.slice(0, 320) + '…';""")
    page.picture("page-error")
    page.all(".edit")[-1].click()
    page.one("#text").clear()
    page.ask("It was a dark night.")
    page.wait(lambda: "nothing to say" in page.all(".assistant")[-1].text, "an answer")


def test_narrow_and_dark(page):
    page.narrow()
    say(page, "factorial", theme="dark")
    page.answer_to(QUESTION)
    page.picture("page-narrow-dark")
    assert page.js("return document.documentElement.scrollWidth <= innerWidth")


def test_key_and_root_path(english, model):
    with Served(model, "--served-model-name", "talker", "--root-path", "/llm", "--api-key", KEY,
                *GREEDY) as server:
        server.url += "llm"
        page = Page(english, server)
        page.js("localStorage.clear(); sessionStorage.clear()")
        page.open()
        page.wait(lambda: "asks for an API key" in page.one("#notice").text, "the notice")
        page.one("#notice button").click()
        page.press(KEY, page.keys.ENTER)
        page.wait(lambda: page.one("#model").get_attribute("value") == "talker", "the models")
        assert "nothing to say" in page.answer_to("Hello").text


def test_demo(english):
    """What somebody sees who tries the example of docs/serving.md."""
    with Served(harness.DEMO) as server:
        page = open_page(english, server)
        page.set(temperature="0")
        page.all("#welcome button")[1].click()
        assert "The capital of France is Paris." in page.answered().text
        assert "The capital of Italy is Rome." in page.answer_to("What is the capital of Italy?").text
