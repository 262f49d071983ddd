"""Initial weights that already rank sentences by the words they share with the question.

Nothing about the architecture is special: a plain Qwen2 block stack whose first weights carry this circuit, which training refines.

layer 0  heads copy the codes of the previous two tokens and a hash of the last few; the MLP marks sentence starts and the role word
         after each <|im_start|>
layer 1  every token learns its turn (user or context) and copies the hash at the start of its sentence: equal within a sentence,
         different between sentences
layer 2  match heads: a token that also stands in the user turn receives that token's idf; the codes before the matched token are
         added to its own, so that the squared length tells whether the phrase goes on to the left
layer 3  the MLP adds a bonus for phrases
first bidirectional layer   the sum of both over the sentence, damped for long sentences, and its average over the neighbourhood
last layer   the best sentence of the window; the BIOE head reads all three
"""

import math

import torch

from .critic import BEGIN, END, INSIDE, OUTSIDE, head_width, rope_frequencies

CODE, PREVIOUS, SENTENCE = 40, 28, 36
FLAGS = (
    *("one", "value", "ends", "breaks", "may_start", "digit", "im_start", "system_word", "user_word", "context_word"),
    *("after_end", "after_break", "after_im_start", "starts", "system_role", "user_role", "context_role", "user"),
    *("match", "similar", "phrase1", "phrase2", "phrase", "sentence", "neighbourhood", "question", "best"),
)
ROLES = ("system", "user", "context")
CODE_LENGTH, MEANING_LENGTH = 10.0, 11.0
# Score of an exact match and of the sink it has to beat, before the softmax.
MATCH_SCORE, SINK_SCORE, EXCLUDED = 60.0, 43.0, -40.0
SIMILAR_SCORE, SIMILAR_SINK = 30.0, 17.0
# What the flags `user` and `system_role` measure after the norm of the match layer.
USER_LEVEL, SYSTEM_LEVEL = 1.24, 1.15
# A sentence's sum is divided by this many tokens plus its length.
LENGTH_DAMPING = 12.0
LEFTOVER_STD = 0.02


class Layout:
    """Where each feature lives in the residual stream of `hidden` dimensions."""

    def __init__(self, hidden):
        self.meaning_width = hidden - CODE - 2 * PREVIOUS - SENTENCE - len(FLAGS)
        bounds = [0]
        for width in (CODE, PREVIOUS, PREVIOUS, SENTENCE, self.meaning_width):
            bounds.append(bounds[-1] + width)
        self.code, self.previous1, self.previous2, self.sentence_id, self.meaning = (
            slice(start, end) for start, end in zip(bounds, bounds[1:])
        )
        self.flag = {name: bounds[-1] + index for index, name in enumerate(FLAGS)}


