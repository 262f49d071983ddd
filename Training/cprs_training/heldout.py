"""Fixed held-out retrieval items from the eval split: a question, a haystack of about 12,000 characters, gold character spans.

Synthetic items use wordings of their own: neither those of the training makers nor those of RULER and InfiniteBench.
"""

import random
from dataclasses import dataclass

from . import corpus

HAYSTACK_CHARACTERS = {"en": 12_000, "zh": 4_000, "ja": 4_000}
# family -> (corpus file, language); the haystack is filled with other paragraphs of the same file.
QUESTION_FAMILIES = {
    "squad": ("squad_dev", "en"),
    "hotpot": ("hotpotqa", "en"),
    "selqa": ("selqa", "en"),
    "policy": ("policyqa", "en"),
    "zh": ("cmrc2018", "zh"),
    "ja": ("jaquad", "ja"),
}
SYNTHETIC_FAMILIES = ("needle", "passkey", "pair", "chain", "two_chains")
# Texts of nothing but statements that differ in their keys and values.
TWIN_FAMILIES = ("twins", "twin_ids", "records")
FAMILIES = (*QUESTION_FAMILIES, "cuad", *SYNTHETIC_FAMILIES, *TWIN_FAMILIES)


@dataclass
class Item:
    family: str
    task: str
    lang: str
    query: str
    text: str
    gold: list
    # Of the units that are scored; empty: the preset's.
    granularity: str = ""


def build(corpus_folder, per_family, families=FAMILIES, seed=7):
    """`per_family`: number of items for each family name; none for a family it lacks."""
    items = []
    for family in (name for name in families if per_family.get(name)):
        rng = random.Random(f"{seed}-{family}")
        if family in QUESTION_FAMILIES:
            items += question_items(corpus_folder, family, per_family[family], rng)
        elif family == "cuad":
            items += contract_items(corpus_folder, per_family[family], rng)
        elif family in TWIN_FAMILIES:
            items += [twin_item(corpus_folder, family, rng) for _ in range(per_family[family])]
        else:
            items += synthetic_items(corpus_folder, family, per_family[family], rng)
    return items


def answerable(corpus_folder, file):
    path = f"{corpus_folder}/eval/{file}.jsonl.xz"
    return [record for record in corpus.read_lines(path) if record["evidence"]]


def question_items(corpus_folder, family, count, rng):
    file, lang = QUESTION_FAMILIES[family]
    return haystack_items(answerable(corpus_folder, file), family, lang, count, rng)


def haystack_items(rows, family, lang, count, rng):
    """Three in ten filler paragraphs share the gold paragraph's title where there are any: hard negatives."""
    title_of = {row["context"]: row["title"] for row in rows}
    contexts, by_title = list(title_of), {}
    for context in contexts:
        by_title.setdefault(title_of[context], []).append(context)
    items = []
    for row in rng.sample(rows, count):
        gold = row["context"]
        related = [context for context in by_title[row["title"]] if context != gold] if row["title"] else []
        rng.shuffle(related)
        chosen, length = [gold], len(gold)
        while length < HAYSTACK_CHARACTERS[lang]:
            filler = related.pop() if related and rng.random() < 0.3 else rng.choice(contexts)
            if filler not in chosen:
                chosen.append(filler)
                length += len(filler)
        rng.shuffle(chosen)
        text = "\n\n".join(chosen)
        shift = text.index(gold)
        spans = [(start + shift, end + shift) for start, end in row["evidence"]]
        items.append(Item(family, "fact", lang, row["question"], text, spans))
    return items


def contract_items(corpus_folder, count, rng):
    """A stretch of one contract around one clause."""
    rows = [row for row in answerable(corpus_folder, "cuad") if len(row["evidence"]) == 1]
    items = []
    for row in rng.sample(rows, count):
        start, end = row["evidence"][0]
        first = max(0, start - rng.randrange(2_000, 10_000))
        text = row["context"][first : first + HAYSTACK_CHARACTERS["en"]]
        gold = [(start - first, min(end - first, len(text)))]
        if gold[0][0] < len(text):
            items.append(Item("cuad", "fact", "en", row["question"], text, gold))
    return items


