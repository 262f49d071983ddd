"""Reads the corpus (JSON lines, xz) and cuts text into sentences. Offsets are Unicode code points."""

import json
import lzma
import re
from pathlib import Path

# A sentence ends after . ! ? and white space before something that can start one, after a CJK full stop, or at a newline.
SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’')\]]*\s+(?=[A-Z0-9\"“‘'(\[])|(?<=[。！？])[」』”’）]*|\n+")
MINIMUM_SENTENCE = {"en": 25, "zh": 6, "ja": 6, "code": 1}


def read_lines(path):
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def records(corpus, split):
    """All question records of a split, file by file in name order."""
    for path in sorted(Path(corpus, split).glob("*.jsonl.xz")):
        for record in read_lines(path):
            record["file"] = path.name.removesuffix(".jsonl.xz")
            yield record


def haystacks(corpus, split):
    """Plain texts without questions: {source, title, lang, text}."""
    for path in sorted(Path(corpus, split, "haystack").glob("*.jsonl.xz")):
        yield from read_lines(path)


def word_list(corpus, name):
    return Path(corpus, "train", f"wordlist_{name}.txt").read_text(encoding="utf-8").split()


def sentence_ranges(text, lang="en"):
    """[(start, end)] that tile the text; a piece shorter than the language's minimum joins the next one."""
    minimum = MINIMUM_SENTENCE.get(lang, 25)
    ranges, start = [], 0
    for match in SENTENCE_END.finditer(text):
        end = match.end()
        if end - start >= minimum or (match.group() and match.group()[0] == "\n" and end - start > 1):
            ranges.append((start, end))
            start = end
    if start < len(text):
        ranges.append((start, len(text)))
    return ranges
