"""A `cprsd` that runs for a measurement, seen from outside."""
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

# Threads that compute: the one that scores windows, and the pool's.
COMPUTE_THREADS = ("cprs-inference", "cprs-compute")


class Daemon:
    """A `cprsd` on a socket of its own that has said READY."""

    def __init__(self, binary, *arguments):
        self.folder = tempfile.mkdtemp(prefix="cprs-measure-")
        os.chmod(self.folder, 0o755)
        self.path = self.folder + "/d.sock"
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(self.folder + "/notify")
        notify.settimeout(120)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("CPRS")}
        environment["NOTIFY_SOCKET"] = self.folder + "/notify"
        self.log = open(self.folder + "/log", "wb")
        started = time.perf_counter()
        self.process = subprocess.Popen(
            [binary, "--socket", self.path, "--socket-mode", "0666", "--log-level", "warning", *arguments],
            env=environment, stderr=self.log)
        while b"READY=1" not in notify.recv(4096):
            pass
        self.seconds_to_ready = time.perf_counter() - started
        # Left open and unread: its queue takes what the daemon says later, and a full one is no reason for it to wait.
        self.notify = notify

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            shutil.rmtree(self.folder)

    def memory(self):
        """Bytes of anonymous and of mapped memory that are resident."""
        sizes = {}
        with open(f"/proc/{self.process.pid}/status") as file:
            for line in file:
                if line.startswith(("RssAnon", "RssFile")):
                    name, kilobytes = line.split()[:2]
                    sizes[name.rstrip(":")] = int(kilobytes) * 1024
        return sizes["RssAnon"], sizes["RssFile"]

    def wake_ups(self):
        """How often each thread gave up its core of its own accord, once for each time it woke up: (id, name) to count."""
        counts = {}
        for task in os.listdir(f"/proc/{self.process.pid}/task"):
            folder = f"/proc/{self.process.pid}/task/{task}"
            with open(folder + "/comm") as file:
                name = file.read().strip()
            with open(folder + "/status") as file:
                switches = next(int(line.split()[1]) for line in file if line.startswith("voluntary"))
            counts[task, name] = switches
        return counts

    def processor_seconds(self):
        """User and system time so far."""
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
