"""One command per step: tokenizer, data, init, train, export, evaluate. Each says what it reads and writes."""

import argparse
import json
from pathlib import Path

import torch

from . import circuit, corpus, decision, engine, evaluate, export, feedback, fuse, heldout, lexicon, plot, tokenizer, train, unpack
from .critic import TokenCritic
from .dataset import Dataset, build
from .prompts import MARKER_END, MARKER_START
from .windows import WindowMaker


def tokenizer_command(options, config):
    tokenizer.train(options.corpus, config["vocabulary"], config["seed"]).save(str(options.work / "tokenizer.json"))


def data_command(options, config):
    build(load_tokenizer(options), options.corpus, config["left_out"]).save(options.work / "dataset.pkl")


def init_command(options, config):
    bpe, model_config = load_tokenizer(options), model_configuration(config)
    if options.model:
        state = load_model(options.model).state_dict()
        torch.save({"config": model_config, "model": state}, options.work / "init.pt")
        return
    words = lexicon.build(
        bpe,
        Dataset.load(options.work / "dataset.pkl"),
        circuit.CODE,
        circuit.Layout(model_config["hidden_size"]).meaning_width,
        config["seed"],
    )
    markers = {"im_start": bpe.token_to_id(MARKER_START), "im_end": bpe.token_to_id(MARKER_END)}
    markers |= {role: bpe.encode(role).ids[0] for role in circuit.ROLES}
    model = TokenCritic(model_config)
    circuit.initialise(model, words, markers, config["seed"])
    torch.save({"config": model_config, "model": model.state_dict()}, options.work / "init.pt")


def train_command(options, config):
    folder = options.work / "checkpoints"
    folder.mkdir(exist_ok=True)
    last = folder / "last.pt"
    checkpoint = torch.load(last if last.exists() else options.work / "init.pt")
    words = corpus.word_list(options.corpus, "nouns"), corpus.word_list(options.corpus, "adjectives")
    bpe = load_tokenizer(options)
    maker = WindowMaker(bpe, Dataset.load(options.work / "dataset.pkl"), *words, config["windows"], config["seed"])
    trainer = train.Trainer(config, checkpoint, maker, bpe, folder)
    items = heldout.build(options.corpus, config["held_out"]["quick"]) if not options.no_evaluation else ()
    trainer.run(options.minutes, options.pause_file, items)


def export_command(options, config):
    bpe, model = load_tokenizer(options), blended(options)
    items = heldout.build(options.corpus, config["held_out"]["calibration"], seed=config["held_out"]["calibration_seed"])
    scale, shift = export.calibrate(model, bpe, items, model.config["cprs_window_tokens"])
    print(f"calibrated: logits x {scale:.3f}, outside bias {shift:+.3f}")
    answered = decision.score(model, bpe, items)
    rows = decision.thresholds(answered, decision.score(model, bpe, decision.without_evidence(items)))
    print("\n".join(json.dumps(row) for row in rows))
    model.config["cprs_threshold"] = decision.choose(rows)
    export.export(model, bpe, options.work / "tokenizer.json", options.out)
    if options.card:
        (options.out / "MODEL_CARD.md").write_bytes(options.card.read_bytes())


def reliability_command(options, config):
    items = heldout.build(options.corpus, config["held_out"][options.set])
    bpe, model = tokenizer.load(options.folder / "tokenizer.json"), load_model(options.folder)
    answered = decision.score(model, bpe, items)
    unanswered = decision.score(model, bpe, decision.without_evidence(items))
    record = {"thresholds": decision.thresholds(answered, unanswered), "reliability": decision.reliability(answered)}
    (options.work / "reliability.json").write_text(json.dumps(record, indent=1) + "\n")
    print("\n".join(json.dumps(row) for row in record["thresholds"]))
    print(plot.reliability_table(record["reliability"]))


def plot_command(options, config):
    rows = plot.read_log(options.work / "checkpoints" / "log.jsonl")
    print(plot.log_table(rows))
    drawn = plot.draw_log(rows, options.work / "training.svg")
    measured = options.work / "reliability.json"
    if measured.exists():
        bins = json.loads(measured.read_text())["reliability"]
        print(plot.reliability_table(bins))
        plot.draw_reliability(bins, options.work / "reliability.svg")
    print(f"pictures: {options.work}/*.svg" if drawn else "no pictures: matplotlib is not installed")


def unpack_command(options, config):
    unpack.unpack(options.model, options.tokenizer, options.out)


def fuse_command(options, config):
    bpe = tokenizer.load(options.model / "tokenizer.json")
    with engine.Engine(options.cprsd, options.model, options.threads) as scorer:
        fuse.fuse(scorer, bpe, options.corpus, options.model, options.items, options.lexicon)


def feedback_command(options, config):
    bpe = tokenizer.load(options.model / "tokenizer.json")
    with engine.Engine(options.cprsd, options.model, options.threads) as scorer:
        feedback.fit(scorer, bpe, options.corpus, options.model, options.items)


