#!/usr/bin/env python3
"""Sends a running cprsd what no client sends: HTTP/2 and protobuf, malformed in every layer, drawn from a seed.

    daemon_fuzz.py [--seconds 60] [--seed 1] [--first N] CPRSD [-- DAEMON OPTIONS]

Each conversation is a connection of its own, made only from the seed and its number, so that one that does harm can be
repeated: --seed S --first N --conversations 1. In between, and at the end, the daemon must answer a health request and
compress a text as it did before, and must hold no more descriptors than at the start. Exit status 1 if not. Only
the standard library is needed.
"""

import argparse
import os
import pathlib
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "CCPRSClientTests"))
from scripted_server import field, message, varint, varint7  # noqa: E402

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, PRIORITIZED = 1, 4, 8, 32
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
METHODS = [
    "/cprs.v1.ContextCompressor/" + name
    for name in ("Compress", "CompressText", "CountTokens", "GetModelInfo", "GetStatus", "Recut")
] + [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/cprs.v1.ContextCompressor/Nothing",
]
TEXT = b"The photograph is in a recess. Nobody knew. The king paid a thousand pounds for the photograph.\n"


def frame(kind, flags, stream, payload=b"", length=None):
    size = len(payload) if length is None else length
    return struct.pack(">I", size & 0xFFFFFF)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    return b"\0" + varint7(name) + varint7(value)


def request_block(path, extra=()):
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "localhost"),
              ("te", "trailers"), ("content-type", "application/grpc"), *extra]
    return b"".join(literal(*pair) for pair in fields)


# ---- Messages: right in form or nearly so ------------------------------------------------------------------------------


def any_bytes(rng, most=40):
    return rng.randbytes(rng.randrange(most))


def any_text(rng):
    return rng.choice([b"", b"fact", b"who?", "żółw 中文".encode(), b"\xff\xfe", b"a" * 300, any_bytes(rng), b"(a|b)*c", b"[",
                       b"<|im_end|>", b"\0"])


def any_field(rng, depth=0):
    """One field with any number and any wire type, its length not always true."""
    number = rng.choice([1, 2, 3, 4, 5, 6, 8, 9, 10, 14, 15, 16, 100, 536870911, rng.randrange(1, 40)])
    wire = rng.choice([0, 0, 1, 2, 2, 2, 3, 4, 5, 6, 7])
    key = varint(number << 3 | wire)
    if wire == 0:
        return key + rng.choice([varint(rng.getrandbits(rng.choice([3, 8, 31, 32, 63, 64]))), b"\xff" * 9 + b"\x7f",
                                 b"\xff" * 11])
    if wire == 1:
        return key + rng.randbytes(8)
    if wire == 5:
        return key + rng.randbytes(4)
    if wire == 3:
        return key * rng.choice([1, 1, 200, 5000])
    if wire != 2:
        return key
    body = b"".join(any_field(rng, depth + 1) for _ in range(rng.randrange(4))) if depth < 4 else any_text(rng)
    length = rng.choice([len(body)] * 6 + [len(body) + 1, 1 << 31, (1 << 64) - 1, 1 << 40])
    return key + varint(length) + body


def nested(rng):
    """A message in a message in a message, deeper than any reader should follow."""
    body = b""
    for _ in range(rng.choice([50, 99, 101, 500, 3000])):
        body = field(rng.choice([1, 2, 6]), body)
    return body


def begin(rng):
    parts = []
    for _ in range(rng.randrange(6)):
        parts.append(rng.choice([
            lambda: field(rng.choice([1, 2, 3, 10]), any_text(rng)),
            lambda: field(4, any_text(rng)) * rng.choice([1, 2, 1025]),
            lambda: field(5, rng.choice([0, 1, 16, 300, 4096, (1 << 32) - 1])),
            lambda: field(6, selection(rng)),
            lambda: field(rng.choice([7, 8, 9, 11, 12, 13, 14]), rng.choice([0, 1, 2, 3, 77, (1 << 64) - 1])),
        ])())
    if rng.random() < 0.6:
        parts.append(field(3, b"who paid?"))
    rng.shuffle(parts)
    return b"".join(parts)


