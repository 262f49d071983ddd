"""llama.cpp as a worker of run.py: one JSON command a line on standard input, one JSON answer a line on standard output.

    python worker_llama.py FILE.gguf THREADS

{"do": "time", "tokens": N, "batch": B, "flash": true}  -> {"seconds": s}   N tokens in batches of B, an empty cache,
                                                           logits of the last token only, as llama-bench does
{"do": "outputs", "ids": [...], "into": PREFIX}         -> {}   PREFIX.last: f32 [V], LM logits of the last token
"""

import ctypes
import json
import sys
import time

import llama_cpp as llama

path, threads = sys.argv[1], int(sys.argv[2])


@llama.llama_log_callback
def silent(level, text, data):
    pass


llama.llama_log_set(silent, ctypes.c_void_p())
llama.llama_backend_init()
model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
if not model:
    sys.exit(f"llama.cpp cannot load {path}")
vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))


def context(tokens, batch, flash):
    parameters = llama.llama_context_default_params()
    parameters.n_ctx = tokens
    parameters.n_batch = parameters.n_ubatch = min(batch, tokens)
    parameters.n_threads = parameters.n_threads_batch = threads
    parameters.flash_attn_type = 1 if flash else 0
    parameters.no_perf = True
    made = llama.llama_init_from_model(model, parameters)
    if not made:
        sys.exit(f"llama.cpp cannot make a context of {tokens} tokens")
    return made


def prefill(made, ids, batch):
    for start in range(0, len(ids), batch):
        part = ids[start : start + batch]
        tokens = (llama.llama_token * len(part))(*part)
        status = llama.llama_decode(made, llama.llama_batch_get_one(tokens, len(part)))
        if status != 0:
            sys.exit(f"llama_decode of {len(part)} tokens at {start} failed with status {status}")


def timed(tokens, batch, flash):
    made = context(tokens, batch, flash)
    ids = [(index * 7919 + 13) % vocabulary for index in range(tokens)]
    prefill(made, ids[:64], batch)
    llama.llama_memory_clear(llama.llama_get_memory(made), True)
    start = time.perf_counter()
    prefill(made, ids, batch)
    seconds = time.perf_counter() - start
    llama.llama_free(made)
    return seconds


def outputs(ids, prefix):
    made = context(len(ids), 512, True)
    prefill(made, ids, 512)
    logits = llama.llama_get_logits_ith(made, -1)
    with open(prefix + ".last", "wb") as file:
        file.write(ctypes.string_at(logits, 4 * vocabulary))
    llama.llama_free(made)


features = llama.llama_print_system_info().decode().strip()
print(json.dumps({"version": llama.__version__, "features": features}), flush=True)
for line in sys.stdin:
    command = json.loads(line)
    answer = {}
    if command["do"] == "time":
        answer["seconds"] = timed(command["tokens"], command["batch"], command["flash"])
    else:
        outputs(command["ids"], command["into"])
    print(json.dumps(answer), flush=True)
