#!/usr/bin/env python3
"""Mixed load for an hour on one daemon; every answer is compared with the one that a client got who was alone.

Usage: soak.py --minutes 60 [--cprsd PATH] [--out FOLDER]

Several users at a time send requests of 1 B to 10 MB, streamed and in one message, with every preset and granularity, with
and without budgets, cut again afterwards; they cancel, disconnect, connect and say nothing, and send bad input of every kind.
Every five seconds the daemon's memory, descriptors, threads and latencies are noted. The run fails if an answer differs, if an
error was not provoked, or if the anonymous memory drifts by more than 2% after the warm-up.

What requests hold while they run goes up and down with them, so every few minutes the load rests: what runs is cancelled, and
when nothing runs any more the memory is noted. The warm-up ends when every request of the pool was served once, for then the
model has seen every prompt that it keeps, and a sixth of the time is over; the drift is the median of the last third of the
later rests against the median of their first third.

As root the users are different ones, and the daemon is not root's peer alone. Needs grpcio and grpcio-tools; with matplotlib it
also draws.
"""
import argparse
import csv
import json
import os
import queue
import random
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

import harness
import load
from load import Code, grpc

POOL_SEED = 20261124
SMALL_BYTES = 4000
PERIOD = 5
REST_EVERY = 360
MOST_DRIFT = 0.02
FIRST_USER = 30001
# The share of requests of each kind of bad input, and of each way to break off.
SHARE_OF_EACH_BAD = 0.05
SHARE_OF_EACH_BREAK = 0.05


class Pause:
    """While one of some files exists, nothing is sent."""

    def __init__(self, *paths):
        self.paths = [path for path in paths if path]

    @property
    def holds(self):
        return any(os.path.exists(path) for path in self.paths)

    def wait(self):
        """Whether it waited."""
        held = False
        while self.holds:
            held = True
            time.sleep(0.5)
        return held


class Worker:
    """One stream of requests of one user; says one line for each that ended."""

    def __init__(self, options, number, requests):
        self.path = options.worker
        self.chance = random.Random(options.seed * 1000 + number)
        self.requests = requests
        self.order = list(range(len(requests)))
        random.Random(options.seed).shuffle(self.order)
        # All workers go through the pool in one order, each from a place of its own, so that it is soon served as a whole.
        self.next = number * len(requests) // options.streams_in_all
        self.pause = Pause(options.pause_file, options.rest_file)
        self.rest = Pause(options.rest_file)
        self.call = None
        self.was_rested = False
        self.channel = load.connect(self.path)
        self.stub = load.pb_grpc.ContextCompressorStub(self.channel)

    def cancel_for_rest(self):
        call = self.call
        if call is not None and self.rest.holds:
            self.was_rested = True
            call.cancel()

    def remember(self, call):
        self.call = call

    def run(self):
        while True:
            self.pause.wait()
            self.was_rested = False
            kind, action = self.draw()
            began = time.monotonic()
            was_held = []
            try:
                request, outcome = action(lambda: was_held.append(1) if self.pause.wait() else None)
            except grpc.RpcError as error:
                request, outcome = None, f"{kind}: {error.code()} {error.details()}"
                if self.was_rested and error.code() == Code.CANCELLED:
                    kind, outcome = "cancel for a rest", None
            except Exception as error:
                request, outcome = None, f"{kind}: {type(error).__name__} {error}"
            size = len(self.requests[request].text) if request is not None else None
            self.call = None
            say({
                "kind": kind, "request": request, "bytes": size, "failure": outcome,
                "seconds": None if was_held else time.monotonic() - began})

    def draw(self):
        point = self.chance.random()
        for name in load.BAD:
            point -= SHARE_OF_EACH_BAD
            if point < 0:
                return "bad: " + name, lambda hold: self.bad(name)
        for name, action in (("cancel", self.cancel), ("disconnect", self.disconnect), ("say nothing", self.silence)):
            point -= SHARE_OF_EACH_BREAK
            if point < 0:
                return name, action
        return "good", self.good

    def good(self, hold):
        self.next = (self.next + 1) % len(self.order)
        index = self.order[self.next]
        request = self.requests[index]
        if len(request.text) <= load.ONE_MESSAGE_BYTES and request.begin.include_text and self.chance.random() < 0.5:
            # The spans carry no text there, so this answer's digest is another one.
            answer = load.as_one_message(self.stub, request)
            return index, self.differs(index, answer.digest(), "one_message")
        answer = load.compress(self.stub, request, self.chance, retain=request.recut is not None, pause=hold,
                               on_call=self.remember)
        failure = self.differs(index, answer.digest(), "answer")
        if failure is None and request.recut is not None and answer.summary.recut_seconds > 0:
            again = load.recut(self.stub, request, answer.request_id)
            failure = self.differs(index, again.digest(), "recut_answer")
        return index, failure

    def differs(self, index, digest, what):
        expected = getattr(self.requests[index], what)
        return None if digest == expected else f"request {index}: another {what} than alone"

    def bad(self, name):
        send, codes = load.BAD[name]
        try:
            send(self.stub)
        except grpc.RpcError as error:
            return None, None if error.code() in codes else f"{name}: {error.code()} {error.details()}"
        return None, f"{name}: was accepted"

    def cancel(self, hold):
        timer = None

        def on_call(call):
            nonlocal timer
            self.remember(call)
            timer = threading.Timer(self.chance.random() / 2, call.cancel)
            timer.start()

        return self.broken(self.stub, on_call, lambda: timer.cancel())

    def disconnect(self, hold):
        channel = load.connect(self.path)
        timer = threading.Timer(self.chance.random() / 2, channel.close)
        timer.start()
        try:
            return self.broken(load.pb_grpc.ContextCompressorStub(channel), self.remember, timer.cancel)
        except ValueError:
            # grpc's word for a call on a channel that was closed already.
            return None, None
        finally:
            channel.close()

    def broken(self, stub, on_call, end):
        index = self.chance.randrange(len(self.requests))
        try:
            answer = load.compress(stub, self.requests[index], self.chance, on_call=on_call)
            return index, self.differs(index, answer.digest(), "answer")
        except grpc.RpcError as error:
            return None, None if error.code() == Code.CANCELLED else f"{error.code()} {error.details()}"
        finally:
            end()

    def silence(self, hold):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(self.path)
            peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[: self.chance.randrange(1, 25)])
            time.sleep(self.chance.random() / 10)
        return None, None


