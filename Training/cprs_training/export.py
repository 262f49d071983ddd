"""Calibrates the BIOE head and writes the Hugging Face folder that the engine reads."""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from .critic import OUTSIDE
from .evaluate import label_logits
from .prompts import INSTRUCTIONS, MARKER_END, MARKER_START, prompt_ids

FIXED_CONFIG = {
    "architectures": ["Qwen2ForCausalLMandBIO"],
    "model_type": "qwen2",
    "attention_dropout": 0.0,
    "hidden_act": "silu",
    "sliding_window": None,
    "use_sliding_window": False,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": False,
    "bi_label_type": "BIOE",
    # The circuit's first layers compare sums that all but cancel: int8 there moves the scores of whole sentences.
    "cprs_bf16": ["layers.0", "layers.1"],
}

# What the daemon asks of a model before it serves it.
SELF_CHECK = {
    "query": "Where does Sherlock Holmes live?",
    "text": "It was raining in London. Holmes lived at 221B Baker Street, on the second floor. Watson had gone out.\n",
}
SELF_CHECK_TOLERANCE = 0.02


def calibrate(model, tokenizer, items, window):
    """Scales the head's logits and shifts its 'outside' bias so that P(keep) of held-out tokens is neither too high nor too low.

    Every family counts alike. Returns the scale and the shift.
    """
    rows = [label_logits(model, tokenizer, item, window) for item in items]
    families = [item.family for item in items]
    weight = {family: 1 / sum(len(r[0]) for r, f in zip(rows, families) if f == family) for family in set(families)}
    logits = torch.cat([row[0] for row in rows])
    gold = torch.cat([row[1] for row in rows]).float()
    weights = torch.cat([torch.full((len(row[0]),), weight[f]) for row, f in zip(rows, families)])
    weights /= weights.sum()
    scale, shift = torch.ones(1, requires_grad=True), torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([scale, shift], max_iter=50, line_search_fn="strong_wolfe")

    def loss():
        optimizer.zero_grad()
        scaled = scale * logits + shift * torch.nn.functional.one_hot(torch.tensor(OUTSIDE), 4)
        kept = (1 - scaled.softmax(-1)[:, OUTSIDE]).clamp(1e-6, 1 - 1e-6)
        value = (weights * torch.nn.functional.binary_cross_entropy(kept, gold, reduction="none")).sum()
        value.backward()
        return value

    optimizer.step(loss)
    with torch.no_grad():
        model.cls_head.weight.mul_(scale)
        model.cls_head.bias.mul_(scale)
        model.cls_head.bias[OUTSIDE] += shift.item()
    return scale.item(), shift.item()


def export(model, tokenizer, tokenizer_path, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.to(torch.bfloat16).contiguous() for name, value in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    end_of_text = tokenizer.token_to_id("<|endoftext|>")
    config = FIXED_CONFIG | model.config
    config |= {"bos_token_id": end_of_text, "eos_token_id": end_of_text, "cprs_instruction": INSTRUCTIONS["fact"][0]}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / "tokenizer.json").write_bytes(Path(tokenizer_path).read_bytes())
    added = {
        str(tokenizer.token_to_id(token)): {
            "content": token,
            "lstrip": False,
            "normalized": False,
            "rstrip": False,
            "single_word": False,
            "special": True,
        }
        for token in ("<|endoftext|>", MARKER_START, MARKER_END)
    }
    tokenizer_config = {
        "added_tokens_decoder": added,
        "tokenizer_class": "Qwen2Tokenizer",
        "model_max_length": config["max_position_embeddings"],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config, indent=1) + "\n")
    (folder / "cprs_selfcheck.json").write_text(json.dumps(self_check(model, tokenizer, tensors), indent=2) + "\n")


@torch.no_grad()
def self_check(model, tokenizer, tensors):
    """Label and P(keep) of each token of a short text, in f32 from the stored weights."""
    model.load_state_dict({name: value.float() for name, value in tensors.items()})
    prompt = prompt_ids(tokenizer, INSTRUCTIONS["fact"][0], SELF_CHECK["query"])
    logits = model(torch.tensor([prompt + tokenizer.encode(SELF_CHECK["text"]).ids]))[1][0, len(prompt) :]
    kept = 1 - logits.softmax(-1)[:, OUTSIDE]
    labels = "".join("BIOE"[label] for label in logits.argmax(-1))
    return SELF_CHECK | {"labels": labels, "kept": [round(value, 6) for value in kept.tolist()], "tolerance": SELF_CHECK_TOLERANCE}
