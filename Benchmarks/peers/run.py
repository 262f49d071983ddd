#!/usr/bin/env python3
"""Compares cprs with PyTorch, llama.cpp and oneDNN on the same random 0.5B checkpoint, in one go.

    swift build -c release --product cprs
    python3 Benchmarks/peers/run.py

The first run makes a virtual environment with the peers (requirements.txt; llama.cpp is compiled for this processor) and
the checkpoint in every format; both stay in --folder. Then it checks that all engines compute the same network, times
them in turns, so that all see the same machine, prints a table and writes it with every single time to
Benchmarks/Runs/<date>-<cpu>/. Nothing else should run on the machine meanwhile. Exit code 1 if outputs disagree.

What is timed: one causal pass over a window of new tokens, an empty cache, final states. llama.cpp computes LM logits of the
last token, as llama-bench does; cprs computes its label logits of every token; PyTorch no logits. Of llama.cpp the best of
BF16, Q8_0 and Q4_0, batches of 512 and 2048, with and without flash attention counts: the batch and flash attention are
chosen with BF16 at the shortest and the middle window, and for longer ones extrapolated with time = a n + b n².
"""

import argparse
import json
import os
import subprocess
import sys
import time

from engines import Llama, Ours, Torch, relative_error
import report

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# Largest relative error of each engine's outputs against PyTorch fp32 on random weights, which have no structure that
# would hide rounding: some twice of what was measured.
LIMITS = {
    "ours f32": 1e-5, "ours bf16": 0.03, "ours int8": 0.2, "PyTorch bf16": 0.06, "llama.cpp BF16": 0.03,
    "llama.cpp Q8_0": 0.1, "llama.cpp Q4_0": 1.0,
}
# Beyond this many tokens an engine that is no rival is timed once, and llama.cpp's slower formats not at all.
LONG = 2048


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default=os.path.join(ROOT, ".build", "peers"), help="venv and checkpoint, 5 GB")
    parser.add_argument("--cprs", default=os.path.join(ROOT, ".build", "release", "cprs"), help="the program to measure")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--windows", default="512,2048,8192", help="tokens, ascending (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="times each rival is timed (default: %(default)s)")
    parser.add_argument("--skip", default="", help="comma-separated: torch, llama, onednn, agreement")
    parser.add_argument("--system-packages", action="store_true", help="let the venv see torch of the system's Python")
    parser.add_argument("--output", help="folder for the results (default: Benchmarks/Runs/<date>-<cpu>)")
    return parser.parse_args()


def step(text):
    print(f"[{time.perf_counter() - STARTED:5.0f} s] {text}", file=sys.stderr, flush=True)


def call(*command, **options):
    if subprocess.run(command, **options).returncode != 0:
        sys.exit(f"failed: {' '.join(command)}")


def prepare(options, skip):
    """Makes what is missing; returns (python, model folder, oneDNN comparison or None)."""
    python, model = options.folder + "/bin/python", options.folder + "/model"
    if not os.path.exists(python):
        step(f"making a virtual environment in {options.folder}")
        call(sys.executable, "-m", "venv", *["--system-site-packages"] * options.system_packages, options.folder)
    packages = ["torch", "transformers", "safetensors"] + ["gguf", "llama_cpp"] * ("llama" not in skip)
    found = f"import importlib.util as u, sys; sys.exit(not all(map(u.find_spec, {packages})))"
    if subprocess.run([python, "-c", found]).returncode != 0:
        step("installing the peers; compiling llama.cpp takes 10 to 20 minutes on two cores")
        environment = dict(os.environ, CMAKE_ARGS="-DGGML_NATIVE=ON -DLLAMA_BUILD_EXAMPLES=OFF")
        call(python, "-m", "pip", "install", "-r", HERE + "/requirements.txt", env=environment)
    call(python, HERE + "/checkpoint.py", model, *["--no-gguf"] * ("llama" in skip))
    return python, model, None if "onednn" in skip else build_gemm(options.folder)


def build_gemm(folder):
    """Compiles gemm_onednn.cpp with our kernels: those with clang, as the package is."""
    kernels, objects = ROOT + "/Sources/CCPRSKernels", folder + "/kernels"
    os.makedirs(objects, exist_ok=True)
    sources = sorted(f"{kernels}/{name}" for name in os.listdir(kernels) if name.endswith(".c"))
    call("clang", "-O3", "-c", *sources, f"-I{kernels}/include", cwd=objects)
    compiled = [f"{objects}/{os.path.basename(source)[:-2]}.o" for source in sources]
    call("g++", "-O2", "-std=c++17", "-fopenmp", f"-I{kernels}/include", HERE + "/gemm_onednn.cpp", *compiled,
         "-ldnnl", "-lm", "-o", folder + "/gemm_onednn")
    return folder + "/gemm_onednn"


def agreement(engines, folder):
    """Relative error of each engine's outputs against PyTorch fp32, and what is allowed."""
    ids = [(index * 104729 + 17) % 150000 for index in range(512)]
    outputs = {engine.name: engine.outputs(ids, f"{folder}/outputs-{index}") for index, engine in enumerate(engines)}
    reference = outputs.pop("PyTorch fp32")
    errors = {}
    for name, values in outputs.items():
        kind = "labels" if name.startswith("ours") else "last"
        errors[name] = relative_error(values[kind], reference[kind]), LIMITS[name]
    return errors


