"""One item: one forward pass, many selections, the baselines at the same sizes."""

import time

import numpy as np

from .measure import context_mask, diagnose, measure, reliability
from .tokens import Context

BUDGETS = (300, 1_200, 4_800, 16_000)
THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


def evaluate(client, item, baselines):
    """-> what items.jsonl holds of an item. `systems` maps "name@size" to figures (see `measure`).

    Sizes: `default` is the model's threshold, `t0.1` a threshold, `b1200` a budget in tokens; baselines know `same`, the number of
    tokens that the critic kept by its default threshold.
    """
    scored = client.score(item)
    context = Context(item.text, scored.starts)
    gold = context.characters_to_tokens(item.gold)
    masks = {"cprs@default": context.mask(scored.kept)}
    budgets = [budget for budget in BUDGETS if budget < context.tokens]
    for threshold in THRESHOLDS:
        masks[f"cprs@t{threshold}"] = context.mask(client.cut(item, scored, threshold=threshold))
    for budget in budgets:
        masks[f"cprs@b{budget}"] = context.mask(client.cut(item, scored, max_tokens=budget))
    same = int(masks["cprs@default"].sum())
    began = time.monotonic()
    if baselines and item.gold:
        for name, select in baselines.rank(item, context).items():
            masks |= {f"{name}@b{budget}": select(budget) for budget in budgets}
            if same:
                masks[f"{name}@same"] = select(same)
    seconds = time.monotonic() - began
    summary = scored.summary
    looked_at = masks["cprs@default"] if item.made_up or "cprs@b1200" not in masks else masks["cprs@b1200"]
    evidence = context_mask(gold, context.tokens)
    return {
        "id": item.id, "family": item.family, "length": item.length, "depth": item.depth, "lang": item.lang, "preset": item.preset,
        "query": item.query, **item.note, "answers": item.answers,
        "input_bytes": summary.input_bytes, "input_tokens": context.tokens, "gold_tokens": int(evidence.sum()), "windows": summary.windows,
        "window_tokens": scored.window_tokens, "prompt_tokens": scored.prompt_tokens,
        "seconds": round(summary.timings.total_us / 1e6, 4), "client_seconds": round(scored.seconds, 4), "engine_seconds": summary.timings.engine_us / 1e6,
        "baseline_seconds": round(seconds, 3),
        "checks": checks(context, scored, same),
        "systems": {name: measure(item, context, gold, mask) for name, mask in masks.items()},
        "diagnosis": diagnose(context, context.sentences(), gold, scored.scores, looked_at),
        "reliability": reliability(scored.scores, evidence.astype(np.float64)),
    }  # fmt: skip


def checks(context, scored, kept):
    """What the daemon says about itself against what can be counted from outside; empty when all is well."""
    wrong = []
    if scored.summary.input_tokens != context.tokens:
        wrong.append(f"summary.input_tokens {scored.summary.input_tokens}, token scores {context.tokens}")
    if scored.summary.input_bytes != len(context.data):
        wrong.append(f"summary.input_bytes {scored.summary.input_bytes}, sent {len(context.data)}")
    if scored.summary.kept_tokens != kept:
        wrong.append(f"summary.kept_tokens {scored.summary.kept_tokens}, tokens in the kept spans {kept}")
    return wrong
