#!/usr/bin/env python3
"""Measures the daemon from outside, as README.md beside this file says, and writes one table."""
import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "Tests", "cprsdTests"))
import grpc_client as client  # noqa: E402
import report  # noqa: E402
from process import COMPUTE_THREADS, Daemon  # noqa: E402
from report import figure  # noqa: E402

pb, pb_grpc = client.pb, client.pb_grpc
STORY = open(os.path.join(ROOT, "Tests", "Fixtures", "a-scandal-in-bohemia.txt"), "rb").read()
QUERY = "What is in the photograph?"
DEFAULT_MODEL = os.path.join(ROOT, "Sources", "CPRSRuntime", "Resources", "default-model.cprs")
# `include_text` is off everywhere: as the clients that have the text do it.


def stub_of(daemon):
    channel = client.connect(daemon.path)
    return channel, pb_grpc.ContextCompressorStub(channel)


def request(stub, text):
    """One request; its summary."""
    for message in stub.Compress(client.parts(text, pb.Begin(query=QUERY), 1 << 16)):
        if message.WhichOneof("part") == "summary":
            return message.summary
    raise RuntimeError("a call ended without a summary")


def measure_start(options):
    """From the start of the process to READY=1."""
    times = []
    for _ in range(8):
        with Daemon(options.daemon, "--model", options.model) as daemon:
            times.append(daemon.seconds_to_ready * 1000)
    # The first start reads the file from disk.
    middle = statistics.median(times[1:])
    return [figure("start to READY", middle, "ms", "<= 300", middle <= 300)], {"start, ms": times}


def measure_idle(options):
    """What a daemon that has served a request takes while nobody asks anything."""
    with Daemon(options.daemon, "--model", options.model) as daemon:
        channel, stub = stub_of(daemon)
        request(stub, STORY)
        channel.close()
        time.sleep(2)
        before, used = daemon.wake_ups(), daemon.processor_seconds()
        time.sleep(options.idle_seconds)
        after, used = daemon.wake_ups(), daemon.processor_seconds() - used
        anonymous, file = daemon.memory()
    counts = {name: 0 for _, name in after}
    for thread, count in after.items():
        counts[thread[1]] += count - before.get(thread, 0)
    missing = [name for name in COMPUTE_THREADS if name not in counts]
    if missing:
        raise RuntimeError(f"no thread is called {missing}: {sorted(counts)}")
    compute = sum(counts[name] for name in COMPUTE_THREADS)
    span = f"idle for {options.idle_seconds} s"
    return [
        figure("idle, after a request: anonymous memory", anonymous / 1e6, "MB", "<= 60", anonymous <= 60e6, 1),
        figure("the same: mapped files in memory, the model's among them", file / 1e6, "MB", digits=1),
        figure(f"{span}: wake-ups of the compute threads", compute, "", "0", compute == 0),
        figure(f"{span}: wake-ups of all other threads", sum(counts.values()) - compute),
        figure(f"{span}: processor time", used * 1000, "ms"),
    ], {"wake_ups": counts, "anonymous": anonymous, "file": file}


def measure_small(options):
    """Round trips of 1 KB, with a Python client; part `swift` has the Swift client's."""
    total, rest, forward = [], [], []
    with Daemon(options.daemon, "--model", options.model) as daemon:
        channel, stub = stub_of(daemon)
        for _ in range(220):
            started = time.perf_counter()
            timings = request(stub, STORY[:1024]).timings
            milliseconds = (time.perf_counter() - started) * 1000
            total.append(milliseconds)
            rest.append(milliseconds - timings.scoring_us / 1000)
            parts = (timings.qkv_us, timings.attention_us, timings.mlp_us, timings.head_us, timings.wait_us)
            forward.append(sum(parts) / 1000)
        channel.close()
    rows = [figure("1 KB, Python client: round trip", statistics.median(total[20:]), "ms", digits=2),
            figure("the same without the time in the scheduler and the critic", statistics.median(rest[20:]), "ms", digits=2)]
    return rows, {"total_ms": total, "without_scoring_ms": rest, "forward_ms": forward}


