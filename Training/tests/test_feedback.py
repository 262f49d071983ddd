"""The second look: what each feature says, and texts that it is fitted to."""

import random

import numpy as np
import pytest

from cprs_training import feedback, lexical

NONE = np.zeros((5, 1), bool)


def features(logits, words, found=NONE, idf=(1.0,)):
    return feedback.features(np.array(logits, float), words, found, np.array(idf), decay=0.5, tokens=np.full(len(logits), 10), reach=10)


def test_a_rare_word_of_the_best_unit_lifts_the_others_that_have_it():
    rows = features([2, -9, -9, -9, -9], [{1: 8.0}, {}, {}, {1: 8.0}, {2: 8.0}])
    assert rows[:, 1].tolist() == pytest.approx([0, 0, 0, 0.5, 0], abs=1e-3)


def test_what_all_units_share_or_only_one_has_links_nothing():
    rows = features([2, -9, -9, -9, -9] * 3, [{1: 8.0, 100 + index: 8.0} for index in range(15)], np.zeros((15, 1), bool))
    assert rows[:, 1].max() < 1e-3


def test_the_words_that_the_best_unit_lacks_count_with_those_it_shares():
    found = np.array([[1, 0], [0, 1], [0, 0], [0, 1], [1, 0]], bool)
    rows = features([2, -9, -9, -9, -9], [{1: 8.0}, {}, {}, {1: 8.0}, {1: 8.0}], found, (3.0, 1.0))
    assert rows[:, 2].tolist() == pytest.approx([0, 0, 0, 0.5 * 0.25, 0], abs=1e-3)


def test_units_beside_the_best_gain_the_less_the_further_they_follow():
    rows = features([-9, 2, -9, -9, -9], [{}] * 5)
    assert rows[:, 3].tolist() == pytest.approx([0.5, 0, 1, 0.5, 0.25], abs=1e-3)


def test_what_stands_around_a_unit_counts_the_less_the_further_away_it_is():
    found = np.array([[0, 0], [1, 0], [0, 0], [0, 0], [0, 1]], bool)
    counts = np.exp(-np.array([[1, 4], [0, 3], [1, 2], [2, 1], [3, 0]]))
    rows = features([-9] * 5, [{}] * 5, found, (3.0, 1.0))
    assert rows[:, 4].tolist() == pytest.approx((counts / (counts + 1) @ [3, 1] / 4).tolist())


def test_a_word_that_returns_counts_more_but_never_as_much_as_all():
    alone, often = (features([-9] * 5, [{}] * 5, np.array([[1], [value], [value], [0], [0]], bool))[0, 4] for value in (0, 1))
    assert 0.5 == alone < often < 1


def test_rarity_falls_to_that_in_the_text():
    found = np.array([[1, 1], [1, 0], [1, 0], [1, 0]], bool)
    assert feedback.narrowed(np.array([9.0, 0.2]), found).tolist() == pytest.approx([np.log(5 / 4.5), 0.2])
    assert feedback.narrowed(np.array([9.0]), np.ones((1, 1), bool)).tolist() == pytest.approx([np.log(2 / 1.5)])


def test_evidence_is_found_again_in_the_pooled_text():
    rows = [
        {"lang": "en", "question": f"Who is {name}?", "context": f"{name} is a king.\n\nThe sea is wide.", "paragraphs": [(0, len(name) + 11), (len(name) + 13, len(name) + 29)], "evidence": [(0, len(name) + 11)]}
        for name in ("Ivan", "Olaf", "Karl")
    ]
    items = feedback.pooled(random.Random(1), rows, "made-up")
    assert len(items) == 3 and items[0].text.count("The sea is wide.") == 1
    for item in items:
        (start, end) = item.gold[0]
        assert item.text[start:end] == item.query.removeprefix("Who is ").removesuffix("?") + " is a king."


def test_words_of_the_question_and_common_ones_are_not_rare_words():
    table = lexical.Table(np.array([0, 1, 2], np.int32), np.array([9, 9, 1], np.float32), np.zeros(3, np.int32), np.array([1, 2, 3], np.int32), np.ones(3, np.int32))
    query = lexical.query_words(table, [0])
    assert feedback.rare_words(table, query, [0, 1, 2, 1], [(0, 2), (2, 4)]) == [{1: 9.0}, {1: 9.0}]
