#!/usr/bin/env python3
"""Does to the real daemon what machines and people do to it, and prints what a client saw, what was lost, how long it took.

Usage: faults.py [NAME…] [--cprsd PATH]      without names: all of them, some ten minutes

Exit code 0: every fault ended as it should. Needs grpcio and grpcio-tools, and a C compiler for the moving clock.
"""
import argparse
import mmap
import os
import random
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import harness
import load
from harness import Daemon
from load import Code, grpc, pb

FAULTS = {}
# A file that shrank under its mapping, as README.md says.
TRUNCATED_EXIT = 74
UNUSABLE_EXIT = 66


def fault(function):
    FAULTS[function.__name__.replace("_", "-")] = function
    return function


class Outcome:
    """A row of the table."""

    def __init__(self, seen, lost, recovery=None):
        self.seen = seen
        self.lost = lost
        self.recovery = recovery


class Probe:
    """A short request whose right answer is known, over a connection of its own."""

    request = load.Request(load.STORY[:6000], pb.Begin(query="Who is Irene Adler?"))

    def __init__(self, path):
        self.channel = load.connect(path)
        self.stub = load.pb_grpc.ContextCompressorStub(self.channel)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def ask(self, timeout=60):
        """Seconds that it took; an error if the answer is wrong or none came."""
        began = time.monotonic()
        answer = load.compress(self.stub, self.request, random.Random(1), timeout=timeout)
        assert answer.digest() == self.request.answer, "another answer than before the fault"
        return time.monotonic() - began

    @classmethod
    def once(cls, path, timeout=60):
        with cls(path) as probe:
            return probe.ask(timeout)

    @classmethod
    def until_right(cls, path, seconds=60):
        """Asks until the answer is right; seconds that it took."""
        began = time.monotonic()
        while True:
            try:
                cls.once(path)
                return time.monotonic() - began
            except grpc.RpcError as error:
                assert time.monotonic() - began < seconds, f"no answer within {seconds} s: {error}"
                time.sleep(0.02)


