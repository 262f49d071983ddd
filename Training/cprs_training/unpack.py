"""Takes a packed bf16 model apart into the Hugging Face folder that it was packed from.

The layout is that of `Sources/CCPRSKernels/include/cprs_gemm.h` and `PackedModelLayout.swift`. Packing the folder again gives
the same tensors, bit for bit: nothing is lost between them.
"""

import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from .critic import TokenCritic
from .engine import REPOSITORY
from .export import self_check
from .tokenizer import load

SHIPPED = REPOSITORY / "Sources/CPRSRuntime/Resources/default-model.cprs"
TOKENIZER = REPOSITORY / "Tests/Fixtures/model/tokenizer.json"
PANEL, GATED_PANEL, INPUT_STEP = 64, 32, 16
FILES, EXTRAS = "files/", "extras/"
# Not a file of the folder: tokenizer.json in a form that is mapped.
PACKED_TOKENIZER = "tokenizer.packed"


def plain(packed, outputs, inputs):
    """[N, K] of a packed matrix; packed: uint8, panels of [K'/2][64][2] bf16."""
    padded = -(-inputs // INPUT_STEP) * INPUT_STEP
    panels = packed.view(torch.bfloat16).view(-1, padded // 2, PANEL, 2)
    return panels.permute(0, 2, 1, 3).reshape(-1, padded)[:outputs, :inputs]


def gated(packed, outputs, inputs):
    """gate and up, [F, K] each: the halves of every panel."""
    halves = plain(packed, packed.numel(), inputs).view(-1, 2, GATED_PANEL, inputs)
    return [halves[:, half].reshape(-1, inputs)[:outputs] for half in (0, 1)]


def layer(tensor, index, config):
    """{checkpoint's key: tensor} of one layer; tensor(name) reads one of the file."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    head = config.get("head_dim", width // config["num_attention_heads"])
    queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
    prefix, parts = f"layers.{index}.", [queries, keys, keys]
    found = {
        "input_layernorm.weight": tensor(prefix + "attention_norm"),
        "self_attn.o_proj.weight": plain(tensor(prefix + "attention_output"), width, queries),
        "post_attention_layernorm.weight": tensor(prefix + "feed_forward_norm"),
        "mlp.down_proj.weight": plain(tensor(prefix + "down"), width, inner),
    }
    found["mlp.gate_proj.weight"], found["mlp.up_proj.weight"] = gated(tensor(prefix + "gate_up"), inner, width)
    weights = plain(tensor(prefix + "qkv"), sum(parts), width).split(parts)
    for name, weight, bias in zip("qkv", weights, tensor(prefix + "qkv_bias").split(parts)):
        found |= {f"self_attn.{name}_proj.weight": weight, f"self_attn.{name}_proj.bias": bias}
    return {f"model.layers.{index}.{name}": value for name, value in found.items()}


def unpack(path, tokenizer_path, folder):
    """tokenizer_path: the tokenizer.json that was packed; the file holds only what the engine needs of it."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
        rounded = [line for line in metadata.get("packing", "").splitlines() if " bf16 " not in line]
        if metadata.get("format") != "cprs packed model" or rounded:
            raise SystemExit(f"{path}: not a packed model whose matrices are all bf16")
        names = list(file.keys())
        for name in names:
            if name.startswith(FILES) and name != FILES + PACKED_TOKENIZER:
                (folder / name.removeprefix(FILES)).write_bytes(file.get_tensor(name).numpy().tobytes())
        config = json.loads((folder / "config.json").read_text())
        tensors = {
            "model.embed_tokens.weight": file.get_tensor("embedding"),
            "model.norm.weight": file.get_tensor("final_norm"),
            "cls_head.weight": file.get_tensor("label_head"),
            "cls_head.bias": file.get_tensor("label_bias"),
        }
        if "lm_head" in names:
            tensors["lm_head.weight"] = file.get_tensor("lm_head")
        for index in range(config["num_hidden_layers"]):
            tensors |= layer(file.get_tensor, index, config)
        extras = {}
        for name in names:
            if name.startswith(EXTRAS):
                table, column = name.removeprefix(EXTRAS).split("/")
                extras.setdefault(table, {})[column] = file.get_tensor(name)
    tensors = {name: value.to(torch.bfloat16).contiguous() for name, value in tensors.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    for table, columns in extras.items():
        save_file(columns, folder / f"{table}.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_bytes(Path(tokenizer_path).read_bytes())
    # The packed one is of bf16's arithmetic.
    check = self_check(TokenCritic(config), load(folder / "tokenizer.json"), tensors)
    (folder / "cprs_selfcheck.json").write_text(json.dumps(check, indent=2) + "\n")
