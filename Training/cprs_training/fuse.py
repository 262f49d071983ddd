"""Fits how a critic's scores and word matches become one probability, and adds both to an exported model folder.

One regression for each task, fitted on the train split only; the default thresholds are chosen on held-out texts. The
features are those of `LexicalFusion` in the engine.
"""

import json
import random

import numpy as np
import torch

from . import fusion_items, heldout, lexical
from .prompts import INSTRUCTIONS

FEATURES = ("critic", "best", "covered", "complete", "nearby", "key", "format", "length")
# Tasks with weights of their own; the first one's serve all others.
TASKS = ("fact", "needle", "pair", "chain")
USUAL_TOKENS = 30
# In a record, one stretch of this many tokens is reason enough, as in the engine.
EVIDENCE_TOKENS = 12
MARGIN = 1e-6
DECAY = 0.6
PENALTY = 1e-3
# Kept share of tokens at the default threshold in windows that hold no evidence, and about how long a window is.
KEPT_WITHOUT_EVIDENCE = 0.008
WINDOW_TOKENS = 900
# Statements are told apart by their words: less of all that is not evidence is kept, beside evidence too. Where nearly all
# evidence scores higher still, the threshold lies between the two.
KEPT_BESIDE_STATEMENTS, LOWEST_STATEMENTS = 0.001, 0.02
THRESHOLD_ITEMS = {"squad": 24, "hotpot": 6, "selqa": 6, "zh": 6, "ja": 6}
SEED, THRESHOLD_SEED = 5, 23


def fit_items(folder, task, share, seed=SEED):
    rng = random.Random(f"{seed}-{task}")
    return fusion_items.questions(folder, share, rng) if task == "fact" else fusion_items.made(folder, task, share, rng)


def threshold_items(folder, task):
    if task == "fact":
        return heldout.build(folder, THRESHOLD_ITEMS, families=tuple(THRESHOLD_ITEMS), seed=THRESHOLD_SEED)
    return fusion_items.made(folder, task, 0.3, random.Random(f"{THRESHOLD_SEED}-{task}"), split="eval")


class Scored:
    """An item's units: features [S, 8], gold [S], tokens of each [S]; the text's token ids and the question's words."""

    def __init__(self, engine, tokenizer, table, item):
        keep, ranges, edges = engine.score(item)
        ids = tokenizer.encode(item.text).ids
        if len(ids) != len(keep):
            raise SystemExit(f"{item.family}: the engine has {len(keep)} tokens, the tokenizer here {len(ids)}")
        gold = [[len(item.text[:end].encode()) for end in span] for span in item.gold]
        self.item, self.ids, self.ranges = item, ids, ranges
        self.gold = np.array([any(start < last and first < end for first, last in gold) for start, end in edges], float)
        self.tokens = np.array([end - start for start, end in ranges])
        form = tokenizer.encode("\n".join(lexical.formats(INSTRUCTIONS[item.task][0]))).ids
        self.query = lexical.query_words(table, tokenizer.encode(item.query).ids, form)
        self.features = features(table, self.query, ids, ranges, keep, stretch=EVIDENCE_TOKENS if item.task == "pair" else None)


def logit(probability):
    clipped = np.clip(probability, MARGIN, 1 - MARGIN)
    return np.log(clipped / (1 - clipped))


def features(table, query, ids, units, keep, decay=DECAY, stretch=None):
    """[S, 8] in the order of FEATURES; keep [tokens]: the critic's P(keep). None if the question has no words.

    stretch: the critic's score of a unit is its best mean over so many tokens; None: over all.
    """
    if query.idf.sum() <= 0:
        return None
    none = np.zeros(len(units))
    columns = [
        logit(np.array([best_mean(keep[start:end], stretch) for start, end in units])),
        logit(np.array([keep[start:end].max() for start, end in units])),
        *[none] * 5,
        np.log(np.array([end - start for start, end in units]) / USUAL_TOKENS),
    ]
    return with_coverage(np.stack(columns, axis=1), query, lexical.matches(table, query, ids, units), decay)


def with_coverage(features, query, found, decay):
    """The features with those of the question's words computed (anew); found [S, W]."""
    key, covered = lexical.coverage(query, found)
    columns = {
        "covered": covered,
        "complete": covered**2,
        "nearby": (lexical.nearby(found, decay) * query.idf).sum(1) / query.idf.sum(),
        "key": key,
        "format": found[:, query.format].all(1) * query.format.any(),
    }
    features = features.copy()
    for name, values in columns.items():
        features[:, FEATURES.index(name)] = values
    return features


