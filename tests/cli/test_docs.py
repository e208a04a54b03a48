# SPDX-License-Identifier: Apache-2.0
"""docs/troubleshooting: every message that it says is octet's is in octet's sources, word for word."""
import re

import pytest
from conftest import ROOT

ENGLISH, CHINESE = "docs/troubleshooting.md", "docs/troubleshooting.zh.md"
ANY = "\0"  # a variable part of a message


def headings(name):
    """[(section, message)] of the ### headings, in order."""
    found, section = [], None
    for line in (ROOT / name).read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("### "):
            match = re.fullmatch(r"### `(.+)`", line)
            assert match, f"{name}: not headed by a message: {line}"
            found.append((section, match.group(1)))
    return found


def source_messages():
    """Every string literal of src/, neighbours joined, conversions and PRI macros as ANY."""
    literal = r'"(?:[^"\\\n]|\\.)*"'
    texts = []
    for path in sorted((ROOT / "src").rglob("*.c")):
        for match in re.finditer(rf"{literal}(?:\s*(?:PRI\w+\s*)?{literal})*", path.read_text()):
            parts = re.findall(rf"PRI\w+|{literal}", match.group(0))
            joined = "".join("u" if part.startswith("PRI") else part[1:-1] for part in parts)
            joined = joined.replace(r"\"", '"').replace("\\\\", "\\")
            texts.append(re.sub(r"%[-+ #0]*[\d*]*(?:\.[\d*]+)?(?:hh|h|ll|l|z|j|t)?[a-zA-Z]", ANY,
                                joined))
    return texts


def is_octets(section):
    return section.startswith(("Messages of octet", "octet 的消息"))


@pytest.fixture(scope="module")
def messages():
    return source_messages()


@pytest.mark.parametrize("message", [m for s, m in headings(ENGLISH) if is_octets(s)])
def test_message_is_in_the_sources(message, messages):
    wanted = re.sub(r"<[A-Z]+>", ANY, message)
    assert any(wanted in text for text in messages), f"no source file says: {message}"


def test_the_check_can_fail(messages):
    assert not any("the index names a file that is absent" in text for text in messages)


def test_both_languages_have_the_same_entries():
    english, chinese = headings(ENGLISH), headings(CHINESE)
    assert [m for _, m in english] == [m for _, m in chinese]
    assert [is_octets(s) for s, _ in english] == [is_octets(s) for s, _ in chinese]
    assert len(english) == len({m for _, m in english}) >= 40


def test_each_entry_says_something():
    for name in ENGLISH, CHINESE:
        parts = re.split(r"^#{2,3} .*$", (ROOT / name).read_text(), flags=re.M)[1:]
        heads = re.findall(r"^(#{2,3}) ", (ROOT / name).read_text(), flags=re.M)
        for mark, text in zip(heads, parts):
            assert mark == "##" or len(text.strip()) > 10, f"{name}: an empty entry"


def test_links_of_the_documents_exist():
    for path in sorted((ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