class Crowd:
    """Clients that ask without a pause, and ask again when the daemon is away."""

    def __init__(self, path, count):
        self.path = path
        self.right = []
        self.errors = []
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        while not self._end.is_set():
            with Probe(self.path) as probe:
                try:
                    while not self._end.is_set():
                        probe.ask()
                        self.right.append(time.monotonic())
                except grpc.RpcError as error:
                    self.errors.append((time.monotonic(), error.code()))
                except AssertionError as error:
                    self.errors.append((time.monotonic(), str(error)))
            self._end.wait(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._end.set()
        for thread in self._threads:
            thread.join(90)

    def first_right_after(self, moment, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for right in list(self.right):
                if right > moment:
                    return right
            time.sleep(0.01)
        raise AssertionError(f"no right answer within {seconds} s")

    def codes(self):
        return sorted({getattr(code, "name", code) for _, code in self.errors})


def long_call(stub, seconds_of_text=60):
    """A stream that goes on sending: its call, and the answers that came are read on a thread of their own."""
    def messages():
        yield pb.CompressRequest(begin=pb.Begin(query="Who is Irene Adler?"))
        for _ in range(seconds_of_text * 10):
            yield pb.CompressRequest(chunk=pb.Chunk(text=load.STORY[:3000]))

    call = stub.Compress(messages())
    outcome = []

    def read():
        try:
            for _ in call:
                pass
            outcome.append("ended well")
        except grpc.RpcError as error:
            outcome.append(error.code().name)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return call, thread, outcome


@fault
def model_truncated(binary):
    """A file of the model shrinks under its mapping."""
    with tempfile.TemporaryDirectory() as folder:
        model = harness.copy_of_model(folder)
        with Daemon(binary, model=model) as daemon, Probe(daemon.path) as probe:
            Probe.once(daemon.path)
            _, thread, outcome = long_call(probe.stub)
            time.sleep(1)
            os.truncate(model, 4096)
            status = daemon.exit_status()
            thread.join(20)
            assert status == TRUNCATED_EXIT, f"exit status {status}, log:\n{daemon.log[-2000:]}"
            said = [line for line in daemon.log.split("\n") if "truncated" in line]
            assert len(said) == 1, daemon.log[-2000:]
            # Started again on what is left, it says what is wrong and gives up.
            left = Daemon(binary, model=model, ready=False)
            assert left.exit_status() == UNUSABLE_EXIT and "model.cprs" in left.log, left.log
            left.stop()
            shutil.copyfile(harness.MODEL, model + ".new")
            os.rename(model + ".new", model)
            began = time.monotonic()
            with Daemon(binary, model=model, folder=daemon.folder) as again:
                Probe.once(again.path)
                return Outcome(
                    f"{outcome[0]}; exit {status} and one line in the log", "requests that ran", time.monotonic() - began)


@fault
def model_renamed_over(binary):
    """Another file is renamed over the model's, as files should be replaced."""
    with tempfile.TemporaryDirectory() as folder:
        model = harness.copy_of_model(folder)
        with Daemon(binary, model=model) as daemon, Crowd(daemon.path, 2) as crowd:
            crowd.first_right_after(0)
            with open(os.path.join(folder, "garbage"), "wb") as file:
                file.write(b"garbage" * 100_000)
            os.rename(os.path.join(folder, "garbage"), model)
            crowd.first_right_after(time.monotonic())
            asked = time.monotonic()
            daemon.signal(signal.SIGHUP)
            daemon.wait_for("READY=1", after=asked)
            assert "the old model stays" in daemon.log
            crowd.first_right_after(time.monotonic())
            shutil.copyfile(harness.MODEL, os.path.join(folder, "good"))
            os.rename(os.path.join(folder, "good"), model)
            asked = time.monotonic()
            daemon.signal(signal.SIGHUP)
            ready = daemon.wait_for("READY=1", after=asked)
            assert daemon.log.count("model reloaded") == 1, daemon.log[-1000:]
            crowd.first_right_after(time.monotonic())
            assert not crowd.errors, crowd.errors
            return Outcome("nothing", "nothing", ready - asked)


@fault
def disk_full(binary):
    """No file may grow, and the log's device is full."""
    def no_file_grows():
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    with open("/dev/full", "w") as full:
        with Daemon(binary, stderr=full, preexec=no_file_grows, log_level="debug") as daemon:
            with Crowd(daemon.path, 3) as crowd:
                for _ in range(5):
                    crowd.first_right_after(time.monotonic())
                    for name in os.listdir(f"/proc/{daemon.pid}/fd"):
                        target = os.readlink(f"/proc/{daemon.pid}/fd/{name}")
                        with open(f"/proc/{daemon.pid}/fdinfo/{name}") as info:
                            flags = int(info.read().split("flags:")[1].split()[0], 8)
                        # Sockets, pipes and event descriptors have no path.
                        writes = flags & os.O_ACCMODE and target.startswith("/") and not target.startswith("/dev/")
                        assert int(name) <= 2 or not writes, f"{target} is open for writing"
                daemon.signal(signal.SIGHUP)
                crowd.first_right_after(time.monotonic())
            assert not crowd.errors, crowd.errors
            daemon.signal(signal.SIGTERM)
            assert daemon.exit_status() == 0
            return Outcome("nothing: it writes no file", "log lines", 0)


@fault
def log_reader_stuck(binary):
    """Whoever reads the log stops reading."""
    reader, writer = os.pipe()
    # The smallest pipe, so that few lines fill it.
    fill = 4096
    try:
        import fcntl
        fill = fcntl.fcntl(writer, 1031, 4096)
        with Daemon(binary, stderr=writer, log_level="debug") as daemon, Probe(daemon.path) as probe:
            # Each request logs some two hundred bytes.
            slowest = max(probe.ask(timeout=20) for _ in range(3 * fill // 100))
            with Crowd(daemon.path, 3) as crowd:
                crowd.first_right_after(time.monotonic())
            assert not crowd.errors, crowd.errors
            return Outcome("nothing", "log lines that nobody read", slowest)
    finally:
        os.close(reader)
        os.close(writer)


@fault
def memory_refused(binary):
    """The system gives no more memory, while requests run and at the start."""
    def little():
        resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))

    starved = Daemon(binary, preexec=little, ready=False)
    start = starved.exit_status(60)
    said = starved.log.strip().split("\n")[-1]
    starved.stop()
    with Daemon(binary) as daemon, Probe(daemon.path) as probe:
        probe.ask()
        with open(f"/proc/{daemon.pid}/statm") as file:
            used = int(file.read().split()[0]) * mmap.PAGESIZE
        resource.prlimit(daemon.pid, resource.RLIMIT_AS, (used + (2 << 20), used + (2 << 20)))
        seen = set()

        def ask():
            try:
                probe.stub.CountTokens(pb.CountTokensRequest(text=load.STORY * 60), timeout=60)
                seen.add("answered")
            except grpc.RpcError as error:
                seen.add(error.code().name)

        threads = [threading.Thread(target=ask) for _ in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        status = daemon.exit_status(5)
        line = daemon.log.strip().split("\n")[-1]
        assert (status, line) == (71, "cprsd: the system refused memory, ending"), (status, line)
        began = time.monotonic()
        with Daemon(binary, folder=daemon.folder) as again:
            Probe.once(again.path)
            return Outcome(
                f"{', '.join(sorted(seen))}; the daemon ends: exit {status}, `{line}`; at the start: exit {start}, "
                f"`{said}`", "requests that ran", time.monotonic() - began)


@fault
def descriptors_exhausted(binary):
    """More connections than the daemon may have descriptors."""
    def few():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))

    with Daemon(binary, preexec=few) as daemon, Probe(daemon.path) as before:
        before.ask()
        peers = []
        for _ in range(200):
            peer = socket.socket(socket.AF_UNIX)
            peer.setblocking(False)
            try:
                peer.connect(daemon.path)
            except BlockingIOError:
                # The backlog is full.
                peer.close()
                continue
            peers.append(peer)
        time.sleep(1)
        used = daemon.cpu_seconds()
        time.sleep(3)
        busy = (daemon.cpu_seconds() - used) / 3
        # Who is connected is served all the while.
        for _ in range(3):
            before.ask()
        for peer in peers:
            peer.close()
        recovery = Probe.until_right(daemon.path)
        assert busy < 0.2, f"{busy:.0%} of a core is spent on connections that cannot be accepted"
        return Outcome(
            f"new connections wait or are closed, others go on; {busy:.0%} of a core meanwhile", "nothing", recovery)


@fault
def slow_client(binary):
    """A client sends a byte a second, another reads nothing of a long answer."""
    with Daemon(binary) as daemon, Probe(daemon.path) as others:
        alone = sorted(others.ask() for _ in range(10))[5]
        before = daemon.sample()
        end = threading.Event()

        def drip():
            yield pb.CompressRequest(begin=pb.Begin(query="Who?"))
            while not end.is_set():
                yield pb.CompressRequest(chunk=pb.Chunk(text=b"a"))
                end.wait(1)

        slow = [Probe(daemon.path) for _ in range(10)]
        calls = [probe.stub.Compress(drip()) for probe in slow[:5]]
        text = load.STORY * 20
        for probe in slow[5:]:
            # Every unit is kept and each token's score is sent, and nothing is read.
            begin = pb.Begin(query="Who?", include_text=True, include_token_scores=True,
                             selection=pb.Selection(threshold=0))
            calls.append(probe.stub.Compress(load.chunks(text, begin, random.Random(1))))
        # Until the unread answers have filled every window, they compute.
        idle = 0
        while idle < 2:
            used = daemon.cpu_seconds()
            time.sleep(1)
            idle = idle + 1 if daemon.cpu_seconds() - used < 0.1 else 0
        meanwhile = sorted(others.ask() for _ in range(10))[5]
        grown = daemon.sample()["RssAnon"] - before["RssAnon"]
        end.set()
        for probe in slow:
            probe.channel.close()
        recovery = Probe.until_right(daemon.path)
        # Other jobs of the machine slow both sides.
        alone = max(alone, sorted(others.ask() for _ in range(10))[5])
        status = others.stub.GetStatus(pb.GetStatusRequest())
        deadline = time.monotonic() + 10
        while status.active_requests and time.monotonic() < deadline:
            time.sleep(0.05)
            status = others.stub.GetStatus(pb.GetStatusRequest())
        assert status.active_requests == 0, f"{status.active_requests} requests of clients that are gone"
        assert meanwhile < 3 * alone + 0.2, f"others wait {meanwhile:.3f} s instead of {alone:.3f} s"
        assert grown < 100_000, f"{grown} kB for ten slow clients"
        return Outcome(
            f"others: {meanwhile * 1000:.0f} ms instead of {alone * 1000:.0f} ms; {grown / 1024:.0f} MB for ten of them",
            "nothing", recovery)


@fault
def silent_streams(binary):
    """A thousand streams on eight connections of one user, over which nothing is ever said."""
    with Daemon(binary) as daemon:
        Probe.once(daemon.path)
        before = daemon.sample()["RssAnon"]
        end = threading.Event()

        def silence():
            end.wait()
            return
            yield

        crowd = [Probe(daemon.path) for _ in range(8)]
        calls = [probe.stub.Compress(silence()) for probe in crowd for _ in range(125)]
        time.sleep(3)
        codes = {call.code().name for call in calls if call.done()}
        refused = sum(call.done() for call in calls)
        grown = daemon.sample()["RssAnon"] - before
        assert refused >= 1000 - 256 and grown < 30_000, f"{refused} refused, {grown} kB"
        end.set()
        for probe in crowd:
            probe.channel.close()
        recovery = Probe.until_right(daemon.path)
        return Outcome(f"{refused} of 1000: {', '.join(sorted(codes))}; {grown / 1024:.0f} MB for the others", "nothing", recovery)


@fault
def connects_10000(binary):
    """Ten thousand connections come and go, some with half a greeting."""
    with Daemon(binary) as daemon:
        Probe.once(daemon.path)

        def storm(count):
            for index in range(count):
                with socket.socket(socket.AF_UNIX) as peer:
                    peer.connect(daemon.path)
                    if index % 3:
                        peer.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[: index % 25])

        # What is allocated once is allocated by the first of them.
        storm(2000)
        time.sleep(1)
        before = daemon.sample()
        began = time.monotonic()
        storm(10_000)
        rate = 10_000 / (time.monotonic() - began)
        recovery = Probe.until_right(daemon.path)
        time.sleep(1)
        after = daemon.sample()
        assert after["fds"] <= before["fds"] + 2, f"descriptors: {before['fds']}, then {after['fds']}"
        grown = after["RssAnon"] - before["RssAnon"]
        assert grown < 4096, f"{grown} kB more"
        return Outcome(f"{rate:.0f} connections/s; {grown} kB and {after['fds'] - before['fds']} descriptors more",
                       "nothing", recovery)


