"""The engines that run.py compares: ours is started once for each measurement, the peers are workers that stay."""

import json
import os
import struct
import subprocess


class Worker:
    """A peer that is given one command a line and answers each with one line; see worker_torch.py, worker_llama.py."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = self.answer()

    def ask(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended with status {self.process.wait()}")
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


class Torch(Worker):
    def __init__(self, python, folder, model, precision, threads):
        script = os.path.join(folder, "worker_torch.py")
        super().__init__(f"PyTorch {precision}", [python, script, model + "/hf", precision, str(threads)])

    def seconds(self, tokens):
        return self.ask(do="time", tokens=tokens)["seconds"]

    def outputs(self, ids, prefix):
        self.ask(do="outputs", ids=ids, into=prefix)
        return {"labels": floats(prefix + ".labels"), "last": floats(prefix + ".last")}


class Llama(Worker):
    # (tokens in a batch, flash attention) of the settings that are tried; 512 without is llama-bench's default.
    SETTINGS = [(512, True), (512, False), (2048, True), (2048, False)]

    def __init__(self, python, folder, model, kind, threads):
        script = os.path.join(folder, "worker_llama.py")
        super().__init__(f"llama.cpp {kind.upper()}", [python, script, f"{model}/{kind}.gguf", str(threads)])
        self.setting = self.SETTINGS[0]

    def seconds(self, tokens):
        batch, flash = self.setting
        return self.ask(do="time", tokens=tokens, batch=batch, flash=flash)["seconds"]

    def outputs(self, ids, prefix):
        self.ask(do="outputs", ids=ids, into=prefix)
        return {"last": floats(prefix + ".last")}


class Ours:
    """`cprs bench`: one process a measurement, whose start and packing are not counted."""

    def __init__(self, cprs, model, precision, threads):
        self.name = f"ours {precision}"
        self.command = [cprs, "bench", "--json", "--runs", "1", "--model", model, "--precision", precision]
        self.command += ["--threads", str(threads)]
        self.about = {}
        self.reports = {}  # by tokens: what each run printed

    def run(self, *options):
        finished = subprocess.run([*self.command, *options], stdout=subprocess.PIPE, text=True)
        if finished.returncode != 0:
            raise SystemExit(f"{' '.join([*self.command, *options])} ended with status {finished.returncode}")
        return json.loads(finished.stdout)

    def seconds(self, tokens):
        report = self.run("--window", str(tokens))
        self.reports.setdefault(tokens, []).append(report)
        return tokens / report["tokens_per_second"]

    def outputs(self, ids, prefix):
        with open(prefix + ".ids", "w") as file:
            file.write(" ".join(map(str, ids)))
        self.run("--ids", prefix + ".ids", "--logits", prefix + ".labels")
        return {"labels": floats(prefix + ".labels")}

    def stop(self):
        pass


def floats(path):
    with open(path, "rb") as file:
        data = file.read()
    return struct.unpack(f"<{len(data) // 4}f", data)


def relative_error(values, reference):
    """||values - reference|| / ||reference||; infinite for another number of values."""
    if len(values) != len(reference):
        return float("inf")
    difference = sum((a - b) ** 2 for a, b in zip(values, reference))
    return (difference / sum(b * b for b in reference)) ** 0.5
