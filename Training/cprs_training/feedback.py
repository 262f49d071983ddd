"""A second look at the units of a whole text: what the best of them say about the others (pseudo-relevance feedback), and how
much of the question stands around each.

A question of two steps names the first and asks for the second: the sentence with the answer shares a rare name with the
sentence that the question finds, and little with the question. And what a meeting said about something is a stretch of turns,
most of which do not name it. `Sources/CPRSSegmentation/Lexical/RelevanceFeedback.swift` does the same arithmetic at run time,
where a budget makes every selection wait for the whole text; `tests/test_lexical.py` keeps a shared fixture.

Two regressions, fitted on the train split only, over texts as long as those that people compress: one to sentences that answer a
question, one to lines (turns) that a passage about it is made of.
"""

import json
import random
from dataclasses import dataclass

import numpy as np
import torch

from . import corpus, fuse, lexical
from .heldout import Item

FEATURES = ("score", "shared", "further", "beside", "passage")
# So many of the best units are taken to be evidence.
SEEDS = 8
# Rarer words than this tell what a sentence is about, in few enough of the text's units that the word says which.
RARE_IDF, FEWEST_UNITS, MOST_UNITS = 5.0, 2, 12
# idf of the shared words that count half of what all of them could.
HALF = 8.0
# Of a unit's rare words these are known, the first ones; and of a seed's so many are looked for.
MOST_RARE, MOST_WORDS = 256, 64
CHARACTERS = {"en": 140_000, "zh": 45_000, "ja": 45_000}
QUESTIONS_PER_TEXT = 10
# Questions per file of the train split, at a share of 1.
QUESTIONS = {"hotpotqa": 100, "2wikimultihopqa": 40, "musique": 40, "squad_dev": 100, "selqa": 30, "cmrc2018": 20, "jaquad": 20}
MEETINGS, MEETING_CHARACTERS = 100, 160_000
SEED = 9


@dataclass(frozen=True)
class Look:
    """What one regression is for; reach: tokens over which what a word counts for the units around it falls to 1/e."""

    task: str
    granularity: str
    reach: float
    features: tuple


# Of a passage, the lines that the question finds and those beside them are worth the same.
LOOKS = (Look("fact", "sentence", 100, FEATURES), Look("paragraph", "line", 200, ("passage",)))


def rare_words(table, query, ids, units):
    """[{key: idf}] of each unit: its rare words that are no words of the question."""
    known = set(query.keys)
    found = []
    for start, end in units:
        words = {}
        for key, idf, parts in lexical.words(table, ids[start:end]):
            if not parts and idf >= RARE_IDF and key not in known and len(words) < MOST_RARE:
                words.setdefault(key, idf)
        found.append(words)
    return found


def narrowed(idf, found):
    """idf [W] of the question's words, each at most as rare as it is among the units; found [S, W]."""
    return np.minimum(idf, np.log((len(found) + 1) / (found.sum(0) + 0.5)))


def features(logits, words, found, idf, decay, tokens, reach):
    """[S, 5] in the order of FEATURES.

    logits [S]: of the fused scores. words: `rare_words`. found [S, W], idf [W]: the question's words and their narrowed idf.
    tokens [S]: of each unit.

    shared: rare words in common with a seed. further: the same, words nearby included, times the share of the question that
    the unit has and the seed lacks. beside: how strong the seeds before and after are. A seed counts as much as its odds are of the best one's.
    passage: the share of the question in and around the unit.
    """
    count = len(logits)
    order = np.argsort(-logits, kind="stable")
    strength = np.exp(np.minimum(0, logits - logits[order[0]]))
    units_of = {}
    for unit, mine in enumerate(words):
        for key in mine:
            units_of.setdefault(key, []).append(unit)
    shared, further = np.zeros(count), np.zeros(count)
    for seed in order[:SEEDS]:
        mine = [key for key in words[seed] if FEWEST_UNITS <= len(units_of[key]) <= MOST_UNITS][:MOST_WORDS]
        has = np.zeros((count, len(mine)), bool)
        for place, key in enumerate(mine):
            has[units_of[key], place] = True
        rarity = np.array([words[seed][key] for key in mine])
        own, around = has @ rarity, (has + lexical.nearby(has, decay)) @ rarity
        lacking = (found & ~found[seed]) @ idf / idf.sum()
        gain, far = strength[seed] * own / (own + HALF), strength[seed] * around / (around + HALF) * lacking
        # The unit itself, and those that `beside` is about.
        gain[max(0, seed - 1) : seed + 2] = far[max(0, seed - 1) : seed + 2] = 0
        shared, further = np.maximum(shared, gain), np.maximum(further, far)
    return np.stack([logits, shared, further, beside(strength, decay), passage(found, idf, tokens, reach)], axis=1)


