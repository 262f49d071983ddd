"""Threshold choice and reliability on texts whose scores are written down."""

import torch

from cprs_training import decision
from cprs_training.heldout import Item


def scored(family, keep, sentences):
    keep = torch.tensor(keep)
    return decision.Scored(family, keep, keep > 0.5, sentences)


def test_the_smallest_threshold_that_keeps_little_without_evidence_is_chosen():
    unanswered = [scored("squad", [0.1] * 10, [(0.06, 50, False), (0.12, 50, False)])]
    answered = [scored("squad", [0.1] * 10, [(0.3, 10, True), (0.14, 90, False)])]
    rows = decision.thresholds(answered, unanswered)
    assert decision.choose(rows) == 0.15
    assert [row["recall"] for row in rows if row["threshold"] == 0.15] == [100.0]
    assert [row["kept"] for row in rows if row["threshold"] == 0.1] == [100.0]


def test_a_family_counts_once_however_many_texts_it_has():
    rows = [scored("squad", [0.0], [(0.9, 1, True)])] * 3 + [scored("zh", [0.0], [(0.0, 1, True)])]
    assert decision.at_threshold(rows, 0.5)[0] == 0.5


def test_reliability_counts_every_token_once():
    rows = decision.reliability([scored("squad", [0.0, 0.05, 0.55, 1.0], [])])
    assert sum(row["tokens"] for row in rows) == 4
    assert [row["observed"] for row in rows] == [0.0, 0.0, 1.0, 1.0]


def test_texts_without_evidence_have_another_items_question():
    items = [Item("squad", "fact", "en", f"q{i}", f"t{i}", [(0, 1)]) for i in range(3)] + [Item("passkey", "needle", "en", "q", "t", [(0, 1)])]
    swapped = decision.without_evidence(items)
    assert [(item.text, item.query, item.gold) for item in swapped] == [("t0", "q1", []), ("t1", "q2", []), ("t2", "q0", [])]
