"""Held-out retrieval: how much evidence a budget of the text holds when sentences are ranked by the critic.

Budgets are shares of the haystack's tokens. Sentences are taken best first until the next one does not fit.
"""

import bisect
import hashlib
import json
from collections import defaultdict
from pathlib import Path

import torch

from . import corpus
from .baselines import MiniLM, bm25_scores
from .critic import OUTSIDE
from .prompts import INSTRUCTIONS, prompt_ids

BUDGETS = (0.01, 0.02, 0.05, 0.10)
BEST_TOKENS = 8
AGGREGATES = {
    "mean": lambda keep: keep.mean().item(),
    "max": lambda keep: keep.max().item(),
    "best": lambda keep: keep.topk(min(BEST_TOKENS, len(keep))).values.mean().item(),
}


def sentence_tokens(text, lang, offsets):
    """Sentence character ranges and their token ranges; sentences without a token of their own are left out."""
    ends = [end for _, end in offsets]
    pairs = []
    for start, end in corpus.sentence_ranges(text, lang):
        tokens = bisect.bisect_right(ends, start), bisect.bisect_right(ends, end)
        if tokens[0] < tokens[1]:
            pairs.append(((start, end), tokens))
    return [chars for chars, _ in pairs], [tokens for _, tokens in pairs]


def windows(sentences, length, room):
    """Token ranges of at most `room` tokens that tile 0..<length, cut at sentence ends where a sentence fits."""
    ends = [end for _, end in sentences]
    cuts = [0]
    while cuts[-1] < length:
        limit = cuts[-1] + room
        whole = bisect.bisect_right(ends, limit)
        cut = ends[whole - 1] if whole and ends[whole - 1] > cuts[-1] else limit
        cuts.append(min(cut, length))
    return list(zip(cuts, cuts[1:]))


@torch.no_grad()
def window_logits(model, prompt, ids, sentences, window):
    """BIOE logits [len(ids), 4] of the context tokens, window by window."""
    out = torch.zeros(len(ids), 4)
    for start, end in windows(sentences, len(ids), window - len(prompt)):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(torch.tensor([prompt + ids[start:end]]))[1]
        out[start:end] = logits[0, len(prompt) :].float()
    return out


def gold_sentences(item, sentences):
    return [i for i, (start, end) in enumerate(sentences) if any(start < e and s < end for s, e in item.gold)]


def instruction(model, task):
    """The preset, or for facts the one an exported model names in its configuration."""
    preset = INSTRUCTIONS[task][0]
    return model.config.get("cprs_instruction", preset) if task == "fact" else preset


def label_logits(model, tokenizer, item, window):
    """(BIOE logits [n, 4], whether each token's sentence is gold [n]) of an item's text."""
    encoding = tokenizer.encode(item.text)
    sentences, token_ranges = sentence_tokens(item.text, item.lang, encoding.offsets)
    prompt = prompt_ids(tokenizer, instruction(model, item.task), item.query)
    logits = window_logits(model, prompt, encoding.ids, token_ranges, window)
    is_gold = torch.zeros(len(logits), dtype=torch.bool)
    for index in gold_sentences(item, sentences):
        is_gold[slice(*token_ranges[index])] = True
    return logits, is_gold


def kept_sentences(scores, token_ranges, budget):
    kept = set()
    for index in sorted(range(len(scores)), key=lambda index: -scores[index]):
        start, end = token_ranges[index]
        if end - start > budget:
            break
        kept.add(index)
        budget -= end - start
    return kept


def recalls(scores, token_ranges, gold, length):
    """Share of the gold sentences kept at each budget."""
    kept = [kept_sentences(scores, token_ranges, share * length) for share in BUDGETS]
    return [sum(index in chosen for index in gold) / len(gold) for chosen in kept]


