"""An HTTP/2 server that speaks frame by frame, so that it can misbehave in every way that a gRPC library would not.

Each function of SCENARIOS plays one server on one connection; `Peer` does the framing. RFC 9113, RFC 7541 (literal header
fields without indexing only), gRPC over HTTP/2.
"""

import base64
import hashlib
import socket
import struct
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 1, 4, 1
REFUSED_STREAM, CANCEL, INTERNAL_ERROR, ENHANCE_YOUR_CALM = 7, 8, 2, 11


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, value):
    """A protobuf field: bytes and str length-delimited, int as varint, float as fixed32."""
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(payload):
    return b"\0" + struct.pack(">I", len(payload)) + payload


def accepted():
    return message(field(1, field(1, "request-1") + field(3, field(1, "scripted") + field(2, "ab" * 32))))


def decisions(final, spans):
    kept = b"".join(
        field(2, field(1, start) + field(2, end) + field(3, 0.5) + field(4, "tag") + (field(10, text) if text else b""))
        for start, end, text in spans
    )
    return message(field(2, field(1, final) + kept))


def summary(length, digest=b""):
    return message(field(3, field(1, length) + field(3, length) + field(10, digest or bytes(32))))


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection):
        self.connection = connection
        self.buffer = b""
        self.taken = 0  # bytes at the start of the buffer that were taken already
        self.window = 65535  # of the stream, for what this end sends
        self.initial_window = 65535
        self.body = bytearray()
        self.keeps_body = True
        self.received = 0
        self.has_ended = False
        self.stream = None

    def send(self, kind, flags, stream, payload=b""):
        self.connection.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload)

    def headers(self, fields, end=False):
        block = b"".join(b"\0" + varint7(name) + varint7(value) for name, value in fields)
        self.send(HEADERS, END_HEADERS | (END_STREAM if end else 0), self.stream, block)

    def start_response(self):
        self.headers([(":status", "200"), ("content-type", "application/grpc")])

    def end_response(self, status="0", text=""):
        self.headers([("grpc-status", status), ("grpc-message", text)], end=True)

    def data(self, payload, size=16384, end=False):
        """Sends within the client's flow-control window."""
        for start in range(0, len(payload), size):
            piece = payload[start : start + size]
            while self.window < len(piece):
                self.read()
            self.window -= len(piece)
            self.send(DATA, END_STREAM if end and start + size >= len(payload) else 0, self.stream, piece)

    def greet(self):
        self.take(24)
        self.send(SETTINGS, 0, 0)

    def take(self, length):
        while len(self.buffer) - self.taken < length:
            received = self.connection.recv(1 << 20)
            if not received:
                raise EOFError
            self.buffer = self.buffer[self.taken :] + received
            self.taken = 0
        self.taken += length
        return self.buffer[self.taken - length : self.taken]

    def read(self, grants=True):
        """Reads and answers one frame; returns its kind."""
        head = self.take(9)
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        stream = int.from_bytes(head[5:9], "big") & 0x7FFFFFFF
        payload = self.take(length)
        if kind == SETTINGS and not flags & ACK:
            for start in range(0, length, 6):
                if int.from_bytes(payload[start : start + 2], "big") == 4:
                    value = int.from_bytes(payload[start + 2 : start + 6], "big")
                    self.window += value - self.initial_window
                    self.initial_window = value
            self.send(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            self.send(PING, ACK, 0, payload)
        elif kind == WINDOW_UPDATE and stream:
            self.window += int.from_bytes(payload, "big")
        elif kind == HEADERS:
            self.stream = stream
            self.window = self.initial_window
            self.has_ended = bool(flags & END_STREAM)
            self.body = bytearray()
        elif kind == DATA:
            if self.keeps_body:
                self.body += payload
            self.received += length
            self.has_ended = bool(flags & END_STREAM)
            if grants and length:
                self.grant(length)
        elif kind == RST_STREAM:
            raise ConnectionResetError(int.from_bytes(payload, "big"))
        return kind

    def grant(self, length):
        update = struct.pack(">I", length)
        self.send(WINDOW_UPDATE, 0, 0, update)
        self.send(WINDOW_UPDATE, 0, self.stream, update)

    def await_headers(self):
        while self.read() != HEADERS:
            pass

    def await_end(self):
        while not self.has_ended:
            self.read()

    def chunks(self):
        """The texts of the chunks that were received whole."""
        body, texts = bytes(self.body), []
        while len(body) >= 5:
            length = int.from_bytes(body[1:5], "big")
            payload, body = body[5 : 5 + length], body[5 + length :]
            number, _, value, _ = read_field(payload)
            if number == 2:
                texts.append(read_field(value)[2] if value else b"")
        return b"".join(texts)


def varint7(text):
    """A string literal of HPACK: length with a 7-bit prefix, no Huffman code."""
    data = text.encode()
    if len(data) < 127:
        return bytes([len(data)]) + data
    return bytes([127]) + varint(len(data) - 127) + data


def read_varint(data):
    value = shift = 0
    for index, byte in enumerate(data):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, data[index + 1 :]
    raise ValueError(data)


def read_field(data):
    """Number, wire type, value and the rest, of a length-delimited field."""
    key, rest = read_varint(data)
    length, rest = read_varint(rest)
    return key >> 3, key & 7, rest[:length], rest[length:]


# ---- Scenarios: what the server does on one connection ---------------------------------------------------------------


def good(peer):
    peer.await_headers()
    peer.await_end()
    text = peer.chunks()
    peer.start_response()
    half = len(text) // 2
    peer.data(accepted() + decisions(half, [(0, min(5, half), b"")]) + decisions(len(text), []))
    peer.data(summary(len(text), hashlib.sha256(text).digest()))
    peer.end_response()


def byte_by_byte(peer):
    peer.await_headers()
    peer.await_end()
    length = len(peer.chunks())
    peer.start_response()
    peer.data(accepted() + decisions(length, [(0, 5, b"")]) + summary(length), size=1)
    peer.end_response()


def trailers_only(peer):
    peer.await_headers()
    info = field(1, "OVERLOADED") + field(2, "cprs")
    retry = field(1, field(1, 1) + field(2, 500_000_000))
    status = field(1, 8) + field(2, "busy")
    for name, value in (("ErrorInfo", info), ("RetryInfo", retry)):
        status += field(3, field(1, "type.googleapis.com/google.rpc." + name) + field(2, value))
    peer.headers(
        [
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-status", "8"),
            ("grpc-message", "100%25 busy"),
            ("grpc-status-details-bin", base64.b64encode(status).decode().rstrip("=")),
        ],
        end=True,
    )
    peer.await_end()


def invalid_text(peer):
    peer.await_headers()
    peer.start_response()
    entry = field(1, "byte_offset") + field(2, "7")
    info = field(1, "INVALID_TEXT") + field(2, "cprs") + field(3, entry)
    bad = field(1, field(1, "chunk.text") + field(2, "no"))
    status = field(1, 3) + field(2, "not UTF-8")
    for name, value in (("ErrorInfo", info), ("BadRequest", bad)):
        status += field(3, field(1, "type.googleapis.com/google.rpc." + name) + field(2, value))
    peer.headers([("grpc-status", "3"), ("grpc-status-details-bin", base64.b64encode(status).decode())], end=True)
    peer.read()


def goaway_first(peer):
    peer.send(GOAWAY, 0, 0, struct.pack(">II", 0, 0))


def goaway_during(peer):
    peer.await_headers()
    peer.send(GOAWAY, 0, 0, struct.pack(">II", peer.stream, 0))
    good_after = peer
    good_after.await_end()
    length = len(peer.chunks())
    peer.start_response()
    peer.data(accepted() + decisions(length, [(0, 5, b"")]) + summary(length))
    peer.end_response()
    time.sleep(0.1)


def reset(code):
    def play(peer):
        peer.await_headers()
        peer.send(RST_STREAM, 0, peer.stream, struct.pack(">I", code))
        peer.await_end()

    return play


def dies_in_message(peer):
    peer.await_headers()
    peer.start_response()
    peer.data(decisions(5, [(0, 5, b"hello")])[:9])


def ends_in_message(peer):
    peer.await_headers()
    peer.start_response()
    peer.data(decisions(5, [(0, 5, b"hello")])[:9])
    peer.end_response()
    peer.await_end()


def huge_message(peer):
    peer.await_headers()
    peer.start_response()
    peer.data(b"\0\xff\xff\xff\xff" + bytes(1000))
    peer.await_end()


def compressed_message(peer):
    peer.await_headers()
    peer.start_response()
    peer.data(b"\1" + accepted()[1:])
    peer.await_end()


def bad_protobuf(peer):
    peer.await_headers()
    peer.start_response()
    peer.data(message(b"\x0a\xff\xff\xff\xff\x0f" + bytes(20)))
    peer.await_end()


def wild_span(peer):
    peer.await_headers()
    peer.await_end()
    peer.start_response()
    peer.data(accepted() + decisions(1 << 60, [(1 << 50, 1 << 59, b"")]) + summary(5))
    peer.end_response()


def no_status(peer):
    peer.await_headers()
    peer.start_response()
    peer.data(accepted(), end=True)
    peer.await_end()


def no_summary(peer):
    peer.await_headers()
    peer.start_response()
    peer.data(accepted())
    peer.end_response()
    peer.await_end()


def http_503(peer):
    peer.await_headers()
    peer.headers([(":status", "503")], end=True)
    peer.await_end()


def silent(peer):
    while True:
        peer.read()


def deaf(peer):
    """Takes the headers and grants no more window."""
    while True:
        peer.read(grants=False)


def wants_reader(peer):
    """Reads no further until 4 MB of its decisions were taken."""
    peer.await_headers()
    peer.start_response()
    peer.data(accepted())
    while peer.received < 60_000:
        peer.read(grants=False)
    for index in range(64):
        peer.data(decisions(index, [(index, index + 1, bytes(65536))]))
    peer.grant(peer.received)
    peer.await_end()
    peer.data(summary(len(peer.chunks())))
    peer.end_response()


def flood(peer):
    """100 MB of decisions."""
    peer.await_headers()
    peer.await_end()
    peer.start_response()
    peer.data(accepted())
    for index in range(1600):
        peer.data(decisions(index + 1, [(index, index + 1, bytes(65536))]))
    peer.data(summary(1600))
    peer.end_response()


def sink(peer):
    """Takes any amount of text, as fast as Python can, and says how much it was."""
    peer.keeps_body = False
    peer.send(SETTINGS, 0, 0, struct.pack(">HI", 4, 1 << 24))
    peer.send(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 29))
    peer.await_headers()
    pending = 0
    while not peer.has_ended:
        before = peer.received
        peer.read(grants=False)
        pending += peer.received - before
        if pending >= 1 << 22:
            peer.grant(pending)
            pending = 0
    peer.start_response()
    peer.data(accepted() + decisions(peer.received, []) + summary(peer.received))
    peer.end_response()