def beside(strength, decay):
    out, reach = np.zeros(len(strength)), 0.0
    for unit in range(len(strength)):
        following = strength[unit + 1] * decay if unit + 1 < len(strength) else 0
        out[unit] = max(reach, following)
        reach = max(strength[unit], reach * decay)
    return out


def passage(found, idf, tokens, reach):
    """[S] share of the question around each unit: n / (n + 1) of a word's idf, n units that hold it, each the less the further
    away its middle is."""
    middle = np.cumsum(tokens) - tokens / 2
    fading = np.exp(-np.diff(middle) / reach)
    count = found.astype(float)
    before, after = np.zeros(found.shape[1]), np.zeros(found.shape[1])
    for unit in range(1, len(found)):
        before = (before + found[unit - 1]) * fading[unit - 1]
        after = (after + found[-unit]) * fading[-unit]
        count[unit] += before
        count[-unit - 1] += after
    return count / (count + 1) @ idf / idf.sum()


def items(task, folder, share):
    """Yields lists of Items over one text each."""
    return meetings(folder, share) if task == "paragraph" else texts(folder, share)


def meetings(folder, share):
    """Yields a question about each of some meetings; the turns that it is about are the evidence."""
    rows = [row for row in corpus.read_lines(f"{folder}/train/qmsum.jsonl.xz") if row["evidence"] and len(row["context"]) < MEETING_CHARACTERS]
    random.Random(SEED).shuffle(rows)
    chosen = list({row["title"]: row for row in rows}.values())[: max(1, round(MEETINGS * share))]
    for row in chosen:
        yield [Item("qmsum", "paragraph", row["lang"], row["question"], row["context"], row["evidence"], "line")]


def texts(folder, share):
    """Yields Items over the paragraphs of many questions, shuffled."""
    for file, count in QUESTIONS.items():
        rng = random.Random(f"{SEED}-{file}")
        rows = [row for row in corpus.read_lines(f"{folder}/train/{file}.jsonl.xz") if row["evidence"]]
        left = max(1, round(count * share))
        while left > 0:
            items = pooled(rng, rows, file)[:left]
            left -= len(items)
            yield items


def pooled(rng, rows, file):
    chosen, pieces, size = [], {}, 0
    for row in rng.sample(rows, len(rows)):
        if size >= CHARACTERS[row["lang"]]:
            break
        chosen.append(row)
        for start, end in row.get("paragraphs") or [(0, len(row["context"]))]:
            piece = row["context"][start:end]
            if piece not in pieces:
                pieces[piece] = None
                size += len(piece)
    order = list(pieces)
    rng.shuffle(order)
    place = 0
    for piece in order:
        pieces[piece] = place
        place += len(piece) + 2
    text = "\n\n".join(order)
    return [Item(file, "fact", row["lang"], row["question"], text, moved(row, pieces)) for row in rng.sample(chosen, min(len(chosen), QUESTIONS_PER_TEXT))]


def moved(row, places):
    """The row's evidence in the pooled text."""
    gold = []
    for start, end in row.get("sentence_evidence") or row["evidence"]:
        for first, last in row.get("paragraphs") or [(0, len(row["context"]))]:
            if first <= start < last:
                shift = places[row["context"][first:last]] - first
                gold.append((start + shift, min(end, last) + shift))
    return gold


