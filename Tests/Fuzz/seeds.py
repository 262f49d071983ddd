#!/usr/bin/env python3
"""Writes the seeds of Corpus: for each target a few small inputs of the right form. Others there were found by a search."""

import json
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent / "CCPRSClientTests"))
from scripted_server import accepted, decisions, field, summary  # noqa: E402

TEXT = ("Mr. Holmes looked at 3.14 pages. “Is it signed?” he said!\r\n\r\n1. A list\n- of two: KEY = 12\n"
        "合同自三月起生效。双方同意！\tcafe\u0301 e\u0301 한글 \u1100\u1161\u11a8 👩‍👩‍👧 🇫🇷 <|im_end|> 'LL\n").encode()
CONFIG = {
    "model_type": "qwen2", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 1, "vocab_size": 8, "max_position_embeddings": 64, "rms_norm_eps": 1e-6, "rope_theta": 10000,
    "tie_word_embeddings": True,
}
MORE = {"head_dim": 4, "cprs_window_tokens": 32, "cprs_threshold": 0.25, "cprs_bidirectional_start_layer": 1,
        "layer_types": ["full_attention"], "rope_scaling": None}
TENSORS = {
    "__metadata__": {"format": "pt"},
    "a": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
    "b": {"dtype": "BF16", "shape": [2], "data_offsets": [8, 12]},
    "c": {"dtype": "U8", "shape": [3], "data_offsets": [12, 15]},
    "d": {"dtype": "F16", "shape": [0, 5], "data_offsets": [15, 15]},
}


def text(value):
    return json.dumps(value, ensure_ascii=False).encode()


def record(kind, payload):
    return bytes([kind]) + struct.pack(">H", len(payload)) + payload


def client(option, *records):
    return bytes([option]) + b"".join(records)


def patch(section, offset, value):
    return bytes([section]) + struct.pack("<I", offset)[:3] + struct.pack("<I", value)


SEEDS = {
    "json": [text(CONFIG), text([TENSORS, -1.5e3, "\u00e9\n", True, None, []]), b'"\\ud83d\\ude00\\u00e9\\n"', b"-12"],
    "config": [text(CONFIG), text({**CONFIG, **MORE}), text({**{k: v for k, v in CONFIG.items() if k != "rope_theta"},
                                                             "rope_parameters": {"rope_theta": 1e6}})],
    "safetensors": [text(TENSORS) + b"\0" + bytes(range(15)), b"{}\0", struct.pack("<Q", 2) + b"{}"],
    "shard-index": [text({"metadata": {}, "weight_map": {"t": "a.safetensors", "u": "a.safetensors", "v": "b.safetensors"}}),
                    text({"weight_map": {"t": "../a"}})],
    "units": [bytes([kind, 1, 3, 200, repeats]) + TEXT for kind in range(4) for repeats in (0, 4, 5)],
    "spans": [bytes([options, 12] + [0, 5, 9, 10, 131, 14, 26, 12, 1, 2, 3, 8]) + TEXT for options in (0, 1, 4, 9)],
    "patterns": [
        b"\0\5\0" + b"(?i)ph?o|[^\\w\\s]+$\0" + TEXT,
        b"\1\2\7\5" + b"ab\0(a|b)*c\\b\0" + b"ababcab abc",
        b"\0\1\x0d" + b"he\0she\0" + b"ushers she he",
        b"\0\1\x00" + b"\\p{Lu}\\d{1,3}[a-z\\x41]+\0" + TEXT,
    ],
    "text": [bytes([1, 2, 7]) + TEXT, b"\0\0" + TEXT, b"\0\1a\xccb\x81"],
    "tokenizer-file": [
        b'{"type": "NFC"}\0"he": 256, "the": 257\0"h e", "t he"\0{"id": 300, "content": "<|im_end|>"}\0' + TEXT,
        b'null\0"ab": 256, "aba": 258\0["a", "b"], ["ab", "a"]\0\0abababa',
    ],
    "merges": [bytes([1, 6, 0, 1, 4, 2, 4, 4, 5, 0, 1, 1, 6, 5]) + bytes(range(40)), bytes([0, 3, 0, 0, 4, 4, 4, 0]) + b"\0" * 9],
    "packed-tokenizer": [b"\0", bytes([2]) + patch(3, 64 * 257, 3) + patch(5, 16, 1) + b"the hell", bytes([1]) + patch(11, 40, 1)],
    "packed-model": [b"\0", b"\0\x40\x00\x31", b"\0\x00\x81\x39\x10\x82\x30", text(TENSORS) + b"\0\1\0\1"],
    "session": [bytes([1, 6, 50, flags, granularity, 100, budget, window]) + b"photo\0[A-Z]+\0" + TEXT * 4
                for flags, granularity, budget, window in
                [(0, 2, 0, 0), (32, 2, 0, 2), (148, 0, 21, 3), (8, 0, 0, 2), (88, 4, 40, 2), (1, 1, 0, 130), (67, 3, 0, 2)]],
    "client": [
        client(0, record(3, b""), record(0, accepted() + decisions(12, [(0, 5, b"hello")]) + summary(12)), record(4, b"\0")),
        client(2, record(3, b""), record(1, field(1, field(1, "r"))), record(1, field(2, field(1, 12))), record(4, b"\0")),
        client(4, record(3, b""), record(1, field(1, 3)), record(4, b"\0")),
        client(6, record(3, b""), record(4, b"\x08" + field(2, "busy") + field(3, field(1, "x/google.rpc.ErrorInfo")
                                                                              + field(2, field(1, "OVERLOADED"))))),
        client(0, record(6, b"\7\0\0" + bytes(8)), record(6, b"\3\0\1" + bytes(4))),
        client(1, b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ],
}


def main():
    for target, seeds in SEEDS.items():
        folder = ROOT / "Corpus" / target
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (folder / f"seed-{number}").write_bytes(seed)


if __name__ == "__main__":
    main()
