"""Made-up questions over plain text: needles, pass codes, key-value pairs, assignment chains.

Wordings are our own. RULER's and InfiniteBench's sentences are left out, so that they stay held out.
"""

import string
from dataclasses import dataclass


@dataclass
class Made:
    """statements: [(text, is gold)] with `joint` after each.

    alone: nothing else stands in the text. ordered: the statements keep their order. repetitive: the text around them is a
    few sentences again and again.
    """

    task: str
    query: str
    statements: list
    alone: bool = False
    ordered: bool = False
    repetitive: bool = False
    joint: str = "\n"


NEEDLES = (
    ("The {kind} for {key} is {value}.", "What is the {kind} for {key}?"),
    ("{key} has the {kind} {value}.", "Which {kind} does {key} have?"),
    ("Note: {kind} of {key} = {value}.", "Tell me the {kind} of {key}."),
    ("Remember that {key} was given the {kind} {value}.", "Which {kind} was {key} given?"),
    ("A hidden {kind} for {key} is: {value}.", "What are all the hidden {kind}s for {key}?"),
    ("According to the register, {key} goes with the {kind} {value}.", "Which {kind} goes with {key}?"),
    ("{value} is the {kind} that was issued to {key}.", "What {kind} was issued to {key}?"),
    ("On file: the {kind} of {key} reads {value}.", "How does the {kind} of {key} read?"),
    ("For {key}, the clerk wrote down the {kind} {value}.", "What {kind} did the clerk write down for {key}?"),
    ("Among the private {kind}s, the one for {key} is: {value}.", "What are all the private {kind}s for {key} in the document?"),
)
KINDS = ("lucky number", "code", "serial number", "access word", "label", "ticket number", "identifier", "reference", "member id", "token")
CODE_NAMES = (
    *("entry code", "password", "combination of the safe", "door PIN", "login token", "alarm code", "access number", "secret string"),
    *("locker number", "verification code", "account number", "pass phrase", "number to remember", "row of digits", "key to the archive"),
)
CODE_STATEMENTS = (
    *("The {name} is {value}.", "Your {name} for today is {value}. Keep it safe.", "Attention: the {name} reads {value}.", "{name}: {value}"),
    *("You will need {value} later: it is the {name}.", "Please note {value}, the {name}.", "Hardly anyone knows that {value} is the {name}."),
)
CODE_QUERIES = ("What is the {name}?", "Tell me the {name}.", "What is the {name} in the document?", "Find the {name}.", "Which {name} is given?")
LOCAL_CODES = (("暗号は{value}です。", "暗号は何ですか。"), ("本文的密码是{value}。", "密码是多少？"))
PAIRS = ('"{key}": "{value}"', "{key} = {value}", "{key}: {value}", "{key}\t{value}", "{key} -> {value}", '{{"id": "{key}", "value": "{value}"}}')
PAIR_QUERIES = (
    *('Extract the value of "{key}".', "What is the value of {key}?", "Give me the entry for {key}.", "Look up {key}."),
    *('Find "{key}" in the JSON data and give its value.', "What is {key} mapped to?", "Which value does the key {key} have?"),
)
ASSIGNMENTS = (
    ("VAR {name} = {value}", "Which variables hold the value {value}?"),
    ("let {name} = {value};", "List the variables that end up equal to {value}."),
    ("SET {name} TO {value}", "Follow the assignments: which names get {value}?"),
    ("{name} := {value}", "Which names are bound to {value}?"),
    ("VAR {name} = VAR {value}", "Find all variables that were assigned {value}, also by way of others."),
)
# Tokens that a statement takes at least, to fill a text with nothing but statements.
SHORTEST_STATEMENT = 16


def number(rng):
    return "".join(rng.choices(string.digits, k=rng.randrange(4, 11)))


def doubled_digits(rng):
    return "".join(digit * rng.randrange(1, 4) for digit in rng.choices(string.digits, k=5))


def uuid(rng):
    return "-".join("".join(rng.choices("0123456789abcdef", k=n)) for n in (8, 4, 4, 4, 12))


def token(rng):
    """A UUID-like identifier, a short hexadecimal string or a number."""
    if rng.random() < 0.4:
        return uuid(rng)
    return "".join(rng.choices("0123456789abcdef", k=rng.randrange(6, 13))) if rng.random() < 0.5 else number(rng)


