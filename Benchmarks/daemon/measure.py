#!/usr/bin/env python3
"""Measures the daemon from outside, as README.md beside this file says, and prints one table."""
import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "Tests", "cprsdTests"))
import grpc_client as client  # noqa: E402

pb, pb_grpc = client.pb, client.pb_grpc
STORY = open(os.path.join(ROOT, "Tests", "Fixtures", "a-scandal-in-bohemia.txt"), "rb").read()
QUERY = "What is in the photograph?"
# `include_text` is off everywhere: as the clients that have the text do it.


class Daemon:
    """A `cprsd` that has said READY."""

    def __init__(self, binary, *arguments):
        self.folder = tempfile.mkdtemp(prefix="cprs-measure-")
        os.chmod(self.folder, 0o755)
        self.path = self.folder + "/d.sock"
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(self.folder + "/notify")
        notify.settimeout(120)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CPRS")}
        environment["NOTIFY_SOCKET"] = self.folder + "/notify"
        self.log = open(self.folder + "/log", "wb")
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [binary, "--socket", self.path, "--socket-mode", "0666", "--log-level", "warning", *arguments],
            env=environment, stderr=self.log)
        while b"READY=1" not in notify.recv(4096):
            pass
        self.seconds_to_ready = time.perf_counter() - started

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        shutil.rmtree(self.folder)

    def anonymous_bytes(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("RssAnon"):
                return int(line.split()[1]) * 1024

    def switches(self):
        """Times that each kind of thread gave up its core, which is once for each time it woke up."""
        counts = {}
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            folder = f"/proc/{self.process.pid}/task/{task}"
            name = open(folder + "/comm").read().strip()
            for line in open(folder + "/status"):
                if line.startswith("voluntary"):
                    counts[name] = counts.get(name, 0) + int(line.split()[1])
        return counts


def request(stub, text, pieces=1 << 16, on_decision=None, sent=None, pause_after=0, decided=None, **fields):
    """One request; its summary."""

    def messages():
        for message in client.parts(text, pb.Begin(query=QUERY, **fields), pieces):
            yield message
            if sent is not None:
                sent[0] += len(message.chunk.text)
                # A sender that is ahead fills the connection's buffers: only one that waits shows what was needed.
                if sent[0] > pause_after and not decided.is_set():
                    decided.wait(2)

    summary = None
    for message in stub.Compress(messages()):
        if message.WhichOneof("part") == "decisions" and on_decision and message.decisions.final_bytes:
            on_decision()
            on_decision = None
        if message.WhichOneof("part") == "summary":
            summary = message.summary
    return summary


def stub_of(daemon):
    channel = client.connect(daemon.path)
    return channel, pb_grpc.ContextCompressorStub(channel)


def measure_start(binary, rows):
    times = []
    for _ in range(7):
        with Daemon(binary) as daemon:
            times.append(daemon.seconds_to_ready)
    rows.append(("start to READY, median of 7", f"{statistics.median(times) * 1000:.0f} ms", "<= 300 ms"))


def measure_idle(binary, rows):
    with Daemon(binary) as daemon:
        channel, stub = stub_of(daemon)
        request(stub, STORY)
        channel.close()
        time.sleep(2)
        before = daemon.switches()
        time.sleep(10)
        after = daemon.switches()
        compute = sum(after[name] - before.get(name, 0) for name in after if name.startswith("cprs"))
        others = sum(after.values()) - sum(before.values()) - compute
        rows.append(("idle: anonymous memory, after a request", f"{daemon.anonymous_bytes() / 1e6:.1f} MB", "<= 60 MB"))
        rows.append(("idle 10 s: wake-ups of compute threads", str(compute), "0"))
        rows.append(("idle 10 s: wake-ups of other threads", str(others), ""))


def measure_small(binary, rows):
    with Daemon(binary) as daemon:
        channel, stub = stub_of(daemon)
        total, rest = [], []
        for _ in range(200):
            started = time.perf_counter()
            summary = request(stub, STORY[:1024])
            seconds = time.perf_counter() - started
            total.append(seconds)
            rest.append(seconds - summary.timings.scoring_us / 1e6)
        channel.close()
        rows.append(("1 KB round trip, Python client, median of 200", f"{statistics.median(total) * 1000:.2f} ms", ""))
        rows.append(("the same without compute", f"{statistics.median(rest) * 1000:.2f} ms", "<= 2 ms (Swift client)"))


def measure_long(binary, rows, tokens):
    with Daemon(binary) as daemon:
        channel, stub = stub_of(daemon)
        count = stub.CountTokens(pb.CountTokensRequest(text=STORY)).tokens
        copies = -(-tokens // count)
        window = stub.GetModelInfo(pb.GetModelInfoRequest()).model.trained_window_tokens
        sent, first, samples, done = [0], [None], [], threading.Event()

        def sample():
            while not done.wait(0.25):
                samples.append(daemon.anonymous_bytes())

        is_decided = threading.Event()

        def decided():
            first[0] = sent[0]
            is_decided.set()

        sampler = threading.Thread(target=sample)
        sampler.start()
        started = time.perf_counter()
        summary = request(
            stub, STORY * copies, pieces=1024, on_decision=decided, sent=sent,
            pause_after=window * len(STORY) // count, decided=is_decided)
        seconds = time.perf_counter() - started
        done.set()
        sampler.join()
        channel.close()
        bytes_a_window = window * len(STORY) / count
        steady = samples[len(samples) // 10 :]
        name = f"{summary.input_tokens / 1e6:.2f}M tokens"
        rows.append((f"{name}: tokens/s", f"{summary.input_tokens / seconds:.0f}", ""))
        rows.append((f"{name}: anonymous memory, least and most after a tenth",
                     f"{min(steady) / 1e6:.1f} and {max(steady) / 1e6:.1f} MB "
                     f"(+{100 * (max(steady) / min(steady) - 1):.1f}%)", "flat within 5%"))
        rows.append((f"{name}: windows' worth sent at the first decision",
                     f"{first[0] / bytes_a_window:.2f} ({first[0]} bytes)", "< 2"))


def work(path, streams, seconds, user):
    """The part of one user: so many streams, again and again; prints tokens that were finished, and errors."""
    if user:
        client.become(user)
    channel = client.connect(path)
    stub = pb_grpc.ContextCompressorStub(channel)
    tokens, errors = [0] * streams, []
    end = time.monotonic() + seconds

    def run(index):
        while time.monotonic() < end and not errors:
            try:
                tokens[index] += request(stub, STORY[:9000]).input_tokens
            except Exception as error:
                errors.append(str(error))

    started = time.monotonic()
    threads = [threading.Thread(target=run, args=(index,)) for index in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"speed": sum(tokens) / (time.monotonic() - started), "errors": errors[:3],
                      "least_stream": min(tokens)}))


def measure_users(binary, rows, seconds):
    def start(daemon, streams, user):
        command = [sys.executable, os.path.abspath(__file__), "--work", daemon.path, str(streams), str(seconds), str(user)]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    is_root = os.geteuid() == 0
    with Daemon(binary) as daemon:
        alone = json.loads(start(daemon, 1, 0).communicate()[0])
        workers = [start(daemon, 16, 54321 + index if is_root else 0) for index in range(4)]
        users = [json.loads(worker.communicate()[0]) for worker in workers]
    speeds = [user["speed"] for user in users]
    who = "4 users" if is_root else "4 clients of one user (root can measure 4 users)"
    errors = sum(len(user["errors"]) for user in users) + len(alone["errors"])
    rows.append(("one stream: tokens/s", f"{alone['speed']:.0f}", ""))
    rows.append((f"64 streams of {who}: tokens/s",
                 f"{sum(speeds):.0f} ({sum(speeds) / alone['speed']:.2f}x one stream)", ">= 0.9x"))
    rows.append(("64 streams: slowest user against the mean",
                 f"{min(speeds) / statistics.mean(speeds):.2f}x", ">= 0.7x"))
    rows.append(("64 streams: errors, and tokens of the slowest stream",
                 f"{errors}, {min(user['least_stream'] for user in users)}", "0, not 0"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--daemon", default=os.path.join(ROOT, ".build", "release", "cprsd"))
    parser.add_argument("--tokens", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=20, help="of each measurement with many streams")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(options.work[0], int(options.work[1]), float(options.work[2]), int(options.work[3]))
        return
    rows = []
    measure_start(options.daemon, rows)
    measure_idle(options.daemon, rows)
    measure_small(options.daemon, rows)
    measure_users(options.daemon, rows, options.seconds)
    measure_long(options.daemon, rows, options.tokens)
    print(f"load average before: {os.getloadavg()[2]:.1f}, now: {os.getloadavg()[0]:.1f}\n")
    print("| What | Figure | Wanted |\n| --- | --- | --- |")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