class Scored:
    """An item's units: their first logits [S], features [S, F], gold [S], tokens [S]; features is None if the question has no words."""

    def __init__(self, engine, tokenizer, table, weights, look, item):
        fused = fuse.Scored(engine, tokenizer, table, item)
        self.item, self.gold, self.tokens, self.features = item, fused.gold, fused.tokens, None
        if fused.features is None:
            return
        query, found = fused.query, lexical.matches(table, fused.query, fused.ids, fused.ranges)
        query.idf = narrowed(query.idf, found)
        first = fuse.with_coverage(fused.features, query, found, weights["decay"])
        self.first = first @ np.array([weights[name] for name in fuse.FEATURES]) + weights["bias"]
        words = rare_words(table, query, fused.ids, fused.ranges)
        columns = features(self.first, words, found, query.idf, weights["decay"], self.tokens, look.reach)
        self.features = columns[:, [FEATURES.index(name) for name in look.features]]


def recall(scored, scores, budget):
    """Share of the gold units among the best-scored ones that fit a budget in tokens, averaged over items; in percent.

    As the engine does, and `evaluate.kept_sentences` does not, what does not fit is passed over.
    """
    shares = []
    for one, values in zip(scored, scores):
        kept, left = np.zeros(len(values), bool), budget
        for unit in np.argsort(-values, kind="stable"):
            if one.tokens[unit] <= left:
                kept[unit] = True
                left -= one.tokens[unit]
        shares.append(kept[one.gold > 0].mean())
    return 100 * float(np.mean(shares))


def fit(engine, tokenizer, corpus_folder, folder, share):
    """Adds `feedback` to `cprs_lexical` in the folder's config.json; prints recall of texts that each half was not fitted to."""
    # On small matrices, threads wait for each other.
    torch.set_num_threads(1)
    path = folder / "config.json"
    config = json.loads(path.read_text())
    table, lexicon = lexical.Table.load(folder), config["cprs_lexical"]
    lexicon.pop("feedback", None)
    # Scored like facts; only the second look differs.
    facts = {name: value for name, value in lexicon.items() if name != "tasks"}
    lexicon["tasks"]["paragraph"] = dict(facts)
    for look in LOOKS:
        print(f"{look.task}, by {look.granularity}:", flush=True)
        halves = ([], [])
        scored = 0
        for index, of_text in enumerate(items(look.task, corpus_folder, share)):
            for item in of_text:
                one = Scored(engine, tokenizer, table, facts, look, item)
                if one.features is not None and one.gold.any():
                    halves[index % 2].append(one)
                scored += 1
                if scored % 10 == 0:
                    print(f"{scored} questions scored", flush=True)
        fields = fitted(halves, look.features) | {"reach": look.reach}
        print(json.dumps(fields))
        if look.task == "fact":
            lexicon["feedback"] = {look.granularity: fields}
        lexicon["tasks"]["paragraph"].setdefault("feedback", {})[look.granularity] = fields
    path.write_text(json.dumps(config, indent=2) + "\n")


def fitted(halves, names):
    """The fields of a regression on the named features, 0 for the others; halves: lists of Scored."""
    # What a half keeps by the other's coefficients.
    held_out = []
    for mine, other in (halves, halves[::-1]):
        coefficients, constant = fuse.fit(other)
        held_out += [(one, one.features @ coefficients + constant) for one in mine]
    for family in dict.fromkeys(one.item.family for one, _ in held_out):
        ones, second = zip(*(row for row in held_out if row[0].item.family == family))
        first = [one.first for one in ones]
        figures = [f"{recall(ones, first, budget):.1f} -> {recall(ones, second, budget):.1f}" for budget in (300, 1200, 4800)]
        print(f"{family} ({len(ones)}): evidence in 300, 1,200 and 4,800 tokens: {', '.join(figures)}%")
    coefficients, constant = fuse.fit(halves[0] + halves[1])
    for mean, gold, units in fuse.reliability(halves[0] + halves[1], coefficients, constant):
        print(f"P(keep) {mean:.2f}: {gold:.2f} gold of {units} units")
    fields = {"bias": constant, **dict.fromkeys(FEATURES, 0.0), **dict(zip(names, coefficients.tolist()))}
    return {name: round(value, 6) for name, value in fields.items()}
