"""The initial weights on a made-up vocabulary: what they must compute before any training."""

import torch
from torch.nn.functional import normalize

from cprs_training import circuit
from cprs_training.critic import TokenCritic
from cprs_training.lexicon import Lexicon, stem

VOCABULARY, WORDS = 512, range(100, 500)
MARKERS = {"im_start": 1, "im_end": 2, "system": 3, "user": 4, "context": 5}
NEWLINE, STOP = 6, 7
CONFIG = {
    "vocab_size": VOCABULARY,
    "hidden_size": 256,
    "intermediate_size": 704,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1e12,
    "cprs_bidirectional_start_layer": 4,
}


def initialised():
    """A model over a vocabulary of random words; every second word may start a sentence."""
    generator = torch.Generator().manual_seed(3)
    layout, numbers = circuit.Layout(256), torch.arange(VOCABULARY)
    is_word = (numbers >= WORDS.start).float()
    lexicon = Lexicon(
        code=normalize(torch.randn(VOCABULARY, circuit.CODE, generator=generator), dim=-1),
        meaning=normalize(torch.randn(VOCABULARY, layout.meaning_width, generator=generator), dim=-1),
        value=is_word * 1.5,
        is_word=is_word + (numbers == MARKERS["user"]) + (numbers == MARKERS["context"]),
        ends=(numbers == STOP).float(),
        breaks=(numbers == NEWLINE).float(),
        may_start=is_word * (numbers % 2 == 0),
        is_digit=torch.zeros(VOCABULARY),
    )
    model = TokenCritic(CONFIG)
    circuit.initialise(model, lexicon, MARKERS, seed=3)
    return model, layout.flag


def run(query, context):
    """The last layer's output at the context tokens [T, D], and the flags' dimensions."""
    model, flag = initialised()
    start, end = MARKERS["im_start"], MARKERS["im_end"]
    prompt = [start, MARKERS["system"], NEWLINE, 401, 402, end, NEWLINE, start, MARKERS["user"], NEWLINE, *query, end, NEWLINE]
    prompt += [start, MARKERS["context"], NEWLINE]
    seen = {}
    model.model.layers[-1].register_forward_hook(lambda *call: seen.update(out=call[2].detach()))
    with torch.no_grad():
        model(torch.tensor([prompt + context]))
    return seen["out"][0, len(prompt) :], flag


def sentence(*words):
    return [*words, STOP]


def test_only_words_of_the_question_match():
    context = sentence(200, 111, 113, 115, 117) * 10 + sentence(202, 301, 121, 123) + sentence(204, 401, 125)
    out, flag = run([301, 303], context)
    match = out[:, flag["match"]]
    expected = torch.tensor([1.5 if token == 301 else 0.0 for token in context])
    assert torch.allclose(match, expected, atol=0.1), "401 stands in the instruction, not in the question"


def test_all_tokens_of_a_sentence_carry_its_sum_and_others_do_not():
    before, gold, after = sentence(200, *range(111, 131)), sentence(202, 301, 131, 303, 133), sentence(204, *range(141, 161))
    out, flag = run([301, 303], before + gold + after)
    score = out[:, flag["sentence"]]
    inside = score[len(before) : len(before) + len(gold)]
    outside = torch.cat([score[: len(before)], score[len(before) + len(gold) :]])
    assert inside.min() > 5 * outside.abs().max()
    assert inside.max() - inside.min() < 0.2 * inside.mean()


def test_a_long_text_changes_no_match():
    filler = [token for _ in range(40) for token in sentence(200, *range(111, 131))]
    out, flag = run([301], filler + sentence(202, 301, 131))
    assert abs(out[-3, flag["match"]].item() - 1.5) < 0.1


def test_inflections_share_a_stem_and_short_words_stay():
    assert stem("rebels") == stem("rebel") and stem("companies") == stem("company") and stem("bus") == "bus"
