"""Texts of the train split, with questions and gold spans, that word matching is fitted to: one list for each task.

Beside statements in a text there are registers, nothing but statements of one wording about different keys: there only the
key tells the asked one from the rest. Wordings are those of `synthetic.py`; none is RULER's or InfiniteBench's.
"""

import random

from . import corpus, heldout, synthetic
from .heldout import Item, insert

# Items per file of the train split: questions whose evidence shares words with them.
QUESTIONS = {
    "squad_dev": 110,
    "hotpotqa": 40,
    "selqa": 40,
    "2wikimultihopqa": 20,
    "musique": 20,
    "nq_open_oracle": 40,
    "squadshifts_reddit": 10,
    "cmrc2018": 24,
    "drcd": 12,
    "jaquad": 24,
}
# task -> {kind of text: items}
MADE = {
    "needle": {"scattered": 36, "register": 28, "absent": 4},
    "pair": {"pairs": 28, "scattered": 8, "absent": 4},
    "chain": {"scattered": 32, "absent": 4},
}
CHARACTERS = 12_000
# The same few sentences again and again.
NOISE = (
    "It rained a little. The bus was late again. Nobody minded the wait.\n",
    "Tea was served at four. The cat slept. Someone hummed an old tune.\n",
)
NOISE_SHARE = 0.35
LOOK_UPS = ("What does {key} map to?", "Find {key} and give its value.", *synthetic.PAIR_QUERIES)


def questions(folder, share, rng):
    items = []
    for file, count in QUESTIONS.items():
        rows = [row for row in corpus.read_lines(f"{folder}/train/{file}.jsonl.xz") if row["evidence"]]
        items += heldout.haystack_items(rows, file, rows[0]["lang"], max(1, round(count * share)), rng)
    return items


def made(folder, task, share, rng, split="train"):
    maker = Maker(folder, rng, split)
    items = []
    for kind, count in MADE[task].items():
        for _ in range(max(1, round(count * share))):
            query, text, gold = getattr(maker, kind)(task)
            items.append(Item(f"{task}-{kind}", task, "en", query, text, gold))
    return items


class Maker:
    """Each method: task -> (query, text, gold character spans)."""

    def __init__(self, folder, rng, split):
        self.rng = rng
        self.prose = [text["text"] for text in corpus.haystacks(folder, split) if text["lang"] == "en" and len(text["text"]) > 2 * CHARACTERS]
        self.nouns, self.adjectives = corpus.word_list(folder, "nouns"), corpus.word_list(folder, "adjectives")
        self.statements = synthetic.Maker(rng, self.nouns, self.adjectives)

    def stretch(self):
        if self.rng.random() < NOISE_SHARE:
            line = self.rng.choice(NOISE)
            return line * (CHARACTERS // len(line))
        text = self.rng.choice(self.prose)
        first = self.rng.randrange(len(text) - CHARACTERS)
        return text[first : first + CHARACTERS]

    def scattered(self, task):
        """Statements of one sentence each at random places of a text."""
        one = self.statements.make(task, CHARACTERS // 4)
        while one.alone or any(". " in text for text, _ in one.statements):
            one = self.statements.make(task, CHARACTERS // 4)
        return one.query, *insert(self.rng, self.stretch(), list(one.statements))

    def absent(self, task):
        return self.statements.make(task, CHARACTERS // 4).query, self.stretch(), []

    def register(self, task):
        """A statement of one wording about each of many keys; one, two or four are asked for."""
        rng = self.rng
        statement, query = rng.choice(synthetic.NEEDLES)
        kind, key = rng.choice(synthetic.KINDS), rng.choice((*3 * (self.hyphenated,), self.two_words, self.uuid, self.uuid, self.number))
        count = CHARACTERS // len(statement.format(kind=kind, key=key(), value="1234567"))
        keys = [key() for _ in range(count)]
        asked = rng.sample(keys, rng.choice((1, 1, 1, 2, 4)))
        value = rng.choice((self.number, self.number, self.uuid))
        lines = [(statement.format(kind=kind, key=key, value=value()), key in asked) for key in keys]
        return query.format(kind=kind, key=listed(asked)), *joined(lines, rng.choice((" ", "\n")))

    def pairs(self, task):
        """A JSON object, on one line or on many, or a table."""
        rng = self.rng
        key = rng.choice((self.uuid, self.uuid, self.hyphenated, self.any_key))
        value = rng.choice((self.uuid, self.number))
        pairs = {key(): value() for _ in range(CHARACTERS // (80 if key == self.uuid else 50))}
        asked = rng.choice(list(pairs))
        if rng.random() < 0.5:
            separator = rng.choice((", ", ", ", ",\n  "))
            text, gold = joined([(f'"{name}": "{value}"', name == asked) for name, value in pairs.items()], separator)
            text, gold = "{" + text.removesuffix(separator) + "}", [(start + 1, end + 1) for start, end in gold]
        else:
            statement = rng.choice(synthetic.PAIRS)
            text, gold = joined([(statement.format(key=name, value=value), name == asked) for name, value in pairs.items()], "\n")
        return rng.choice(LOOK_UPS).format(key=asked), text, gold

    def any_key(self):
        return self.rng.choice((self.hyphenated, self.two_words, self.uuid, self.number))()

    def hyphenated(self):
        return f"{self.rng.choice(self.adjectives)}-{self.rng.choice(self.nouns)}"

    def two_words(self):
        return self.hyphenated().replace("-", " ")

    def uuid(self):
        return "-".join("".join(self.rng.choices("0123456789abcdef", k=size)) for size in (8, 4, 4, 4, 12))

    def number(self):
        return synthetic.number(self.rng)


def listed(names):
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def joined(lines, separator):
    """[(text, is gold)] -> (text, gold character spans)."""
    text, gold = "", []
    for line, is_gold in lines:
        if is_gold:
            gold.append((len(text), len(text) + len(line)))
        text += line + separator
    return text, gold
