#!/usr/bin/env python3
"""Runs client_tests against scripted servers and, if there is one, the real daemon.

    run.py CLIENT_TESTS [--cprsd PATH] [--valgrind] [SCENARIO ...]
"""

import argparse
import multiprocessing
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import scripted_server

# Scenarios of the client that some other scenario's server serves.
SERVED_BY = {"two_threads": "sink", "cancel": "silent"}
WITHOUT_SERVER = {"away"}


def run(command, scenario, path, valgrind):
    environment = dict(os.environ)
    if valgrind:
        environment["UNDER_VALGRIND"] = "1"
        command = ["valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=all"] + command
    done = subprocess.run(command + [scenario, path], env=environment, timeout=300, capture_output=True, text=True)
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {scenario}")
    sys.stdout.write(done.stdout)
    if done.returncode != 0:
        sys.stdout.write(done.stderr)
    return done.returncode == 0


def await_socket(path, process):
    for _ in range(400):
        if os.path.exists(path):
            return
        if hasattr(process, "poll") and process.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"nothing listens on {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("client_tests")
    parser.add_argument("scenarios", nargs="*")
    parser.add_argument("--cprsd", help="also test against this daemon")
    parser.add_argument("--valgrind", action="store_true", help="fail on any leak or memory error")
    options = parser.parse_args()
    command = [str(pathlib.Path(options.client_tests).resolve())]
    scenarios = options.scenarios or [*scripted_server.SCENARIOS, *SERVED_BY, *WITHOUT_SERVER, "daemon"]
    passed = []
    with tempfile.TemporaryDirectory() as folder:
        for scenario in scenarios:
            path = f"{folder}/{scenario}.sock"
            if scenario == "daemon":
                if not options.cprsd:
                    print("skipped daemon: no --cprsd")
                    continue
                daemon = subprocess.Popen([options.cprsd, "--socket", path, "--log-level", "error"])
                try:
                    await_socket(path, daemon)
                    passed.append(run(command, scenario, path, options.valgrind))
                finally:
                    daemon.terminate()
                    daemon.wait()
                continue
            if scenario in WITHOUT_SERVER:
                passed.append(run(command, scenario, path, options.valgrind))
                continue
            play = scripted_server.SCENARIOS[SERVED_BY.get(scenario, scenario)]
            server = multiprocessing.Process(target=scripted_server.serve, args=(path, play), daemon=True)
            server.start()
            await_socket(path, server)
            passed.append(run(command, scenario, path, options.valgrind))
            server.kill()
            server.join()
    print(f"{sum(passed)} of {len(passed)} passed")
    sys.exit(0 if all(passed) and passed else 1)


if __name__ == "__main__":
    main()
