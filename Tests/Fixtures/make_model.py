"""Makes Tests/Fixtures/model: a model folder as Hugging Face writes it, with the default model's tokenizer and small random weights.

    python3 Tests/Fixtures/make_model.py FOLDER     # takes tokenizer and lexicon from there: the folder that the default model was packed from
    .build/release/cprsd --model Tests/Fixtures/model --print-self-check > Tests/Fixtures/model/cprs_selfcheck.json

Tests that need a folder, and not a good critic, use it: the model that ships is a packed file.
"""

import json
import random
import shutil
import struct
import sys
from pathlib import Path

WIDTH, INNER, LAYERS, HEADS, KEY_HEADS, HEAD_WIDTH = 32, 96, 4, 4, 2, 8
CARRIED = ("tokenizer.json", "tokenizer_config.json", "cprs_lexicon.safetensors")
CONFIG = {
    "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
    "num_key_value_heads": KEY_HEADS, "head_dim": HEAD_WIDTH, "rope_theta": 10000.0, "cprs_bidirectional_start_layer": 3,
    "cprs_threshold": 0.5,
}  # fmt: skip


def shapes(vocabulary):
    yield "model.embed_tokens.weight", (vocabulary, WIDTH)
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        for name, rows in (("q", HEADS * HEAD_WIDTH), ("k", KEY_HEADS * HEAD_WIDTH), ("v", KEY_HEADS * HEAD_WIDTH)):
            yield f"{prefix}self_attn.{name}_proj.weight", (rows, WIDTH)
            yield f"{prefix}self_attn.{name}_proj.bias", (rows,)
        yield prefix + "self_attn.o_proj.weight", (WIDTH, HEADS * HEAD_WIDTH)
        yield prefix + "mlp.gate_proj.weight", (INNER, WIDTH)
        yield prefix + "mlp.up_proj.weight", (INNER, WIDTH)
        yield prefix + "mlp.down_proj.weight", (WIDTH, INNER)
        yield prefix + "input_layernorm.weight", (WIDTH,)
        yield prefix + "post_attention_layernorm.weight", (WIDTH,)
    yield "model.norm.weight", (WIDTH,)
    yield "cls_head.weight", (4, WIDTH)
    yield "cls_head.bias", (4,)


def tensor(generator, name, shape):
    """Little-endian bfloat16: norms near 1, everything else uniform with a variance of 1 / inputs."""
    count = shape[0] * (shape[1] if len(shape) == 2 else 1)
    scale = (3 / shape[-1]) ** 0.5
    center = 1.0 if "norm" in name else 0.0
    values = (center + generator.uniform(-scale, scale) for _ in range(count))
    return b"".join(struct.pack("<f", value)[2:] for value in values)


def main(source):
    target = Path(__file__).parent / "model"
    target.mkdir(exist_ok=True)
    for name in CARRIED:
        shutil.copyfile(source / name, target / name)
    config = json.loads((source / "config.json").read_text()) | CONFIG
    config.pop("cprs_bf16", None)
    (target / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (target / "MODEL_CARD.md").write_text("# Random weights for tests\n")
    generator, header, data = random.Random(1), {}, b""
    for name, shape in shapes(config["vocab_size"]):
        start = len(data)
        data += tensor(generator, name, shape)
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (target / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)


main(Path(sys.argv[1]))
