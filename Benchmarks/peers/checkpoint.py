"""Makes one random Qwen2 0.5B checkpoint in every format that the engines read.

    python checkpoint.py FOLDER [--no-gguf]

FOLDER/hf is a Hugging Face folder in bfloat16 for cprs and PyTorch, FOLDER/{bf16,q8_0,q4_0}.gguf are the same weights for
llama.cpp. All engines are given the same causal network: `cprs_bidirectional_start_layer` is the number of layers. Every
file is written under a temporary name first, so a run that was stopped leaves nothing that looks whole.
"""

import json
import os
import sys

SHAPE = {
    "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "vocab_size": 151936, "hidden_size": 896,
    "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14, "num_key_value_heads": 2,
    "max_position_embeddings": 32768, "rope_theta": 1e6, "rms_norm_eps": 1e-6, "hidden_act": "silu",
    "tie_word_embeddings": True, "use_sliding_window": False, "torch_dtype": "bfloat16",
    "cprs_bidirectional_start_layer": 24, "cprs_window_tokens": 8192,
}
# llama.cpp's names of a layer's tensors.
GGUF_NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}


def random_tensors():
    """Every tensor of the shape, bfloat16: normal with deviation 0.02, norms 1, and a label head [4, D] for cprs."""
    import torch

    generator = torch.Generator().manual_seed(1)
    width, forward = SHAPE["hidden_size"], SHAPE["intermediate_size"]
    keys = width // SHAPE["num_attention_heads"] * SHAPE["num_key_value_heads"]

    def normal(*shape):
        return (0.02 * torch.randn(*shape, generator=generator)).to(torch.bfloat16)

    tensors = {"model.embed_tokens.weight": normal(SHAPE["vocab_size"], width)}
    for index in range(SHAPE["num_hidden_layers"]):
        layer = f"model.layers.{index}."
        for name, outputs in (("q", width), ("k", keys), ("v", keys)):
            tensors[f"{layer}self_attn.{name}_proj.weight"] = normal(outputs, width)
            tensors[f"{layer}self_attn.{name}_proj.bias"] = normal(outputs)
        tensors[layer + "self_attn.o_proj.weight"] = normal(width, width)
        tensors[layer + "mlp.gate_proj.weight"] = normal(forward, width)
        tensors[layer + "mlp.up_proj.weight"] = normal(forward, width)
        tensors[layer + "mlp.down_proj.weight"] = normal(width, forward)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{layer}{norm}.weight"] = torch.ones(width, dtype=torch.bfloat16)
    tensors["model.norm.weight"] = torch.ones(width, dtype=torch.bfloat16)
    tensors["cls_head.weight"] = normal(4, width)
    tensors["cls_head.bias"] = normal(4)
    return tensors


def write_hugging_face(folder):
    from safetensors.torch import save_file

    os.makedirs(folder, exist_ok=True)
    with open(folder + "/config.json", "w") as file:
        json.dump(SHAPE, file, indent=2)
    save_file(random_tensors(), folder + "/part", metadata={"format": "pt"})
    os.replace(folder + "/part", folder + "/model.safetensors")


def gguf_name(name):
    if name.startswith("model.layers."):
        _, _, index, *role, kind = name.split(".")
        return f"blk.{index}.{GGUF_NAMES['.'.join(role)]}.{kind}"
    return {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}.get(name)


def write_gguf(hugging_face, path):
    import gguf
    import torch
    from safetensors.torch import load_file

    writer = gguf.GGUFWriter(path + ".part", "qwen2")
    writer.add_name("random 0.5B")
    writer.add_block_count(SHAPE["num_hidden_layers"])
    writer.add_context_length(SHAPE["max_position_embeddings"])
    writer.add_embedding_length(SHAPE["hidden_size"])
    writer.add_feed_forward_length(SHAPE["intermediate_size"])
    writer.add_head_count(SHAPE["num_attention_heads"])
    writer.add_head_count_kv(SHAPE["num_key_value_heads"])
    writer.add_rope_freq_base(SHAPE["rope_theta"])
    writer.add_layer_norm_rms_eps(SHAPE["rms_norm_eps"])
    writer.add_vocab_size(SHAPE["vocab_size"])
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_BF16)
    writer.add_tokenizer_model("no_vocab")
    for name, tensor in load_file(hugging_face + "/model.safetensors").items():
        if (role := gguf_name(name)) is None:
            continue  # the label head
        if tensor.dim() == 1:
            writer.add_tensor(role, tensor.float().numpy())
        else:
            raw = tensor.contiguous().view(torch.uint8).numpy()
            writer.add_tensor(role, raw, raw_dtype=gguf.GGMLQuantizationType.BF16)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    os.replace(path + ".part", path)


def quantise(source, path, kind):
    import llama_cpp

    llama_cpp.llama_log_set(QUIET, None)
    parameters = llama_cpp.llama_model_quantize_default_params()
    parameters.ftype = {"q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0, "q4_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_0}[kind]
    status = llama_cpp.llama_model_quantize(source.encode(), (path + ".part").encode(), parameters)
    if status != 0:
        sys.exit(f"llama_model_quantize({source}, {kind}) failed with status {status}")
    os.replace(path + ".part", path)


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    folder = sys.argv[1]
    hugging_face = folder + "/hf"
    if not os.path.exists(hugging_face + "/model.safetensors"):
        write_hugging_face(hugging_face)
    if "--no-gguf" in sys.argv:
        return
    if not os.path.exists(folder + "/bf16.gguf"):
        write_gguf(hugging_face, folder + "/bf16.gguf")
    for kind in ("q8_0", "q4_0"):
        if not os.path.exists(f"{folder}/{kind}.gguf"):
            quantise(folder + "/bf16.gguf", f"{folder}/{kind}.gguf", kind)


main()
