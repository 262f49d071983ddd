"""What a default model has to reach, beside what was measured."""

import numpy as np

from .baselines import Baselines

BUDGET, GENEROUS = 1_200, 16_000
# (name, families, least recall of answers at the default threshold)
RECALL = (
    ("needles, 8 variants", "niah_", 0.995),
    ("needle in a haystack, grid", "grid", 1),
    ("pass key", "passkey", 1),
    ("number", "number", 1),
    ("key-value, one line", "kv", 0.99),
    ("key-value, by lines", "kv_lines", 0.99),
    ("variable tracking", "vt", 0.99),
)
LEAST_RATIO, LEAST_LEAD, MOST_KEPT = 100, 5, 0.01


def rows(results):
    """[[goal, wanted, measured, items, verdict]] of table cells; goals without items are left out."""
    made = [row for name, family, least in RECALL if (row := recall(results, name, family, least))]
    needles = belonging(results, "niah_")
    if needles:
        ratio = sum(result["input_tokens"] for result in needles) / max(1, sum(result["systems"]["cprs@default"]["kept"] for result in needles))
        made.insert(1, cells("needles, compression", f"≥ {LEAST_RATIO}x", f"{ratio:.0f}x", len(needles), ratio >= LEAST_RATIO))
    for family in ("squad", "hotpot"):
        for length in sorted({result["length"] for result in belonging(results, family)}):
            group = [result for result in belonging(results, family) if result["length"] == length and result["answers"]]
            name = f"{family} {length // 1024}K, answers in {BUDGET:,} tokens"
            made += [lead(group, f"{name}, beside the same", BUDGET, LEAST_LEAD), lead(group, f"{name}, beside {GENEROUS:,}", GENEROUS, 0)]
    absent = [result for result in results if not result["gold_tokens"]]
    if absent:
        kept = sum(result["systems"]["cprs@default"]["kept"] for result in absent) / sum(result["input_tokens"] for result in absent)
        made.append(cells("no evidence, tokens kept", f"≤ {MOST_KEPT:.0%}", f"{kept:.2%}", len(absent), kept <= MOST_KEPT))
    return [row for row in made if row]


def belonging(results, family):
    return [result for result in results if result["family"] == family or family.endswith("_") and result["family"].startswith(family)]


def recall(results, name, family, least):
    found = [result["systems"]["cprs@default"]["answer"] for result in belonging(results, family)]
    return cells(name, f"≥ {100 * least:g}%", f"{100 * np.mean(found):.1f}%", len(found), np.mean(found) >= least) if found else None


def lead(group, name, budget, least):
    """Points of answer recall ahead of the best baseline, over the items that both were run on."""
    system = f"cprs@b{BUDGET}"
    best = None
    for baseline in Baselines.NAMES:
        both = [result["systems"] for result in group if f"{baseline}@b{budget}" in result["systems"] and system in result["systems"]]
        if both:
            own, other = (100 * np.mean([systems[which]["answer"] for systems in both]) for which in (system, f"{baseline}@b{budget}"))
            if best is None or other > best[1]:
                best = own, other, baseline, len(both)
    if best is None:
        return None
    own, other, baseline, items = best
    return cells(name, f"≥ best baseline + {least}", f"{own:.1f} against {other:.1f} ({baseline})", items, own - other >= least)


def cells(name, wanted, measured, items, reached):
    return [name, wanted, measured, str(items), "yes" if reached else "no"]
