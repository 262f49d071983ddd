"""Made-up evidence in long texts: needles, assignment chains, pass keys, numbers, key-value pairs, a grid of depths.

Needles and assignments have the formats that the presets name; everything else is worded here.
"""

import json
import random
import string
import uuid

from .corpus import sentence_starts
from .item import Item

NIAH = {
    # family: (haystack, keys in the text, keys asked for, values for each key, kind of key, kind of value)
    "niah_single_1": ("noise", 1, 1, 1, "words", "number"),
    "niah_single_2": ("prose", 1, 1, 1, "words", "number"),
    "niah_single_3": ("prose", 1, 1, 1, "words", "uuid"),
    "niah_multikey_1": ("prose", 4, 1, 1, "words", "number"),
    "niah_multikey_2": ("needles", 0, 1, 1, "words", "number"),
    "niah_multikey_3": ("needles", 0, 1, 1, "uuid", "uuid"),
    "niah_multivalue": ("prose", 1, 1, 4, "words", "number"),
    "niah_multiquery": ("prose", 4, 4, 1, "words", "number"),
}
NEEDLE = "One of the special magic {kind} for {key} is: {value}."
KIND = {"number": "numbers", "uuid": "uuids"}
FACTS = (
    ("In {town}, the {adjective} {noun} is kept behind the counter of the old pharmacy.", "What is kept behind the counter of the old pharmacy in {town}?"),
    ("The mayor of {town} gave every visitor a {adjective} {noun} that summer.", "What did the mayor of {town} give every visitor?"),
    ("A {adjective} {noun} was found under the bridge of {town} after the flood.", "What was found under the bridge of {town} after the flood?"),
    ("Travellers agree that the finest souvenir from {town} is a {adjective} {noun}.", "What is the finest souvenir from {town}?"),
    ("The library of {town} lends a {adjective} {noun} to anyone who asks politely.", "What does the library of {town} lend to anyone who asks politely?"),
)
TOWNS = ("Velmora", "Dunhollow", "Karsby", "Ostrava Bay", "Pellington", "Quarrowmere", "Saint Orlan", "Tirnova Heath")
DEPTHS = 15


