"""Words of token ids: which tokens mean the same, how rare they are, and which words of a question stand in a sentence.

`Sources/CPRSSegmentation/Lexical` does the same arithmetic at run time; `tests/test_lexical.py` keeps a shared fixture.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from safetensors.numpy import load_file, save_file

from . import corpus
from .lexicon import match_key

FILE = "cprs_lexicon.safetensors"
JOINS, EXTENDS, LINKS = 1, 2, 4
NO_WORD = -1
# More words than this in one question are cut, the commonest first; a unit's words are then a set of 64 bits.
MAX_QUERY_WORDS = 64
STATISTICS_CHARACTERS = 30_000_000
CJK = r"\u2e80-\u9fff\uf900-\ufaff\uff66-\uff9d\U00020000-\U0003ffff"
# Polynomial hash of a word's letters; exact in float32, and that of two pieces is found from theirs.
SPELLING_PRIME, SPELLING_BASE = 16_777_213, 1_000_003
# Letters of a word beyond this are not told apart from it.
MAX_LETTERS = 1 << 20
JOINING = re.compile(rf"[^\W{CJK}]")
# Signs that make one compound of the words around them: keys, dates, versions, paths, addresses.
LINKING = re.compile(rf"[-./@]([^\W{CJK}]|\Z)")
# No idf is greater than this: the engine's bound for compounds.
MAX_IDF = 40.0


@dataclass
class Table:
    """One row per token id; V tokens.

    classes [V] int32: equal for tokens with the same word stem, NO_WORD for punctuation and white space.
    idf [V] float32: natural logarithm of the inverse share of sentences, and of questions, that hold the class; the smaller.
    shape [V] uint8: JOINS if the token may continue the word of the token before it, EXTENDS if the next one may continue it,
        LINKS if it begins with a sign that joins the word before it and what follows to a compound.
    spelling, letters [V] int32: hash and number of its letters, lower-cased; they tell words of several tokens apart.
    """

    classes: np.ndarray
    idf: np.ndarray
    shape: np.ndarray
    spelling: np.ndarray
    letters: np.ndarray

    def __post_init__(self):
        """`known` {(spelling, letters): (class, idf)}: words that are a token of their own, however they were cut."""
        self.known = {}
        for token in np.flatnonzero(self.classes != NO_WORD):
            key = int(self.spelling[token]), int(self.letters[token])
            self.known.setdefault(key, (int(self.classes[token]), float(self.idf[token])))

    def save(self, folder):
        """As float32, which holds every class exactly: the engine's reader knows no integers."""
        columns = {"class": self.classes, "idf": self.idf, "shape": self.shape}
        columns |= {"spelling": self.spelling, "letters": self.letters}
        tensors = {name: values.astype(np.float32) for name, values in columns.items()}
        save_file(tensors, Path(folder, FILE), metadata={"format": "pt"})

    @staticmethod
    def load(folder):
        tensors = load_file(Path(folder, FILE))
        whole = {name: tensors[name].astype(np.int32) for name in ("class", "shape", "spelling", "letters")}
        return Table(whole["class"], tensors["idf"], whole["shape"], whole["spelling"], whole["letters"])


def token_bytes(tokenizer):
    """{id: bytes} of a byte-level vocabulary, by GPT-2's table of printable stand-ins."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    stand_ins = {chr(byte): byte for byte in printable}
    stand_ins |= {chr(256 + index): byte for index, byte in enumerate(b for b in range(256) if b not in printable)}
    return {
        index: bytes(stand_ins[character] for character in token)
        for token, index in tokenizer.get_vocab().items()
        if all(character in stand_ins for character in token)
    }


def token_shape(spelled):
    if not spelled:
        return 0
    text = spelled.decode("utf-8", errors="replace")
    joins = 0x80 <= spelled[0] < 0xC0 or JOINING.match(text[0])
    # A token that ends inside a character goes on in the next one.
    extends = text[-1] == "\ufffd" or JOINING.match(text[-1])
    return (JOINS if joins else 0) | (EXTENDS if extends else 0) | (LINKS if LINKING.match(text) else 0)


def spelled_letters(index, spelled):
    """Code points of a token's letters, lower-cased, without what stands before them; a cut character is one of its own."""
    text = spelled.decode("utf-8", errors="replace")
    return [0x110000 + index] if "\ufffd" in text else [ord(letter) for letter in folded(text)]