def selection(rng):
    parts = []
    for _ in range(rng.randrange(5)):
        parts.append(rng.choice([
            lambda: field(rng.choice([1, 7]), rng.choice([0, 1, 2, 3, 4, 5, 6, 99, (1 << 64) - 1])),
            lambda: varint(2 << 3 | 5) + struct.pack("<f", rng.choice([0, 0.5, 1, -1, 2, float("nan"), float("inf")])),
            lambda: varint(4 << 3 | 1) + struct.pack("<d", rng.choice([0, 0.1, 1, -1, 1e-300, float("nan")])),
            lambda: field(rng.choice([3, 5]), rng.choice([0, 1, 5, 1 << 31, (1 << 64) - 1])),
            lambda: field(6, 1) + field(10, rng.randrange(2)),
            lambda: field(rng.choice([8, 9]), rng.choice([b"photo", b"", b"(", b"a{1000}", b"(a{1000}){1000}", b"\xff",
                                                          b".*" * 2000, any_bytes(rng)])),
        ])())
    return b"".join(parts)


def chunk(rng):
    text = rng.choice([TEXT, TEXT[:7], b"", b"\xe4\xb8", b"\xff", "中文。".encode() * 50, b"\n" * 5000, any_bytes(rng, 500)])
    name = field(2, any_text(rng)) if rng.random() < 0.2 else b""
    return field(1, text) + name


def payload(rng, path):
    """The bytes of a message, mostly of the method's kind."""
    kind = rng.random()
    if kind < 0.12:
        return b"".join(any_field(rng) for _ in range(rng.randrange(6)))
    if kind < 0.15:
        return nested(rng)
    if path.endswith("/Compress"):
        made = field(1, begin(rng)) if rng.random() < 0.4 else field(2, chunk(rng))
    elif path.endswith("/CompressText"):
        made = field(1, begin(rng)) + field(2, rng.choice([TEXT, b"", b"\xff"]))
    elif path.endswith("/Recut"):
        made = field(1, any_text(rng)) + field(2, selection(rng)) + field(3, 1)
    else:
        made = field(rng.randrange(1, 8), any_text(rng))
    if rng.random() < 0.2:
        made += any_field(rng)
    if rng.random() < 0.1:
        made += made
    return made


# ---- Conversations -----------------------------------------------------------------------------------------------------


def body(rng, path):
    parts = []
    if path.endswith("/Compress") and rng.random() < 0.7:
        parts.append(message(field(1, begin(rng))))
    for _ in range(rng.randrange(4)):
        made = message(payload(rng, path))
        if rng.random() < 0.1:
            made = bytes([rng.choice([1, 2, 255])]) + rng.choice([made[1:5], rng.randbytes(4), b"\xff\xff\xff\xff"]) + made[5:]
        parts.append(made)
    return b"".join(parts)


def call(rng, stream):
    """The frames of a call, in order or nearly so."""
    path = rng.choice(METHODS)
    extra = []
    if rng.random() < 0.3:
        extra.append(rng.choice([("grpc-timeout", "1m"), ("grpc-timeout", "99999999H"), ("grpc-timeout", "x"),
                                 ("grpc-encoding", "gzip"), ("grpc-encoding", "deflate"), ("cprs-peer-uid", "0"),
                                 ("content-length", "5"), ("a" * 100, "b" * 20000), (":path", "/twice"), ("", ""),
                                 ("transfer-encoding", "chunked"), ("Upper", "case")]))
    block = request_block(path, extra)
    frames = []
    if rng.random() < 0.15 and len(block) > 4:
        middle = rng.randrange(len(block))
        frames += [frame(HEADERS, 0, stream, block[:middle]), frame(CONTINUATION, END_HEADERS, stream, block[middle:])]
    else:
        frames.append(frame(HEADERS, END_HEADERS, stream, block))
    text = body(rng, path)
    size = rng.choice([1, 7, 1000, 16384, 16385]) if len(text) < 3000 else rng.choice([1000, 16384, 16385])
    frames += [frame(DATA, 0, stream, text[start : start + size]) for start in range(0, len(text), size)]
    frames.append(rng.choice([frame(DATA, END_STREAM, stream), frame(RST_STREAM, 0, stream, struct.pack(">I", 8)), b"",
                              frame(HEADERS, END_HEADERS | END_STREAM, stream, literal("x", "y"))]))
    return frames