def evaluate_command(options, config):
    items = heldout.build(options.corpus, config["held_out"][options.set])
    baselines = evaluate.Baselines(options.work / "baselines.json") if options.baselines else None
    bpe = tokenizer.load(options.checkpoint / "tokenizer.json") if options.checkpoint.is_dir() else load_tokenizer(options)
    model = blended(options)
    window = options.window or model.config["cprs_window_tokens"]
    results = evaluate.evaluate(model, bpe, items, window, baselines)
    print(evaluate.table(results))
    record = {"checkpoint": str(options.checkpoint), "start_share": options.start_share, "set": options.set, "window": window, "results": results}
    with open(options.work / "evaluations.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(record) + "\n")


def load_tokenizer(options):
    return tokenizer.load(options.work / "tokenizer.json")


def load_model(path):
    """A checkpoint file of this package, or an exported folder."""
    if path.is_dir():
        from safetensors.torch import load_file

        config = json.loads((path / "config.json").read_text())
        state = {name: value.float() for name, value in load_file(path / "model.safetensors").items()}
    else:
        checkpoint = torch.load(path)
        config, state = checkpoint["config"], checkpoint["model"]
    model = TokenCritic(config)
    model.load_state_dict(state)
    return model


def blended(options):
    """The checkpoint, or a straight-line mixture of its weights with those of init.pt.

    After a short run the mixture keeps the start's exact matches and still has what the run learned.
    """
    model = load_model(options.checkpoint)
    if options.start_share:
        start = load_model(options.work / "init.pt").state_dict()
        mixed = {name: value.lerp(start[name], options.start_share) for name, value in model.state_dict().items()}
        model.load_state_dict(mixed)
    return model


def model_configuration(config):
    """The vocabulary is padded to a multiple of 16 rows."""
    return {"vocab_size": (config["vocabulary"] + 15) // 16 * 16, **config["model"]}


def parse():
    parser = argparse.ArgumentParser(prog="python -m cprs_training", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path(__file__).parent.parent / "configs" / "nano.json")
    parser.add_argument("--corpus", type=Path, required=True, help="folder with train/ and eval/")
    parser.add_argument("--work", type=Path, required=True, help="folder for data, checkpoints and logs")
    parser.add_argument("--threads", type=int, default=2)
    steps = parser.add_subparsers(dest="step", required=True)
    steps.add_parser("tokenizer", help="corpus -> tokenizer.json").set_defaults(run=tokenizer_command)
    steps.add_parser("data", help="corpus, tokenizer.json -> dataset.pkl").set_defaults(run=data_command)
    step = steps.add_parser("init", help="dataset.pkl -> init.pt")
    step.add_argument("--model", type=Path, help="exported or unpacked folder to go on from, in place of the informed start")
    step.set_defaults(run=init_command)
    step = steps.add_parser("train", help="init.pt or checkpoints/last.pt -> checkpoints/")
    step.add_argument("--minutes", type=float, required=True)
    step.add_argument("--pause-file", type=Path, help="sleep between two steps while this file exists")
    step.add_argument("--no-evaluation", action="store_true", help="no held-out figures at checkpoints")
    step.set_defaults(run=train_command)
    step = steps.add_parser("export", help="a checkpoint -> Hugging Face folder, calibrated")
    step.add_argument("--checkpoint", type=Path, required=True)
    step.add_argument("--start-share", type=float, default=0.0, help="share of init.pt in the weights, 0 to 1")
    step.add_argument("--out", type=Path, required=True)
    step.add_argument("--card", type=Path, help="model card to put into the folder")
    step.set_defaults(run=export_command)
    step = steps.add_parser("unpack", help="a packed bf16 model -> the Hugging Face folder it was made from")
    step.add_argument("--model", type=Path, default=unpack.SHIPPED, help="packed file (default: the model that ships)")
    step.add_argument("--tokenizer", type=Path, default=unpack.TOKENIZER, help="its tokenizer.json (default: the shipped model's)")
    step.add_argument("--out", type=Path, required=True)
    step.set_defaults(run=unpack_command)
    step = steps.add_parser("fuse", help="an exported folder gets cprs_lexicon.safetensors and cprs_lexical in its config")
    step.add_argument("--model", type=Path, required=True, help="folder that export wrote; its tokenizer.json is used")
    step.add_argument("--cprsd", type=Path, default=engine.REPOSITORY / ".build/release/cprsd", help="daemon that scores (default: the release build)")
    step.add_argument("--lexicon", type=Path, help="folder with the same tokenizer whose table of words is taken; counting one takes minutes")
    step.add_argument("--items", type=float, default=1.0, help="share of the items to fit on, above 0")
    step.set_defaults(run=fuse_command)
    step = steps.add_parser("feedback", help="a folder that fuse wrote gets cprs_lexical.feedback in its config, for budgets")
    step.add_argument("--model", type=Path, required=True, help="folder with cprs_lexicon.safetensors; its tokenizer.json is used")
    step.add_argument("--cprsd", type=Path, default=engine.REPOSITORY / ".build/release/cprsd", help="daemon that scores (default: the release build)")
    step.add_argument("--items", type=float, default=1.0, help="share of the questions to fit on, above 0")
    step.set_defaults(run=feedback_command)
    step = steps.add_parser("reliability", help="thresholds and calibration of an exported folder -> reliability.json")
    step.add_argument("--folder", type=Path, required=True)
    step.add_argument("--set", default="full", help="which item counts of the config: quick or full")
    step.set_defaults(run=reliability_command)
    steps.add_parser("plot", help="log.jsonl, reliability.json -> tables and pictures").set_defaults(run=plot_command)
    step = steps.add_parser("evaluate", help="held-out retrieval of a checkpoint or an exported folder")
    step.add_argument("--checkpoint", type=Path, required=True)
    step.add_argument("--start-share", type=float, default=0.0, help="share of init.pt in the weights, 0 to 1")
    step.add_argument("--set", default="full", help="which item counts of the config: quick or full")
    step.add_argument("--window", type=int, help="tokens per window, prompt included; default: the model's own")
    step.add_argument("--baselines", action="store_true", help="BM25 and MiniLM on the same items")
    step.set_defaults(run=evaluate_command)
    return parser.parse_args()


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    options.run(options, json.loads(options.config.read_text()))


if __name__ == "__main__":
    main()
