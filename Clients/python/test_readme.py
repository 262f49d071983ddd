"""Runs the programs of README.md against the real daemon.

    CPRSD=.build/release/cprsd pytest Clients/python     # needs grpcio, grpcio-tools and grpcio-reflection

With mypy, types-grpcio and types-protobuf installed, the programs' types are checked as well.
"""

import importlib.util
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BINARIES = pathlib.Path(os.environ.get("CPRSD", ROOT / ".build/release/cprsd")).resolve().parent
STORY = ROOT / "Tests/Fixtures/a-scandal-in-bohemia.txt"
QUESTION = "What is in the photograph?"
PAGE = (HERE / "README.md").read_text()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder with the README's programs, and the stubs that its command makes."""
    folder = tmp_path_factory.mktemp("readme")
    for program in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        (folder / re.match(r'"""(\S+)', program)[1]).write_text(program)
    command = re.search(r"^python3 (-m grpc_tools\.protoc.*)$", PAGE, re.MULTILINE)[1].split()
    command = [str(ROOT / "Protos") if word == "Protos" else word for word in command]
    subprocess.run([sys.executable, *command], cwd=folder, check=True)
    return folder


@pytest.fixture(scope="session")
def socket(tmp_path_factory):
    """The socket of a daemon."""
    if not (BINARIES / "cprsd").exists():
        pytest.skip(f"no {BINARIES}/cprsd: build it, or name it with CPRSD")
    path = tmp_path_factory.mktemp("daemon") / "cprsd.sock"
    daemon = subprocess.Popen([BINARIES / "cprsd", "--socket", path, "--log-level", "error"])
    for _ in range(600):
        if path.exists() or daemon.poll() is not None:
            break
        time.sleep(0.05)
    yield path
    daemon.terminate()
    assert daemon.wait(30) == 0


def program(folder, socket, *arguments, **options):
    environment = dict(os.environ, CPRS_SOCKET=str(socket))
    return subprocess.Popen(
        [sys.executable, *arguments], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def output(process, text=None):
    out, errors = process.communicate(text, timeout=120)
    assert process.returncode == 0, errors.decode()
    return out


@pytest.fixture(scope="session")
def expected(socket):
    """What the command line keeps of the story."""
    command = [BINARIES / "cprs", "compress", STORY, "--query", QUESTION, "--socket", socket, "--format", "json"]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    story = STORY.read_bytes()
    return b"".join(story[span["start"] : span["end"]] for span in answer["spans"])


def test_a_file_gives_what_the_command_line_gives(folder, socket, expected):
    assert len(expected) > 100
    assert output(program(folder, socket, "compress.py", STORY, QUESTION)) == expected


def test_output_comes_before_the_input_ends(folder, socket):
    process = program(folder, socket, "compress.py", "-", QUESTION, stdin=subprocess.PIPE)
    process.stdin.write(STORY.read_bytes())
    process.stdin.flush()
    # The pipe stays open, so nothing but a decision can end this wait.
    assert process.stdout.read(1)
    assert process.poll() is None
    output(process)


def test_a_text_that_is_not_utf8_is_refused_with_its_offset(folder, socket, tmp_path):
    bad = tmp_path / "bad.txt"
    bad.write_bytes(b"abc\xff")
    process = program(folder, socket, "compress.py", bad, QUESTION)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"INVALID_ARGUMENT" in errors and b"3" in errors


COMPRESSED = """
import grpc, compress, os
with grpc.insecure_channel("unix:" + os.environ["CPRS_SOCKET"]) as channel:
    print(len(compress.compressed(channel, b"Alice signed. " * 200, "Who signed?", max_tokens=20)))
"""


@pytest.mark.parametrize("is_away", [False, True], ids=["the daemon is there", "the daemon is away"])
def test_compressed_fails_open(folder, socket, is_away):
    path = "/nonexistent/cprsd.sock" if is_away else socket
    length = int(output(program(folder, path, "-c", COMPRESSED)))
    assert length == 2800 if is_away else 0 < length < 200


def test_many_files_at_a_time(folder, socket, expected):
    line = f"{STORY}: {len(expected)} of {STORY.stat().st_size} bytes"
    lines = output(program(folder, socket, "compress_async.py", QUESTION, STORY, STORY, STORY)).decode().splitlines()
    assert len(lines) == 3 and all(found.startswith(line) for found in lines)


def test_reflection_needs_no_stubs(folder, socket, expected):
    pytest.importorskip("grpc_reflection")
    # Where there are no stubs.
    process = program("/", socket, folder / "reflect.py", QUESTION, stdin=subprocess.PIPE)
    assert output(process, STORY.read_bytes()) == expected


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="mypy is not installed")
@pytest.mark.parametrize("name", ["compress.py", "compress_async.py", "reflect.py"])
def test_types_are_right(folder, name):
    # The generator types messages, not calls, and leaves errors of its own in what it writes.
    command = [sys.executable, "-m", "mypy", "--strict", "--allow-untyped-calls", "--ignore-missing-imports", name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    assert re.findall(rf"^{re.escape(name)}:.*", done.stdout, re.MULTILINE) == []