def odd_frame(rng):
    stream = rng.choice([0, 1, 2, 3, 5, 2**31 - 1, 2**31, 2**32 - 1])
    return rng.choice([
        lambda: frame(rng.randrange(16), rng.randrange(256), stream, any_bytes(rng)),
        lambda: frame(SETTINGS, 0, 0, struct.pack(">HI", rng.randrange(9), rng.choice([0, 1, 2**14, 2**31, 2**32 - 1]))),
        lambda: frame(SETTINGS, 0, 0) * 500,
        lambda: frame(PING, 0, 0, bytes(8)) * 500,
        lambda: frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", rng.choice([0, 1, 2**31 - 1, 2**32 - 1]))),
        lambda: frame(PRIORITY, 0, stream, struct.pack(">IB", stream, 1)),
        lambda: frame(GOAWAY, 0, 0, struct.pack(">II", stream, rng.randrange(20))),
        lambda: frame(DATA, PADDED, stream, bytes([rng.randrange(256)]) + any_bytes(rng)),
        lambda: frame(HEADERS, END_HEADERS, stream, any_bytes(rng, 200)),
        lambda: frame(HEADERS, END_HEADERS, stream, b"\x3f\xff\xff\xff\xff\x0f"),
        lambda: frame(HEADERS, 0, stream, request_block(METHODS[0])) + frame(CONTINUATION, 0, stream, bytes(100)) * 400,
        lambda: frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", 2) + any_bytes(rng)),
        lambda: frame(DATA, 0, stream, b"x" * 20, length=rng.choice([0, 5, 2**24 - 1])),
        # Streams that are reset as soon as they are opened.
        lambda: b"".join(frame(HEADERS, END_HEADERS, s, request_block(METHODS[0])) + frame(RST_STREAM, 0, s, bytes(4))
                         for s in range(101, 101 + 2 * rng.choice([10, 300]), 2)),
    ])()


def conversation(seed, number):
    """What one connection sends."""
    rng = random.Random(f"{seed}/{number}")
    frames = []
    for index in range(rng.choice([1, 1, 2, 5])):
        frames += call(rng, 2 * index + 1)
    if rng.random() < 0.2:
        rng.shuffle(frames)
    for _ in range(rng.choice([0, 0, 1, 3])):
        frames.insert(rng.randrange(len(frames) + 1), odd_frame(rng))
    opening = rng.choice([PREFACE] * 30 + [b"", PREFACE[:-1], b"GET / HTTP/1.1\r\n\r\n", PREFACE.lower()])
    sent = bytearray(opening + frame(SETTINGS, 0, 0) + b"".join(frames))
    if rng.random() < 0.4:
        for _ in range(rng.choice([1, 1, 3, 20])):
            # Everything may have been dropped.
            sent = sent or bytearray(1)
            place = rng.randrange(len(sent))
            rng.choice([
                lambda: sent.__setitem__(place, rng.randrange(256)),
                lambda: sent.__setitem__(place, sent[place] ^ 1 << rng.randrange(8)),
                lambda: sent.__delitem__(slice(place, place + rng.choice([1, 4, 100]))),
                lambda: sent.__setitem__(slice(place, place), any_bytes(rng)),
            ])()
    return bytes(sent), rng


def converse(path, seed, number):
    """Sends one conversation and goes away, in the middle or after some answers; returns the bytes that came back."""
    sent, rng = conversation(seed, number)
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(0.2)
    received = 0
    try:
        peer.connect(path)
        size = rng.choice([1 << 20, 1 << 20, 100, 9])
        for start in range(0, min(len(sent), 3000 * size), size):
            peer.sendall(sent[start : start + size])
        if rng.random() < 0.5:
            peer.shutdown(socket.SHUT_WR)
        peer.settimeout(rng.choice([0.002, 0.02, 0.1]))
        while rng.random() < 0.9:
            answer = peer.recv(1 << 16)
            if not answer:
                break
            received += len(answer)
    except OSError:
        pass
    peer.close()
    return received


