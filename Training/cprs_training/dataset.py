"""Tokenizes the training corpus once: documents with sentence ranges, questions with gold token ranges."""

import bisect
import pickle
from dataclasses import dataclass

import numpy as np

from . import corpus

TASK_OF_RECORD = {"fact": "fact", "clause": "fact", "summary": "fact", "paragraph": "paragraph", "keyword": "keyword"}
LONGEST_HAYSTACK = 400_000


@dataclass
class Document:
    """A text as tokens. `sentences` holds the first token of each sentence plus the length, so ranges are pairs."""

    source: str
    lang: str
    title: str
    ids: np.ndarray
    sentences: np.ndarray

    def sentence(self, index):
        return int(self.sentences[index]), int(self.sentences[index + 1])


@dataclass
class Question:
    """`spans`: gold token ranges [(start, end)] in the document, sorted, disjoint; empty if it is unanswerable."""

    task: str
    text: str
    document: int
    spans: list


@dataclass
class Dataset:
    """`question_ids`: the token ids of each distinct question text, for statistics."""

    documents: list
    questions: list
    question_ids: list

    def save(self, path):
        with open(path, "wb") as file:
            pickle.dump(self, file, protocol=pickle.HIGHEST_PROTOCOL)

    @staticmethod
    def load(path):
        with open(path, "rb") as file:
            return pickle.load(file)


def tokenized(tokenizer, text, source, lang, title):
    """The document and its token offsets [(start, end)] in code points."""
    encoding = tokenizer.encode(text)
    # A sentence begins with the token that holds its first character: that token often starts with the space before it.
    ends = [end for _, end in encoding.offsets]
    bounds = {bisect.bisect_right(ends, start) for start, _ in corpus.sentence_ranges(text, lang)}
    bounds = sorted(bounds | {0, len(ends)})
    document = Document(source, lang, title, np.array(encoding.ids, np.int32), np.array(bounds, np.int32))
    return document, encoding.offsets


def token_spans(offsets, spans):
    """Character spans -> token spans, snapped outward; touching spans are merged."""
    starts, ends = [start for start, _ in offsets], [end for _, end in offsets]
    merged = []
    for start, end in spans:
        first, last = bisect.bisect_right(ends, start), bisect.bisect_left(starts, end)
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        elif first < last:
            merged.append((first, last))
    return merged


def gold_spans(record):
    """Paragraph tasks with known paragraphs are labelled by whole paragraphs."""
    if record["task"] == "paragraph" and "paragraphs" in record:
        return [record["paragraphs"][index] for index in sorted(record["evidence_paragraphs"])]
    return record["evidence"]


def build(tokenizer, corpus_folder, left_out=(), split="train"):
    """left_out: names of question files that are not read."""
    documents, questions, known = [], [], {}
    for record in corpus.records(corpus_folder, split):
        if record["file"] in left_out:
            continue
        context = record["context"]
        if context not in known:
            title = record["title"] or record["id"]
            document, offsets = tokenized(tokenizer, context, record["file"], record["lang"], title)
            known[context] = (len(documents), offsets)
            documents.append(document)
        index, offsets = known[context]
        spans = token_spans(offsets, gold_spans(record))
        questions.append(Question(TASK_OF_RECORD.get(record["task"], "fact"), record["question"], index, spans))
    for haystack in corpus.haystacks(corpus_folder, split):
        text = haystack["text"][:LONGEST_HAYSTACK]
        source = "haystack/" + haystack["source"]
        documents.append(tokenized(tokenizer, text, source, haystack["lang"], haystack["title"])[0])
    texts = sorted({question.text for question in questions})
    return Dataset(documents, questions, [tokenizer.encode(text).ids for text in texts])