_saying = threading.Lock()


def say(line):
    with _saying:
        print(json.dumps(line), flush=True)


def work(options):
    """A process of one user."""
    requests = load.pool(options.pool, POOL_SEED, options.largest)
    for request, answers in zip(requests, json.load(open(options.answers))):
        request.answer, request.one_message, request.recut_answer = answers
    if os.geteuid() == 0:
        load.grpc_client.become(options.user)
    workers = [Worker(options, options.first_stream + index, requests) for index in range(options.streams)]
    threads = [threading.Thread(target=worker.run, daemon=True) for worker in workers]
    for thread in threads:
        thread.start()
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.2)
        for worker in workers:
            worker.cancel_for_rest()


def learn(options, pause):
    """The right answers, from a daemon that serves nobody else; or from a file of an earlier run."""
    requests = load.pool(options.pool, POOL_SEED, options.largest)
    chance = random.Random(1)
    answers = json.load(open(options.known_answers)) if options.known_answers else []
    began = time.monotonic()
    with harness.Daemon(options.cprsd, options.daemon_arguments, log_level="warning") as daemon:
        with load.connect(daemon.path) as channel:
            stub = load.pb_grpc.ContextCompressorStub(channel)
            for index, request in enumerate(requests[len(answers) :], len(answers)):
                pause.wait()
                load.learn(stub, request, chance)
                one = None
                if len(request.text) <= load.ONE_MESSAGE_BYTES and request.begin.include_text:
                    one = load.as_one_message(stub, request).digest()
                answers.append([request.answer, one, request.recut_answer])
                if index % 20 == 19:
                    harness.note(f"learnt {index + 1} of {len(requests)} answers, {time.monotonic() - began:.0f} s")
    size = sum(len(request.text) for request in requests)
    harness.note(f"{len(requests)} requests, {size} bytes, learnt in {time.monotonic() - began:.0f} s")
    return answers, requests


class Log:
    """What the workers say, and what the daemon looks like meanwhile."""

    def __init__(self, out):
        self.lines = queue.Queue()
        self.kinds = {}
        self.failures = []
        self.served = set()
        self.rows = []
        # Seconds and kB of anonymous memory when nothing ran.
        self.rests = []
        self.out = out

    def listen(self, process):
        for line in process.stdout:
            self.lines.put(json.loads(line))

    def take(self):
        """Latencies of the small requests that ended since the last call."""
        latencies = []
        while not self.lines.empty():
            line = self.lines.get()
            self.kinds[line["kind"]] = self.kinds.get(line["kind"], 0) + 1
            if line["failure"]:
                self.failures.append(line["failure"])
                harness.note("FAILURE " + line["failure"])
            if line["request"] is not None:
                self.served.add(line["request"])
                if line["kind"] == "good" and line["seconds"] is not None and line["bytes"] <= SMALL_BYTES:
                    latencies.append(line["seconds"])
        return latencies

    def write(self):
        with open(os.path.join(self.out, "samples.csv"), "w", newline="") as file:
            writer = csv.DictWriter(file, self.rows[0].keys(), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.rows)