class Baselines:
    """Sentence scores per item, computed once and kept in a file: MiniLM is slower than the critic."""

    def __init__(self, path):
        self.path, self.known, self.minilm = Path(path), {}, None
        if self.path.exists():
            self.known = json.loads(self.path.read_text())

    def scores(self, item, sentences):
        key = hashlib.sha256(f"{item.query}\0{item.text}".encode()).hexdigest()[:16]
        if key not in self.known:
            self.minilm = self.minilm or MiniLM()
            self.known[key] = {"minilm": self.minilm.scores(item.query, sentences)}
        return {"bm25": bm25_scores(item.query, sentences), **self.known[key]}

    def save(self):
        self.path.write_text(json.dumps(self.known))


def evaluate_item(model, tokenizer, item, window, baselines):
    """(rank: {scorer: recall per budget}, counts: token and evidence counts of the decision)."""
    sentences, token_ranges = sentence_tokens(item.text, item.lang, tokenizer.encode(item.text).offsets)
    gold = gold_sentences(item, sentences)
    logits, is_gold = label_logits(model, tokenizer, item, window)
    labels = logits.softmax(-1)
    keep = 1 - labels[:, OUTSIDE]
    scores = {name: [f(keep[s:e]) for s, e in token_ranges] for name, f in AGGREGATES.items()}
    if baselines:
        scores |= baselines.scores(item, [item.text[start:end] for start, end in sentences])
    rank = {name: recalls(values, token_ranges, gold, len(keep)) for name, values in scores.items()}
    chosen, half = labels.argmax(-1) != OUTSIDE, keep >= 0.5
    counts = {
        "tokens": len(keep),
        "gold": is_gold.sum().item(),
        "argmax": chosen.sum().item(),
        "argmax_gold": (chosen & is_gold).sum().item(),
        "half": half.sum().item(),
        "half_gold": (half & is_gold).sum().item(),
        "sentences": len(gold),
        "half_sentences": sum(keep[slice(*token_ranges[i])].mean().item() >= 0.5 for i in gold),
        "mean_half_tokens": sum(e - s for s, e in token_ranges if keep[s:e].mean() >= 0.5),
    }
    return rank, counts


def evaluate(model, tokenizer, items, window, baselines=None):
    """{family: {"recall": {scorer: [percent per budget]}, "decision": {...percent}}} over fixed items."""
    model.eval()
    ranks, totals = defaultdict(lambda: defaultdict(list)), defaultdict(lambda: defaultdict(int))
    for item in items:
        rank, counts = evaluate_item(model, tokenizer, item, window, baselines)
        for scorer, values in rank.items():
            ranks[item.family][scorer].append(values)
        for name, value in counts.items():
            totals[item.family][name] += value
    if baselines:
        baselines.save()
    return {
        family: {"recall": mean_recalls(ranks[family]), "decision": decision(totals[family])} for family in ranks
    }


def mean_recalls(by_scorer):
    return {
        scorer: [round(100 * value, 1) for value in torch.tensor(rows).mean(0).tolist()]
        for scorer, rows in by_scorer.items()
    }


def decision(count):
    def percent(part, whole):
        return round(100 * count[part] / max(1, count[whole]), 1)

    return {
        "argmax_precision": percent("argmax_gold", "argmax"),
        "argmax_recall": percent("argmax_gold", "gold"),
        "argmax_kept": percent("argmax", "tokens"),
        "half_token_recall": percent("half_gold", "gold"),
        "half_kept": percent("half", "tokens"),
        "half_sentence_recall": percent("half_sentences", "sentences"),
        "half_sentence_kept": percent("mean_half_tokens", "tokens"),
    }


def table(results):
    lines = []
    for family, result in results.items():
        for scorer, values in result["recall"].items():
            lines.append(f"{family:9s} {scorer:7s} " + " ".join(f"{value:5.1f}" for value in values))
        lines.append(f"{family:9s} " + " ".join(f"{name}={value}" for name, value in result["decision"].items()))
    return "\n".join(lines)
