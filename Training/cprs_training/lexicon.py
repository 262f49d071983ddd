"""What is known about each token before training: rarity, meaning, exact identity, and its role in sentences."""

import math
import re
from dataclasses import dataclass

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

from .baselines import minilm_folder

SUFFIXES = (("ies", "y"), ("ing", ""), ("ed", ""), ("es", ""), ("s", ""), ("ly", ""))
SHORTEST_STEM = 4
# Token idf below this is no evidence of a match (function words); the rest is scaled to about 0...2.
IDF_FLOOR, IDF_SCALE = 2.0, 4.0


@dataclass
class Lexicon:
    """One row per token id; V tokens.

    code [V, code_width]: unit vectors, equal for tokens with the same stem, otherwise random.
    meaning [V, meaning_width]: unit vectors, principal components of MiniLM's word embeddings.
    value [V]: clipped, scaled idf. is_word, ends, breaks, may_start, is_digit [V]: 0 or 1.
    """

    code: torch.Tensor
    meaning: torch.Tensor
    value: torch.Tensor
    is_word: torch.Tensor
    ends: torch.Tensor
    breaks: torch.Tensor
    may_start: torch.Tensor
    is_digit: torch.Tensor


def stem(word):
    """A light English stemmer: 'rebels', 'rebelled' -> 'rebel'. Other scripts pass unchanged."""
    if not word.isascii() or len(word) <= SHORTEST_STEM:
        return word
    word = word.removesuffix("'s")
    for suffix, replacement in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= SHORTEST_STEM and not word.endswith("ss"):
            word = word[: -len(suffix)] + replacement
            break
    if len(word) > SHORTEST_STEM and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > SHORTEST_STEM else word


def match_key(surface):
    """Tokens with one key match each other: case, leading space and punctuation, and inflection are ignored."""
    folded = surface.strip().lower()
    return stem(re.sub(r"^\W+", "", folded) or folded)


def token_values(dataset, keys, groups):
    """[V] clipped idf: the smaller of that among sentences and that among questions. keys: group of each token."""
    in_sentences, sentences = np.zeros(groups), 0
    for document in dataset.documents:
        grouped = keys[document.ids]
        for start, end in zip(document.sentences[:-1], document.sentences[1:]):
            in_sentences[np.unique(grouped[start:end])] += 1
            sentences += 1
    in_questions = np.zeros(groups)
    for question in dataset.question_ids:
        in_questions[np.unique(keys[question])] += 1
    idf = np.minimum(np.log(sentences / (1 + in_sentences)), np.log(len(dataset.question_ids) / (1 + in_questions)))
    return np.clip(idf - IDF_FLOOR, 0, None)[keys] / IDF_SCALE


def meanings(surfaces, keys, width, generator):
    """[V, width] unit vectors. A token that MiniLM's vocabulary cannot spell gets a random one per match key."""
    weights = load_file(minilm_folder() / "model.safetensors")["embeddings.word_embeddings.weight"].float()
    pieces = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    pieces.no_padding()
    pieces.no_truncation()
    unknown = pieces.token_to_id("[UNK]")
    vectors, known = torch.zeros(len(surfaces), weights.shape[1]), torch.zeros(len(surfaces), dtype=torch.bool)
    for index, surface in enumerate(surfaces):
        ids = [piece for piece in pieces.encode(surface, add_special_tokens=False).ids if piece != unknown]
        if ids and "\ufffd" not in surface:
            vectors[index], known[index] = weights[ids].mean(0), True
    centred = vectors[known] - vectors[known].mean(0)
    components = torch.linalg.svd(centred, full_matrices=False)[2][:width]
    out = torch.randn(int(keys.max()) + 1, width, generator=generator)[keys]
    out[known] = centred @ components.T
    return torch.nn.functional.normalize(out, dim=-1)


def build(tokenizer, dataset, code_width, meaning_width, seed):
    generator = torch.Generator().manual_seed(seed)
    surfaces = [tokenizer.decode([index]) for index in range(tokenizer.get_vocab_size())]
    group_of = {}
    # A token that is only part of a character has no readable surface: it matches itself alone.
    readable = [match_key(s) if "\ufffd" not in s else f"\ufffd{i}" for i, s in enumerate(surfaces)]
    keys = np.array([group_of.setdefault(key, len(group_of)) for key in readable])
    is_word = np.array([bool(re.search(r"\w|\ufffd", key)) for key in readable], dtype=np.float32)
    codes = torch.nn.functional.normalize(torch.randn(len(group_of), code_width, generator=generator), dim=-1)

    def flag(test):
        return torch.tensor([float(bool(test(surface))) for surface in surfaces])

    return Lexicon(
        code=codes[keys],
        meaning=meanings(surfaces, keys, meaning_width, generator),
        value=torch.from_numpy(token_values(dataset, keys, len(group_of)) * is_word).float(),
        is_word=torch.from_numpy(is_word),
        ends=flag(lambda s: re.search(r"[.!?。！？]", s)),
        breaks=flag(lambda s: re.search(r"[\n。！？]", s)),
        may_start=flag(lambda s: re.match(r"\s*[\"“‘'(\[「『]?[A-Z\d]|\s*[\"“‘(\[「『]", s)),
        is_digit=flag(lambda s: s.strip().isdigit()),
    )