def folded(text):
    lower = text.strip().lower()
    return re.sub(r"^\W+", "", lower) or lower


def spelling(letters):
    value = 0
    for letter in letters:
        value = (value * SPELLING_BASE + letter + 1) % SPELLING_PRIME
    return value


def build(tokenizer, corpus_folder):
    """The table of a tokenizer, with the statistics of the corpus' train split."""
    size = tokenizer.get_vocab_size()
    spelled = token_bytes(tokenizer)
    class_of, classes = {}, np.full(size, NO_WORD, np.int32)
    for index, word in spelled.items():
        text = word.decode("utf-8", errors="replace")
        key = f"\ufffd{index}" if "\ufffd" in text else match_key(text)
        if re.search(r"\w|\ufffd", key):
            classes[index] = class_of.setdefault(key, len(class_of))
    in_sentences = sentence_rarity(tokenizer, corpus_folder, classes)
    rarest = np.minimum(in_sentences, question_rarity(tokenizer, corpus_folder, classes))
    idf = np.where(classes == NO_WORD, 0, np.append(rarest, 0)[classes]).clip(0).astype(np.float32)
    return Table(classes, idf, shapes(spelled, size), *spellings(spelled, size))


def shapes(spelled, size):
    """[V] how each token joins its neighbours."""
    return np.array([token_shape(spelled.get(index, b"")) for index in range(size)], np.uint8)


def spellings(spelled, size):
    """[V] hashes and [V] numbers of letters."""
    letters = [spelled_letters(index, spelled.get(index, b"")) for index in range(size)]
    return np.array([spelling(one) for one in letters], np.int32), np.array([len(one) for one in letters], np.int32)


def rarity(lines, classes):
    """[classes] log inverse share of the lines of token ids that hold each class."""
    holding = np.zeros(classes.max() + 1)
    for ids in lines:
        found = np.unique(classes[ids])
        holding[found[found != NO_WORD]] += 1
    return np.log((len(lines) + 1) / (holding + 0.5))


def sentence_rarity(tokenizer, corpus_folder, classes):
    """Per language, because a corpus holds little of most; a class is as common as in the language that uses it most."""
    texts = {}
    for record in corpus.records(corpus_folder, "train"):
        texts[record["context"]] = record["lang"]
    for text in corpus.haystacks(corpus_folder, "train"):
        texts[text["text"][:200_000]] = text["lang"]
    by_language = {}
    for text, language in texts.items():
        by_language.setdefault(language, []).append(text)
    rarities = []
    for language, texts in by_language.items():
        Random(language).shuffle(texts)
        left, lines = STATISTICS_CHARACTERS, []
        for text in texts:
            lines += [text[start:end] for start, end in corpus.sentence_ranges(text, language)]
            left -= len(text)
            if left < 0:
                break
        rarities.append(rarity([e.ids for e in tokenizer.encode_batch(lines)], classes))
    return np.min(rarities, axis=0)


def question_rarity(tokenizer, corpus_folder, classes):
    questions = sorted({record["question"] for record in corpus.records(corpus_folder, "train")})
    return rarity([encoding.ids for encoding in tokenizer.encode_batch(questions)], classes)


def words(table, ids):
    """[(key, idf, parts)] of the words and compounds, each where it ends; equal keys match; parts: the words of a compound, else 0.

    The key of a word that is one token, or is spelled as one, is its class; else it is what it is spelled like, and it
    is as rare as all its tokens together, within the table's bounds. Words joined by a link are also one compound.
    """
    rarest = float(table.idf.max())
    found, word, compound, linked = [], [], [], False

    def close(with_compound):
        nonlocal word, compound
        if word:
            key, idf, spelled = word_key(table, word, rarest)
            found.append((key, idf, 0))
            compound.append((spelled, idf))
            word = []
        if with_compound:
            if len(compound) > 1:
                found.append((("compound", *joined(spelled for spelled, _ in compound)), min(MAX_IDF, sum(idf for _, idf in compound)), len(compound)))
            compound = []

    for token in ids:
        shape, is_word = int(table.shape[token]), table.classes[token] != NO_WORD
        open_word = bool(word) and bool(table.shape[word[-1]] & EXTENDS)
        if open_word and is_word and shape & JOINS:
            word.append(token)
            continue
        is_link = open_word and bool(shape & LINKS)
        close(not (is_link or linked and is_word and shape & JOINS))
        if is_word:
            word = [token]
        linked = is_link and not is_word
    close(True)
    return found