def measure_swift(options):
    """What the Swift client sees; the figures are printed by MeasurementTests."""
    with Daemon(options.daemon, "--model", options.model) as daemon:
        output = subprocess.run(
            ["swift", "test", "-c", "release", "--skip-build", "--no-parallel", "--filter", "MeasurementTests"], cwd=ROOT,
            env=os.environ | {"CPRS_MEASURE": daemon.path}, capture_output=True, text=True)
    rows = [figure(**json.loads(line.removeprefix("figure "))) for line in output.stdout.splitlines()
            if line.startswith("figure ")]
    if output.returncode != 0 or not rows:
        raise RuntimeError("MeasurementTests failed:\n" + output.stdout[-2000:] + output.stderr[-2000:])
    return rows, {}


class PacedStream:
    """A context that is sent piece by piece, and what is known when its first decision comes.

    A sender that is ahead fills the connection's buffers, so once a window's worth is sent, it waits before each further
    piece until there is a decision: what was sent by then is what the decision needed.
    """

    def __init__(self, text, pause_after):
        self.text = text
        self.pause_after = pause_after
        self.sent = 0
        self.sent_at_decision = None
        self.is_decided = threading.Event()

    def messages(self):
        for message in client.parts(self.text, pb.Begin(query=QUERY), 1024):
            yield message
            self.sent += len(message.chunk.text)
            if self.sent > self.pause_after:
                self.is_decided.wait(1)

    def run(self, stub):
        """The summary."""
        summary = None
        for message in stub.Compress(self.messages()):
            kind = message.WhichOneof("part")
            if kind == "decisions" and message.decisions.final_bytes and not self.is_decided.is_set():
                self.sent_at_decision = self.sent
                self.is_decided.set()
            if kind == "summary":
                summary = message.summary
        return summary


def with_memory(daemon, work):
    """What `work` returns, how long it took, and the daemon's anonymous memory meanwhile."""
    samples, done = [], threading.Event()

    def sample():
        while not done.wait(0.25):
            samples.append(daemon.memory()[0])

    sampler = threading.Thread(target=sample)
    sampler.start()
    started = time.perf_counter()
    result = work()
    seconds = time.perf_counter() - started
    done.set()
    sampler.join()
    return result, seconds, samples