class Maker:
    """words: (nouns, adjectives) for the keys."""

    def __init__(self, rng, nouns, adjectives):
        self.rng, self.nouns, self.adjectives = rng, nouns, adjectives

    def key(self):
        noun, adjective = self.rng.choice(self.nouns), self.rng.choice(self.adjectives)
        return self.rng.choice((f"{adjective}-{noun}", f"{adjective}-{noun}", f"{adjective} {noun}", noun))

    def make(self, task, room):
        """room: tokens that statements which stand alone have to fill."""
        if task == "needle" and self.rng.random() < 0.3:
            return self.code()
        return {"needle": self.needle, "pair": self.pair, "chain": self.chain}[task](room)

    def code(self):
        """One statement that needs no key; in some texts others that name something else stand beside it."""
        rng = self.rng
        value = rng.choice((number, number, doubled_digits, uuid, lambda _: self.key()))
        repetitive = rng.random() < 0.4
        if rng.random() < 0.1:
            statement, query = rng.choice(LOCAL_CODES)
            return Made("needle", query, [(statement.format(value=value(rng)), True)], repetitive=repetitive)
        names = rng.sample(CODE_NAMES, rng.choice((1, 1, 1, 3)))
        lines = [(rng.choice(CODE_STATEMENTS).format(name=name, value=value(rng)), name == names[0]) for name in names]
        lines = [(text[0].upper() + text[1:], is_gold) for text, is_gold in lines]
        return Made("needle", rng.choice(CODE_QUERIES).format(name=names[0]), lines, repetitive=repetitive)

    def needle(self, room):
        rng = self.rng
        statement, query = rng.choice(NEEDLES)
        kind, alone = rng.choice(KINDS), rng.random() < 0.4
        key, value = self.key, rng.choice((number, number, token, uuid, lambda _: self.key()))
        if alone and rng.random() < 0.4:
            key, value = (lambda: uuid(rng)), uuid
        keys = list(dict.fromkeys(key() for _ in range(room // SHORTEST_STATEMENT if alone else rng.randrange(1, 6))))
        asked = keys[: 1 if alone or rng.random() < 0.7 else rng.randrange(1, len(keys) + 1)]
        lines = []
        for name in keys:
            for _ in range(1 if alone else rng.choice((1, 1, 1, 4))):
                lines.append((statement.format(kind=kind, key=name, value=value(rng)), name in asked))
        joint = rng.choice(("\n", "\n", " "))
        return Made("needle", query.format(kind=kind, key=" and ".join(asked)), lines, alone, repetitive=rng.random() < 0.2, joint=joint)

    def pair(self, room):
        rng = self.rng
        statement, alone = rng.choice((PAIRS[0], *PAIRS)), rng.random() < 0.7
        key = rng.choice((self.key, lambda: token(rng), lambda: uuid(rng), lambda: uuid(rng)))
        value = rng.choice((token, uuid, lambda _: self.key()))
        keys = list(dict.fromkeys(key() for _ in range(room // SHORTEST_STATEMENT if alone else rng.randrange(4, 16))))
        lines = [(statement.format(key=name, value=value(rng)), name == keys[0]) for name in keys]
        joint = rng.choice((",\n", "\n", ", ", ", ", "; ")) if alone else ",\n"
        return Made("pair", rng.choice(PAIR_QUERIES).format(key=keys[0]), lines, alone, joint=joint)

    def chain(self, room):
        """One chain, whole or only a part of it; or two whole ones, of which one is asked for."""
        rng = self.rng
        statement, query = rng.choice(ASSIGNMENTS)
        value, length = number(rng), rng.randrange(3, 6)
        lines = self.assignments(statement, value, length, True)
        kind = rng.random()
        if kind < 0.4:
            lines = sorted(rng.sample(list(enumerate(lines)), rng.randrange(1, len(lines) + 1)))
            lines = [line for _, line in lines]
        elif kind < 0.65:
            others = self.assignments(statement, number(rng), length, False)
            for line in others:
                lines.insert(rng.randint(0, len(lines)), line)
        repetitive = rng.random() < 0.3
        return Made("chain", query.format(value=value), lines, ordered=rng.random() < 0.7, repetitive=repetitive)

    def assignments(self, statement, value, length, is_gold):
        names = ["".join(self.rng.choices(string.ascii_uppercase, k=length)) for _ in range(self.rng.randrange(2, 7))]
        first = statement.replace("VAR {value}", "{value}")
        lines = [(first.format(name=names[0], value=value), is_gold)]
        return lines + [(statement.format(name=new, value=old), is_gold) for old, new in zip(names, names[1:])]
