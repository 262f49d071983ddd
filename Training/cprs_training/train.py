"""The training loop: both heads together, resumable at any checkpoint, one JSON line of log per report."""

import json
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from . import evaluate
from .critic import OUTSIDE, TokenCritic
from .prompts import OUTSIDE_TAG, TAGS, tag_id
from .windows import IGNORED

SHORTEST_TEXT = 16


class Average:
    """Exponential moving average of the weights: what is evaluated and exported, so that no decay phase is needed."""

    def __init__(self, model, decay):
        self.decay, self.steps = decay, 0
        self.weights = {name: value.clone() for name, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model):
        self.steps += 1
        trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name in trained:
            self.weights[name].lerp_(model.get_parameter(name), 1 - decay)

    def model(self, config):
        model = TokenCritic(config)
        model.load_state_dict(self.weights)
        return model


class Trainer:
    def __init__(self, config, checkpoint, maker, tokenizer, folder):
        """checkpoint: {"config", "model"} from init, or a whole training state from `save`."""
        self.settings, self.maker, self.tokenizer = config["train"], maker, tokenizer
        self.seed, self.folder = config["seed"], Path(folder)
        self.model = TokenCritic(checkpoint["config"])
        self.model.load_state_dict(checkpoint["model"])
        self.freeze(self.settings["frozen_layers"])
        self.average = Average(self.model, self.settings["average_decay"])
        self.optimizer = torch.optim.AdamW(self.parameter_groups(), betas=(0.9, 0.98), weight_decay=0.0, fused=True)
        self.step, self.tokens = checkpoint.get("step", 0), checkpoint.get("tokens", 0)
        if "optimizer" in checkpoint:
            peaks = [group["peak"] for group in self.optimizer.param_groups]
            self.optimizer.load_state_dict(checkpoint["optimizer"])
            # The state brings the rates it was trained with; the configuration's hold.
            for group, peak in zip(self.optimizer.param_groups, peaks):
                group["peak"] = peak
            self.average.weights, self.average.steps = checkpoint["average"], self.step
        tags = [*TAGS, OUTSIDE_TAG]
        self.tag_ids = torch.tensor([tag_id(tokenizer, tag) for tag in tags])
        self.tag_index = {int(token): index for index, token in enumerate(self.tag_ids)}

    def freeze(self, layers):
        """Keeps the embedding and the lowest layers as they are: a short run then only learns to read the circuit's features."""
        frozen = [self.model.model.embed_tokens, *self.model.model.layers[:layers]] if layers else []
        for module in frozen:
            module.requires_grad_(False)

    def parameter_groups(self):
        """The embedding carries the codes the match heads rely on and moves slowly; the BIOE head only reads and moves fast."""
        settings, embedding = self.settings, self.model.model.embed_tokens.weight
        return [
            {"params": list(self.model.model.layers.parameters()), "peak": settings["learning_rate"]},
            {"params": [self.model.model.norm.weight], "peak": settings["learning_rate"]},
            {"params": list(self.model.cls_head.parameters()), "peak": settings["head_learning_rate"]},
            {"params": [embedding], "peak": settings["embedding_learning_rate"]},
        ]

    def batch(self):
        """ids, labels [B, T] and the index of each window's tag [B]; depends only on the seed and the step."""
        rng = random.Random(f"{self.seed}-{self.step}")
        torch.manual_seed(rng.randrange(2**31))
        self.maker.rng.seed(rng.random())
        lengths = self.settings["lengths"]
        length = int(rng.choices(list(lengths), list(lengths.values()))[0])
        rows = [self.taught_window(length) for _ in range(self.settings["tokens_per_step"] // length)]
        ids = torch.zeros(len(rows), length, dtype=torch.long)
        labels = torch.full((len(rows), length), IGNORED)
        for row, (row_ids, row_labels, _) in enumerate(rows):
            ids[row, : len(row_ids)] = torch.from_numpy(np.asarray(row_ids))
            labels[row, : len(row_labels)] = torch.from_numpy(np.asarray(row_labels))
        return ids, labels, torch.tensor([self.tag_index[tag] for _, _, tag in rows])

    def taught_window(self, length):
        """A window with at least a few tokens of text: a long prompt can fill a short window."""
        while True:
            window = self.maker.window(length)
            if (window[1] != IGNORED).sum() >= SHORTEST_TEXT:
                return window

    def losses(self, ids, labels, tags):
        """Both heads' losses and the decision's counts. Half of the outside tokens, drawn at random, teach nothing."""
        with torch.autocast(ids.device.type, dtype=torch.bfloat16):
            hidden, logits = self.model(ids)
            taught = (labels != IGNORED) & ((labels != OUTSIDE) | (torch.rand(labels.shape) < 0.5))
            tag_logits = self.model.tag_logits(hidden[taught], self.tag_ids)
        logits, tag_logits, target = logits[taught].float(), tag_logits.float(), labels[taught]
        weights = torch.tensor(self.settings["class_weights"])
        surprise = F.cross_entropy(logits, target, reduction="none")
        focus = (1 - torch.exp(-surprise)) ** self.settings["focal_gamma"]
        label_loss = (weights[target] * focus * surprise).sum() / weights[target].sum()
        tag_target = tags[:, None].expand_as(labels)[taught].clone()
        tag_target[target == OUTSIDE] = len(TAGS)
        tag_loss = F.cross_entropy(tag_logits, tag_target)
        kept, gold = logits.argmax(-1) != OUTSIDE, target != OUTSIDE
        counts = torch.stack([(kept & gold).sum(), kept.sum(), gold.sum(), torch.tensor(len(gold))])
        return label_loss, tag_loss, counts

    def advance(self):
        rate = min(1.0, (self.step + 1) / self.settings["warmup_steps"])
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * rate
        ids, labels, tags = self.batch()
        label_loss, tag_loss, counts = self.losses(ids, labels, tags)
        self.optimizer.zero_grad()
        (label_loss + self.settings["tag_loss"] * tag_loss).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.average.update(self.model)
        self.step += 1
        self.tokens += ids.numel()
        return torch.tensor([label_loss.item(), tag_loss.item()]), counts

    def save(self):
        """Writes the state to resume from, and the averaged weights under the step's own name."""
        state = {
            "config": self.model.config,
            "model": self.model.state_dict(),
            "average": self.average.weights,
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "tokens": self.tokens,
        }
        partial = self.folder / "last.pt.partial"
        torch.save(state, partial)
        partial.replace(self.folder / "last.pt")
        averaged = {"config": self.model.config, "model": self.average.weights, "step": self.step, "tokens": self.tokens}
        torch.save(averaged, self.folder / f"step-{self.step:06d}.pt")

    def log(self, record):
        with open(self.folder / "log.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps({"step": self.step, "tokens": self.tokens, **record}) + "\n")
        print(json.dumps({"step": self.step, **record}), flush=True)

    def run(self, minutes, pause_file=None, items=(), baselines=None):
        """Trains for so many minutes, a pause included. While `pause_file` exists, sleeps between two steps."""
        started, reported, saved = time.time(), time.time(), time.time()
        losses, counts, tokens, busy = torch.zeros(2), torch.zeros(4), 0, 0.0
        steps = 0
        while time.time() - started < 60 * minutes:
            while pause_file and Path(pause_file).exists():
                time.sleep(2)
            began = time.time()
            step_losses, step_counts = self.advance()
            losses, counts, steps = losses + step_losses, counts + step_counts, steps + 1
            busy += time.time() - began
            tokens += self.settings["tokens_per_step"]
            if time.time() - reported > self.settings["report_seconds"]:
                self.report(losses / steps, counts, tokens / busy)
                losses, counts, tokens, busy, steps = torch.zeros(2), torch.zeros(4), 0, 0.0, 0
                reported = time.time()
            if time.time() - saved > 60 * self.settings["checkpoint_minutes"]:
                self.checkpoint(items, baselines)
                saved = time.time()
        self.checkpoint(items, baselines)

    def report(self, losses, counts, speed):
        both, kept, gold, total = counts.tolist()
        self.log(
            {
                "label_loss": round(losses[0].item(), 4),
                "tag_loss": round(losses[1].item(), 4),
                "precision": round(both / max(1, kept), 3),
                "recall": round(both / max(1, gold), 3),
                "gold_share": round(gold / max(1, total), 3),
                "tokens_per_second": round(speed),
            }
        )

    def checkpoint(self, items, baselines):
        self.save()
        if items:
            model = self.average.model(self.model.config)
            window = model.config["cprs_window_tokens"]
            self.log({"held_out": evaluate.evaluate(model, self.tokenizer, items, window, baselines)})