def percentile(values, share):
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))] * 1000, 1) if values else ""


def rest(options, daemon, log, active):
    """Stops the load, waits until nothing runs, and notes the memory."""
    with open(options.rest_file, "w"), load.connect(daemon.path) as channel:
        stub = load.pb_grpc.ContextCompressorStub(channel)
        quiet = 0
        while quiet < 3:
            time.sleep(1)
            quiet = 0 if stub.GetStatus(load.pb.GetStatusRequest()).active_requests else quiet + 1
        log.rests.append((active, daemon.sample()["RssAnon"]))
    os.unlink(options.rest_file)


def soak(options, daemon, workers, pause):
    """Samples until the time is over, not counting pauses and rests."""
    log = Log(options.out)
    for worker in workers:
        threading.Thread(target=log.listen, args=(worker,), daemon=True).start()
    began = time.monotonic()
    active = 0.0
    rested = 0.0
    interrupted = []
    signal.signal(signal.SIGTERM, lambda *_: interrupted.append("ended early, by SIGTERM"))
    while active < options.minutes * 60:
        if interrupted:
            log.failures += interrupted
            break
        held = pause.holds
        time.sleep(PERIOD)
        if daemon.process.poll() is not None:
            log.failures.append(f"the daemon ended with {daemon.process.returncode}")
            break
        for worker in workers:
            if worker.poll() is not None:
                log.failures.append(f"a client ended with {worker.returncode}")
                return log
        held = held or pause.holds
        active += 0 if held else PERIOD
        latencies = log.take()
        figures = daemon.sample()
        log.rows.append({
            "seconds": round(time.monotonic() - began), "active_seconds": round(active), "paused": int(held),
            "anonymous_kb": figures["RssAnon"], "file_kb": figures["RssFile"], "descriptors": figures["fds"],
            "threads": figures["Threads"], "requests": sum(log.kinds.values()), "failures": len(log.failures),
            "small_p50_ms": percentile(latencies, 0.5), "small_p95_ms": percentile(latencies, 0.95),
            "served": len(log.served), "rest_anonymous_kb": ""})
        if active - rested >= min(REST_EVERY, options.minutes * 60 / 12):
            rested = active
            rest(options, daemon, log, active)
            log.rows[-1]["rest_anonymous_kb"] = log.rests[-1][1]
        if len(log.rows) % 12 == 0:
            log.write()
            harness.note(json.dumps(log.rows[-1]))
    log.write()
    return log


def verdict(options, log, requests):
    """Prints and writes the summary; whether the run passes."""
    lines = []
    passes = not log.failures
    if len(log.served) < options.pool:
        passes = False
        lines.append(f"only {len(log.served)} of {options.pool} requests were served")
    warm_seconds = max(
        options.minutes * 60 / 6,
        next(row["active_seconds"] for row in log.rows if row["served"] == log.rows[-1]["served"]))
    rests = [kilobytes for seconds, kilobytes in log.rests if seconds >= warm_seconds]
    third = len(rests) // 3
    if third == 0:
        passes = False
        lines.append("too short for a drift")
    else:
        first, last = statistics.median(rests[:third]), statistics.median(rests[-third:])
        drift = last / first - 1
        passes = passes and abs(drift) <= MOST_DRIFT
        lines.append(
            f"anonymous memory at rest: {first / 1024:.1f} MB, then {last / 1024:.1f} MB: drift {drift:+.2%} (limit 2%); "
            f"all rests from the first on: " + ", ".join(f"{kilobytes / 1024:.1f}" for _, kilobytes in log.rests))
    warm = [row for row in log.rows if row["active_seconds"] >= warm_seconds and not row["paused"]]
    for name in ("anonymous_kb", "file_kb", "descriptors", "threads"):
        values = [row[name] for row in warm]
        if values:
            lines.append(f"{name} under load: {min(values)} to {max(values)}, median {statistics.median(values):.0f}")
    for name in ("small_p50_ms", "small_p95_ms"):
        values = [row[name] for row in warm if row[name] != ""]
        if values:
            lines.append(f"{name} of {PERIOD} s intervals: median {statistics.median(values):.0f}, worst {max(values):.0f}")
    active = log.rows[-1]["active_seconds"] / 60
    sizes = sorted(len(request.text) for request in requests)
    head = [
        f"{active:.0f} minutes of load ({log.rows[-1]['seconds'] / 60:.0f} with pauses and rests), warm after {warm_seconds / 60:.1f}",
        f"pool: {len(requests)} requests of {sizes[0]} to {sizes[-1]} bytes, median {sizes[len(sizes) // 2]}",
        f"{options.users} users with {options.streams} streams each; {sum(log.kinds.values())} requests:"]
    head += [f"  {count:6} {kind}" for kind, count in sorted(log.kinds.items(), key=lambda item: -item[1])]
    lines = head + [f"failures: {len(log.failures)}"] + log.failures[:20] + lines + ["PASS" if passes else "FAIL"]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    with open(os.path.join(options.out, "summary.txt"), "w") as file:
        file.write(text)
    return passes


