"""Command line of the evaluation."""

import argparse
import json
import platform
import re
import sys
import time
from contextlib import nullcontext
from datetime import date
from pathlib import Path

from . import plan, report
from .baselines import Baselines
from .corpus import Corpus
from .daemon import Client, Daemon
from .evaluate import evaluate

REPOSITORY = Path(__file__).resolve().parents[3]
EPILOG = """\
examples:
  python -m cprs_eval                                  a first look at the model that ships with cprs
  python -m cprs_eval --preset standard --model DIR    another model; the daemon is started and stopped
  python -m cprs_eval --socket /run/cprs/cprsd.sock    a daemon that runs already
  python -m cprs_eval --families squad,hotpot --lengths 32 --preset standard --out /tmp/qa
  python -m cprs_eval --report --out DIR               tables and plots of what DIR holds, nothing is computed

Results go to --out: items.jsonl (one line per item as it is done), results.json, summary.md, PNG plots.
Start the same command again and it goes on where it stopped. Items depend only on the corpus, the seed and the model's
tokenizer, so two models with the same tokenizer get the same items. README.md says what each figure means.

families: """ + ", ".join(plan.FAMILIES)


def arguments():
    parser = argparse.ArgumentParser(
        prog="cprs_eval", formatter_class=argparse.RawDescriptionHelpFormatter, epilog=EPILOG,
        description="Measure what a cprsd keeps: evidence recall, size, precision and speed, beside BM25, MiniLM and truncation.",
    )  # fmt: skip
    parser.add_argument("--preset", choices=plan.PRESETS, default="quick", help="how much: quick (minutes), standard (under an hour), full (hours); default quick")
    parser.add_argument("--cprsd", metavar="PATH", default=REPOSITORY / ".build/release/cprsd", help="binary to start (default: the repository's release build)")
    parser.add_argument("--model", metavar="DIR", help="model folder for the daemon that is started (default: the one that ships)")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="compute threads of daemon and embeddings (default: all cores)")
    parser.add_argument("--socket", metavar="PATH", help="use the daemon that listens there; start none")
    parser.add_argument("--corpus", metavar="DIR", default=REPOSITORY / "../shared/data/corpus", help="folder that holds eval/ and train/ (default: ../shared/data/corpus beside the repository)")
    parser.add_argument("--families", metavar="LIST", help="only these, by comma (default: all)")
    parser.add_argument("--lengths", metavar="LIST", help="only these context lengths, in units of 1,024 tokens, by comma; 0 is whole documents")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N items of each family and length")
    parser.add_argument("--minutes", type=float, metavar="M", help="start no item after M minutes; the report covers what is done")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="another draw of items (default 1)")
    parser.add_argument("--no-minilm", action="store_true", help="leave out the embedding baseline (needs torch, transformers)")
    parser.add_argument("--no-baselines", action="store_true", help="leave out all baselines")
    parser.add_argument("--out", metavar="DIR", help="where results go (default: Benchmarks/Runs/DATE-CPU/eval)")
    parser.add_argument("--report", action="store_true", help="only write tables and plots again from items.jsonl")
    return parser.parse_args()


def processor():
    """The CPU's name as a folder name."""
    try:
        name = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text()).group(1)
    except (OSError, AttributeError):
        name = platform.machine()
    return re.sub(r"[^a-z0-9]+", "-", re.sub(r"\(r\)|\(tm\)|cpu|processor", "", name.lower())).strip("-")


def folder(options):
    out = Path(options.out or REPOSITORY / "Benchmarks/Runs" / f"{date.today()}-{processor()}" / "eval")
    out.mkdir(parents=True, exist_ok=True)
    return out


def chosen(options):
    families = options.families.split(",") if options.families else list(plan.FAMILIES)
    unknown = [family for family in families if family not in plan.FAMILIES]
    if unknown:
        raise SystemExit(f"--families: {', '.join(unknown)} unknown; known are {', '.join(plan.FAMILIES)}")
    try:
        lengths = [int(length) * plan.KI for length in options.lengths.split(",")] if options.lengths else None
    except ValueError as error:
        raise SystemExit(f"--lengths {options.lengths}: expected whole numbers by comma, such as 4,32") from error
    return families, lengths


def about(options, client):
    info = client.info.model
    return {
        "model": info.name, "model_sha256": info.sha256, "seed": options.seed, "processor": processor(),
        "threads": options.threads or "all", "trained_window_tokens": info.trained_window_tokens,
    }  # fmt: skip


def resume(out, run):
    """Writes run.json, or checks that the folder's results are of the same model and seed -> ids of items that are done."""
    path = out / "run.json"
    if path.is_file():
        before = json.loads(path.read_text())
        for key in ("model_sha256", "seed"):
            if before[key] != run[key]:
                raise SystemExit(f"{path}: {key} is {before[key]}, this run's is {run[key]}; give another --out")
    path.write_text(json.dumps(run, indent=2) + "\n")
    return {result["id"] for result in report.read(out)}


def compute(options, out):
    families, lengths = chosen(options)
    corpus = Corpus(options.corpus)
    baselines = None
    if not options.no_baselines:
        minilm_tokens = None if options.no_minilm else plan.MINILM_TOKENS[options.preset]
        baselines = Baselines(minilm_tokens, options.threads)
    began = time.monotonic()
    daemon = nullcontext() if options.socket else Daemon(options.cprsd, options.model, options.threads)
    with daemon, open(out / "items.jsonl", "a", encoding="utf-8") as lines:
        client = Client(options.socket or daemon.socket, REPOSITORY / "Protos")
        done = resume(out, about(options, client))
        for item in plan.items(options.preset, families, corpus, client.count, options.seed, lengths, options.limit):
            if options.minutes and time.monotonic() - began > options.minutes * 60:
                print(f"{options.minutes} minutes are over; the rest is left out", file=sys.stderr)
                break
            if item.id not in done:
                result = evaluate(client, item, baselines)
                lines.write(json.dumps(result, ensure_ascii=False) + "\n")
                lines.flush()
                print(report.line(result), file=sys.stderr)
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)


def main():
    options = arguments()
    out = folder(options)
    if not options.report:
        compute(options, out)
    print(report.write(out))


if __name__ == "__main__":
    main()
