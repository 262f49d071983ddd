"""Figures of a run: kept in results.json, part by part, and written out as summary.md."""
import datetime
import json
import os
import platform
import re
import subprocess

ROOT = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def figure(what, value, unit="", wanted="", met=None, digits=0):
    """One row. `met` says whether the value is what was wanted; None where nothing was."""
    return {"what": what, "value": value, "unit": unit, "wanted": wanted, "met": met, "digits": digits}


def processor():
    """The processor as /proc/cpuinfo names it."""
    with open("/proc/cpuinfo") as file:
        match = re.search(r"model name\s*:\s*(.+)", file.read())
    return match.group(1) if match else platform.machine()


def machine():
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return {"processor": processor(), "cores": len(os.sched_getaffinity(0)), "system": platform.platform(),
            "python": platform.python_version(), "commit": commit.stdout.strip()}


def default_folder():
    name = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\(r\)|\(tm\)|cpu|processor", "", processor().lower())).strip("-")
    return os.path.join(ROOT, "Benchmarks", "Runs", f"{datetime.date.today()}-{name}", "daemon")


def stored(folder):
    """What an earlier call left there."""
    try:
        with open(os.path.join(folder, "results.json")) as file:
            return json.load(file)
    except FileNotFoundError:
        return {"parts": {}}


def store(folder, results):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "results.json"), "w") as file:
        json.dump(results, file, indent=1)
    with open(os.path.join(folder, "summary.md"), "w") as file:
        file.write(summary(results))


def text_of(row):
    value = f"{row['value']:,.{row['digits']}f}" if isinstance(row["value"], (int, float)) else row["value"]
    return f"{value} {row['unit']}".strip()


def summary(results):
    about = results["machine"]
    lines = ["# The daemon, measured", "",
             f"{about['processor']}, {about['cores']} cores, {about['system']}, Python {about['python']}; commit "
             f"{about['commit']}. Model: {results['model']}. Medians, unless a row says otherwise.", "",
             "| What | Figure | Wanted | Met |", "| --- | --- | --- | --- |"]
    for part in results["parts"].values():
        for row in part["rows"]:
            met = {True: "yes", False: "**no**", None: ""}[row["met"]]
            lines.append(f"| {row['what']} | {text_of(row)} | {row['wanted']} | {met} |")
    lines += ["", "Measured at (UTC), with the load average of the minute before: " + "; ".join(
        f"{name} {part['at']}, {part['load']:.2f}" for name, part in results["parts"].items()) + "."]
    lines += [f"{name}: {part['note']}" for name, part in results["parts"].items() if part["note"]]
    return "\n".join(lines) + "\n"
