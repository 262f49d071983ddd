"""Starts a cprsd of its own, or uses a running one, and speaks its protocol as any client would."""

import importlib
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
import numpy as np

CHUNK_BYTES = 1 << 16
GRANULARITIES = ("", "token", "word", "sentence", "line", "paragraph", "record")
RETAINED_BYTES = 512 << 20


def protocol(protos):
    """Generates the stubs of Protos/cprs/v1/cprs.proto into a temporary folder -> (messages, service)."""
    from grpc_tools import protoc

    folder = tempfile.mkdtemp(prefix="cprs-eval-stubs-")
    arguments = ["protoc", f"-I{protos}", f"--python_out={folder}", f"--grpc_python_out={folder}", f"{protos}/cprs/v1/cprs.proto"]
    if protoc.main(arguments):
        raise SystemExit(f"cannot generate stubs from {protos}/cprs/v1/cprs.proto")
    sys.path.insert(0, folder)
    return importlib.import_module("cprs.v1.cprs_pb2"), importlib.import_module("cprs.v1.cprs_pb2_grpc")


class Daemon:
    """A cprsd on a socket in a temporary folder; ends with the `with` block."""

    def __init__(self, binary, model, threads):
        if not Path(binary).is_file():
            raise SystemExit(f"--cprsd {binary}: no such file; build it (swift build -c release --product cprsd) or name one")
        self.folder = tempfile.TemporaryDirectory(prefix="cprs-eval-")
        self.socket = f"{self.folder.name}/cprsd.sock"
        command = [str(binary), "--socket", self.socket, "--max-retained-bytes", str(RETAINED_BYTES)]
        command += ["--model", str(model)] if model else []
        command += ["--threads", str(threads)] if threads else []
        self.log = open(f"{self.folder.name}/log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)

    def __enter__(self):
        deadline = time.monotonic() + 60
        while not Path(self.socket).exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                raise SystemExit(f"cprsd did not start: {self.log.read()[-2000:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
        self.folder.cleanup()


@dataclass
class Scored:
    """One forward pass over a context. `starts`, `lengths` [tokens] in bytes; `scores` [tokens] in 0...1."""

    request: str
    starts: np.ndarray
    lengths: np.ndarray
    scores: np.ndarray
    kept: list
    summary: object
    window_tokens: int
    prompt_tokens: int
    seconds: float


class Client:
    def __init__(self, socket, protos):
        self.messages, service = protocol(protos)
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self.stub = service.ContextCompressorStub(grpc.insecure_channel(f"unix://{Path(socket).resolve()}", options))
        try:
            self.info = self.stub.GetModelInfo(self.messages.GetModelInfoRequest(), timeout=60)
        except grpc.RpcError as error:
            raise SystemExit(f"no cprsd answers on {socket}: {error.details()}") from error

    def count(self, text):
        """Tokens of a text; one that is longer than a message is counted in parts."""
        data, step = text.encode(), self.info.limits.max_message_bytes // 2
        parts = [data[first : first + step] for first in range(0, len(data), step)]
        parts = [part.decode(errors="ignore").encode() for part in parts]
        return sum(self.stub.CountTokens(self.messages.CountTokensRequest(text=part)).tokens for part in parts)

    def score(self, item):
        """Scores the item's context once; the selection is that of the default threshold. Holds the scores for `cut`."""
        data = item.text.encode()
        selection = self.messages.Selection(granularity=GRANULARITIES.index(item.granularity))
        begin = self.messages.Begin(
            preset=item.preset, query=item.query, selection=selection, include_token_scores=True, retain_scores=True
        )

        def parts():
            yield self.messages.CompressRequest(begin=begin)
            for first in range(0, len(data), CHUNK_BYTES):
                yield self.messages.CompressRequest(chunk=self.messages.Chunk(text=data[first : first + CHUNK_BYTES]))

        began = time.monotonic()
        accepted, kept, scores, summary = self.collect(self.stub.Compress(parts()))
        seconds = time.monotonic() - began
        starts = [np.array([part.start], dtype=np.int64) + np.concatenate([[0], np.cumsum(part.lengths[:-1], dtype=np.int64)]) for part in scores if part.lengths]
        lengths = [np.array(part.lengths, dtype=np.int64) for part in scores if part.lengths]
        values = [np.array(part.scores, dtype=np.float32) for part in scores if part.lengths]
        return Scored(
            accepted.request_id, np.concatenate(starts), np.concatenate(lengths), np.concatenate(values), kept, summary,
            accepted.window_tokens, accepted.prompt_tokens, seconds,
        )  # fmt: skip

    def cut(self, item, scored, **limit):
        """Selects again: `max_tokens` or `threshold`, or neither -> kept byte ranges."""
        selection = self.messages.Selection(granularity=GRANULARITIES.index(item.granularity), **limit)
        answers = self.stub.Recut(self.messages.RecutRequest(request_id=scored.request, selection=selection))
        return self.collect(answers)[1]

    def collect(self, answers):
        """-> (accepted, [(start, end)] of the kept spans, token scores, summary)"""
        accepted = summary = None
        kept, scores = [], []
        for answer in answers:
            part = answer.WhichOneof("part")
            if part == "accepted":
                accepted = answer.accepted
            elif part == "summary":
                summary = answer.summary
            elif not answer.decisions.provisional:
                kept += [(span.start, span.end) for span in answer.decisions.kept]
                if answer.decisions.HasField("token_scores"):
                    scores.append(answer.decisions.token_scores)
        return accepted, kept, scores, summary
