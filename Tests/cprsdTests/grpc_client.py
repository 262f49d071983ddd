#!/usr/bin/env python3
"""A client of the daemon that shares no code with it: grpcio, and stubs made from the .proto files.

Usage: grpc_client.py SOCKET basics|streams N [UID]|hang   (exit code 0: everything was as it should be; 77: grpcio is missing)
"""
import hashlib
import os
import sys
import tempfile
import threading

try:
    import grpc
    from grpc_tools import protoc
except ImportError:
    sys.exit(77)

PROTOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Protos")
FILES = ["cprs/v1/cprs.proto", "grpc/health/v1/health.proto", "grpc/reflection/v1/reflection.proto"]
TEXT = ("It was raining. Holmes lived at 221B Baker Street. Watson had gone out for the day.\n" * 60).encode()


def make_stubs():
    """Generates and imports the stubs; our grpc/ folder is merged into the installed grpc package's path."""
    # grpcio puts grpcio-health-checking and grpcio-reflection here if they are installed.
    for name in ("grpc.health", "grpc.reflection"):
        sys.modules.pop(name, None)
    out = tempfile.mkdtemp()
    arguments = ["protoc", "-I" + PROTOS, "--python_out=" + out, "--grpc_python_out=" + out]
    assert protoc.main(arguments + FILES) == 0
    sys.path.insert(0, out)
    grpc.__path__.append(os.path.join(out, "grpc"))
    from cprs.v1 import cprs_pb2, cprs_pb2_grpc
    from grpc.health.v1 import health_pb2, health_pb2_grpc
    from grpc.reflection.v1 import reflection_pb2, reflection_pb2_grpc
    return cprs_pb2, cprs_pb2_grpc, health_pb2, health_pb2_grpc, reflection_pb2, reflection_pb2_grpc


pb, pb_grpc, health, health_grpc, reflection, reflection_grpc = make_stubs()


def connect(path):
    return grpc.insecure_channel("unix:" + path, options=[("grpc.default_authority", "localhost")])


def parts(text, begin, size=1000):
    yield pb.CompressRequest(begin=begin)
    for start in range(0, len(text), size):
        yield pb.CompressRequest(chunk=pb.Chunk(text=text[start : start + size]))


def compress(stub, text, **fields):
    """All spans and the summary; checks order, watermark and receipt."""
    fields.setdefault("query", "Where does Holmes live?")
    spans, final, accepted, summary = [], 0, None, None
    for message in stub.Compress(parts(text, pb.Begin(**fields))):
        kind = message.WhichOneof("part")
        assert summary is None, "the summary is last"
        if kind == "accepted":
            assert accepted is None
            accepted = message.accepted
        elif kind == "decisions":
            assert accepted is not None and message.decisions.final_bytes >= final
            final = message.decisions.final_bytes
            spans += message.decisions.kept
        else:
            summary = message.summary
    assert final == len(text) == summary.input_bytes
    kept = b"".join(text[span.start : span.end] for span in spans)
    assert summary.kept_bytes == len(kept)
    assert summary.input_sha256 == hashlib.sha256(text).digest()
    assert summary.kept_sha256 == hashlib.sha256(kept).digest()
    return [(span.start, span.end, span.score, span.tag) for span in spans], summary


def refused(call, *codes):
    try:
        call()
    except grpc.RpcError as error:
        assert error.code() in codes, error
        return dict(error.trailing_metadata())
    raise AssertionError("was not refused")


def basics(path):
    with connect(path) as channel:
        stub = pb_grpc.ContextCompressorStub(channel)
        spans, _ = compress(stub, TEXT, selection=pb.Selection(max_tokens=100))
        assert spans
        unary = stub.CompressText(
            pb.CompressTextRequest(
                begin=pb.Begin(query="Where does Holmes live?", selection=pb.Selection(max_tokens=100)), text=TEXT))
        assert [(s.start, s.end, s.score, s.tag) for s in unary.kept] == spans
        assert unary.text == b"".join(TEXT[start:end] for start, end, _, _ in spans)
        info = stub.GetModelInfo(pb.GetModelInfoRequest())
        assert len(info.model.sha256) == 64 and [p.name for p in info.presets][0] == "fact"
        status = stub.GetStatus(pb.GetStatusRequest())
        assert status.serving and status.admitted_requests == 2 and status.scored_windows > 0
        assert stub.CountTokens(pb.CountTokensRequest(text=b"hello world")).tokens == 2

        details = refused(
            lambda: compress(stub, TEXT, selection=pb.Selection(threshold=2)), grpc.StatusCode.INVALID_ARGUMENT)
        assert b"selection.threshold" in details["grpc-status-details-bin"]
        details = refused(lambda: compress(stub, b"abc\xff"), grpc.StatusCode.INVALID_ARGUMENT)
        assert b"byte_offset" in details["grpc-status-details-bin"]
        # Beyond the limit of a message.
        big = pb.CountTokensRequest(text=b"x" * (5 << 20))
        details = refused(lambda: stub.CountTokens(big), grpc.StatusCode.RESOURCE_EXHAUSTED)
        assert b"4194304" in details["grpc-status-details-bin"]

        answer = health_grpc.HealthStub(channel).Check(health.HealthCheckRequest())
        assert answer.status == health.HealthCheckResponse.SERVING
        ask = reflection.ServerReflectionRequest(list_services="")
        services = next(reflection_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([ask])))
        names = [service.name for service in services.list_services_response.service]
        assert "cprs.v1.ContextCompressor" in names and "grpc.health.v1.Health" in names, names


def streams(path, count):
    """So many requests at a time on one connection; each must get the answer of one alone."""
    with connect(path) as channel:
        stub = pb_grpc.ContextCompressorStub(channel)
        alone, _ = compress(stub, TEXT, selection=pb.Selection(ratio=0.1))
        failures = []

        def run():
            try:
                spans, _ = compress(stub, TEXT, selection=pb.Selection(ratio=0.1))
                if spans != alone:
                    failures.append("another answer")
            except Exception as error:
                failures.append(str(error))

        threads = [threading.Thread(target=run) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, failures


def become(user):
    """Gives up being root, after what root alone may read was read: grpc loads parts of itself at the first call."""
    grpc.insecure_channel("unix:/nowhere").close()
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)


def hang(path):
    """Says when its request runs, and never ends it."""
    with connect(path) as channel:
        def endless():
            yield from parts(TEXT, pb.Begin(query="Where does Holmes live?"))
            threading.Event().wait()

        for _ in pb_grpc.ContextCompressorStub(channel).Compress(endless()):
            print("running", flush=True)


if __name__ == "__main__":
    path, what = sys.argv[1:3]
    if what == "basics":
        basics(path)
    elif what == "streams":
        if len(sys.argv) > 4:
            become(int(sys.argv[4]))
        streams(path, int(sys.argv[3]))
    else:
        hang(path)
