"""The default threshold, and how well probabilities agree with what happens."""

from dataclasses import dataclass, replace

import torch

from .critic import OUTSIDE
from .evaluate import gold_sentences, label_logits, sentence_tokens

# Families whose questions name something of their own: with another item's question, the text holds no evidence.
QUESTION_OF_ITS_OWN = ("squad", "hotpot", "selqa", "zh", "ja", "needle", "pair", "twins", "twin_ids", "records")
THRESHOLDS = (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.7)
NO_EVIDENCE_SHARE = 0.01
BINS = (0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass
class Scored:
    """One text: `keep` and `gold` per token, `sentences` as (mean P(keep), tokens, is gold)."""

    family: str
    keep: torch.Tensor
    gold: torch.Tensor
    sentences: list


def score(model, tokenizer, items):
    model.eval()
    window = model.config["cprs_window_tokens"]
    return [score_item(model, tokenizer, item, window) for item in items]


def score_item(model, tokenizer, item, window):
    sentences, ranges = sentence_tokens(item.text, item.lang, tokenizer.encode(item.text).offsets)
    logits, gold = label_logits(model, tokenizer, item, window)
    keep = 1 - logits.softmax(-1)[:, OUTSIDE]
    wanted = set(gold_sentences(item, sentences))
    rows = [(keep[start:end].mean().item(), end - start, index in wanted) for index, (start, end) in enumerate(ranges)]
    return Scored(item.family, keep, gold, rows)


def without_evidence(items):
    """Each text with the question of the next item of its family."""
    out = []
    for family in QUESTION_OF_ITS_OWN:
        group = [item for item in items if item.family == family]
        out += [replace(item, query=other.query, gold=[]) for item, other in zip(group, group[1:] + group[:1]) if item is not other]
    return out


def at_threshold(scored, threshold):
    """(share of gold sentences kept or None, share of tokens kept), every family counting alike."""
    recalls, shares = [], []
    for family in {row.family for row in scored}:
        sentences = [sentence for row in scored if row.family == family for sentence in row.sentences]
        gold = [value >= threshold for value, _, is_gold in sentences if is_gold]
        kept = sum(tokens for value, tokens, _ in sentences if value >= threshold)
        recalls += [sum(gold) / len(gold)] if gold else []
        shares.append(kept / sum(tokens for _, tokens, _ in sentences))
    return sum(recalls) / len(recalls) if recalls else None, sum(shares) / len(shares)


def thresholds(answered, unanswered):
    """[{threshold, recall, kept, kept_without_evidence}] in percent."""
    rows = []
    for threshold in THRESHOLDS:
        recall, kept = at_threshold(answered, threshold)
        rows.append(
            {
                "threshold": threshold,
                "recall": round(100 * recall, 1),
                "kept": round(100 * kept, 2),
                "kept_without_evidence": round(100 * at_threshold(unanswered, threshold)[1], 2),
            }
        )
    return rows


def choose(rows):
    """The smallest threshold that keeps at most NO_EVIDENCE_SHARE of the texts without evidence."""
    fitting = [row["threshold"] for row in rows if row["kept_without_evidence"] <= 100 * NO_EVIDENCE_SHARE]
    return min(fitting, default=THRESHOLDS[-1])


def reliability(scored):
    """[{from, to, tokens, predicted, observed}]: mean P(keep) and share of gold tokens per bin; every token counts alike."""
    keep, gold = torch.cat([row.keep for row in scored]), torch.cat([row.gold for row in scored]).float()
    rows = []
    for low, high in zip(BINS, BINS[1:]):
        inside = (keep >= low) & ((keep < high) if high < 1 else (keep <= high))
        if inside.any():
            rows.append(
                {
                    "from": low,
                    "to": high,
                    "tokens": int(inside.sum()),
                    "predicted": round(keep[inside].mean().item(), 4),
                    "observed": round(gold[inside].mean().item(), 4),
                }
            )
    return rows
