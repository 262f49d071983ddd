"""Training curves and a reliability diagram: tables always, pictures where matplotlib is installed."""

import json
from pathlib import Path


def read_log(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def log_table(rows, lines=20):
    """About so many lines: the means of consecutive reports."""
    rows = [row for row in rows if "label_loss" in row]
    stride = max(1, len(rows) // lines)
    names = ("label_loss", "tag_loss", "precision", "recall")
    out = ["tokens " + " ".join(names)]
    for first in range(0, len(rows), stride):
        group = rows[first : first + stride]
        means = [sum(row[name] for row in group) / len(group) for name in names]
        out.append(f"{group[-1]['tokens']:9d} " + " ".join(f"{mean:.3f}" for mean in means))
    return "\n".join(out)


def reliability_table(rows):
    out = ["from to tokens predicted observed"]
    out += [f"{r['from']:.2f} {r['to']:.2f} {r['tokens']} {r['predicted']:.3f} {r['observed']:.3f}" for r in rows]
    return "\n".join(out)


def pyplot():
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    return plt


def draw_log(rows, path):
    plt = pyplot()
    if plt is None:
        return False
    rows = [row for row in rows if "label_loss" in row]
    tokens = [row["tokens"] / 1e6 for row in rows]
    figure, (losses, counts) = plt.subplots(1, 2, figsize=(10, 4))
    for axes, names in ((losses, ("label_loss", "tag_loss")), (counts, ("precision", "recall"))):
        for name in names:
            axes.plot(tokens, [row[name] for row in rows], label=name.replace("_", " "))
        axes.set_xlabel("million tokens")
        axes.legend()
    figure.tight_layout()
    figure.savefig(path)
    return True


def draw_reliability(rows, path):
    plt = pyplot()
    if plt is None:
        return False
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    axes.plot([row["predicted"] for row in rows], [row["observed"] for row in rows], marker="o")
    axes.set_xlabel("P(keep)")
    axes.set_ylabel("share of gold tokens")
    figure.tight_layout()
    figure.savefig(path)
    return True
