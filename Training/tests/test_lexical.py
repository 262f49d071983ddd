"""Word matching: its rules, and the vectors that the engine's tests share. Run this file to write the vectors anew."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from cprs_training import feedback, fuse, lexical

VECTORS = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "lexical_vectors.json"
WEIGHTS = {"bias": -4.0, "critic": 0.5, "best": 0.25, "covered": 3.0, "complete": 2.5, "nearby": 3.0}
WEIGHTS |= {"key": 2.0, "format": 1.5, "length": 0.5}
VECTOR_DECAY = 0.5
FEEDBACK = {"bias": -1.5, "score": 1.25, "shared": 2.0, "further": 6.0, "beside": 1.75, "passage": 2.25}
VECTOR_REACH = 20


def random_table(rng, tokens=40):
    classes = [rng.randrange(-1, 25) for _ in range(tokens)]
    # Equal classes have equal idf.
    idf = [round(rng.uniform(0, 9), 3) for _ in range(26)]
    rows = np.array(classes, np.int32), np.array([idf[c] for c in classes], np.float32)
    shape = np.array([rng.randrange(8) for _ in range(tokens)], np.int32)
    # Two letters, so that some words of several tokens are spelled alike and some like a token.
    letters = [[rng.randrange(2) for _ in range(rng.randrange(1, 4))] for _ in range(tokens)]
    spelling = np.array([lexical.spelling(one) for one in letters], np.int32)
    return lexical.Table(*rows, shape, spelling, np.array([len(one) for one in letters], np.int32))


def vectors(seed=3, count=30):
    rng = random.Random(seed)
    table = random_table(rng)
    cases = []
    while len(cases) < count:
        ids = [rng.randrange(40) for _ in range(rng.randrange(5, 120))]
        query = [rng.randrange(40) for _ in range(rng.randrange(1, 12))]
        keep = [round(rng.random() ** 4, 6) for _ in ids]
        ends = sorted({len(ids), *rng.sample(range(1, len(ids)), rng.randrange(min(9, len(ids) - 1)))})
        sentences = list(zip([0, *ends], ends))
        form = [rng.randrange(40) for _ in range(rng.choice((0, 1, 2)))]
        words = lexical.query_words(table, query, form)
        found = fuse.features(table, words, ids, sentences, np.array(keep, np.float32), VECTOR_DECAY)
        if found is not None:
            logits = found @ np.array([WEIGHTS[name] for name in fuse.FEATURES]) + WEIGHTS["bias"]
            scores = [round(float(score), 7) for score in 1 / (1 + np.exp(-logits))]
            case = {"query": query, "format": form, "ids": ids, "ends": ends, "keep": keep, "scores": scores}
            cases.append(case | {"second": second_scores(table, words, ids, sentences, found)})
    rows = {"class": table.classes, "idf": table.idf.astype(float).round(6), "shape": table.shape}
    rows |= {"spelling": table.spelling, "letters": table.letters}
    weights = [*WEIGHTS.values(), VECTOR_DECAY]
    return {"weights": weights, "feedback": [*FEEDBACK.values(), VECTOR_REACH], **{name: values.tolist() for name, values in rows.items()}, "cases": cases}


def second_scores(table, words, ids, sentences, features):
    """The scores of the same units where the whole text is known."""
    matches = lexical.matches(table, words, ids, sentences)
    words.idf = feedback.narrowed(words.idf, matches)
    first = fuse.with_coverage(features, words, matches, VECTOR_DECAY) @ np.array([WEIGHTS[name] for name in fuse.FEATURES]) + WEIGHTS["bias"]
    rare = feedback.rare_words(table, words, ids, sentences)
    tokens = np.array([end - start for start, end in sentences])
    rows = feedback.features(first, rare, matches, words.idf, VECTOR_DECAY, tokens, VECTOR_REACH)
    logits = rows @ np.array([FEEDBACK[name] for name in feedback.FEATURES]) + FEEDBACK["bias"]
    return [round(float(score), 7) for score in 1 / (1 + np.exp(-logits))]


def test_shared_vectors_are_what_this_code_computes():
    assert json.loads(VECTORS.read_text()) == vectors()


@pytest.fixture
def table():
    """0 is a full stop; 1 'the', 2 'Irene', 3 'Ad', 4 'ler', 5 'I', 6 'rene'."""
    spelled = dict(enumerate([b".", b" the", b" Irene", b" Ad", b"ler", b" I", b"rene"]))
    return lexical.Table(
        np.array([-1, 0, 1, 2, 3, 4, 5], np.int32),
        np.array([0, 0.5, 6, 3, 4, 1, 6], np.float32),
        np.array([0, 2, 2, 2, 3, 2, 3], np.int32),
        *lexical.spellings(spelled, len(spelled)),
    )


def test_pieces_match_as_one_word_only(table):
    query = lexical.query_words(table, [2, 3, 4])
    assert query.idf.tolist() == [6.0, 6.0]
    found = lexical.matches(table, query, [3, 4, 0, 3, 0, 4, 2], [(0, 3), (3, 6), (6, 7)])
    assert found.tolist() == [[False, True], [False, False], [True, False]]


def test_a_word_matches_however_it_was_cut(table):
    assert lexical.words(table, [5, 6]) == lexical.words(table, [2]) == [(1, 6.0, 0)]


def test_linked_words_are_a_compound_as_rare_as_all_of_them():
    spelled = dict(enumerate([b"-", b" brisk", b"-anchor", b"anchor", b"4", b" "]))
    shape = np.array([lexical.token_shape(word) for word in spelled.values()], np.int32)
    table = lexical.Table(np.array([-1, 0, 1, 1, 2, -1], np.int32), np.array([0, 5, 7, 7, 3, 0], np.float32), shape, *lexical.spellings(spelled, 6))
    asked = lexical.words(table, [1, 2])
    assert [idf for _, idf, _ in asked] == [5.0, 7.0, 12.0]
    assert lexical.words(table, [1, 0, 3]) == asked
    assert lexical.words(table, [1, 5, 3]) == asked[:2]
    assert lexical.words(table, [1, 0, 5, 3]) == asked[:2]
    assert [idf for _, idf, _ in lexical.words(table, [1, 2, 0, 4])] == [5.0, 7.0, 3.0, 15.0]


def test_of_several_keys_one_is_enough_and_a_part_is_not_a_key():
    query = lexical.Query(["a", "b", "a-b", "c", "d", "c-d", "e"], np.array([1.0, 2, 3, 2, 2, 4, 4]), np.zeros(7, bool), [[0, 1, 2], [3, 4, 5]])
    found = np.array([[1, 1, 1, 0, 0, 0, 1], [0, 1, 0, 1, 0, 0, 1], [0, 0, 0, 0, 0, 0, 0]], bool)
    key, covered = lexical.coverage(query, found)
    assert key.tolist() == pytest.approx([1, 1 / 3, 0])
    assert covered.tolist() == pytest.approx([1, (4 + 7 / 3) / 11, 0])


def test_a_format_is_quoted_and_has_several_words():
    assert lexical.formats("the user's question: chains like 'VAR X1 = X2' tagged with 'chain'") == ["VAR X1 = X2"]
    assert lexical.formats("the user's question.\n- tag the user's facts with 'fact'") == []


def test_words_of_the_format_count_on_their_own(table):
    query = lexical.query_words(table, [1, 2], [2, 3, 4, 0, 3])
    assert query.idf.tolist() == [0.5, 6.0, 0.0] and query.format.tolist() == [False, True, True]


def test_words_nearby_fade_with_distance_and_the_next_sentence_counts(table):
    found = np.array([[True], [False], [False], [False], [True]])
    assert lexical.nearby(found, 0.5).ravel().tolist() == [0, 1, 0.5, 0.5, 0]


def test_a_question_without_words_has_no_features(table):
    assert fuse.features(table, lexical.query_words(table, [0]), [1, 2], [(0, 2)], np.array([0.5, 0.5])) is None


def test_regression_finds_the_coefficients_that_made_the_labels():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 2)) * [1, 10]
    y = (rng.random(20_000) < 1 / (1 + np.exp(-(x @ [1.5, -0.2] - 1)))).astype(float)
    slope, constant = fuse.regression(x, y, np.ones(20_000))
    assert slope == pytest.approx([1.5, -0.2], rel=0.1) and constant == pytest.approx(-1, abs=0.1)


@pytest.mark.parametrize("spelled, shape", [(b" word", 2), (b"ing", 3), (b".", 4), (b",", 0), (b"-anchor", 6), (b"--", 0), (b".\n", 0), ("北京".encode(), 0), ("京".encode()[:2], 2), ("京".encode()[2:], 3), (b"7", 3)])
def test_shapes_follow_letters_and_cut_characters(spelled, shape):
    assert lexical.token_shape(spelled) == shape


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), separators=(",", ":")) + "\n")
