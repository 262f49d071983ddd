"""Fits how a critic's scores and word matches become one probability, and adds both to an exported model folder.

Fitted on the train split only; the default threshold is the one that keeps few tokens where there is no evidence, on
held-out windows. The features are those of `LexicalFusion` in the engine, in the same order.
"""

import json
import random

import numpy as np
import torch

from . import corpus, heldout, lexical
from .critic import OUTSIDE
from .evaluate import gold_sentences, instruction, sentence_tokens, window_logits
from .prompts import prompt_ids

FEATURES = ("critic", "best", "matched", "covered", "nearby", "length")
USUAL_TOKENS = 30
MARGIN = 1e-6
DECAY = 0.6
PENALTY = 1e-3
# Kept share of tokens at the default threshold in windows that hold no evidence, and about how long a window is.
KEPT_WITHOUT_EVIDENCE = 0.008
WINDOW_TOKENS = 900
# Items per file of the train split: questions whose evidence shares words with them. Synthetic ones are the needles.
FIT_ITEMS = {
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
FIT_NEEDLES = 10
THRESHOLD_ITEMS = {"squad": 24, "hotpot": 6, "selqa": 6, "zh": 6, "ja": 6}
THRESHOLD_SEED = 23


def fit_items(corpus_folder, share, seed=5):
    """Haystacks as the held-out ones, from the train split."""
    rng, items = random.Random(seed), []
    for file, count in FIT_ITEMS.items():
        rows = [row for row in corpus.read_lines(f"{corpus_folder}/train/{file}.jsonl.xz") if row["evidence"]]
        items += heldout.haystack_items(rows, file, rows[0]["lang"], max(1, round(count * share)), rng)
    for family in ("needle", "passkey"):
        count = max(1, round(FIT_NEEDLES * share))
        items += heldout.synthetic_items(corpus_folder, family, count, rng, split="train")
    return items


class Scored:
    """An item's sentences: features [S, 6], gold [S], tokens of each [S]."""

    def __init__(self, model, tokenizer, table, item):
        encoding = tokenizer.encode(item.text)
        sentences, ranges = sentence_tokens(item.text, item.lang, encoding.offsets)
        prompt = prompt_ids(tokenizer, instruction(model, item.task), item.query)
        logits = window_logits(model, prompt, encoding.ids, ranges, model.config["cprs_window_tokens"])
        keep = (1 - logits.softmax(-1)[:, OUTSIDE]).numpy()
        gold = set(gold_sentences(item, sentences))
        self.item, self.ranges = item, ranges
        self.gold = np.array([index in gold for index in range(len(ranges))], float)
        self.tokens = np.array([end - start for start, end in ranges])
        self.features = features(table, tokenizer.encode(item.query).ids, encoding.ids, ranges, keep)


def logit(probability):
    clipped = np.clip(probability, MARGIN, 1 - MARGIN)
    return np.log(clipped / (1 - clipped))


def features(table, query_ids, ids, sentences, keep, decay=DECAY):
    """[S, 6] in the order of FEATURES; keep [tokens]: the critic's P(keep). None if the question has no words."""
    query = lexical.query_words(table, query_ids)
    idf = np.array(list(query.values()))
    if idf.sum() <= 0:
        return None
    found = lexical.matches(table, query, ids, sentences)
    matched = (found * idf).sum(1)
    return np.stack(
        [
            logit(np.array([keep[start:end].mean() for start, end in sentences])),
            logit(np.array([keep[start:end].max() for start, end in sentences])),
            matched,
            matched / idf.sum(),
            (lexical.nearby(found, decay) * idf).sum(1) / idf.sum(),
            np.log(np.array([end - start for start, end in sentences]) / USUAL_TOKENS),
        ],
        axis=1,
    )


def regression(x, y, weights):
    """Coefficients [F] and constant of a weighted logistic regression, lightly penalised on the standardised features."""
    mean, deviation = x.mean(0), x.std(0) + 1e-6
    inputs, targets = torch.tensor((x - mean) / deviation), torch.tensor(y)
    weights = torch.tensor(weights / weights.mean())
    slope = torch.zeros(x.shape[1], dtype=torch.double, requires_grad=True)
    constant = torch.tensor([-3.0], dtype=torch.double, requires_grad=True)
    optimizer = torch.optim.LBFGS([slope, constant], max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        each = torch.nn.functional.binary_cross_entropy_with_logits(inputs @ slope + constant, targets, reduction="none")
        value = (weights * each).mean() + PENALTY * slope.pow(2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    coefficients = slope.detach().numpy() / deviation
    return coefficients, constant.item() - float((coefficients * mean).sum())


def fit(scored):
    """Every item weighs as much as its family's root count says, so that none drowns the others."""
    counts = {}
    for one in scored:
        counts[one.item.family] = counts.get(one.item.family, 0) + 1
    weights = [np.full(len(one.gold), counts[one.item.family] ** -0.5) for one in scored]
    x, y = np.concatenate([one.features for one in scored]), np.concatenate([one.gold for one in scored])
    return regression(x, y, np.concatenate(weights))


def probabilities(one, coefficients, constant):
    return 1 / (1 + np.exp(-(one.features @ coefficients + constant)))


def without_evidence(one):
    """[S] whether a sentence lies in a stretch of about a window's length that holds no gold sentence."""
    window = (np.cumsum(one.tokens) - one.tokens) // WINDOW_TOKENS
    return ~np.isin(window, window[one.gold > 0])


def kept_without_evidence(scored, coefficients, constant, threshold):
    """Share of the tokens in windows without evidence that are kept."""
    empty = np.concatenate([without_evidence(one) for one in scored])
    scores = np.concatenate([probabilities(one, coefficients, constant) for one in scored])[empty]
    tokens = np.concatenate([one.tokens for one in scored])[empty]
    return tokens[scores >= threshold].sum() / max(1, tokens.sum())


def choose_threshold(scored, coefficients, constant):
    """The least threshold, in steps of 0.01, that keeps at most KEPT_WITHOUT_EVIDENCE of the tokens without evidence."""
    for threshold in np.arange(0.01, 1, 0.01):
        if kept_without_evidence(scored, coefficients, constant, threshold) <= KEPT_WITHOUT_EVIDENCE:
            return round(float(threshold), 2)
    return 1.0


def at_threshold(scored, coefficients, constant, threshold):
    """(share of gold sentences kept, share of tokens kept) in percent."""
    scores = np.concatenate([probabilities(one, coefficients, constant) for one in scored])
    gold = np.concatenate([one.gold for one in scored])
    tokens = np.concatenate([one.tokens for one in scored])
    kept = scores >= threshold
    return 100 * gold[kept].sum() / max(1, gold.sum()), 100 * tokens[kept].sum() / tokens.sum()


def reliability(scored, coefficients, constant, edges=(0, 0.05, 0.1, 0.2, 0.4, 0.6, 1.01)):
    """[(mean probability, share that is gold, sentences)] per bin."""
    scores = np.concatenate([probabilities(one, coefficients, constant) for one in scored])
    gold = np.concatenate([one.gold for one in scored])
    bins = [(scores >= low) & (scores < high) for low, high in zip(edges, edges[1:])]
    return [(scores[b].mean(), gold[b].mean(), int(b.sum())) for b in bins if b.any()]


def fuse(model, tokenizer, corpus_folder, folder, share):
    """Writes the table and `cprs_lexical` into the folder; prints the held-out figures it chose the threshold by."""
    model.eval()
    table = lexical.build(tokenizer, corpus_folder)
    table.save(folder)
    scored = [Scored(model, tokenizer, table, item) for item in fit_items(corpus_folder, share)]
    items = heldout.build(corpus_folder, THRESHOLD_ITEMS, families=tuple(THRESHOLD_ITEMS), seed=THRESHOLD_SEED)
    finish(scored, [Scored(model, tokenizer, table, item) for item in items], folder)


def finish(scored, held_out, folder):
    """Fits, chooses the threshold, writes `cprs_lexical` into the folder's config and prints the held-out figures."""
    scored, held_out = ([one for one in ones if one.features is not None] for ones in (scored, held_out))
    coefficients, constant = fit(scored)
    threshold = choose_threshold(held_out, coefficients, constant)
    fields = {"bias": constant, **dict(zip(FEATURES, coefficients.tolist())), "decay": DECAY, "threshold": threshold}
    path = folder / "config.json"
    config = json.loads(path.read_text()) | {"cprs_lexical": {name: round(value, 6) for name, value in fields.items()}}
    path.write_text(json.dumps(config, indent=2) + "\n")
    print(json.dumps(config["cprs_lexical"]))
    gold, kept = at_threshold(held_out, coefficients, constant, threshold)
    print(f"held out: {gold:.1f}% of the gold sentences in {kept:.2f}% of the tokens")
    print(f"windows without evidence: {100 * kept_without_evidence(held_out, coefficients, constant, threshold):.2f}% of the tokens")
    for mean, share, count in reliability(held_out, coefficients, constant):
        print(f"P(keep) {mean:.2f}: {share:.2f} gold of {count} sentences")