class Head:
    """One attention head's rows of the q, k, v projections and columns of the o projection."""

    def __init__(self, attention, index, frequencies):
        width = attention.head_width
        rows = slice(index * width, (index + 1) * width)
        self.q, self.q_bias = attention.q_proj.weight.data[rows], attention.q_proj.bias.data[rows]
        self.k, self.k_bias = attention.k_proj.weight.data[rows], attention.k_proj.bias.data[rows]
        self.v, self.v_bias = attention.v_proj.weight.data[rows], attention.v_proj.bias.data[rows]
        self.o = attention.o_proj.weight.data[:, rows]
        self.frequencies = frequencies
        self.half = width // 2
        self.scale = math.sqrt(width)
        for part in (self.q, self.q_bias, self.k, self.k_bias, self.v, self.v_bias, self.o):
            part.zero_()

    def prefer_distance(self, amplitudes, distance=0.0):
        """Adds sum of amplitude * cos(frequency * (i - j - distance)) to the score; amplitudes: {pair: amplitude}."""
        for pair, amplitude in amplitudes.items():
            size = math.sqrt(amplitude * self.scale)
            angle = distance * float(self.frequencies[pair])
            self.q_bias[pair] = size
            self.k_bias[pair] = size * math.cos(angle)
            self.k_bias[pair + self.half] = size * math.sin(angle)

    def prefer_keys(self, weights, pair=31, bias=0.0):
        """Adds a linear function of the key's flags to the score, through a pair that does not turn over a window."""
        self.q_bias[pair] = self.scale
        self.k_bias[pair] = bias
        for dimension, weight in weights.items():
            self.k[pair, dimension] = weight

    def compare(self, features, score, length, first_pair):
        """Adds score * cosine of query and key over a slice of the residual stream whose vectors have this length."""
        width = features.stop - features.start
        size = math.sqrt(score * self.scale) / length
        pairs = range(first_pair, first_pair + (width + 1) // 2)
        rows = [row for pair in pairs for row in (pair, pair + self.half)][:width]
        for row, dimension in zip(rows, range(features.start, features.stop)):
            self.q[row, dimension] = self.k[row, dimension] = size

    def move(self, row, source, target, gain=1.0):
        """Copies residual dimension `source` of the attended tokens, through value row `row`, to dimension `target`."""
        self.v[row, source] = 1.0
        self.o[target, row] += gain


class Unit:
    """Hands out MLP units: out += sum over units of down * silu(gate . x) * (up . x)."""

    def __init__(self, mlp):
        self.mlp, self.next = mlp, 0

    def add(self, gate, up, down):
        unit, self.next = self.next, self.next + 1
        for part in (self.mlp.gate_proj.weight.data[unit], self.mlp.up_proj.weight.data[unit]):
            part.zero_()
        self.mlp.down_proj.weight.data[:, unit] = 0
        for weights, part in ((gate, self.mlp.gate_proj.weight.data[unit]), (up, self.mlp.up_proj.weight.data[unit])):
            for dimension, weight in weights.items():
                part[dimension] = weight
        for dimension, weight in down.items():
            self.mlp.down_proj.weight.data[dimension, unit] = weight

    def ramp(self, weights, one, target, gain, sharpness=8.0):
        """target += gain * max(0, weights . x), rounded off near zero."""
        gate = {dimension: weight * sharpness for dimension, weight in weights.items()}
        self.add(gate, {one: 1.0}, {target: gain / sharpness})

    def step(self, weights, one, target, sharpness=16.0):
        """target += 0 where weights . x is below 0.25, 1 where it is above 0.75, about linear between."""
        for offset, gain in ((-0.25, 2.0), (-0.75, -2.0)):
            self.ramp(weights | {one: weights.get(one, 0.0) + offset}, one, target, gain, sharpness)

    def square(self, dimension, target, gain):
        """target += gain * x[dimension]^2, exactly: x silu(x) + (-x) silu(-x) = x^2 up to the sigmoids' sum of one."""
        self.add({dimension: 1.0}, {dimension: 1.0}, {target: gain})
        self.add({dimension: -1.0}, {dimension: -1.0}, {target: gain})


@torch.no_grad()
def initialise(model, lexicon, markers, seed):
    """Fills all weights. markers: {"im_start", "im_end", "system", "user", "context"} -> token id."""
    config, generator = model.config, torch.Generator().manual_seed(seed)
    layout = Layout(config["hidden_size"])
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2:
            depth = config["num_hidden_layers"] ** 0.5 if name.endswith(("o_proj.weight", "down_proj.weight")) else 1.0
            parameter.normal_(0, LEFTOVER_STD / depth, generator=generator)
        elif name.endswith("bias"):
            parameter.zero_()
    # The random rest reads every feature but writes no flag.
    for layer in model.model.layers:
        for projection in (layer.self_attn.o_proj, layer.mlp.down_proj):
            projection.weight.data[layout.meaning.stop :] = 0
    embed(model.model.embed_tokens.weight, lexicon, markers, layout)
    frequencies = rope_frequencies(config)
    first = config["cprs_bidirectional_start_layer"]
    layers = model.model.layers

    def head(layer, index):
        return Head(layers[layer].self_attn, index, frequencies)

    first_slow = (head_width(config) - CODE) // 2 - 1
    copy_neighbours(head, Unit(layers[0].mlp), layout, generator)
    find_turns_and_sentences(head, layout)
    match_question(head, Unit(layers[2].mlp), layout, first_slow)
    combine_matches(Unit(layers[3].mlp), layout.flag)
    pool_sentences(head, first, layout, first_slow)
    read_out(model, head, layout)


def embed(table, lexicon, markers, layout):
    flag = layout.flag
    tokens = lexicon.code.shape[0]
    table.zero_()
    table[:, flag["one"]] = 1
    # Every token is equally long, so that RMSNorm scales all alike; punctuation and markers match nothing and have no code.
    has_code = lexicon.is_word.clone()
    has_code[[markers["im_start"], markers["im_end"], markers["system"]]] = 0
    length = (MEANING_LENGTH**2 + CODE_LENGTH**2 * (1 - has_code)).sqrt()
    table[:tokens, layout.code] = lexicon.code * CODE_LENGTH * has_code[:, None]
    table[:tokens, layout.meaning] = lexicon.meaning * length[:, None]
    for name in ("value", "ends", "breaks", "may_start"):
        table[:tokens, flag[name]] = getattr(lexicon, name)
    table[:tokens, flag["digit"]] = lexicon.is_digit
    for marker in ("im_start", "im_end"):
        table[markers[marker], [flag["value"], flag["ends"], flag["may_start"]]] = 0
    table[markers["im_start"], flag["im_start"]] = 1.4
    for role in ROLES:
        table[markers[role], flag[role + "_word"]] = 1
    # The system turn's role word is the sink of the match heads: it has no code, no value, and no word before it.
    table[markers["system"], flag["value"]] = 0


def orthonormal(rows, columns, generator):
    return torch.linalg.qr(torch.randn(columns, rows, generator=generator))[0].T


def copy_neighbours(head, mlp, layout, generator):
    flag, exactly = layout.flag, {pair: 16.0 for pair in range(6)}
    for index, (distance, target) in enumerate(((1.0, layout.previous1), (2.0, layout.previous2))):
        copy = head(0, index)
        copy.prefer_distance(exactly, distance)
        copy.v[:PREVIOUS, layout.code] = orthonormal(PREVIOUS, CODE, generator) * math.sqrt(CODE / PREVIOUS)
        copy.o[target, :PREVIOUS] = torch.eye(PREVIOUS) * 3.0 / CODE_LENGTH
        if index == 0:
            copy.move(PREVIOUS, flag["ends"], flag["after_end"])
            copy.move(PREVIOUS + 1, flag["breaks"], flag["after_break"])
            copy.move(PREVIOUS + 2, flag["im_start"], flag["after_im_start"])
    hashed = head(0, 2)
    hashed.prefer_distance({2: 2.0, 3: 4.0, 4: 8.0})
    hashed.v[:SENTENCE, layout.code] = orthonormal(SENTENCE, CODE, generator)
    hashed.o[layout.sentence_id, :SENTENCE] = torch.eye(SENTENCE) * 0.75 / CODE_LENGTH
    one = flag["one"]
    mlp.step({flag["after_end"]: 1, flag["may_start"]: 1, flag["after_break"]: 2, one: -1.0}, one, flag["starts"])
    for role in ROLES:
        mlp.step({flag["after_im_start"]: 0.5, flag[role + "_word"]: 1, one: -1.0}, one, flag[role + "_role"])


def find_turns_and_sentences(head, layout):
    flag = layout.flag
    turn = head(1, 0)
    # The context's role word outbids the user's, so the latest turn wins without regard to distance.
    turn.prefer_keys({flag["user_role"]: 16.0, flag["context_role"]: 32.0})
    turn.move(0, flag["user_role"], flag["user"])
    sentence = head(1, 1)
    # Amplitudes from a linear program: among starts up to 90 tokens away, the nearer of two that are 15 tokens apart leads
    # by 7 nats, whatever starts lie up to 1,100 tokens away; a token that starts nothing is never 60 nats nearer.
    sentence.prefer_distance({2: 1.6, 3: 2.3, 4: 17.0, 5: 27.0, 6: 45.0, 7: 45.0, 8: 45.0})
    sentence.prefer_keys({flag["starts"]: 62.0})
    for row, dimension in enumerate(range(layout.sentence_id.start, layout.sentence_id.stop)):
        sentence.move(row, dimension, dimension, 24.0)


def match_question(head, mlp, layout, first_slow):
    flag = layout.flag

    def only_question(sink_score):
        return {flag["user"]: -EXCLUDED / USER_LEVEL, flag["system_role"]: (sink_score - EXCLUDED) / SYSTEM_LEVEL}

    for index, previous in enumerate((layout.previous1, layout.previous2)):
        exact = head(2, index)
        exact.compare(layout.code, MATCH_SCORE, CODE_LENGTH, first_slow)
        exact.prefer_keys(only_question(SINK_SCORE), bias=EXCLUDED)
        for row, dimension in enumerate(range(previous.start, previous.stop)):
            exact.move(row, dimension, dimension)
        if index == 0:
            exact.move(PREVIOUS, flag["value"], flag["match"])
    similar = head(2, 2)
    similar.compare(
        slice(layout.meaning.start, layout.meaning.start + CODE), SIMILAR_SCORE, MEANING_LENGTH * 0.85, first_slow
    )
    similar.prefer_keys(only_question(SIMILAR_SINK), bias=EXCLUDED)
    similar.move(0, flag["value"], flag["similar"])
    for previous, target in ((layout.previous1, "phrase1"), (layout.previous2, "phrase2")):
        for dimension in range(previous.start, previous.stop):
            mlp.square(dimension, flag[target], 1 / 9)


def combine_matches(mlp, flag):
    """`phrase` adds to `match`. phrase1 and phrase2 are about 1 without a match, 2 with one, 4 where the token before matches as well."""
    one = flag["one"]
    mlp.ramp({flag["phrase1"]: 0.5, flag["match"]: 0.25, one: -1.75}, one, flag["phrase"], 0.6)
    mlp.ramp({flag["phrase1"]: 0.5, flag["phrase2"]: 0.5, one: -3.0}, one, flag["phrase"], 0.8)


def pool_sentences(head, layer, layout, first_slow):
    flag = layout.flag
    sentence = head(layer, 0)
    sentence.compare(layout.sentence_id, 30.0, 6.0, first_slow)
    # Sentences that happen to share a hash are told apart by their distance.
    sentence.prefer_distance({5: 8.0, 6: 8.0})
    # The sentence's last token carries no signal and weighs LENGTH_DAMPING tokens.
    sentence.prefer_keys({flag["ends"]: math.log(LENGTH_DAMPING)})
    sentence.move(0, flag["match"], flag["sentence"], 8.0)
    sentence.move(0, flag["phrase"], flag["sentence"], 0.0)
    neighbourhood = head(layer, 1)
    neighbourhood.prefer_distance({4: 1.5, 5: 3.0, 6: 3.0})
    neighbourhood.prefer_keys({flag["user"]: -8.0})
    neighbourhood.move(0, flag["match"], flag["neighbourhood"], 8.0)
    neighbourhood.move(0, flag["phrase"], flag["neighbourhood"], 0.0)
    question = head(layer, 2)
    question.prefer_keys({flag["user"]: 16.0})
    question.move(0, flag["value"], flag["question"])


def read_out(model, head, layout):
    flag = layout.flag
    best = head(model.config["num_hidden_layers"] - 1, 0)
    best.prefer_keys({flag["sentence"]: 4.0, flag["user"]: -16.0})
    best.move(0, flag["sentence"], flag["best"])
    # The tied LM head would otherwise see mostly the token's own embedding.
    model.model.norm.weight.data[: layout.meaning.stop] = 0.1
    weight, bias = model.cls_head.weight.data, model.cls_head.bias.data
    weight.zero_()
    # The two weights and the bias are those of a logistic regression on 60 training windows.
    for label in (BEGIN, INSIDE, END):
        weight[label, flag["sentence"]] = 3.9
        weight[label, flag["neighbourhood"]] = 2.0
    weight[BEGIN, flag["starts"]] = 2.0
    weight[END, flag["ends"]] = 2.0
    bias[BEGIN] = bias[END] = -2.0
    bias[OUTSIDE] = 3.0