def choose_settings(llama, windows):
    """The fastest llama.cpp setting for each window; see above for windows that are not tried."""
    tried = [window for window in windows if window <= LONG][:1] + [w for w in windows if w <= LONG][1:][-1:]
    tried = tried or windows[:1]
    times = {}
    for setting in Llama.SETTINGS:
        llama.setting = setting
        times[setting] = {window: llama.seconds(window) for window in tried}
        step(f"llama.cpp batch {setting[0]}, flash attention {setting[1]}: {times[setting]}")

    def expected(setting, window):
        if window in times[setting] or len(tried) < 2:
            return times[setting].get(window, times[setting][tried[-1]])
        (short, at_short), (middle, at_middle) = times[setting].items()
        square = (at_middle / middle - at_short / short) / (middle - short)
        return (at_short / short - square * short + square * window) * window

    return {window: min(Llama.SETTINGS, key=lambda setting: expected(setting, window)) for window in windows}


def measure(engines, windows, rounds, settings):
    """Seconds of every run: {engine: {window: [seconds]}}."""
    times = {engine.name: {window: [] for window in windows} for engine in engines}
    previous = None
    for window in windows:
        for turn in range(rounds):
            best = report.best_peer(times, window)
            for engine in engines:
                is_peer = isinstance(engine, Llama)
                if is_peer:
                    engine.setting = settings[window]
                rival = engine.name in ("ours int8", "ours bf16") or (is_peer and best and engine.name == best[0])
                if turn > 0 and not rival and (window > LONG or is_peer):
                    continue
                if is_peer and turn == 0 and window > LONG and previous:
                    before = report.rate(previous, times[engine.name][previous])
                    if before < 0.9 * report.best_peer(times, previous)[1]:
                        continue
                seconds = engine.seconds(window)
                times[engine.name][window].append(seconds)
                step(f"{engine.name}, {window} tokens: {window / seconds:.0f} tokens/s")
        previous = window
    return times


def main():
    options = arguments()
    skip, windows = set(filter(None, options.skip.split(","))), sorted(map(int, options.windows.split(",")))
    if unknown := skip - {"torch", "llama", "onednn", "agreement"}:
        sys.exit(f"--skip takes torch, llama, onednn and agreement (got {', '.join(sorted(unknown))})")
    if not os.access(options.cprs, os.X_OK):
        sys.exit(f"{options.cprs} is not there: swift build -c release --product cprs, or name another with --cprs")
    options.folder = os.path.abspath(options.folder)
    python, model, gemm = prepare(options, skip)
    machine = report.machine(options.threads)
    gemm_rows = []
    if gemm:
        step("products against oneDNN")
        printed = subprocess.run([gemm, "2048", str(options.threads), "9"], stdout=subprocess.PIPE, text=True, check=True)
        gemm_rows = [json.loads(line) for line in printed.stdout.splitlines()]
    ours = [Ours(options.cprs, model + "/hf", precision, options.threads) for precision in ("int8", "bf16", "f32")]
    engines = list(ours)
    if "llama" not in skip:
        engines += [Llama(python, HERE, model, kind, options.threads) for kind in ("bf16", "q8_0", "q4_0")]
    if "torch" not in skip:
        engines += [Torch(python, HERE, model, precision, options.threads) for precision in ("bf16", "fp32")]
    errors = {}
    if "agreement" not in skip and "torch" not in skip:
        step("do outputs agree?")
        errors = agreement(engines, options.folder)
        for engine in ours:
            engine.reports.clear()
    llama = next((engine for engine in engines if isinstance(engine, Llama)), None)
    settings = choose_settings(llama, windows) if llama else {}
    times = measure(engines, windows, options.rounds, settings)
    about = {engine.name: engine.about for engine in engines}
    for engine in engines:
        engine.stop()
    write(options, machine, windows, times, ours, gemm_rows, errors, settings, about)
    wrong = [name for name, (error, limit) in errors.items() if not error <= limit]
    if wrong:
        sys.exit(f"outputs disagree: {', '.join(wrong)}")


def write(options, machine, windows, times, ours, gemm_rows, errors, settings, about):
    """Prints the tables and writes peers.md and peers.json."""
    lines = ["# cprs and its peers, random 0.5B checkpoint", ""]
    lines.append(f"{machine['cpu']} ({', '.join(machine['features'])}), {machine['threads']} threads, {machine['date']}, "
                 f"load {machine['load_at_start']} at the start.")
    lines += ["", report.speed_table(times, windows), "", report.stage_table(ours)]
    if settings:
        chosen = [f"{window}: batches of {batch}, flash attention {'on' if flash else 'off'}"
                  for window, (batch, flash) in settings.items()]
        lines += ["", "llama.cpp's best settings: " + "; ".join(chosen) + "."]
    if gemm_rows:
        lines += ["", report.gemm_table(gemm_rows)]
    if errors:
        lines += ["", report.error_table(errors)]
    lines += ["", "Versions: " + "; ".join(f"{name} {facts['version']}" for name, facts in about.items() if facts) + "."]
    text = "\n".join(lines) + "\n"
    print(text)
    name = f"{machine['date'][:10]}-{'-'.join(machine['cpu'].lower().replace('(', ' ').replace(')', ' ').split())}"
    folder = options.output or os.path.join(ROOT, "Benchmarks", "Runs", name)
    os.makedirs(folder, exist_ok=True)
    with open(folder + "/peers.md", "w") as file:
        file.write(text)
    facts = {"machine": machine, "seconds": times, "gemm": gemm_rows, "errors": errors, "llama_settings": settings,
             "about": about, "ours": {engine.name: engine.reports for engine in ours}}
    with open(folder + "/peers.json", "w") as file:
        json.dump(facts, file, indent=1)
    step(f"written to {folder}")


STARTED = time.perf_counter()
if __name__ == "__main__":
    main()