class Maker:
    """count(text) -> tokens, as the model under test counts; lengths are reached within a few percent."""

    def __init__(self, corpus, count, seed):
        self.corpus, self.count, self.seed = corpus, count, seed
        self.density = {}

    def make(self, family, length, index, total):
        rng = random.Random(f"{self.seed}/{family}/{length}/{index}")
        make = {"vt": self.chain, "passkey": self.passkey, "number": self.number, "kv": self.pairs, "kv_lines": self.pair_lines, "grid": self.grid}
        parts = self.niah(rng, family, length) if family in NIAH else make[family](rng, length, index, total)
        name = f"{family}-{length}-{index}" if parts.get("depth") is None else f"{family}-{length}-depth{100 * parts['depth']:.0f}"
        return Item(id=name, family=family, length=length, context_id=name, made_up=True, **parts)

    # Haystacks

    def characters(self, kind, sample, length):
        """How many characters of text like `sample` make `length` tokens."""
        if kind not in self.density:
            self.density[kind] = len(sample) / self.count(sample)
        return int(length * self.density[kind])

    def prose(self, rng, length):
        """A stretch of prose that starts at a paragraph; starts over at the end of all there is. Cut after counting: code is denser than speeches."""
        text = self.corpus.prose()
        size = int(1.3 * self.characters("prose", text[:400_000], length))
        first = text.find("\n\n", rng.randrange(len(text))) + 2
        stretch = text[first : first + size]
        while len(stretch) < size:
            stretch += "\n\n" + text[: size - len(stretch)]
        stretch = stretch[: int(size * min(1, length / self.count(stretch)))]
        return stretch, sentence_starts(stretch)

    def noise(self, length):
        """The same few sentences, line by line."""
        line = self.corpus.noise() + "\n"
        lines = max(1, self.characters("noise", line * 200, length) // len(line))
        return line * lines, [len(line) * index for index in range(lines + 1)]

    # Tasks

    def niah(self, rng, family, length):
        haystack, keys, asked, values, key_kind, value_kind = NIAH[family]
        kind = KIND[value_kind]

        def needle(key):
            return NEEDLE.format(kind=kind, key=key, value=self.word_of(rng, value_kind))

        if haystack == "needles":
            sample = "\n".join(needle(self.word_of(rng, key_kind)) for _ in range(200))
            size = self.characters(family, sample, length)
            names = list(dict.fromkeys(self.word_of(rng, key_kind) for _ in range(max(2, size * 200 // len(sample)))))
            asked_keys = [rng.choice(names)]
            text, gold = lines_with_gold([(needle(name), name in asked_keys) for name in names])
        else:
            names = distinct(lambda: self.word_of(rng, key_kind), keys)
            asked_keys = names[:asked]
            statements = [(needle(name), name in asked_keys) for name in names for _ in range(values)]
            background = self.noise(length) if haystack == "noise" else self.prose(rng, length)
            text, gold = insert(rng, *background, statements, "\n" if haystack == "noise" else " ")
        found = [text[start:end].rsplit(": ", 1)[1].rstrip(".") for start, end in gold]
        query = f"What are all the special magic {kind} for {listing(asked_keys)} that the text states?"
        return {"preset": "needle", "query": query, "text": text, "gold": gold, "answers": [[value] for value in found]}

    def chain(self, rng, length, index, total):
        names = distinct(lambda: "".join(rng.choices(string.ascii_uppercase, k=5)), 5)
        value = str(rng.randrange(10_000, 100_000))
        statements = [f"VAR {names[0]} = {value}"] + [f"VAR {new} = VAR {old}" for old, new in zip(names, names[1:])]
        text, gold = insert(rng, *self.noise(length), [(line, True) for line in statements], "\n", shuffled=False)
        query = f"Which variables hold the value {value} in the text, directly or through other variables?"
        return {"preset": "chain", "query": query, "text": text, "gold": gold, "answers": [[name] for name in names]}

    def passkey(self, rng, length, index, total):
        value = str(rng.randrange(10_000, 100_000))
        statements = [(f"The pass key is {value}, so remember {value} as the pass key.", True)]
        return self.secret(rng, length, value, statements, "What is the pass key in the text?")

    def number(self, rng, length, index, total):
        value = "".join(digit * rng.randrange(2, 4) for digit in rng.sample(string.digits, 4))[:10]
        statements = [(f"The digit sequence is {value}, so remember {value} as the digit sequence.", True)]
        return self.secret(rng, length, value, statements, "What is the digit sequence in the text?")

    def secret(self, rng, length, value, statements, query):
        text, gold = insert(rng, *self.noise(length), statements, "\n")
        return {"preset": "needle", "query": query, "text": text, "gold": gold, "answers": [[value]]}

    def pair_lines(self, rng, length, index, total):
        """One pair on each line, kept by lines."""
        return self.pairs(rng, length, index, total, "\n") | {"granularity": "line"}

    def pairs(self, rng, length, index, total, separator=" "):
        """A JSON object on one line, kept in the preset's own units."""
        sample = json.dumps({self.word_of(rng, "uuid"): self.word_of(rng, "uuid") for _ in range(50)})
        number = max(2, self.characters("kv", sample, length) * 50 // len(sample))
        pairs = {self.word_of(rng, "uuid"): self.word_of(rng, "uuid") for _ in range(number)}
        key = rng.choice(list(pairs))
        text = json.dumps(pairs, separators=("," + separator, ": "))
        start = text.index(f'"{key}"')
        gold = [(start, start + len(f'"{key}": "{pairs[key]}"'))]
        query = f'Extract the value that belongs to the key "{key}" in the JSON object.'
        return {"preset": "pair", "query": query, "text": text, "gold": gold, "answers": [[pairs[key]]]}

    def grid(self, rng, length, index, total):
        """One plain fact at one of 15 depths; fewer items than depths are spread over all of them."""
        step = round(index * (DEPTHS - 1) / max(1, total - 1)) if total < DEPTHS else index % DEPTHS
        depth = step / (DEPTHS - 1)
        statement, query = rng.choice(FACTS)
        names = {"town": rng.choice(TOWNS), "adjective": rng.choice(self.corpus.words("adjectives")), "noun": rng.choice(self.corpus.words("nouns"))}
        text, starts = self.prose(rng, length)
        place = min(starts, key=lambda start: abs(start - depth * len(text)))
        fact = statement.format(**names)
        before = text[:place] if not text[:place] or text[:place][-1].isspace() else text[:place] + " "
        gold = [(len(before), len(before) + len(fact))]
        return {
            "preset": "fact", "query": query.format(**names), "text": before + fact + " " + text[place:], "gold": gold,
            "answers": [[f"{names['adjective']} {names['noun']}"]], "depth": depth,
        }  # fmt: skip

    def word_of(self, rng, kind):
        if kind == "number":
            return str(rng.randrange(10**6, 10**7))
        if kind == "uuid":
            return str(uuid.UUID(int=rng.getrandbits(128), version=4))
        return f"{rng.choice(self.corpus.words('adjectives'))}-{rng.choice(self.corpus.words('nouns'))}"


def distinct(make, count):
    values = []
    while len(values) < count:
        value = make()
        if value not in values:
            values.append(value)
    return values


def listing(names):
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + ", and " + names[-1]


def lines_with_gold(lines):
    """[(line, is gold)] -> (text, character ranges of the gold lines)."""
    text, gold = [], []
    place = 0
    for line, is_gold in lines:
        if is_gold:
            gold.append((place, place + len(line)))
        text.append(line)
        place += len(line) + 1
    return "\n".join(text) + "\n", gold


def insert(rng, haystack, starts, statements, separator, shuffled=True):
    """Puts [(statement, is gold)] at random sentence starts -> (text, character ranges of the gold ones)."""
    starts = [start for start in starts if not start or haystack[start - 1].isspace()]
    places = sorted(rng.sample(starts, len(statements)))
    if shuffled:
        rng.shuffle(statements)
    text, gold, last = "", [], 0
    for place, (statement, is_gold) in zip(places, statements):
        text += haystack[last:place]
        if is_gold:
            gold.append((len(text), len(text) + len(statement)))
        text += statement + separator
        last = place
    return text + haystack[last:], gold