def synthetic_items(corpus_folder, family, count, rng, split="eval"):
    sources = [text for text in corpus.haystacks(corpus_folder, split) if text["lang"] == "en"]
    sources = [text["text"] for text in sources if len(text["text"]) > HAYSTACK_CHARACTERS["en"] + 1]
    words = corpus.word_list(corpus_folder, "nouns"), corpus.word_list(corpus_folder, "adjectives")
    items = []
    for _ in range(count):
        haystack = rng.choice(sources)
        first = rng.randrange(len(haystack) - HAYSTACK_CHARACTERS["en"])
        haystack = haystack[first : first + HAYSTACK_CHARACTERS["en"]]
        query, statements = MAKERS[family](rng, words)
        items.append(Item(family, TASK_OF[family], "en", query, *insert(rng, haystack, statements)))
    return items


def twin_item(corpus_folder, family, rng):
    words = corpus.word_list(corpus_folder, "nouns"), corpus.word_list(corpus_folder, "adjectives")
    name = (lambda: key(rng, words)) if family == "twins" else (lambda: identifier(rng))
    statement, query = TWINS[family]
    lines, length = {}, 0
    while length < HAYSTACK_CHARACTERS["en"]:
        new, value = name(), str(rng.randrange(10**5, 10**6)) if family == "twins" else identifier(rng)
        if new not in lines:
            lines[new] = statement.format(key=new, value=value) + "\n"
            length += len(lines[new])
    asked = rng.choice(list(lines))
    text = "".join(lines.values())
    start = text.index(lines[asked])
    gold = [(start, start + len(lines[asked]))]
    return Item(family, "pair" if family == "records" else "needle", "en", query.format(key=asked), text, gold)


def insert(rng, haystack, statements):
    """Puts [(text, is gold)] at random sentence starts -> (text, gold character spans)."""
    starts = [start for start, _ in corpus.sentence_ranges(haystack)]
    places = sorted(rng.sample(starts, len(statements)))
    rng.shuffle(statements)
    text, gold, last = "", [], 0
    for place, (statement, is_gold) in zip(places, statements):
        text += haystack[last:place]
        if is_gold:
            gold.append((len(text), len(text) + len(statement)))
        text += statement + "\n"
        last = place
    return text + haystack[last:], gold


def key(rng, words):
    return f"{rng.choice(words[1])}-{rng.choice(words[0])}"


def identifier(rng):
    return "-".join("".join(rng.choices("0123456789abcdef", k=n)) for n in (8, 4, 4, 12))


def make_needles(rng, words):
    keys = [key(rng, words) for _ in range(4)]
    values = [str(rng.randrange(10**6, 10**7)) for _ in keys]
    lines = [(f"Keep in mind that the secret figure belonging to {k} equals {v}.", k == keys[0]) for k, v in zip(keys, values)]
    return f"Which secret figure belongs to {keys[0]}?", lines


def make_passkey(rng, words):
    code = "".join(rng.choices("0123456789", k=6))
    return "Which unlock code does the text mention?", [(f"By the way, the unlock code is {code}; do not lose it.", True)]


def make_pairs(rng, words):
    pairs = [(identifier(rng), identifier(rng)) for _ in range(8)]
    lines = [(f'"{k}": "{v}",', index == 0) for index, (k, v) in enumerate(pairs)]
    return f'Which value is stored under the key "{pairs[0][0]}"?', lines


def make_chain(rng, words):
    names = ["".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=5)) for _ in range(4)]
    value = rng.randrange(10_000, 99_999)
    lines = [(f"VAR {names[0]} = {value}", True)]
    lines += [(f"VAR {new} = VAR {old}", True) for old, new in zip(names, names[1:])]
    return f"Name every variable whose value is {value}.", lines


def make_two_chains(rng, words):
    """The second chain has another value; its assignments are not gold."""
    query, lines = make_chain(rng, words)
    return query, lines + [(text, False) for text, _ in make_chain(rng, words)[1]]


TWINS = {
    "twins": ("Shelf card: the article {key} lies under the mark {value}.", "Under which mark does the article {key} lie?"),
    "twin_ids": ("Shelf card: the article {key} lies under the mark {value}.", "Under which mark does the article {key} lie?"),
    "records": ("{key};{value}", "Which value stands beside {key}?"),
}
MAKERS = {"needle": make_needles, "passkey": make_passkey, "pair": make_pairs, "chain": make_chain, "two_chains": make_two_chains}
TASK_OF = {"needle": "needle", "passkey": "needle", "pair": "pair", "chain": "chain", "two_chains": "chain"}
