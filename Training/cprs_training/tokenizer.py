"""Trains the byte-level BPE tokenizer (Qwen2's split pattern, NFC) on the training corpus."""

import random

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from . import corpus

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Characters of text per language: keeps Japanese Wikipedia, by far the largest share of the CJK text, from taking the vocabulary.
CHARACTER_BUDGET = {"en": 60_000_000, "zh": 4_000_000, "ja": 5_000_000, "code": 3_000_000}


def training_texts(corpus_folder, seed):
    """Deduplicated contexts, questions and haystacks of the train split, shuffled, within the budget per language."""
    texts = {}
    for record in corpus.records(corpus_folder, "train"):
        texts[record["context"]] = record["lang"]
        texts[record["question"]] = record["lang"]
    for haystack in corpus.haystacks(corpus_folder, "train"):
        texts[haystack["text"]] = haystack["lang"]
    shuffled = sorted(texts.items())
    random.Random(seed).shuffle(shuffled)
    left = dict(CHARACTER_BUDGET)
    for text, lang in shuffled:
        if left[lang] > 0:
            left[lang] -= len(text)
            yield text


def train(corpus_folder, vocabulary, seed=0):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        min_frequency=3,
        max_token_length=24,
        show_progress=False,
    )
    tokenizer.train_from_iterator(training_texts(corpus_folder, seed), trainer)
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    return tokenizer


def load(path):
    """A tokenizer that takes text as text: a marker spelled in a document stays ordinary tokens."""
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.encode_special_tokens = True
    return tokenizer