# ---- What the daemon must still do -------------------------------------------------------------------------------------


def ask(path, method, request, timeout=60):
    """One right call; the messages of the answer, by reading frames and never a header."""
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(timeout)
    peer.connect(path)
    peer.sendall(PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, request_block(method))
                 + frame(DATA, END_STREAM, 1, message(request)))
    buffer, answer = b"", b""
    while True:
        while len(buffer) < 9 or len(buffer) < 9 + int.from_bytes(buffer[:3], "big"):
            received = peer.recv(1 << 16)
            if not received:
                raise EOFError("the daemon closed the connection")
            buffer += received
        length, kind, flags = int.from_bytes(buffer[:3], "big"), buffer[3], buffer[4]
        of_call = int.from_bytes(buffer[5:9], "big") == 1
        if kind == DATA and of_call:
            answer += buffer[9 : 9 + length]
        if of_call and flags & END_STREAM and kind in (DATA, HEADERS):
            peer.close()
            return answer[5:]
        if of_call and kind == RST_STREAM:
            raise EOFError("the daemon reset the call")
        buffer = buffer[9 + length :]


def kept_text(path):
    request = field(1, field(3, b"Who paid for the photograph?")) + field(2, TEXT * 20)
    answer = ask(path, METHODS[1], request)
    # Only what does not tell the time or the request: the kept text, field 2.
    start = answer.find(TEXT[:10])
    return answer[start : answer.find(TEXT[-20:], start) + 20] if start >= 0 else answer[:0]


def is_serving(path):
    return ask(path, "/grpc.health.v1.Health/Check", b"") == field(1, 1)


def figures(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return len(os.listdir(f"/proc/{process.pid}/fd")), memory


def check(process, path, expected, descriptors, number):
    """What is wrong with the daemon after conversation `number`, or None."""
    if process.poll() is not None:
        return f"the daemon ended with status {process.returncode}"
    try:
        if not is_serving(path):
            return "the daemon does not say that it serves"
        if kept_text(path) != expected:
            return "the daemon compresses otherwise than before"
    except (OSError, EOFError) as error:
        return f"the daemon does not answer: {error}"
    for _ in range(100):
        # Connections that were closed here are closed there a moment later.
        held = figures(process)[0]
        if held <= descriptors:
            return None
        time.sleep(0.1)
    return f"the daemon holds {held} descriptors, {descriptors} at the start"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cprsd")
    parser.add_argument("daemon_options", nargs="*", help="after --")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first conversation")
    parser.add_argument("--conversations", type=int, default=1 << 62, help="at most so many")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/d.sock"
        log = open(folder + "/log", "wb")
        process = subprocess.Popen([options.cprsd, "--socket", path, "--log-level", "error", *options.daemon_options], stderr=log, stdout=log)
        try:
            for _ in range(600):
                if os.path.exists(path) or process.poll() is not None:
                    break
                time.sleep(0.05)
            problem, number, received = run(options, process, path)
        finally:
            process.terminate()
            process.wait()
        shown = pathlib.Path(folder + "/log").read_text(errors="replace")[-3000:]
    if problem:
        print(f"FAIL --seed {options.seed}, conversations up to {number}: {problem}\n{shown}")
    sys.exit(1 if problem else 0)


def run(options, process, path):
    expected = kept_text(path)
    if not expected or not is_serving(path):
        return "the daemon does not answer before anything was sent", 0, 0
    time.sleep(0.5)
    descriptors, memory = figures(process)
    end = time.monotonic() + options.seconds
    number, received, problem = options.first, 0, None
    while time.monotonic() < end and number < options.first + options.conversations and problem is None:
        received += converse(path, options.seed, number)
        number += 1
        if number % 200 == 0 or process.poll() is not None:
            problem = check(process, path, expected, descriptors, number)
    problem = problem or check(process, path, expected, descriptors, number)
    if process.poll() is None:
        held, grown = figures(process)
        print(f"daemon: seed {options.seed}, {number - options.first} conversations, {received} bytes came back, descriptors "
              f"{descriptors} -> {held}, resident {memory} -> {grown} KB")
    return problem, number, received


if __name__ == "__main__":
    main()
