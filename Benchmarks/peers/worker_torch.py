"""PyTorch as a worker of run.py: one JSON command a line on standard input, one JSON answer a line on standard output.

    python worker_torch.py HF_FOLDER {fp32|bf16} THREADS

{"do": "time", "tokens": N}                      -> {"seconds": s}          final hidden states of N random tokens
{"do": "outputs", "ids": [...], "into": PREFIX}  -> {}  PREFIX.labels: f32 [N - 1, 4], label logits of all but the first
                                                        token; PREFIX.last: f32 [V], LM logits of the last token
"""

import json
import sys
import time

import torch
from safetensors import safe_open
from transformers import Qwen2Model
from transformers.utils import logging

folder, precision, threads = sys.argv[1:]
logging.set_verbosity_error()
logging.disable_progress_bar()
torch.set_num_threads(int(threads))
model = Qwen2Model.from_pretrained(
    folder, dtype={"fp32": torch.float32, "bf16": torch.bfloat16}[precision], attn_implementation="sdpa").eval()


def hidden(ids):
    return model(ids, use_cache=False).last_hidden_state[0]


def outputs(ids, prefix):
    with safe_open(folder + "/model.safetensors", "pt") as file:
        weight, bias = file.get_tensor("cls_head.weight").float(), file.get_tensor("cls_head.bias").float()
    states = hidden(torch.tensor([ids])).float()
    (states[1:] @ weight.T + bias).numpy().tofile(prefix + ".labels")
    (model.embed_tokens.weight.float() @ states[-1]).numpy().tofile(prefix + ".last")


print(json.dumps({"version": torch.__version__, "onednn": torch.backends.mkldnn.is_available()}), flush=True)
with torch.inference_mode():
    hidden(torch.arange(128)[None])
    for line in sys.stdin:
        command = json.loads(line)
        answer = {}
        if command["do"] == "time":
            ids = (torch.arange(command["tokens"]) * 7919 + 13)[None] % model.config.vocab_size
            start = time.perf_counter()
            hidden(ids)
            answer["seconds"] = time.perf_counter() - start
        else:
            outputs(command["ids"], command["into"])
        print(json.dumps(answer), flush=True)
