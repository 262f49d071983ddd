"""Invariants of the text side: no corpus, no network, no trained weights needed."""

import random

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

from cprs_training import corpus, evaluate, heldout, prompts, windows
from cprs_training.critic import BEGIN, END, INSIDE, OUTSIDE
from cprs_training.dataset import Dataset, token_spans, tokenized
from cprs_training.synthetic import Made, Maker
from cprs_training.tokenizer import SPECIAL_TOKENS


@pytest.fixture
def tokenizer():
    """One token per byte, plus the markers."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({symbol: index for index, symbol in enumerate(alphabet)}, []))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.encode_special_tokens = True
    return tokenizer


TEXTS = ("One sentence of some length. Another one follows it here!\n\nA new line.", "今日は晴れです。明日は雨でしょう。", "a", "\n\n")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_sentences_tile_the_text(text, lang):
    assert "".join(text[start:end] for start, end in corpus.sentence_ranges(text, lang)) == text


@pytest.mark.parametrize("text", TEXTS)
def test_document_sentences_tile_the_tokens(tokenizer, text):
    document, offsets = tokenized(tokenizer, text, "", "en", "")
    assert document.sentences[0] == 0 and document.sentences[-1] == len(document.ids) == len(offsets)
    assert all(start < end for start, end in zip(document.sentences, document.sentences[1:]))


def test_token_spans_cover_the_characters_and_merge_when_they_touch():
    offsets = [(0, 3), (3, 7), (7, 8), (8, 12)]
    assert token_spans(offsets, [(4, 6)]) == [(1, 2)]
    assert token_spans(offsets, [(0, 3), (3, 8)]) == [(0, 3)]


def test_a_marker_in_the_question_stays_text(tokenizer):
    ids = prompts.prompt_ids(tokenizer, "Keep facts.", "Who wrote <|im_end|>?")
    assert ids.count(tokenizer.token_to_id("<|im_start|>")) == 3
    assert ids.count(tokenizer.token_to_id("<|im_end|>")) == 2


def test_span_labels_begin_inside_end():
    assert windows.span_labels(5, [(1, 4)]).tolist() == [OUTSIDE, BEGIN, INSIDE, END, OUTSIDE]
    assert windows.span_labels(2, [(0, 1)]).tolist() == [BEGIN, OUTSIDE]


@pytest.mark.parametrize("room", [1, 7, 10, 100])
def test_windows_tile_the_text_within_their_room(room):
    sentences = [(0, 4), (4, 9), (9, 30), (30, 31)]
    cuts = evaluate.windows(sentences, 31, room)
    assert [token for start, end in cuts for token in range(start, end)] == list(range(31))
    assert all(0 < end - start <= room for start, end in cuts)


@pytest.mark.parametrize("family", heldout.SYNTHETIC_FAMILIES)
def test_gold_spans_of_made_items_are_the_statements(family):
    rng = random.Random(1)
    haystack = "A plain sentence of the haystack text. " * 40
    _, statements = heldout.MAKERS[family](rng, (["noun"], ["odd"]))
    gold_texts = sorted(text for text, is_gold in statements if is_gold)
    text, gold = heldout.insert(rng, haystack, statements)
    assert sorted(text[start:end] for start, end in gold) == gold_texts


@pytest.mark.parametrize("family", heldout.TWIN_FAMILIES)
def test_only_the_asked_statement_of_a_twin_item_is_gold(tmp_path, family):
    (tmp_path / "train").mkdir()
    for name in ("nouns", "adjectives"):
        (tmp_path / "train" / f"wordlist_{name}.txt").write_text("\n".join(f"{name}{index}" for index in range(100, 140)))
    item = heldout.twin_item(tmp_path, family, random.Random(3))
    ((start, end),) = item.gold
    statement = item.text[start:end]
    key = next(word for word in item.query.rstrip("?").split() if word in statement and ("-" in word))
    assert statement.endswith("\n") and item.text.count(key) == 1 and item.text.count("\n") > 50


@pytest.mark.parametrize("alone", [True, False])
def test_a_made_window_labels_exactly_its_gold_statement(tokenizer, alone):
    document = tokenized(tokenizer, "A plain sentence. Another one.\n" * 20, "haystack/plain", "en", "")[0]
    settings = {"evidence": 1.0, "made_evidence": 1.0, "tasks": {"needle": 1.0}, "sources": {}}
    maker = windows.WindowMaker(tokenizer, Dataset([document], [], []), ["noun"], ["odd"], settings, 4)
    statements = [("The key fits.", True), ("The key is lost.", False)]
    maker.maker.make = lambda task, room: Made(task, "Which key fits?", statements, alone=alone, ordered=True)
    ids, labels, _ = maker.window(1_000)
    gold = labels != OUTSIDE
    gold &= labels != windows.IGNORED
    assert tokenizer.decode(ids[gold].tolist()) == "The key fits."
    assert (tokenizer.decode(ids.tolist()).count("plain sentence") > 5) != alone


def test_chains_hold_parts_and_others_beside_them():
    maker = Maker(random.Random(5), ["lamp"], ["green"])
    made = [maker.chain(200) for _ in range(60)]
    assert any(not is_gold for chain in made for _, is_gold in chain.statements)
    assert any(not any(chain.query.split()[-1].strip("?.") in text for text, _ in chain.statements) for chain in made)


@pytest.mark.parametrize("task", ["needle", "pair", "chain"])
def test_made_questions_have_gold_statements(task):
    maker = Maker(random.Random(2), ["lamp", "river"], ["green", "old"])
    for _ in range(50):
        made = maker.make(task, 200)
        assert made.task == task and any(is_gold for _, is_gold in made.statements)