def measure_long(options):
    """Two streams of a million tokens, one after the other: memory, and when the first decision comes."""
    with Daemon(options.daemon, "--model", options.model) as daemon:
        channel, stub = stub_of(daemon)
        count = stub.CountTokens(pb.CountTokensRequest(text=STORY)).tokens
        window = stub.GetModelInfo(pb.GetModelInfoRequest()).model.trained_window_tokens
        window_bytes = window * len(STORY) / count
        streams = [PacedStream(STORY * -(-options.tokens // count), window_bytes) for _ in range(2)]
        runs = [with_memory(daemon, lambda: stream.run(stub)) for stream in streams]
        channel.close()
    summary, seconds, first = runs[0]
    second = runs[1][2]
    first = first[len(first) // 10 :]
    growth, again = (100 * (max(samples) / min(samples) - 1) for samples in (first, second))
    worth = max(stream.sent_at_decision for stream in streams) / window_bytes
    name = f"{summary.input_tokens / 1e6:.2f}M tokens in one stream"
    return [
        figure(f"{name}: speed", summary.input_tokens / seconds, "tokens/s"),
        figure(f"{name}: anonymous memory, most", max(first + second) / 1e6, "MB", digits=1),
        figure("the same: most over least, after a tenth, new daemon", f"+{growth:.1f}", "%", "flat within 5", growth <= 5),
        figure("the same: most over least, a second such stream", f"+{again:.1f}", "%", "flat within 5", again <= 5),
        figure(f"{name}: windows' worth sent at the first decision", worth, "", "< 2", worth < 2, 2),
    ], {"anonymous_bytes": [run[2] for run in runs], "seconds": [run[1] for run in runs],
        "sent_at_decision": [stream.sent_at_decision for stream in streams]}


def work(path, streams, seconds, user):
    """The part of one user: so many streams, again and again; prints tokens that were finished, and errors."""
    if user:
        client.become(user)
    channel = client.connect(path)
    stub = pb_grpc.ContextCompressorStub(channel)
    request(stub, STORY[:1000])
    tokens, errors = [0] * streams, []
    started = time.monotonic()
    end = started + seconds

    def run(index):
        while time.monotonic() < end and not errors:
            try:
                tokens[index] += request(stub, STORY[:9000]).input_tokens
            except Exception as error:
                errors.append(str(error))

    threads = [threading.Thread(target=run, args=(index,)) for index in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"speed": sum(tokens) / (time.monotonic() - started), "errors": errors[:3],
                      "least_stream": min(tokens)}))


def measure_users(options):
    """One stream alone, then 64 of four users at a time."""
    def start(daemon, streams, user):
        command = [sys.executable, os.path.abspath(__file__), "--work", daemon.path, streams, options.seconds, user]
        return subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE)

    def result(worker):
        output = worker.communicate()[0]
        if worker.returncode != 0:
            raise RuntimeError("a client of the measurement failed")
        return json.loads(output)

    is_root = os.geteuid() == 0
    with Daemon(options.daemon, "--model", options.model) as daemon:
        alone = result(start(daemon, 1, 0))
        workers = [start(daemon, 16, 54321 + index if is_root else 0) for index in range(4)]
        users = [result(worker) for worker in workers]
    speeds = [user["speed"] for user in users]
    who = "4 users" if is_root else "4 clients of one user (root can measure 4 users)"
    errors = sum(len(user["errors"]) for user in [*users, alone])
    total, slowest = sum(speeds) / alone["speed"], min(speeds) / statistics.mean(speeds)
    least = min(user["least_stream"] for user in users)
    name = f"64 streams of {who}"
    return [
        figure("one stream after another, 9 KB each", alone["speed"], "tokens/s"),
        figure(f"{name}: speed", sum(speeds), "tokens/s"),
        figure(f"{name}: speed over one stream's", total, "x", ">= 0.9", total >= 0.9, 2),
        figure(f"{name}: slowest user over the mean", slowest, "x", ">= 0.7", slowest >= 0.7, 2),
        figure(f"{name}: errors", errors, "", "0", errors == 0),
        figure(f"{name}: tokens of the slowest stream", least, "", "> 0", least > 0),
    ], {"alone": alone, "users": users}


PARTS = {"start": measure_start, "idle": measure_idle, "small": measure_small, "swift": measure_swift,
         "users": measure_users, "long": measure_long}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--daemon", default=os.path.join(ROOT, ".build", "release", "cprsd"), help="binary to measure")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="packed model (default: the one that ships)")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, by comma; results of the others stay as they are")
    parser.add_argument("--tokens", type=int, default=1_000_000, help="of the long stream")
    parser.add_argument("--seconds", type=float, default=20, help="of each of the two measurements with streams")
    parser.add_argument("--idle-seconds", type=int, default=30)
    parser.add_argument("--out", help="folder of the results (default: Benchmarks/Runs/<date>-<cpu>/daemon)")
    parser.add_argument("--note", default="", help="what a reader of these parts' figures must know about the conditions")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work[0], int(options.work[1]), float(options.work[2]), int(options.work[3]))
        return
    folder = options.out or report.default_folder()
    results = report.stored(folder)
    results["machine"] = report.machine()
    results["model"] = os.path.basename(options.model)
    for name in options.only.split(","):
        load = os.getloadavg()[0]
        rows, raw = PARTS[name](options)
        results["parts"][name] = {"at": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M}",
                                  "load": load, "note": options.note, "rows": rows, "raw": raw}
        results["parts"] = {part: results["parts"][part] for part in PARTS if part in results["parts"]}
        report.store(folder, results)
        for row in rows:
            print(f"{row['what']}: {report.text_of(row)}", f"(wanted {row['wanted']})" if row["wanted"] else "", flush=True)
    missed = [row["what"] for part in results["parts"].values() for row in part["rows"] if row["met"] is False]
    if missed:
        sys.exit("not met: " + "; ".join(missed))


if __name__ == "__main__":
    main()