def best_mean(values, stretch):
    if stretch is None or len(values) <= stretch:
        return values.mean()
    sums = np.concatenate([[0], np.cumsum(values, dtype=float)])
    return (sums[stretch:] - sums[:-stretch]).max() / stretch


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


def choose_threshold(scored, coefficients, constant, task):
    """The least threshold, in steps of 0.01, that keeps at most KEPT_WITHOUT_EVIDENCE of the tokens without evidence.

    For statements also at most KEPT_BESIDE_STATEMENTS of all tokens that are none; halfway (in logits) to where the
    evidence begins, if it begins above.
    """
    steps = [round(float(step), 2) for step in np.arange(0.01, 1, 0.01)]
    least = next((step for step in steps if kept_without_evidence(scored, coefficients, constant, step) <= KEPT_WITHOUT_EVIDENCE), 1.0)
    if task == TASKS[0]:
        return least
    scores = np.concatenate([probabilities(one, coefficients, constant) for one in scored])
    is_gold = np.concatenate([one.gold for one in scored]) > 0
    tokens = np.concatenate([one.tokens for one in scored])
    other = tokens * ~is_gold
    least = max(least, next((step for step in steps if other[scores >= step].sum() <= KEPT_BESIDE_STATEMENTS * tokens.sum()), 1.0))
    evidence = np.quantile(scores[is_gold], LOWEST_STATEMENTS)
    if evidence <= least:
        return least
    return round(float(1 / (1 + np.exp(-(logit(evidence) + logit(least)) / 2))), 2)


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


def fuse(engine, tokenizer, corpus_folder, folder, share, lexicon=None):
    """Writes the table and `cprs_lexical` into the folder; prints the held-out figures it chose the thresholds by.

    lexicon: another model's folder with the same tokenizer, whose table is taken; None: the table is counted anew.
    """
    # On small matrices, threads wait for each other.
    torch.set_num_threads(1)
    table = taken(lexicon, tokenizer) if lexicon else lexical.build(tokenizer, corpus_folder)
    table.save(folder)
    fields = {}
    for task in TASKS:
        print(f"{task}:", flush=True)
        items = fit_items(corpus_folder, task, share), threshold_items(corpus_folder, task)
        scored, held_out = ([Scored(engine, tokenizer, table, item) for item in part] for part in items)
        fields[task] = finish(scored, held_out, task)
    path = folder / "config.json"
    rest = {task: fields[task] for task in TASKS[1:]}
    config = json.loads(path.read_text()) | {"cprs_lexical": {**fields[TASKS[0]], "tasks": rest}}
    path.write_text(json.dumps(config, indent=2) + "\n")


def taken(lexicon, tokenizer):
    """The statistics of another model's table."""
    table, size = lexical.Table.load(lexicon), tokenizer.get_vocab_size()
    if len(table.classes) != size:
        raise SystemExit(f"{lexicon}: the table has {len(table.classes)} rows, the tokenizer {size} ids")
    table.shape = lexical.shapes(lexical.token_bytes(tokenizer), size)
    return table


def finish(scored, held_out, task):
    """Fits, chooses the threshold and prints the held-out figures -> the fields of a task."""
    scored, held_out = ([one for one in ones if one.features is not None] for ones in (scored, held_out))
    coefficients, constant = fit(scored)
    threshold = choose_threshold(held_out, coefficients, constant, task)
    fields = {"bias": constant, **dict(zip(FEATURES, coefficients.tolist())), "decay": DECAY, "threshold": threshold}
    fields = {name: round(value, 6) for name, value in fields.items()}
    print(json.dumps(fields))
    gold, kept = at_threshold(held_out, coefficients, constant, threshold)
    print(f"held out: {gold:.1f}% of the gold units in {kept:.2f}% of the tokens")
    print(f"windows without evidence: {100 * kept_without_evidence(held_out, coefficients, constant, threshold):.2f}% of the tokens")
    for mean, share, count in reliability(held_out, coefficients, constant):
        print(f"P(keep) {mean:.2f}: {share:.2f} gold of {count} units", flush=True)
    return fields
