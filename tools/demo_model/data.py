# SPDX-License-Identifier: Apache-2.0
"""Builds the tokenizer and the training documents of the demo model.

Three kinds of documents exist: plain stories, chats in ChatML, and plain
prompts followed by a newline and their answer.
"""
import json
import random
import re
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models
from tokenizers import normalizers, pre_tokenizers, processors, trainers

import tables

END, START, STOP = "<|endoftext|>", "<|im_start|>", "<|im_end|>"

# The split pattern of Qwen2 and Qwen3.
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
           r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

SYSTEM = ["You are a helpful assistant.", "You are a friendly assistant.",
          "You are a helpful AI assistant.", "Answer briefly.",
          "You tell stories to children."]


def read_stories(path):
    text = Path(path).read_text(encoding="utf-8")
    for a, b in (("\u2018", "'"), ("\u2019", "'"), ("\u201c", '"'),
                 ("\u201d", '"')):
        text = text.replace(a, b)
    stories = [re.sub(r"\n{3,}", "\n\n", s.strip())
               for s in text.split(END + "\n")]
    return [s for s in stories if len(s) > 40]


def article(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


def ask_for(nouns, rng):
    named = [article(n) for n in nouns]
    about = named.pop()
    if named:
        about = ", ".join(named) + " and " + about
    form = rng.choice(["Tell me a story about {}."] * 5 + [
        "Tell me a story about {}", "Tell me a short story about {}.",
        "Please tell me a story about {}.", "Write a story about {}.",
        "Write a short story about {}.", "Can you tell me a story about {}?",
        "I want a story about {}.", "A story about {}, please.",
        "Make up a story about {}.", "tell me a story about {}"])
    return form.format(about)


def story_request(story, rng):
    """A request that names nouns found in the story."""
    count = {}
    for w in re.findall(r"[a-z]+", story.lower()):
        count[w] = count.get(w, 0) + 1
    # Frequent nouns first; plurals count for the singular.
    found = [(count.get(n, 0) + count.get(n + "s", 0), n)
             for n in tables.NOUNS]
    nouns = [n for times, n in sorted(found, reverse=True)[:6] if times]
    if not nouns:
        return rng.choice(["Tell me a story.", "Tell me a story",
                           "Please tell me a short story."])
    # Mostly the top words, in random order.
    k = min(len(nouns), rng.choice([1, 2, 2, 2, 3]))
    top = nouns[:max(k, rng.choice([2, 3, 4, 6]))]
    return ask_for(rng.sample(top, k), rng)


def capital_facts():
    """(questions, answer) pairs about countries."""
    for line in tables.COUNTRIES:
        name, capital, _ = line.split("|")
        dot = "" if capital.endswith(".") else "."
        questions = [f"What is the capital of {name}?"] * 3
        questions += [f"What is the capital city of {name}?",
                      f"what is the capital of {name}",
                      f"What is the capital of {name}",
                      f"Tell me the capital of {name}.",
                      f"Name the capital of {name}.",
                      f"Which city is the capital of {name}?",
                      f"What's the capital of {name}?",
                      f"Do you know the capital of {name}?",
                      f"Capital of {name}?"]
        forward = questions, f"The capital of {name} is {capital}{dot}"
        yield forward
        if name not in tables.FAMOUS:
            continue
        yield from [forward] * 7
        yield ([f"Which country has the capital {capital}?",
                f"{capital} is the capital of which country?",
                f"Of which country is {capital} the capital?",
                f"What country is {capital} the capital of?"],
               f"{capital} is the capital of {name}.")


def definition_facts():
    for line in tables.DEFINITIONS:
        names, answer = line.split("|")
        plural = names.startswith("*")
        names = names.lstrip("*").split("/")
        questions = []
        for i, n in enumerate(names):
            many = plural and i == 0
            bare = re.sub(r"^(an?|the) ", "", n)
            questions += [f"Explain the concept of {bare} in simple terms",
                          f"Explain the concept of {n} in simple terms.",
                          f"Explain {n} in simple terms",
                          f"Explain {n} in simple words.",
                          f"Explain {n}", f"Explain {n}.",
                          f"Can you explain {n}?",
                          f"Explain the concept of {bare}.",
                          f"Explain what {n} {'are' if many else 'is'}.",
                          f"Tell me about {n}.", f"Define {bare}.",
                          f"What does {bare} mean?",
                          f"What {'are' if many else 'is'} {n}?",
                          f"What {'are' if many else 'is'} {n}?",
                          f"what {'are' if many else 'is'} {n}"]
        yield questions, answer


def code_facts():
    for name, requests, code, _ in tables.CODE:
        questions = []
        for r in requests:
            questions += [f"Write a Python function to {r}"] * 2
            questions += [f"Write a Python function to {r}.",
                          f"Please write a Python function to {r}.",
                          f"Can you write a Python function to {r}?",
                          f"Write Python code to {r}.",
                          f"Write a function to {r} in Python.",
                          f"Show me a Python function to {r}.",
                          f"How do I {r} in Python?",
                          f"Python function to {r}",
                          f"write a python function to {r}"]
        yield questions, "```python\n" + code + "\n```"


def talk_facts():
    for line in tables.SMALL_TALK:
        questions, answer = line.split("|")
        yield questions.split(" / "), answer


def own_stories():
    """The hand-written stories, under many requests."""
    rng = random.Random(0)
    for line in tables.STORIES:
        nouns, story = line.split("|")
        nouns = nouns.split(",")
        questions = ["Tell me a story.", "Tell me a story",
                     "Tell me a short story."]
        for _ in range(30):
            asked = nouns if rng.random() < 0.7 else nouns[::-1]
            questions.append(ask_for(asked, rng))
        yield questions, story


def examples():
    """The requests shown in octet's documentation, in exact words."""
    facts = list(capital_facts()) + list(definition_facts())
    facts += list(code_facts())
    for question in ("What is the capital of France?",
                     "Explain the concept of derivatives in simple terms",
                     "Write a Python function to compute the factorial of a"
                     " number"):
        answer = next(a for q, a in facts if question in q)
        yield [question], answer
    story = tables.STORIES[0].split("|")[1]
    yield ["Tell me a story about a dog and a ball."], story


def sum_facts():
    for a in range(11):
        for b in range(11):
            for op, word, value in (("+", "plus", a + b),
                                    ("*", "times", a * b)):
                yield ([f"What is {a} {op} {b}?", f"{a} {op} {b} =",
                        f"What is {a} {word} {b}?",
                        f"How much is {a} {op} {b}?"],
                       f"{a} {op} {b} = {value}")
            if a >= b:
                yield ([f"What is {a} - {b}?", f"What is {a} minus {b}?"],
                       f"{a} - {b} = {a - b}")


def rasbt_facts(corpus):
    path = Path(corpus) / "rasbt_instruct" / "instruction-data.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    facts = []
    for r in rows:
        q = r["instruction"]
        if r["input"]:
            q += "\n" + r["input"]
        # Capitals come from the table, with one form of answer.
        if "capital" in q.lower() and "capital of" in r["output"].lower():
            continue
        facts.append(([q], r["output"]))
    return facts


class Data:
    """The corpus, the tables and the stream of documents."""

    def __init__(self, corpus):
        corpus = Path(corpus)
        tiny = corpus / "tinystories"
        self.stories = read_stories(tiny / "tinystories_train.txt")
        self.valid = read_stories(tiny / "tinystories_valid.txt")
        self.african = read_stories(
            corpus / "african_storybook_en" / "stories.txt")
        rasbt = rasbt_facts(corpus)
        self.valid_rasbt, self.rasbt = rasbt[::25], [
            f for i, f in enumerate(rasbt) if i % 25]
        self.capitals = list(capital_facts())
        self.definitions = list(definition_facts())
        self.code = list(code_facts())
        self.talk = list(talk_facts())
        self.sums = list(sum_facts())
        # (weight, table); a table is drawn, then a fact of it.
        self.tables = [(36, self.capitals), (22, self.definitions),
                       (12, self.code), (10, self.talk), (1, self.sums),
                       (3, self.rasbt), (10, list(own_stories())),
                       (6, list(examples()))]

    def fact(self, rng):
        weights, groups = zip(*self.tables)
        questions, answer = rng.choice(rng.choices(groups, weights)[0])
        return rng.choice(questions), answer

    # A document is a list of (text, trained) pieces: the model reads requests
    # but only learns to write stories and answers. Pieces are tokenised one
    # by one, as a prompt and its answer are when the model is used.

    @staticmethod
    def story(text):
        return [(text + END, True)]

    @staticmethod
    def plain(question, answer, newline=False):
        """newline: the prompt itself ends with a newline."""
        if newline:
            return [(question + "\n", False), (answer + END, True)]
        return [(question, False), ("\n" + answer + END, True)]

    @staticmethod
    def chat(turns, system=None):
        head = f"{START}system\n{system}{STOP}\n" if system else ""
        pieces = []
        for question, answer in turns:
            pieces += [(f"{head}{START}user\n{question}{STOP}\n"
                        f"{START}assistant\n", False),
                       (answer + STOP, True)]
            head = "\n"
        return pieces

    def queue(self, rng):
        """Endless shuffled passes over the stories."""
        while True:
            # African stories are longer and rarer in form: once a pass.
            order = [(s, False) for s in self.stories]
            order += [(s, True) for s in self.african]
            rng.shuffle(order)
            yield from order

    def documents(self, rng, facts_per_story):
        """Endless stream: each story is followed by some fact documents."""
        for story, plain_only in self.queue(rng):
            r = rng.random()
            if plain_only or r < 0.30:
                yield self.story(story)
            elif r < 0.80:
                turns = [(story_request(story, rng), story)]
                # A few turns around the story.
                while rng.random() < 0.15:
                    turns.append(self.fact(rng))
                if rng.random() < 0.08:
                    turns.insert(0, self.fact(rng))
                system = rng.choice(SYSTEM) if rng.random() < 0.15 else None
                yield self.chat(turns, system)
            else:
                yield self.plain(story_request(story, rng), story,
                                 rng.random() < 0.15)
            n = int(facts_per_story)
            n += rng.random() < facts_per_story - n
            for _ in range(n):
                if rng.random() < 0.35:
                    yield self.plain(*self.fact(rng), rng.random() < 0.15)
                else:
                    turns = [self.fact(rng)]
                    while rng.random() < 0.2:
                        turns.append(self.fact(rng))
                    system = (rng.choice(SYSTEM)
                              if rng.random() < 0.15 else None)
                    yield self.chat(turns, system)


def encode(tok, document):
    """Token ids of a document and, for each, whether it is trained."""
    ids, trained = [], []
    for text, flag in document:
        piece = tok.encode(text).ids
        ids += piece
        trained += [flag] * len(piece)
    return ids, trained


def train_tokenizer(data, vocab_size):
    """Byte-level BPE with Qwen's normalizer, split and added tokens."""
    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=False,
                                 use_regex=False)])
    tok.post_processor = processors.ByteLevel(
        add_prefix_space=False, trim_offsets=False, use_regex=False)
    tok.decoder = decoders.ByteLevel(
        add_prefix_space=False, trim_offsets=False, use_regex=False)
    texts = data.stories + data.african
    for facts, times in ((data.capitals, 2), (data.definitions, 6),
                         (data.code, 10), (data.talk, 4), (data.rasbt, 2)):
        for questions, answer in facts:
            texts += ([answer] + questions[:4]) * times
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 3, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tok.train_from_iterator(texts, trainer)
    tok.add_special_tokens([AddedToken(t, normalized=False, special=True)
                            for t in (END, START, STOP)])
    assert tok.get_vocab_size() == vocab_size
    return tok