def draw(options, log):
    try:
        import matplotlib
        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        harness.note("no matplotlib, no plot")
        return
    figure, axes = plt.subplots(4, 1, figsize=(9, 9), sharex=True)
    minutes = [row["seconds"] / 60 for row in log.rows]
    points = [(m, row["rest_anonymous_kb"] / 1024) for m, row in zip(minutes, log.rows) if row["rest_anonymous_kb"] != ""]
    if points:
        axes[0].plot(*zip(*points), "o-", label="anonymous at rest", linewidth=1, markersize=3)
    for axis, names, unit in (
            (axes[0], ["anonymous_kb", "file_kb"], "MB"), (axes[1], ["descriptors", "threads"], "count"),
            (axes[2], ["small_p50_ms", "small_p95_ms"], "ms, requests of at most 4 kB"), (axes[3], ["requests"], "requests")):
        for name in names:
            scale = 1024 if name.endswith("_kb") else 1
            points = [(m, row[name] / scale) for m, row in zip(minutes, log.rows) if row[name] != ""]
            axis.plot(*zip(*points), label=name.removesuffix("_kb"), linewidth=1)
        axis.set_ylabel(unit)
        axis.set_ylim(bottom=0)
        axis.legend(loc="lower right")
        for minute, row in zip(minutes, log.rows):
            if row["paused"]:
                axis.axvspan(minute - PERIOD / 60, minute, color="0.9", linewidth=0)
    axes[2].set_yscale("log")
    axes[2].set_ylim(bottom=1)
    axes[3].set_xlabel("minutes (grey: paused)")
    figure.tight_layout()
    figure.savefig(os.path.join(options.out, "soak.png"), dpi=80)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--cprsd", default=harness.BINARY)
    parser.add_argument("--model", help="model of the daemon (default: the one that ships)")
    parser.add_argument("--users", type=int, default=3)
    parser.add_argument("--streams", type=int, default=2, help="of each user")
    parser.add_argument("--pool", type=int, default=200, help="distinct requests")
    parser.add_argument("--largest", type=int, default=10_000_000, help="bytes of the largest, which must be served between two rests")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pause-file", default="", help="nothing is sent while it exists; the end moves accordingly")
    parser.add_argument("--known-answers", default="", help="answers.json of an earlier run with the same pool and build")
    parser.add_argument("--out", default=".", help="folder of summary.txt, samples.csv and soak.png")
    for name, kind in (("worker", str), ("answers", str), ("rest-file", str), ("user", int), ("first-stream", int), ("streams-in-all", int)):
        parser.add_argument("--" + name, type=kind, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return work(options)
    options.daemon_arguments = ["--max-retained-bytes", str(1 << 20)]
    if options.model:
        options.daemon_arguments += ["--model", options.model]
    os.makedirs(options.out, exist_ok=True)
    pause = Pause(options.pause_file)
    answers, requests = learn(options, pause)
    with harness.Daemon(options.cprsd, options.daemon_arguments, log_level="warning") as daemon:
        answers_path = os.path.join(daemon.folder, "answers.json")
        with open(answers_path, "w") as file:
            json.dump(answers, file)
        options.rest_file = os.path.join(daemon.folder, "rest")
        arguments = [sys.executable, os.path.abspath(__file__), "--worker", daemon.path, "--answers", answers_path]
        for name in ("pool", "largest", "seed", "streams", "pause_file", "rest_file"):
            arguments += ["--" + name.replace("_", "-"), str(getattr(options, name))]
        workers = []
        for index in range(options.users):
            workers.append(subprocess.Popen(
                arguments + ["--user", str(FIRST_USER + index), "--first-stream", str(index * options.streams),
                             "--streams-in-all", str(options.users * options.streams)],
                stdout=subprocess.PIPE, text=True))
        try:
            log = soak(options, daemon, workers, pause)
        finally:
            for worker in workers:
                worker.kill()
                worker.wait()
        if daemon.process.poll() is None:
            daemon.signal(15)
            status = daemon.exit_status(60)
            if status != 0:
                log.failures.append(f"after SIGTERM the daemon ended with {status}")
        written = daemon.log.strip()
        if written:
            harness.note("the daemon logged:\n" + "\n".join(written.split("\n")[-20:]))
    draw(options, log)
    sys.exit(0 if verdict(options, log, requests) else 1)


if __name__ == "__main__":
    main()
