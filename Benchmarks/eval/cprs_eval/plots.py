"""PNG plots: needle heat maps, recall against kept tokens, time against context length, reliability."""

import os
from collections import defaultdict

import numpy as np

os.environ.setdefault("MPLBACKEND", "Agg")

from .evaluate import BUDGETS  # noqa: E402
from .measure import SCORE_BINS  # noqa: E402

LABELS = {
    "cprs": "cprs", "bm25_sentences": "BM25 sentences", "bm25_chunks": "BM25 chunks", "minilm_chunks": "MiniLM chunks", "head_tail": "head and tail",
}  # fmt: skip
# Direct prompting, computed: a dense 7.6B-parameter Qwen2 (28 layers, 3584 wide) on an accelerator that sustains 150 TFLOP/s.
PARAMETERS, LAYERS, WIDTH, SUSTAINED = 7.6e9, 28, 3584, 150e12


def draw(out, results):
    from matplotlib import pyplot

    figures = {"niah": niah, "grid": grid, "recall": recall, "time": time, "reliability": reliability}
    for name, plot in figures.items():
        figure = plot(pyplot, results)
        if figure:
            figure.tight_layout()
            figure.savefig(out / f"{name}.png", dpi=130)
            pyplot.close(figure)


def heat(pyplot, rows, columns, figures, title, x_label):
    """figures: {(row, column): [values 0...1]}"""
    image = np.full((len(rows), len(columns)), np.nan)
    for (row, column), found in figures.items():
        image[rows.index(row), columns.index(column)] = 100 * np.mean(found)
    figure, axes = pyplot.subplots(figsize=(1.6 + 0.75 * max(6, len(columns)), 1.4 + 0.34 * len(rows)))
    axes.imshow(image, vmin=0, vmax=100, cmap="RdYlGn", aspect="auto")
    for y, x in np.argwhere(~np.isnan(image)):
        axes.text(x, y, f"{image[y, x]:.0f}", ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel(x_label)
    axes.set_title(title, fontsize=10)
    return figure


def kilo(length):
    return f"{length // 1024}K"


def niah(pyplot, results):
    """Answer recall of the made-up tasks at the default threshold, task by context length."""
    results = [result for result in results if result["length"] and result["family"].startswith(("niah", "vt", "passkey", "number", "kv"))]
    if not results:
        return None
    figures = defaultdict(list)
    for result in results:
        figures[result["family"], kilo(result["length"])].append(result["systems"]["cprs@default"]["answer"])
    lengths = [kilo(length) for length in sorted({result["length"] for result in results})]
    families = list(dict.fromkeys(result["family"] for result in results))
    return heat(pyplot, families, lengths, figures, "Answers kept at the default threshold, %", "context, tokens")


def grid(pyplot, results):
    """The planted fact, depth by context length."""
    results = [result for result in results if result["family"] == "grid"]
    if not results:
        return None
    figures = defaultdict(list)
    for result in results:
        figures[f"{100 * result['depth']:.0f}%", kilo(result["length"])].append(result["systems"]["cprs@default"]["answer"])
    depths = [f"{100 * depth:.0f}%" for depth in sorted({result["depth"] for result in results})]
    lengths = [kilo(length) for length in sorted({result["length"] for result in results})]
    return heat(pyplot, depths, lengths, figures, "Planted fact kept at the default threshold, % by depth", "context, tokens")


def recall(pyplot, results):
    """Recall against kept tokens for every system, one panel per kind of document."""
    panels = [family for family in ("squad", "hotpot", "zh", "ja", "cuad", "qmsum") if any(result["family"] == family for result in results)]
    if not panels:
        return None
    figure, axes = pyplot.subplots(2, (len(panels) + 1) // 2, figsize=(3.4 * ((len(panels) + 1) // 2), 6.4), squeeze=False, sharey=True)
    for panel in axes.flat[len(panels) :]:
        panel.set_visible(False)
    for family, panel in zip(panels, axes.flat):
        rows = [result for result in results if result["family"] == family]
        figure_name = "gold" if family == "qmsum" else "answer"
        for color, (system, label) in enumerate(LABELS.items()):
            points = [(budget, [row["systems"][f"{system}@b{budget}"][figure_name] for row in rows if f"{system}@b{budget}" in row["systems"]]) for budget in BUDGETS]
            points = [(budget, 100 * np.mean([value for value in found if value is not None])) for budget, found in points if any(value is not None for value in found)]
            if points:
                panel.plot(*zip(*points), marker="o", markersize=4, linewidth=2.2 if system == "cprs" else 1.2, color=f"C{color}", label=label)
        default = [row["systems"]["cprs@default"] for row in rows if row["systems"]["cprs@default"][figure_name] is not None]
        if default:
            kept = max(1, np.mean([row["kept"] for row in default]))
            panel.plot(kept, 100 * np.mean([row[figure_name] for row in default]), "k*", markersize=10, label="cprs, default threshold")
        panel.set_title(f"{family} ({len(rows)})" + (", evidence turns" if family == "qmsum" else ""), fontsize=10)
        panel.set_xscale("log")
        panel.set_xticks((10, 100, *BUDGETS), ("10", "100", *(f"{budget:,}" for budget in BUDGETS)), fontsize=7)
        panel.set_xticks([], minor=True)
        panel.set_ylim(0, 103)
        panel.grid(alpha=0.3)
    for panel in axes[:, 0]:
        panel.set_ylabel("recall, %")
    for panel in axes[-1]:
        panel.set_xlabel("kept tokens")
    axes.flat[0].legend(fontsize=7)
    return figure


def direct_seconds(tokens):
    """Computed seconds of a prefill: 2 FLOPs per parameter and token, and 2 per layer, width and (causal) token pair."""
    return (2 * PARAMETERS * tokens + 2 * LAYERS * WIDTH * tokens**2) / SUSTAINED


def time(pyplot, results):
    """Measured seconds of compression; the computed prefill of the whole context is a reference, on another machine."""
    figure, axes = pyplot.subplots(figsize=(6.4, 4.4))
    tokens, seconds = np.array([(result["input_tokens"], result["seconds"]) for result in results]).T
    axes.scatter(tokens, seconds, s=12, alpha=0.6, label="cprs on this CPU, measured")
    line = np.geomspace(max(1_000, tokens.min()), max(1_048_576, tokens.max()), 100)
    axes.plot(line, line * seconds.sum() / tokens.sum(), linewidth=1, label="linear, at the mean rate")
    axes.plot(line, direct_seconds(line), "--", color="gray", label="direct prompting, computed:\n7.6B model, 150 TFLOP/s accelerator")
    axes.plot(line, 2 * LAYERS * WIDTH * line**2 / SUSTAINED, ":", color="gray", label="its quadratic part, computed")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("context, tokens")
    axes.set_ylabel("seconds")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure


def reliability(pyplot, results):
    """Share of evidence among tokens of a score, by instruction; the diagonal is a calibrated model."""
    figure, axes = pyplot.subplots(figsize=(4.8, 4.6))
    for preset in sorted({result["preset"] for result in results}):
        tokens, evidence, scores = np.sum([result["reliability"] for result in results if result["preset"] == preset], axis=0)
        enough = tokens >= 30
        axes.plot(scores[enough] / tokens[enough], evidence[enough] / tokens[enough], marker="o", markersize=4, label=preset)
    axes.plot([0, 1], [0, 1], color="gray", linewidth=1)
    axes.set_xlim(0, SCORE_BINS[-2] + 0.1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("score of a token")
    axes.set_ylabel("share that is evidence")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    return figure
