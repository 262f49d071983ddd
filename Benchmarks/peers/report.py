"""The table and the description of the machine that run.py prints and writes."""

import datetime
import platform
import statistics


def cpu_name():
    """The processor as /proc/cpuinfo names it."""
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith(("model name", "CPU part")):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def cpu_features():
    wanted = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "asimddp", "i8mm", "bf16")
    try:
        with open("/proc/cpuinfo") as file:
            flags = next(line for line in file if line.startswith(("flags", "Features"))).split()
    except (OSError, StopIteration):
        return []
    return [feature for feature in wanted if feature in flags]


def machine(threads):
    with open("/proc/loadavg") as file:
        load = file.read().split()[0]
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"), "cpu": cpu_name(),
        "features": cpu_features(), "threads": threads, "system": platform.platform(), "load_at_start": float(load),
    }


def rate(tokens, seconds):
    return tokens / statistics.median(seconds)


def best_peer(times, window):
    """The fastest llama.cpp at this window: (name, tokens per second), or None if it was not measured."""
    rates = {name: rate(window, runs[window]) for name, runs in times.items()
             if name.startswith("llama.cpp") and runs.get(window)}
    name = max(rates, key=rates.get, default=None)
    return None if name is None else (name, rates[name])


def speed_table(times, windows):
    """Markdown: tokens per second and their ratio to the best of llama.cpp, one row an engine."""
    lines = ["| Engine | " + " | ".join(f"{window} tokens" for window in windows) + " |"]
    lines.append("| --- |" + " --- |" * len(windows))
    for name, runs in times.items():
        cells = []
        for window in windows:
            if not runs.get(window):
                cells.append("–")
                continue
            here, best = rate(window, runs[window]), best_peer(times, window)
            ratio = "" if best is None else f", {here / best[1]:.2f}x"
            cells.append(f"{here:.0f}{ratio} ({len(runs[window])})")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append("")
    lines.append("Tokens per second (median), ratio to the best of llama.cpp at that window, (runs).")
    return "\n".join(lines)


def stage_table(ours):
    """Markdown: where our runs spent their time and how near they came to the machine's limits."""
    lines = ["| Ours | window | peak | own products | qkv | attention | mlp | head | wait |", "| --- |" + " --- |" * 8]
    for engine in ours:
        for window, reports in engine.reports.items():
            def median(value):
                return statistics.median(value(report) for report in reports)

            peak = "–" if reports[0]["peak"] is None else f"{100 * median(lambda r: r['peak_fraction']):.0f}%"
            cells = [f"{100 * median(lambda r, s=stage: r['stages'][s]):.1f}%" for stage in reports[0]["stages"]]
            products = f"{100 * median(lambda r: r['gemm_fraction']):.0f}%"
            lines.append(f"| {engine.name} | {window} | {peak} | {products} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def gemm_table(rows):
    """Markdown: our products against oneDNN's, and the sum weighted by operations."""
    lines = ["| Product | shape | ours GOP/s | oneDNN GOP/s | ratio |", "| --- | --- | --- | --- | --- |"]
    for precision in dict.fromkeys(row["precision"] for row in rows):
        chosen = [row for row in rows if row["precision"] == precision]
        work = sum(row["work"] for row in chosen)
        ours = work / sum(row["work"] / row["ours"] for row in chosen)
        theirs = work / sum(row["work"] / row["onednn"] for row in chosen)
        for row in chosen:
            shape = f"{row['outputs']} x {row['inputs']}"
            lines.append(f"| {precision} {row['shape']} | {shape} | {row['ours']:.0f} | {row['onednn']:.0f} | "
                         f"{row['ours'] / row['onednn']:.2f} |")
        lines.append(f"| **{precision}, all** | | {ours:.0f} | {theirs:.0f} | **{ours / theirs:.2f}** |")
    return "\n".join(lines)


def error_table(errors):
    lines = ["| Engine | relative error | allowed |", "| --- | --- | --- |"]
    lines += [f"| {name} | {error:.2e} | {limit} |" for name, (error, limit) in errors.items()]
    return "\n".join(lines) + "\n\nAgainst PyTorch fp32: label logits of all tokens (ours), else the last token's LM logits."
