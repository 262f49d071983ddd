"""Tables of what items.jsonl holds."""

import json
from collections import defaultdict

import numpy as np

from . import goals, plots
from .baselines import Baselines
from .evaluate import BUDGETS, THRESHOLDS

RESAMPLES = 2_000


def read(out):
    path = out / "items.jsonl"
    if not path.is_file():
        return []
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def line(result):
    """One item on one line, while it runs."""
    default = result["systems"]["cprs@default"]
    parts = [f"{result['id']:26}", f"{result['input_tokens']:8} tokens", f"{result['input_tokens'] / result['seconds']:6.0f}/s", f"kept {default['kept']:6}"]
    for name in ("cprs@default", "cprs@b1200", "bm25_sentences@b1200"):
        if name in result["systems"]:
            parts.append(f"{name} {percent(result['systems'][name]['answer'])}/{percent(result['systems'][name]['gold'])}")
    return "  ".join(parts + result["checks"])


def percent(value):
    return "–" if value is None else f"{100 * value:.0f}"


def interval(values):
    """(mean, low, high) of a 95% bootstrap over items, seeded."""
    values = np.asarray(values, dtype=np.float64)
    means = np.random.default_rng(1).choice(values, (RESAMPLES, len(values))).mean(1)
    return float(values.mean()), *(float(bound) for bound in np.percentile(means, (2.5, 97.5)))


def values(results, system, figure):
    found = [result["systems"][system][figure] for result in results if system in result["systems"]]
    return [value for value in found if value is not None]


def summarize(results):
    """One family and length -> figures: {system: {answer, gold, precision: [mean, low, high], kept, ratio}}"""
    tokens = sum(result["input_tokens"] for result in results)
    summary = {"items": len(results), "input_tokens": tokens / len(results), "tokens_per_second": tokens / sum(result["seconds"] for result in results)}
    systems = {}
    for system in sorted({name for result in results for name in result["systems"]}):
        rows = [result for result in results if system in result["systems"]]
        kept = values(rows, system, "kept")
        figures = {"items": len(rows), "kept": float(np.mean(kept)), "ratio": sum(row["input_tokens"] for row in rows) / max(1, sum(kept))}
        for figure in ("answer", "gold", "precision"):
            found = values(rows, system, figure)
            figures[figure] = interval(found) if found else None
        systems[system] = figures
    return summary | {"systems": systems}


def cells(results):
    """{(family, length): results}, in the order of the families' first appearance, short before long."""
    found = defaultdict(list)
    for result in results:
        found[result["family"], result["length"]].append(result)
    order = list(dict.fromkeys(family for family, _ in found))
    return dict(sorted(found.items(), key=lambda cell: (order.index(cell[0][0]), cell[0][1])))


def write(out):
    """Writes results.json, summary.md and the plots -> the text of summary.md."""
    results = read(out)
    if not results:
        raise SystemExit(f"{out}: no items.jsonl with results in it")
    run = json.loads((out / "run.json").read_text())
    summaries = {cell: summarize(group) for cell, group in cells(results).items()}
    whole = {"run": run, "summaries": [{"family": family, "length": length, **figures} for (family, length), figures in summaries.items()], "items": results}
    (out / "results.json").write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    text = markdown(run, results, summaries)
    (out / "summary.md").write_text(text, encoding="utf-8")
    plots.draw(out, results)
    return text


def markdown(run, results, summaries):
    seconds, tokens = sum(result["seconds"] for result in results), sum(result["input_tokens"] for result in results)
    parts = [
        f"# Evaluation of {run['model']}\n",
        f"Weights {run['model_sha256'][:16]}…, {run['processor']}, threads: {run['threads']}, seed {run['seed']}. {len(results)} items, {tokens:,} tokens scored in "
        f"{seconds:.0f} s ({tokens / seconds:,.0f} tokens/s), baselines {sum(result['baseline_seconds'] for result in results):.0f} s.\n",
        "Recall in % with 95% bootstrap interval: `answer` = answer strings kept, `gold` = evidence spans kept (of each at least 90%).\n",
        "## Against the goals\n", table(["goal", "wanted", "measured", "items", ""], goals.rows(results)),
        "## By the default threshold\n", by_threshold(summaries),
        "## By a budget: recall of answers / evidence spans\n", by_budget(summaries),
        "## Other thresholds: recall of answers or, where there is none, evidence / share of tokens kept\n", by_thresholds(summaries),
    ]  # fmt: skip
    absent = [result for result in results if not result["gold_tokens"]]
    if absent:
        parts += ["## Texts without evidence: share of tokens kept\n", without_evidence(absent)]
    parts += ["## Worst misses\n", misses(results)]
    wrong = [f"- {result['id']}: {problem}" for result in results for problem in result["checks"]]
    if wrong:
        parts += ["## The daemon's own figures that do not add up\n", "\n".join(wrong[:20]) + "\n"]
    return "\n".join(parts)


