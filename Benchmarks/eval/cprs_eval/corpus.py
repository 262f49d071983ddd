"""Reads the evaluation split: xz-compressed JSON lines."""

import json
import lzma
import re
from functools import cache
from pathlib import Path

SENTENCE_START = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[A-Z\"“‘])")


class Corpus:
    """folder: holds `eval/` and `train/` (only the word lists of the latter are used: they are the keys of needles)."""

    def __init__(self, folder):
        self.folder = Path(folder)
        if not (self.folder / "eval" / "squad_dev.jsonl.xz").is_file():
            raise SystemExit(f"--corpus {folder}: no eval/squad_dev.jsonl.xz in it; expected the folder that holds eval/ and train/")
        self.rows = cache(self.rows)
        self.prose = cache(self.prose)
        self.words = cache(self.words)

    def rows(self, name):
        with lzma.open(self.folder / "eval" / f"{name}.jsonl.xz", "rt", encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]

    def answerable(self, name):
        return [row for row in self.rows(name) if row["evidence"]]

    def prose(self):
        """English books, speeches and a manual as one text, lines joined within paragraphs."""
        texts = [row["text"] for name in ("inaugural", "books_en", "rust_book") for row in self.rows(f"haystack/{name}")]
        paragraphs = [" ".join(part.split()) for text in texts for part in re.split(r"\n\s*\n", text)]
        return "\n\n".join(part for part in paragraphs if part)

    def noise(self):
        return self.rows("haystack/noise")[0]["text"].strip()

    def words(self, kind):
        """kind: "nouns" or "adjectives"."""
        text = (self.folder / "train" / f"wordlist_{kind}.txt").read_text(encoding="utf-8")
        return [word for word in text.split() if word.isalpha() and word.islower()]


def sentence_starts(text):
    """Character offsets of sentence starts in English prose, the text's own start and end included."""
    return [0, *(match.end() for match in SENTENCE_START.finditer(text)), len(text)]
