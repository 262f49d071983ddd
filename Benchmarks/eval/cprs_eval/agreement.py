"""Whether a model decides the same in another precision, or as another file: share of the tokens kept or dropped alike.

    python -m cprs_eval.agreement --model DIR                        # f32 against bf16 and int8, packed in memory
    python -m cprs_eval.agreement --model DIR --against a.cprs b.cprs

The items are those of `Training/cprs_training/heldout.py`: questions of the evaluation split, each over a text of about 12,000
characters. Every item is scored once by every model; the selections are cut from the same scores, at the default threshold.
"""

import argparse
import os
import sys
from dataclasses import replace

import numpy as np

from .__main__ import REPOSITORY
from .daemon import Client, Daemon
from .item import Item
from .measure import KEPT_SHARE
from .tokens import Context

sys.path.append(str(REPOSITORY / "Training"))
from cprs_training import heldout  # noqa: E402

# Items of each family.
ITEMS = {"squad": 80, "hotpot": 40, "selqa": 40, "policy": 10, "zh": 20, "ja": 20, "cuad": 10, "needle": 12, "passkey": 6, "pair": 12, "chain": 12}
# What is selected from the same scores: unit, and further fields of a Selection.
SELECTIONS = {
    "the preset's unit": ("", {}),
    "sentence, critic alone": ("sentence", {"match_words": False}),
    "token": ("token", {}),
}


def items(corpus, scale):
    counts = {family: max(1, round(count * scale)) for family, count in ITEMS.items()}
    for index, found in enumerate(heldout.build(corpus, counts)):
        yield Item(str(index), found.family, 0, found.task, found.query, found.text, found.gold, [], found.lang)


def decisions(arguments, model, precision):
    """-> for each item, the scores [tokens], the masks [selections][tokens] of what is kept, and the gold token ranges."""
    if precision:
        os.environ["CPRSD_PRECISION"] = precision
    else:
        os.environ.pop("CPRSD_PRECISION", None)
    results = []
    with Daemon(arguments.cprsd, model, arguments.threads) as daemon:
        client = Client(daemon.socket, REPOSITORY / "Protos")
        for item in items(arguments.corpus, arguments.scale):
            scored = client.score(item)
            context = Context(item.text, scored.starts)
            masks = [context.mask(client.cut(replace(item, granularity=unit), scored, **fields)) for unit, fields in SELECTIONS.values()]
            results.append((scored.scores, masks, context.characters_to_tokens(item.gold)))
    return results


def recall(results, selection):
    """Percent of the evidence spans of which at least 90% of the tokens are kept."""
    return 100 * np.mean([masks[selection][a:b].mean() >= KEPT_SHARE for _, masks, gold in results for a, b in gold if b > a])


def compare(name, expected, found):
    scores = np.concatenate([row[0] for row in expected]), np.concatenate([row[0] for row in found])
    difference = np.abs(scores[0] - scores[1])
    print(f"{name}: {len(difference):,} tokens, score differs by {difference.mean():.5f} in the mean, {difference.max():.3f} at most")
    for index, selection in enumerate(SELECTIONS):
        kept = [np.concatenate([masks[index] for _, masks, _ in results]) for results in (expected, found)]
        print(
            f"  {selection:23} alike {100 * np.mean(kept[0] == kept[1]):.3f}%, kept {100 * kept[0].mean():.2f}% and {100 * kept[1].mean():.2f}%, "
            f"evidence {recall(expected, index):.2f}% and {recall(found, index):.2f}%"
        )


def main():
    parser = argparse.ArgumentParser(prog="cprs_eval.agreement", formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__)
    parser.add_argument("--model", metavar="DIR", required=True, help="model folder, scored in f32: what the others are compared with")
    parser.add_argument("--against", metavar="PATH", nargs="*", default=[], help="packed files or folders (default: the folder in bf16 and int8)")
    parser.add_argument("--cprsd", metavar="PATH", default=REPOSITORY / ".build/release/cprsd", help="binary to start (default: the repository's release build)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="compute threads (default: all cores)")
    parser.add_argument("--corpus", metavar="DIR", default=REPOSITORY / "../shared/data/corpus", help="folder that holds eval/ and train/")
    parser.add_argument("--scale", type=float, default=1, metavar="N", help="N times as many items of each family (default 1: 262 items, 0.8M tokens)")
    arguments = parser.parse_args()
    expected = decisions(arguments, arguments.model, "f32")
    for path in arguments.against:
        compare(path, expected, decisions(arguments, path, ""))
    for precision in [] if arguments.against else ["bf16", "int8"]:
        compare(precision, expected, decisions(arguments, arguments.model, precision))


if __name__ == "__main__":
    main()
