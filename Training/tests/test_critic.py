"""The PyTorch model against the statement of the architecture, on a tiny random configuration."""

import torch

from cprs_training.critic import TokenCritic

CONFIG = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e4,
    "cprs_bidirectional_start_layer": 2,
}


def hidden_of_layers(model, ids, layers):
    """Output of the first `layers` layers [T, D], taken by a hook."""
    seen = {}
    hook = model.model.layers[layers - 1].register_forward_hook(lambda *call: seen.update(out=call[2].detach()))
    model(torch.tensor([ids]))
    hook.remove()
    return seen["out"][0]


def test_causal_layers_do_not_see_later_tokens_and_the_last_layer_does():
    torch.manual_seed(0)
    model = TokenCritic(CONFIG)
    first, second = [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 7]
    below = hidden_of_layers(model, first, 2)[:5], hidden_of_layers(model, second, 2)[:5]
    above = hidden_of_layers(model, first, 3)[:5], hidden_of_layers(model, second, 3)[:5]
    assert torch.equal(*below)
    assert not torch.allclose(*above, atol=1e-4)


def test_parameter_names_are_those_of_the_checkpoint_format():
    names = set(TokenCritic(CONFIG).state_dict())
    assert {"model.embed_tokens.weight", "model.norm.weight", "cls_head.weight", "cls_head.bias"} <= names
    assert "model.layers.0.self_attn.q_proj.bias" in names and "model.layers.0.self_attn.o_proj.bias" not in names