def joined(pieces):
    """(spelling, letters) of what pieces [(spelling, letters)] spell together."""
    value, letters = 0, 0
    for spelled, count in pieces:
        value = (value * pow(SPELLING_BASE, count, SPELLING_PRIME) + spelled) % SPELLING_PRIME
        letters = min(letters + count, MAX_LETTERS)
    return value, letters


def word_key(table, tokens, rarest):
    """(key, idf, (spelling, letters)) of one word."""
    spelled = joined((int(table.spelling[token]), int(table.letters[token])) for token in tokens)
    if len(tokens) == 1:
        return int(table.classes[tokens[0]]), float(table.idf[tokens[0]]), spelled
    known = table.known.get(spelled)
    return (*(known or (spelled, min(rarest, sum(float(table.idf[token]) for token in tokens)))), spelled)


@dataclass
class Query:
    """The distinct words that are looked for, at most MAX_QUERY_WORDS, the rarest.

    idf [W]: of the words of the question, 0 for others. format [W]: whether it is one of the format that the instruction spells out.
    groups: of each compound of the question, the places of it and of its parts.
    """

    keys: list
    idf: np.ndarray
    format: np.ndarray
    groups: list


def query_words(table, ids, format_ids=()):
    read = words(table, ids)
    question = {key: idf for key, idf, _ in read}
    form = {key: idf for key, idf, _ in words(table, format_ids) if isinstance(key, int)}
    found = question | form
    kept = set(sorted(found, key=lambda word: -found[word])[:MAX_QUERY_WORDS])
    keys = [word for word in found if word in kept]
    place = {word: index for index, word in enumerate(keys)}
    plain = [key for key, _, parts in read if not parts]
    groups, passed = {}, 0
    for key, _, parts in read:
        passed += not parts
        if parts and key in place:
            members = {place[part] for part in plain[passed - parts : passed] if part in place}
            groups.setdefault(key, sorted({place[key], *members}))
    idf = np.array([question.get(key, 0.0) for key in keys])
    is_format = np.array([key in form for key in keys], bool)
    return Query(keys, idf, is_format, [group for group in groups.values() if idf[group].sum() > 0])


def coverage(query, found):
    """found [S, W] -> (key [S], covered [S]): how much of the key that is most nearly in a unit, and of the whole question.

    Of several keys one is enough. Without keys, the rarest of the words that are there stands for one.
    """
    idf, matched = query.idf, found * query.idf
    if not query.groups:
        return matched.max(1) / idf.max(), matched.sum(1) / idf.sum()
    sizes = [idf[group].sum() for group in query.groups]
    key = np.max([matched[:, group].sum(1) / size for group, size in zip(query.groups, sizes)], axis=0)
    plain = np.delete(np.arange(len(idf)), [place for group in query.groups for place in group])
    size = np.mean(sizes)
    return key, (matched[:, plain].sum(1) + key * size) / (idf[plain].sum() + size)


def formats(instruction):
    """What an instruction puts in single quotes and has several words: `like 'VAR XXX1 = XXX2'`. An apostrophe opens no quote."""
    return [text for text in re.findall(r"(?<!\S)'([^'\n]*)'", instruction) if " " in text]


def matches(table, query, ids, sentences):
    """[sentences, words of the query] whether the word stands in the sentence; sentences are token ranges."""
    index = {word: place for place, word in enumerate(query.keys)}
    found = np.zeros((len(sentences), len(query.keys)), bool)
    for row, (start, end) in enumerate(sentences):
        for word, _, _ in words(table, ids[start:end]):
            if word in index:
                found[row, index[word]] = True
    return found


def nearby(found, decay):
    """[sentences, words]: what a word counts that is not in the sentence but before it (1, decay, decay² …) or in the next."""
    out, recent = np.zeros(found.shape), np.zeros(found.shape[1])
    for row in range(len(found)):
        following = found[row + 1] * decay if row + 1 < len(found) else 0
        out[row] = np.where(found[row], 0, np.maximum(recent, following))
        recent = np.where(found[row], 1, recent * decay)
    return out
