"""python -m pytest tests (from Benchmarks/eval): the measuring itself, without a daemon."""

import json
import random

import numpy as np

from cprs_eval import report, synthetic
from cprs_eval.baselines import fill, head_tail
from cprs_eval.item import Item
from cprs_eval.measure import measure
from cprs_eval.tokens import Context

TEXT = "It rained. The code is 4711.\nNobody 知道 it。然后 he left.\n"


def by_pieces(*pieces):
    """A context of TEXT whose tokens are the pieces."""
    assert "".join(pieces) == TEXT
    ends = np.cumsum([len(piece.encode()) for piece in pieces])
    return Context(TEXT, np.concatenate([[0], ends[:-1]]))


CONTEXT = by_pieces("It", " rained", ".", " The", " code", " is", " 4711", ".\n", "Nobody", " ", "知道", " it", "。然后", " he", " left", ".\n")
GOLD = (TEXT.index("The"), TEXT.index("\n"))


def test_a_token_with_a_leading_space_belongs_to_the_word():
    assert CONTEXT.characters_to_tokens([GOLD]) == [(3, 8)]


def test_a_token_across_a_sentence_end_belongs_to_the_next_sentence():
    assert CONTEXT.sentences() == [(0, 3), (3, 8), (8, 12), (12, 16)]


def test_everything_kept_is_full_recall_and_nothing_kept_is_none():
    item = Item("i", "f", 0, "fact", "?", TEXT, [GOLD], [["9999", "4711"]])
    full = measure(item, CONTEXT, [(3, 8)], np.ones(16, dtype=bool))
    none = measure(item, CONTEXT, [(3, 8)], np.zeros(16, dtype=bool))
    assert full == {"kept": 16, "answer": 1.0, "gold": 1.0, "precision": 5 / 16}
    assert none == {"kept": 0, "answer": 0.0, "gold": 0.0, "precision": None}


def test_an_answer_does_not_form_across_a_gap():
    mask = np.zeros(16, dtype=bool)
    mask[[0, 2]] = True
    assert CONTEXT.kept_text(mask) == "It\n."


def test_a_budget_is_met_exactly_in_the_order_of_scores():
    mask = fill([(0, 3), (3, 8), (8, 12), (12, 16)], [0.1, 0.9, 0.5, 0.2], 7, 16)
    assert mask.nonzero()[0].tolist() == [3, 4, 5, 6, 7, 8, 9]
    assert head_tail(5, 16).nonzero()[0].tolist() == [0, 1, 2, 14, 15]


def test_inserted_statements_lie_where_their_ranges_say():
    statements = [(f"Statement {index}.", index % 2 == 0) for index in range(6)]
    haystack = "Some words here. " * 50
    starts = synthetic.sentence_starts(haystack)
    text, gold = synthetic.insert(random.Random(1), haystack, starts, list(statements), " ")
    assert sorted(text[start:end] for start, end in gold) == ["Statement 0.", "Statement 2.", "Statement 4."]
    for statement, _ in statements:
        text = text.replace(statement + " ", "")
    assert text == haystack


def test_the_interval_holds_the_mean_and_shrinks_with_more_items():
    mean, low, high = report.interval([0, 1] * 5)
    assert low < mean == 0.5 < high
    more = report.interval([0, 1] * 500)
    assert more[2] - more[1] < high - low


class FourBytes:
    """Counts a token for every four characters."""

    def __call__(self, text):
        return max(1, len(text) // 4)


def test_a_made_pair_is_valid_json_and_its_range_holds_key_and_value():
    maker = synthetic.Maker(None, FourBytes(), 1)
    for family in ("kv", "kv_lines"):
        item = maker.make(family, 2_000, 0, 1)
        pairs = json.loads(item.text)
        (start, end), = item.gold
        key, value = item.text[start:end].replace('"', "").split(": ")
        assert pairs[key] == value == item.answers[0][0]
        assert key in item.query
        assert abs(len(item.text) / 4 / 2_000 - 1) < 0.1
