"""What a selection is worth."""

import numpy as np

KEPT_SHARE = 0.9
SCORE_BINS = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.000001)


def measure(item, context, gold, mask):
    """gold: token ranges of the evidence -> {kept, answer, gold, precision}; None where it does not apply.

    answer: share of the answers whose string is in the kept text. gold: share of the evidence spans of which at least 90% of
    the tokens are kept. precision: share of the kept tokens that are evidence.
    """
    kept = int(mask.sum())
    result = {"kept": kept, "answer": None, "gold": None, "precision": None}
    if item.answers:
        text = plain(context.kept_text(mask))
        result["answer"] = float(np.mean([any(plain(answer) in text for answer in group) for group in item.answers]))
    if gold:
        result["gold"] = float(np.mean([mask[first:last].mean() >= KEPT_SHARE for first, last in gold]))
        evidence = context_mask(gold, context.tokens)
        result["precision"] = float((mask & evidence).sum() / kept) if kept else None
    return result


def context_mask(ranges, tokens):
    mask = np.zeros(tokens, dtype=bool)
    for first, last in ranges:
        mask[first:last] = True
    return mask


def plain(text):
    """Case and white space aside."""
    return " ".join(text.casefold().split())


def diagnose(context, sentences, gold, scores, kept):
    """Where the evidence stands among the sentences by mean score, and examples of what went wrong.

    sentences: token ranges; kept: mask of the selection that is looked at.
    """
    if not gold:
        top = sorted(sentences, key=lambda unit: -scores[unit[0] : unit[1]].mean())[:2]
        return {"best": [excerpt(context, unit, scores) for unit in top]}
    means = np.array([scores[first:last].mean() for first, last in sentences])
    touches = np.array([any(first < end and start < last for start, end in gold) for first, last in sentences])
    own = [float(scores[first:last].mean()) for first, last in gold]
    ranks = [int((means[~touches] > score).sum()) for score in own]
    missed = [unit for unit in gold if kept[unit[0] : unit[1]].mean() < KEPT_SHARE]
    wrong = sorted(np.flatnonzero(~touches), key=lambda index: -means[index])[:2]
    return {
        "gold_scores": [round(score, 4) for score in own[:20]],
        "gold_ranks": ranks[:20],
        "missed": [excerpt(context, unit, scores) for unit in missed[:2]],
        "best_other": [excerpt(context, sentences[index], scores) for index in wrong],
    }


def excerpt(context, unit, scores):
    return {"text": context.piece(unit).strip()[:300], "score": round(float(scores[unit[0] : unit[1]].mean()), 4)}


def reliability(scores, evidence):
    """Counts for a reliability plot: tokens, evidence tokens and sum of scores in each bin of score."""
    bins = np.digitize(scores, SCORE_BINS[1:-1])
    size = len(SCORE_BINS) - 1
    counts = [np.bincount(bins, minlength=size), np.bincount(bins, weights=evidence, minlength=size), np.bincount(bins, weights=scores, minlength=size)]
    return [[round(float(value), 3) for value in row] for row in counts]