def table(head, rows):
    return "\n".join(["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]) + "\n"


def ranged(figure):
    if figure is None:
        return "–"
    mean, low, high = (100 * value for value in figure)
    return f"{mean:.1f}" if high - low < 0.05 else f"{mean:.1f} ({low:.0f}–{high:.0f})"


def size(length):
    return f"{length // 1024}K" if length else "document"


def by_threshold(summaries):
    rows = []
    for (family, length), summary in summaries.items():
        own = summary["systems"]["cprs@default"]
        others = [summary["systems"].get(f"{name}@same") for name in Baselines.NAMES]
        rows.append([
            family, size(length), str(summary["items"]), f"{summary['input_tokens']:,.0f}", ranged(own["answer"]), ranged(own["gold"]), f"{own['kept']:,.0f}",
            f"{own['ratio']:,.0f}x", ranged(own["precision"]), *(ranged(other and (other["answer"] or other["gold"])) for other in others), f"{summary['tokens_per_second']:,.0f}",
        ])  # fmt: skip
    head = ["task", "context", "items", "tokens", "answer", "gold", "kept", "ratio", "precision", *(f"{name}, same size" for name in Baselines.NAMES), "tokens/s"]
    return table(head, rows)


def by_budget(summaries):
    rows = []
    for (family, length), summary in summaries.items():
        for budget in BUDGETS:
            found = [summary["systems"].get(f"{name}@b{budget}") for name in ("cprs", *Baselines.NAMES)]
            if found[0] and (found[0]["answer"] or found[0]["gold"]):
                cells = [f"{ranged(figures['answer'])} / {ranged(figures['gold'])}" if figures else "–" for figures in found]
                rows.append([family, size(length), str(found[0]["items"]), f"{budget:,}", *cells])
    return table(["task", "context", "items", "budget", "cprs", *Baselines.NAMES], rows)


def by_thresholds(summaries):
    rows = []
    for (family, length), summary in summaries.items():
        cells = []
        for threshold in THRESHOLDS:
            figures = summary["systems"][f"cprs@t{threshold}"]
            recall = figures["answer"] or figures["gold"]
            cells.append(f"{100 * recall[0] if recall else float('nan'):.0f} / {100 * figures['kept'] / summary['input_tokens']:.2f}".replace("nan", "–"))
        rows.append([family, size(length), *cells])
    return table(["task", "context", *(str(threshold) for threshold in THRESHOLDS)], rows)


def without_evidence(results):
    rows = []
    for preset in dict.fromkeys(result["preset"] for result in results):
        group = [result for result in results if result["preset"] == preset]
        tokens = sum(result["input_tokens"] for result in group)
        systems = ["cprs@default", *(f"cprs@t{threshold}" for threshold in THRESHOLDS)]
        kept = [100 * sum(values(group, system, "kept")) / tokens for system in systems]
        rows.append([preset, str(len(group)), *(f"{share:.2f}%" for share in kept)])
    return table(["instruction", "items", "default", *(str(threshold) for threshold in THRESHOLDS)], rows)


def misses(results):
    """For each family its item with the worst-ranked missed evidence."""
    lines = []
    for family in dict.fromkeys(result["family"] for result in results):
        bad = [result for result in results if result["family"] == family and result["diagnosis"].get("missed")]
        if bad:
            worst = max(bad, key=lambda result: max(result["diagnosis"]["gold_ranks"]))
            found = worst["diagnosis"]
            lines.append(f"- **{family}**, {len(bad)} of {sum(result['family'] == family for result in results)} items miss something. {worst['id']}: “{worst['query']}”")
            lines.append(f"  - missed (score {found['missed'][0]['score']}, {max(found['gold_ranks'])} sentences score higher): “{flat(found['missed'][0]['text'])}”")
            lines += [f"  - preferred (score {other['score']}): “{flat(other['text'])}”" for other in found["best_other"][:1]]
    return "\n".join(lines) + "\n"


def flat(text):
    return " ".join(text.split())
