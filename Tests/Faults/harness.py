"""Starts the real daemon under a stand-in for the service manager, and looks at it from outside."""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.normpath(os.path.join(HERE, "..", ".."))
BINARY = os.path.join(ROOT, ".build", "release", "cprsd")
MODEL = os.path.join(ROOT, "Sources", "CPRSRuntime", "Resources", "default-model.cprs")


class Daemon:
    """A `cprsd` in a folder of its own.

    `notifications` are the lines that it sends to the service manager; `log` is what it wrote to standard error.
    """

    def __init__(self, binary=BINARY, arguments=(), model=MODEL, environment=None, preexec=None, folder=None,
                 stderr=None, prefix=(), ready=True, log_level="info"):
        self.owns_folder = folder is None
        self.folder = folder or tempfile.mkdtemp(prefix="cprs-faults-")
        os.chmod(self.folder, 0o755)
        self.path = os.path.join(self.folder, "d.sock")
        self.notifications = []
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify = os.path.join(self.folder, "notify")
        if os.path.exists(notify):
            os.unlink(notify)
        self._manager.bind(notify)
        settings = {k: v for k, v in os.environ.items() if not k.startswith("CPRS")}
        settings["NOTIFY_SOCKET"] = notify
        # As the unit has it; without it a crash writes memory into the log.
        settings["SWIFT_BACKTRACE"] = "enable=no"
        settings.update(environment or {})
        self._log_path = os.path.join(self.folder, "log")
        errors = stderr if stderr is not None else open(self._log_path, "ab")
        command = [*prefix, binary, "--socket", self.path, "--socket-mode", "0666", "--log-level", log_level]
        if model:
            command += ["--model", model]
        self.started = time.monotonic()
        self.process = subprocess.Popen([*command, *arguments], env=settings, stderr=errors, preexec_fn=preexec)
        if stderr is None:
            errors.close()
        self.seconds_to_ready = None
        threading.Thread(target=self._listen, daemon=True).start()
        if ready:
            self.wait_for("READY=1")
            self.seconds_to_ready = time.monotonic() - self.started

    def _listen(self):
        while True:
            try:
                message = self._manager.recv(4096).decode()
            except OSError:
                return
            for line in message.split("\n"):
                self.notifications.append((time.monotonic(), line))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    @property
    def log(self):
        with open(self._log_path, errors="replace") as file:
            return file.read()

    def wait_for(self, line, seconds=120, after=0.0):
        """When that line was notified; an error if the daemon ends before or it takes too long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for moment, text in list(self.notifications):
                if text.startswith(line) and moment >= after:
                    return moment
            if self.process.poll() is not None:
                raise AssertionError(f"the daemon ended with {self.process.returncode} before {line}")
            time.sleep(0.005)
        raise AssertionError(f"no {line} within {seconds} s")

    def signal(self, number):
        self.process.send_signal(number)

    def exit_status(self, seconds=30):
        """How it ended: an exit code, or minus a signal's number."""
        return self.process.wait(seconds)

    def stop(self):
        """Ends it as the service manager does, and then removes what it left."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._manager.close()
        if self.owns_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    def sample(self):
        """Memory in kB, descriptors and threads."""
        figures = {}
        with open(f"/proc/{self.pid}/status") as file:
            for line in file:
                name, _, value = line.partition(":")
                if name in ("RssAnon", "RssFile", "Threads"):
                    figures[name] = int(value.split()[0])
        figures["fds"] = len(os.listdir(f"/proc/{self.pid}/fd"))
        return figures

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def copy_of_model(folder, source=MODEL):
    """A packed model that a fault may damage."""
    return shutil.copyfile(source, os.path.join(folder, "model.cprs"))


def note(text):
    print(text, file=sys.stderr, flush=True)