@fault
def killed(binary):
    """kill -9 under load, three times; the clients ask again."""
    times = []
    daemon = Daemon(binary)
    folder = daemon.folder
    try:
        with Crowd(daemon.path, 4) as crowd:
            for _ in range(3):
                crowd.first_right_after(time.monotonic())
                daemon.process.kill()
                killed_at = time.monotonic()
                daemon.process.wait()
                daemon._manager.close()
                # As Restart=on-failure does; the socket file is still there.
                daemon = Daemon(binary, folder=folder)
                times.append(crowd.first_right_after(killed_at) - killed_at)
        wrong = [error for error in crowd.codes() if error not in ("UNAVAILABLE", "CANCELLED")]
        assert not wrong, wrong
        return Outcome(", ".join(crowd.codes()), "requests that ran", sorted(times)[1])
    finally:
        daemon.stop()
        shutil.rmtree(folder, ignore_errors=True)


@fault
def clock_jumps(binary):
    """The wall clock jumps by an hour and by twenty years, forwards and back."""
    with tempfile.TemporaryDirectory() as folder:
        library = os.path.join(folder, "clock.so")
        source = os.path.join(harness.HERE, "clock.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        shift_path = os.path.join(folder, "shift")
        with open(shift_path, "wb") as file:
            file.write(struct.pack("<q", 0))
        environment = {"LD_PRELOAD": library, "CLOCK_SHIFT_FILE": shift_path, "WATCHDOG_USEC": "900000"}
        with Daemon(binary, environment=environment) as daemon, Probe(daemon.path) as probe:
            request = load.Request(load.STORY[:3000], Probe.request.begin)
            kept = load.compress(probe.stub, request, random.Random(1), retain=True)
            with Crowd(daemon.path, 2) as crowd:
                for shift in (3600, -3600, 20 * 365 * 86400, 0):
                    with open(shift_path, "r+b") as file:
                        file.write(struct.pack("<q", shift))
                    jumped = time.monotonic()
                    for _ in range(3):
                        crowd.first_right_after(time.monotonic(), 20)
                    daemon.wait_for("WATCHDOG=1", seconds=2, after=jumped)
                    # Held for minutes, not until a time of day.
                    again = [m for m in probe.stub.Recut(pb.RecutRequest(request_id=kept.request_id), timeout=20)]
                    assert again[-1].summary.kept_bytes == kept.summary.kept_bytes
            assert not crowd.errors, crowd.errors
            assert any(line.startswith("20") and int(line[:4]) > time.gmtime().tm_year + 10
                       for line in daemon.log.split("\n")), "the clock did not move"
            return Outcome("nothing", "nothing", 0)


@fault
def stopped_and_continued(binary):
    """SIGSTOP for five seconds, then SIGCONT; as a suspended machine or a debugger does."""
    with Daemon(binary) as daemon, Crowd(daemon.path, 3) as crowd:
        crowd.first_right_after(0)
        daemon.signal(signal.SIGSTOP)
        time.sleep(5)
        daemon.signal(signal.SIGCONT)
        continued = time.monotonic()
        recovery = crowd.first_right_after(continued) - continued
        for _ in range(3):
            crowd.first_right_after(time.monotonic())
        assert not crowd.errors, crowd.errors
        return Outcome("an answer five seconds later", "nothing", recovery)


@fault
def watchdog_expires(binary):
    """No sign of life comes any more; the service manager, played by this test, ends the daemon and starts it again."""
    limit = 1.5
    environment = {"WATCHDOG_USEC": str(int(limit * 1e6))}
    daemon = Daemon(binary, environment=environment)
    folder = daemon.folder
    try:
        with Crowd(daemon.path, 2) as crowd:
            for _ in range(5):
                beat = daemon.wait_for("WATCHDOG=1", seconds=limit, after=time.monotonic())
            crowd.first_right_after(0)
            daemon.signal(signal.SIGSTOP)
            stopped = time.monotonic()
            while time.monotonic() - beat < limit:
                time.sleep(0.01)
                beat = max(moment for moment, line in daemon.notifications if line == "WATCHDOG=1")
            # WatchdogSignal=, then what systemd sends with it to a process that is stopped.
            daemon.signal(signal.SIGABRT)
            daemon.signal(signal.SIGCONT)
            status = daemon.exit_status(5)
            assert status == -signal.SIGABRT, status
            daemon._manager.close()
            daemon = Daemon(binary, folder=folder, environment=environment)
            recovery = crowd.first_right_after(stopped) - stopped
            daemon.wait_for("WATCHDOG=1", seconds=limit, after=time.monotonic())
        wrong = [error for error in crowd.codes() if error not in ("UNAVAILABLE", "CANCELLED")]
        assert not wrong, wrong
        return Outcome(", ".join(crowd.codes()), "requests that ran", recovery)
    finally:
        daemon.stop()
        shutil.rmtree(folder, ignore_errors=True)


@fault
def costly_patterns(binary):
    """Thirty-two streams of one user with the costliest expressions that the limits allow."""
    environment = {"WATCHDOG_USEC": "9000000"}
    patterns = [f"(?:a?){{999}}b{index}" for index in range(3)]
    begin = pb.Begin(query="Who?", selection=pb.Selection(keep_regexes=patterns))
    with Daemon(binary, environment=environment) as daemon, Probe(daemon.path) as others:
        others.ask()
        calls = []
        for _ in range(32):
            probe = Probe(daemon.path)
            calls.append(probe.stub.Compress(load.chunks(b"a" * 1_000_000, begin, random.Random(1))))
        began = time.monotonic()
        times = []
        while time.monotonic() - began < 30:
            asked = time.monotonic()
            others.stub.CountTokens(pb.CountTokensRequest(text=b"hello"), timeout=120)
            times.append(time.monotonic() - asked)
            time.sleep(0.2)
        beats = [moment for moment, line in daemon.notifications if line == "WATCHDOG=1"]
        gap = max(after - before for before, after in zip(beats, beats[1:]))
        for call in calls:
            call.cancel()
        recovery = Probe.until_right(daemon.path)
        worst = max(times)
        assert worst < 3 and gap < 9, f"others wait up to {worst:.1f} s, {gap:.1f} s between signs of life (3 s are meant)"
        return Outcome(f"others: median {sorted(times)[len(times) // 2] * 1000:.0f} ms, at most {worst * 1000:.0f} ms; signs of "
                       f"life every {gap:.1f} s at most (3 are meant)", "nothing", recovery)


@fault
def inflating_message(binary):
    """Sixteen compressed messages of 64 kB that inflate to 64 MiB each."""
    with Daemon(binary) as daemon, Probe(daemon.path) as probe:
        probe.ask()
        before = daemon.sample()["RssAnon"]
        bomb = pb.CountTokensRequest(text=b"\0" * (64 << 20))
        peak = [0]
        end = threading.Event()

        def watch():
            while not end.wait(0.01):
                peak[0] = max(peak[0], daemon.sample()["RssAnon"])

        thread = threading.Thread(target=watch)
        thread.start()
        codes = set()
        for algorithm in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            for _ in range(8):
                try:
                    probe.stub.CountTokens(bomb, compression=algorithm, timeout=60)
                    codes.add("accepted")
                except grpc.RpcError as error:
                    codes.add(error.code().name)
        end.set()
        thread.join()
        grown = peak[0] - before
        assert "accepted" not in codes and grown < 8192, f"{codes}, {grown} kB"
        return Outcome(", ".join(sorted(codes)) + f"; at most {grown / 1024:.1f} MB more", "the request",
                       Probe.until_right(daemon.path))


def learn(binary):
    with Daemon(binary) as daemon, Probe(daemon.path) as probe:
        Probe.request.answer = load.compress(probe.stub, Probe.request, random.Random(1)).digest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *FAULTS], metavar="NAME", help=", ".join(FAULTS))
    parser.add_argument("--cprsd", default=harness.BINARY)
    parser.add_argument("--pause-file", default="", help="no fault begins while it exists")
    options = parser.parse_args()
    learn(options.cprsd)
    print("| Fault | What a client sees | Lost | Right answers again after |\n| --- | --- | --- | --- |")
    failed = []
    for name in options.names or FAULTS:
        while options.pause_file and os.path.exists(options.pause_file):
            time.sleep(1)
        try:
            outcome = FAULTS[name](options.cprsd)
            after = "at once" if not outcome.recovery else f"{outcome.recovery:.2f} s"
            print(f"| {FAULTS[name].__doc__} (`{name}`) | {outcome.seen} | {outcome.lost} | {after} |", flush=True)
        except Exception:
            failed.append(name)
            print(f"| `{name}` | FAILED | | |", flush=True)
            traceback.print_exc()
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
