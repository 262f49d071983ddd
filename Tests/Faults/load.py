"""Requests of every kind with answers that can be compared byte for byte, and bad ones with the error that they must get."""
import hashlib
import os
import random
import struct
import sys

from harness import ROOT

sys.path.insert(0, os.path.join(ROOT, "Tests", "cprsdTests"))
import grpc  # noqa: E402
import grpc_client  # noqa: E402

pb, pb_grpc = grpc_client.pb, grpc_client.pb_grpc
Code = grpc.StatusCode
STORY = open(os.path.join(ROOT, "Tests", "Fixtures", "a-scandal-in-bohemia.txt"), "rb").read()
PRESETS = ["fact", "needle", "chain", "pair", "keyword", "paragraph"]
QUERIES = ["What is in the photograph?", "Who is Irene Adler?", "Which row failed?", "照片在哪里？", "Где фотография? 📷"]
# Everything in one message must fit its limit of 4 MiB, and a message cannot be paused halfway.
ONE_MESSAGE_BYTES = 64 << 10


def text_of(size, random):
    """Exactly `size` bytes of UTF-8.

    Long texts are tables that are padded with blanks, many bytes a token: the load is to be mixed in bytes, and the time of a
    run is paid in tokens.
    """
    if size > 5_000_000:
        rows = (f"{row:>900}{random.choice(('ok', 'failed', 'skipped')):>99}\n" for row in range(size // 1000 + 2))
        return "".join(rows).encode()[:size]
    if size > 200_000:
        rows = (f"{row:>24}{random.choice(('ok', 'failed', 'skipped')):>70}{'':>160}\n" for row in range(size // 250 + 2))
        return "".join(rows).encode()[:size]
    start = random.randrange(len(STORY))
    text = "Пример. 这是一个例子。 ".encode() * (size // 300) + STORY[start:] + STORY * (size // len(STORY) + 1)
    # A cut may fall inside a character.
    whole = text[:size].decode(errors="ignore").encode()
    return whole + b"." * (size - len(whole))


def size_of(random):
    """1 B to 10 MB, mostly small."""
    kind = random.random()
    low, high = (1, 300) if kind < 0.35 else (300, 4000) if kind < 0.75 else (4000, 40_000) if kind < 0.93 else (
        40_000, 200_000) if kind < 0.97 else (200_000, 4_000_000)
    return int(low * (high / low) ** random.random())


def selection(random):
    """Any selection that is valid for any preset."""
    fields = {"granularity": random.choice([0, 0, 1, 2, 3, 4, 5])}
    if random.random() < 0.1:
        return pb.Selection(decoding=pb.DECODING_REFERENCE, whole_sentences=random.random() < 0.5)
    kind = random.random()
    if kind < 0.3:
        fields["max_tokens"] = random.choice([1, 50, 400, 5000])
    elif kind < 0.5:
        fields["ratio"] = random.choice([0.01, 0.1, 0.5, 1.0])
    elif kind < 0.7:
        fields["threshold"] = random.choice([0.0, 0.05, 0.5, 1.0])
    if "max_tokens" not in fields and "ratio" not in fields and random.random() < 0.3:
        # With a budget these could exceed it, which is an error of its own.
        fields["keep_literals"] = ["photograph", "failed"]
        fields["keep_regexes"] = ["[0-9]{3,}", "(a+)+b"]
    if random.random() < 0.2:
        fields["match_words"] = random.random() < 0.5
    return pb.Selection(**fields)


class Request:
    """A request that has one right answer."""

    def __init__(self, text, begin, recut=None):
        self.text = text
        self.begin = begin
        # A selection for `Recut` after it.
        self.recut = recut
        self.answer = None
        self.recut_answer = None


def pool(count, seed, largest=10_000_000):
    """Distinct requests; the last one is the largest."""
    chance = random.Random(seed)
    requests = []
    for index in range(count):
        size = largest if index == count - 1 else min(largest, size_of(chance))
        begin = pb.Begin(
            preset=PRESETS[index % len(PRESETS)], query=chance.choice(QUERIES), selection=selection(chance),
            include_text=chance.random() < 0.5 and size < 1_000_000,
            include_token_scores=chance.random() < 0.1, include_provisional=chance.random() < 0.3,
            window_tokens=chance.choice([0, 0, 256, 512]), request_class=chance.choice([0, 1, 2]))
        recut = selection(chance) if chance.random() < 0.3 and size < 300_000 else None
        requests.append(Request(text_of(size, chance), begin, recut))
    return requests


def chunks(text, begin, random, pause=lambda: None):
    """The messages of a request, cut anywhere."""
    yield pb.CompressRequest(begin=begin)
    start = 0
    while start < len(text):
        pause()
        size = random.choice([1, 100, 4096, 65_536, 65_536, 300_000]) if len(text) < 100_000 else 65_536
        if len(text) // size > 2000:
            size = 65_536
        yield pb.CompressRequest(chunk=pb.Chunk(text=text[start : start + size]))
        start += size


class Answer:
    """Everything in an answer that a second run must repeat: not names and times."""

    def __init__(self):
        self._digest = hashlib.sha256()
        self.request_id = ""
        self.summary = None

    def take(self, message):
        kind = message.WhichOneof("part")
        if kind == "accepted":
            self.request_id = message.accepted.request_id
        elif kind == "summary":
            self.summary = message.summary
        elif not message.decisions.provisional:
            for span in message.decisions.kept:
                self._digest.update(span.SerializeToString(deterministic=True))

    def unary(self, response):
        self.request_id = response.accepted.request_id
        self.summary = response.summary
        for span in response.kept:
            self._digest.update(span.SerializeToString(deterministic=True))

    def digest(self):
        """32 bytes over spans, texts, figures and receipt."""
        summary = self.summary
        self._digest.update(struct.pack(
            "<6Qf", summary.input_bytes, summary.input_tokens, summary.kept_bytes, summary.kept_tokens,
            summary.kept_spans, summary.windows, summary.best_dropped_score))
        self._digest.update(summary.input_sha256 + summary.kept_sha256)
        return self._digest.hexdigest()


def compress(stub, request, random, retain=False, pause=lambda: None, on_call=None, timeout=None):
    """The answer of a stream."""
    begin = pb.Begin()
    begin.CopyFrom(request.begin)
    begin.retain_scores = retain
    answer = Answer()
    call = stub.Compress(chunks(request.text, begin, random, pause), timeout=timeout)
    if on_call:
        on_call(call)
    for message in call:
        answer.take(message)
    return answer


def recut(stub, request, request_id):
    answer = Answer()
    ask = pb.RecutRequest(request_id=request_id, selection=request.recut, include_text=request.begin.include_text)
    for message in stub.Recut(ask):
        answer.take(message)
    return answer


def as_one_message(stub, request):
    """The answer of `CompressText`, whose spans carry no text: that is beside them."""
    response = stub.CompressText(pb.CompressTextRequest(begin=request.begin, text=request.text))
    kept = b"".join(request.text[span.start : span.end] for span in response.kept)
    assert response.text == kept, "CompressText: text and spans differ"
    answer = Answer()
    answer.unary(response)
    return answer


def learn(stub, request, random):
    """Records the right answers, by a client that is alone."""
    answer = compress(stub, request, random)
    request.answer = answer.digest()
    if request.recut is not None:
        # A recut must equal a fresh request with that selection, so that is what is recorded.
        begin = pb.Begin()
        begin.CopyFrom(request.begin)
        begin.selection.CopyFrom(request.recut)
        if not begin.selection.granularity:
            begin.selection.granularity = request.begin.selection.granularity
        if not begin.selection.HasField("match_words") and request.begin.selection.HasField("match_words"):
            begin.selection.match_words = request.begin.selection.match_words
        begin.include_token_scores = False
        request.recut_answer = compress(stub, Request(request.text, begin), random).digest()


# Bad input: what is sent, and the codes that it may be answered with.
GOOD = pb.Begin(query="Who?")


def _stream(stub, *messages):
    for _ in stub.Compress(iter(messages)):
        pass


def _chunk(text, **fields):
    return pb.CompressRequest(chunk=pb.Chunk(text=text, **fields))


BAD = {
    "not UTF-8": (
        lambda stub: _stream(stub, pb.CompressRequest(begin=GOOD), _chunk(b"abc\xff" + STORY[:5000])),
        {Code.INVALID_ARGUMENT}),
    "empty context": (lambda stub: _stream(stub, pb.CompressRequest(begin=GOOD)), {Code.INVALID_ARGUMENT}),
    "field out of range": (
        lambda stub: _stream(
            stub, pb.CompressRequest(begin=pb.Begin(query="Who?", selection=pb.Selection(threshold=7)))),
        {Code.INVALID_ARGUMENT}),
    "bad expression": (
        lambda stub: _stream(
            stub, pb.CompressRequest(begin=pb.Begin(query="Who?", selection=pb.Selection(keep_regexes=["a("])))),
        {Code.INVALID_ARGUMENT}),
    "chunk before begin": (lambda stub: _stream(stub, _chunk(b"text")), {Code.INVALID_ARGUMENT}),
    "budget too small": (
        lambda stub: _stream(
            stub, pb.CompressRequest(begin=pb.Begin(
                query="Who?", selection=pb.Selection(max_tokens=1, keep_literals=["the"]))), _chunk(STORY[:3000])),
        {Code.FAILED_PRECONDITION}),
    # The stream is reset, sometimes before its status has arrived.
    "message too large": (
        lambda stub: stub.CountTokens(pb.CountTokensRequest(text=b"x" * (5 << 20))),
        {Code.RESOURCE_EXHAUSTED, Code.CANCELLED}),
    "unknown recut id": (
        lambda stub: [None for _ in stub.Recut(pb.RecutRequest(request_id="0" * 32))], {Code.NOT_FOUND}),
}


def connect(path):
    """A connection of its own: grpc shares one between channels of the same options otherwise."""
    return grpc.insecure_channel("unix:" + path, options=[
        ("grpc.default_authority", "localhost"), ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", 8 << 20)])
