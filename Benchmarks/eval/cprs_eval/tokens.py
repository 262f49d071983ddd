"""A context as the tokens that the model sees: every system is measured in these."""

import re

import numpy as np

# A sentence ends after its closing mark and white space, after a full-width mark, or at a line's end.
SENTENCE_END = re.compile(r"[.!?][\"”’')\]]*\s+|[。！？…][」』”]?|\n+")
LONGEST_SENTENCE = 100
CHUNK_TOKENS = 600


class Context:
    """text, and its tokens' start bytes [tokens], as the daemon reported them."""

    def __init__(self, text, starts):
        self.text, self.data, self.starts = text, text.encode(), starts
        self.byte_of = offsets(text)
        self.anchors = anchors(self.data, starts)

    @property
    def tokens(self):
        return len(self.starts)

    def token_at(self, byte):
        """Index of the first token whose anchor is at or after a byte offset."""
        return int(np.searchsorted(self.anchors, byte))

    def characters_to_tokens(self, ranges):
        """Character ranges -> token ranges."""
        return [(self.token_at(self.byte_of[start]), self.token_at(self.byte_of[end])) for start, end in ranges]

    def mask(self, byte_ranges):
        """[tokens] of bool: tokens whose anchor lies in one of the byte ranges."""
        mask = np.zeros(self.tokens, dtype=bool)
        for start, end in byte_ranges:
            mask[self.token_at(start) : self.token_at(end)] = True
        return mask

    def kept_text(self, mask):
        """The text of the kept tokens; pieces that do not touch are on lines of their own."""
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
        ends = np.append(self.starts, len(self.data))
        pieces = [self.data[ends[first] : ends[last]] for first, last in zip(edges[::2], edges[1::2])]
        return "\n".join(piece.decode(errors="ignore") for piece in pieces)

    def piece(self, unit):
        """The text of a token range."""
        ends = np.append(self.starts, len(self.data))
        return self.data[ends[unit[0]] : ends[unit[1]]].decode(errors="ignore")

    def sentences(self):
        """Token ranges of sentences; what is longer than 100 tokens (a JSON line) is cut into such pieces."""
        ends = [match.end() for match in SENTENCE_END.finditer(self.text)]
        bounds = [self.token_at(self.byte_of[end]) for end in ends]
        bounds = sorted({0, self.tokens, *bounds})
        units = []
        for first, last in zip(bounds, bounds[1:]):
            units += [(at, min(at + LONGEST_SENTENCE, last)) for at in range(first, last, LONGEST_SENTENCE)]
        return units

    def chunks(self, sentences):
        """Runs of whole sentences of at most 600 tokens."""
        units, first = [], 0
        for start, end in sentences:
            if end - first > CHUNK_TOKENS and start > first:
                units.append((first, start))
                first = start
        return [*units, (first, self.tokens)]


def anchors(data, starts):
    """[tokens] the byte at which a token counts as being: its last that is not white space, so that a token which holds the
    end of one sentence and the first word of the next belongs to the next, and a full stop with its line end to the first."""
    white = np.isin(np.frombuffer(data, dtype=np.uint8), np.frombuffer(b" \n\t\r", dtype=np.uint8))
    place = np.maximum(np.append(starts[1:], len(data)) - 1, starts)
    while (moves := white[place] & (place > starts)).any():
        place = place - moves
    return place


def offsets(text):
    """[characters + 1] byte offset of each character."""
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    sizes = 1 + (points >= 0x80) + (points >= 0x800) + (points >= 0x10000)
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
