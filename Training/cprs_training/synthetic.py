"""Made-up questions over plain text: needles, pass codes, key-value pairs, assignment chains.

Wordings are our own. RULER's and InfiniteBench's sentences are left out, so that they stay held out.
"""

import string
from dataclasses import dataclass


@dataclass
class Made:
    """statements: [(text, is gold)] to be scattered over a text."""

    task: str
    query: str
    statements: list


NEEDLES = (
    ("The {kind} for {key} is {value}.", "What is the {kind} for {key}?"),
    ("{key} has the {kind} {value}.", "Which {kind} does {key} have?"),
    ("Note: {kind} of {key} = {value}.", "Tell me the {kind} of {key}."),
    ("Remember that {key} was given the {kind} {value}.", "Which {kind} was {key} given?"),
    ("A hidden {kind} for {key} is: {value}.", "What are all the hidden {kind}s for {key}?"),
)
KINDS = ("lucky number", "code", "serial number", "access word", "label", "ticket number", "identifier")
CODES = (
    ("The entry code of this building is {value}.", "What is the entry code?"),
    ("Your password for today is {value}. Keep it safe.", "What is the password?"),
    ("Attention: the combination of the safe reads {value}.", "What is the combination of the safe?"),
    ("Door PIN: {value}", "Which PIN opens the door?"),
    ("暗号は{value}です。", "暗号は何ですか。"),
    ("本文的密码是{value}。", "密码是多少？"),
)
PAIRS = (
    ('"{key}": "{value}",', 'Extract the value of "{key}".'),
    ("{key} = {value}", "What is the value of {key}?"),
    ("{key}: {value}", "Give me the entry for {key}."),
    ("{key}\t{value}", "Look up {key}."),
)
ASSIGNMENTS = (
    ("VAR {name} = {value}", "Which variables hold the value {value}?"),
    ("let {name} = {value};", "List the variables that end up equal to {value}."),
    ("SET {name} TO {value}", "Follow the assignments: which names get {value}?"),
    ("{name} := {value}", "Which names are bound to {value}?"),
)


def number(rng):
    return "".join(rng.choices(string.digits, k=rng.randrange(4, 9)))


def token(rng):
    """A UUID-like identifier, a short hexadecimal string or a number."""
    if rng.random() < 0.4:
        return "-".join("".join(rng.choices("0123456789abcdef", k=n)) for n in (8, 4, 4, 4, 12))
    return "".join(rng.choices("0123456789abcdef", k=rng.randrange(6, 13))) if rng.random() < 0.5 else number(rng)


class Maker:
    """words: (nouns, adjectives) for the keys."""

    def __init__(self, rng, nouns, adjectives):
        self.rng, self.nouns, self.adjectives = rng, nouns, adjectives

    def key(self):
        noun, adjective = self.rng.choice(self.nouns), self.rng.choice(self.adjectives)
        return self.rng.choice((f"{adjective}-{noun}", f"{adjective} {noun}", noun, noun))

    def make(self, task):
        return {"needle": self.needle, "pair": self.pair, "chain": self.chain}[task]()

    def needle(self):
        rng = self.rng
        if rng.random() < 0.3:
            statement, query = rng.choice(CODES)
            value = number(rng) if rng.random() < 0.7 else self.key()
            return Made("needle", query, [(statement.format(value=value), True)])
        statement, query = rng.choice(NEEDLES)
        kind, keys = rng.choice(KINDS), [self.key() for _ in range(rng.randrange(1, 6))]
        asked = keys[: 1 if rng.random() < 0.7 else rng.randrange(1, len(keys) + 1)]
        lines = []
        for key in keys:
            for _ in range(rng.choice((1, 1, 1, 3))):
                value = token(rng) if rng.random() < 0.5 else rng.choice((number(rng), self.key()))
                lines.append((statement.format(kind=kind, key=key, value=value), key in asked))
        return Made("needle", query.format(kind=kind, key=" and ".join(asked)), lines)

    def pair(self):
        rng = self.rng
        statement, query = rng.choice(PAIRS)
        named = rng.random() < 0.3
        keys = [self.key() if named else token(rng) for _ in range(rng.randrange(4, 16))]
        lines = [(statement.format(key=key, value=token(rng)), key == keys[0]) for key in keys]
        return Made("pair", query.format(key=keys[0]), lines)

    def chain(self):
        rng = self.rng
        statement, query = rng.choice(ASSIGNMENTS)
        length = rng.randrange(3, 6)
        names = ["".join(rng.choices(string.ascii_uppercase, k=length)) for _ in range(rng.randrange(2, 6))]
        value = number(rng)
        lines = [(statement.format(name=names[0], value=value), True)]
        lines += [(statement.format(name=new, value=old), True) for old, new in zip(names, names[1:])]
        return Made("chain", query.format(value=value), lines)