def garbage(peer):
    peer.connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)


SCENARIOS = {
    "good": good,
    "byte_by_byte": byte_by_byte,
    "trailers_only": trailers_only,
    "invalid_text": invalid_text,
    "goaway_first": goaway_first,
    "goaway_during": goaway_during,
    "refused": reset(REFUSED_STREAM),
    "cancelled": reset(CANCEL),
    "calm": reset(ENHANCE_YOUR_CALM),
    "reset": reset(INTERNAL_ERROR),
    "dies_in_message": dies_in_message,
    "ends_in_message": ends_in_message,
    "huge_message": huge_message,
    "compressed_message": compressed_message,
    "bad_protobuf": bad_protobuf,
    "wild_span": wild_span,
    "no_status": no_status,
    "no_summary": no_summary,
    "http_503": http_503,
    "silent": silent,
    "deaf": deaf,
    "wants_reader": wants_reader,
    "flood": flood,
    "sink": sink,
    "garbage": garbage,
}


def serve(path, play):
    """Plays the scenario on every connection, one after the other, until the process ends."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    while True:
        connection, _ = listener.accept()
        peer = Peer(connection)
        try:
            if play is not garbage:
                peer.greet()
            while True:
                play(peer)
                if play not in (good, byte_by_byte, flood, sink, wants_reader, trailers_only):
                    break
        except (EOFError, OSError):
            pass
        connection.close()
