"""The token critic: Qwen2 blocks, causal below the first bidirectional layer, plus the BIOE head.

Legend: B batch, T tokens in a window, D model width, H query heads, KV key/value heads, HD head width, V vocabulary.
Parameter names are those of the exported checkpoint, so a state dict is the checkpoint.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

BEGIN, INSIDE, OUTSIDE, END = range(4)


class RMSNorm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.kv_heads = config["num_key_value_heads"]
        self.head_width = head_width(config)
        self.q_proj = nn.Linear(width, self.heads * self.head_width)
        self.k_proj = nn.Linear(width, self.kv_heads * self.head_width)
        self.v_proj = nn.Linear(width, self.kv_heads * self.head_width)
        self.o_proj = nn.Linear(self.heads * self.head_width, width, bias=False)

    def forward(self, x, cos, sin, causal):
        B, T, _ = x.shape
        q = self.q_proj(x).view(B, T, self.heads, self.head_width).transpose(1, 2)
        k = self.k_proj(x).view(B, T, self.kv_heads, self.head_width).transpose(1, 2)
        v = self.v_proj(x).view(B, T, self.kv_heads, self.head_width).transpose(1, 2)
        # RoPE in f32, then back to the type the attention runs in.
        q, k = rotate(q.float(), cos, sin).to(v.dtype), rotate(k.float(), cos, sin).to(v.dtype)
        if self.heads != self.kv_heads:
            k = k.repeat_interleave(self.heads // self.kv_heads, dim=1)
            v = v.repeat_interleave(self.heads // self.kv_heads, dim=1)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.o_proj(mixed.transpose(1, 2).reshape(B, T, -1))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.gate_proj = nn.Linear(width, inner, bias=False)
        self.up_proj = nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config["hidden_size"], config["rms_norm_eps"])
        self.post_attention_layernorm = RMSNorm(config["hidden_size"], config["rms_norm_eps"])

    def forward(self, x, cos, sin, causal):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, causal)
        return x + self.mlp(self.post_attention_layernorm(x))


class Body(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.norm = RMSNorm(config["hidden_size"], config["rms_norm_eps"])

    def forward(self, ids):
        cos, sin = rope_tables(self.config, ids.shape[1], ids.device)
        x = self.embed_tokens(ids)
        for index, layer in enumerate(self.layers):
            x = layer(x, cos, sin, causal=index < self.config["cprs_bidirectional_start_layer"])
        return self.norm(x)


class TokenCritic(nn.Module):
    """`config` is the exported config.json as a dictionary; embeddings are tied to the LM head."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.model = Body(config)
        self.cls_head = nn.Linear(config["hidden_size"], 4)

    def forward(self, ids):
        """ids [B, T] -> hidden [B, T, D], BIOE logits [B, T, 4]."""
        hidden = self.model(ids)
        return hidden, self.cls_head(hidden)

    def tag_logits(self, hidden, tag_ids):
        """hidden [..., D], tag_ids [K] -> LM logits at the K tag words [..., K]."""
        return F.linear(hidden, self.model.embed_tokens.weight[tag_ids])


def head_width(config):
    return config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])


def rope_frequencies(config):
    """[HD/2] radians per token of each rotated pair, fastest first."""
    width = head_width(config)
    return config["rope_theta"] ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)


def rope_tables(config, length, device):
    angles = torch.outer(torch.arange(length, dtype=torch.float64), rope_frequencies(config))
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().float().to(device), angles.sin().float().to(device)


def rotate(x, cos, sin):
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin
