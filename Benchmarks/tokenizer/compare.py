#!/usr/bin/env python3
"""Times `cprs tokenize` against Hugging Face tokenizers on the same files, after checking that the ids agree.

Usage: compare.py --model DIR [--repeats N] [--command "cprs tokenize"] FILE...

Both encode the whole file at once, with offsets, on one thread; the two take turns within one run, so that whatever
else the machine does hits both. Prints a table of MB/s (medians) and their ratio; exit code 1 if ids differ.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
import tokenizers  # noqa: E402  (reads the variables above)


def ours(command, arguments):
    result = subprocess.run([*command, *arguments], capture_output=True, check=True)
    return json.loads(result.stdout)


def ids_of(command, model, path):
    """The ids of a whole file: `--ids` prints them as one JSON array."""
    return ours(command, ["--ids", "--special-tokens", "--model", model, path])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder with tokenizer.json")
    parser.add_argument("--repeats", type=int, default=5, help="rounds; each times both sides once")
    parser.add_argument("--command", default="cprs tokenize")
    parser.add_argument("--skip-ids", action="store_true", help="compare the number of tokens only")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    command = arguments.command.split()
    reference = tokenizers.Tokenizer.from_file(os.path.join(arguments.model, "tokenizer.json"))
    print(f"tokenizers {tokenizers.__version__}, {arguments.repeats} rounds, one thread")
    print(f"{'file':<24} {'MB':>7} {'tokens':>9} {'ours MB/s':>10} {'HF MB/s':>9} {'ratio':>6}")
    equal = True
    for path in arguments.files:
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        megabytes = len(text.encode()) / 1e6
        ids = reference.encode(text, add_special_tokens=False).ids
        mine, theirs = [], []
        for _ in range(arguments.repeats):
            result = ours(command, ["--bench", "3", "--model", arguments.model, path])
            mine.append(result["median_seconds"])
            start = time.perf_counter()
            reference.encode(text, add_special_tokens=False)
            theirs.append(time.perf_counter() - start)
        agree = result["tokens"] == len(ids)
        if not arguments.skip_ids:
            agree = agree and ids_of(command, arguments.model, path) == ids
        equal = equal and agree
        fast, slow = megabytes / statistics.median(mine), megabytes / statistics.median(theirs)
        print(f"{os.path.basename(path):<24} {megabytes:7.2f} {len(ids):9} {fast:10.1f} {slow:9.1f} {fast / slow:6.1f}"
              + ("" if agree else "  TOKENS DIFFER"), flush=True)
    sys.exit(0 if equal else 1)


main()
