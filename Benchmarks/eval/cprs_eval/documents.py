"""Questions over real documents: encyclopedia articles in three languages, contracts, meetings; and texts without an answer."""

import random

from .item import Item

# Items that share a context: an index of it is built once, as it would be in use.
QUESTIONS_PER_CONTEXT = 10
CJK = {"zh": "cmrc2018", "ja": "jaquad"}
# Documents longer than this are left to the long-context families.
DOCUMENT_CHARACTERS = 160_000
ABSENT = (
    ("fact", None),
    ("needle", "What are all the special magic numbers for brisk-anchor that the text states?"),
    ("chain", "Which variables hold the value 48151 in the text, directly or through other variables?"),
    ("pair", 'Extract the value that belongs to the key "5f0c3a52-6d0e-4b8e-9b51-0f0f6d7c1e11" in the JSON object.'),
)


class Maker:
    """synthetic: the maker of made-up items, whose prose and token density are shared."""

    def __init__(self, corpus, count, seed, synthetic):
        self.corpus, self.count, self.seed, self.synthetic = corpus, count, seed, synthetic
        self.contexts = {}

    def make(self, family, length, index, total):
        rng = random.Random(f"{self.seed}/{family}/{length}/{index}")
        if family in ("cuad", "qmsum"):
            parts = self.document(family, index)
        elif family == "no_evidence":
            parts = self.absent(rng, length, index)
        else:
            group = index // QUESTIONS_PER_CONTEXT
            parts = self.question(family, length, group, index % QUESTIONS_PER_CONTEXT)
            parts["context_id"] = f"{family}-{length}-context{group}"
        return Item(**{"id": f"{family}-{length}-{index}", "family": family, "length": length, "context_id": f"{family}-{length}-{index}", **parts})

    def question(self, family, length, group, index):
        if (family, length, group) not in self.contexts:
            rng = random.Random(f"{self.seed}/{family}/{length}/context{group}")
            build = {"squad": self.articles, "hotpot": self.paragraphs}.get(family, self.foreign)
            self.contexts[family, length, group] = build(rng, family, length)
        text, questions = self.contexts[family, length, group]
        row, gold = questions[index % len(questions)]
        answers = [row["answers"]] if row["answer_spans"] else []
        return {"preset": "fact", "query": row["question"], "text": text, "gold": gold, "answers": answers, "lang": row["lang"], "note": {"source": row["id"]}}

    def articles(self, rng, family, length):
        """SQuAD-like: whole articles, in random order, questions about some of them; more encyclopedia text fills up."""
        rows = self.corpus.answerable("squad_dev")
        titles = sorted({row["title"] for row in rows})
        rng.shuffle(titles)
        groups = [(title, list(dict.fromkeys(row["context"] for row in rows if row["title"] == title))) for title in titles]
        fillers = list(dict.fromkeys(row["context"] for name in ("selqa", "nq_open_oracle") for row in self.corpus.rows(name)))
        rng.shuffle(fillers)
        return self.assemble(rng, family, length, groups, fillers, rows)

    def foreign(self, rng, family, length):
        """Chinese or Japanese: articles of one file."""
        rows = self.corpus.answerable(CJK[family])
        titles = sorted({row["title"] for row in rows})
        rng.shuffle(titles)
        by_title = {}
        for row in rows:
            by_title.setdefault(row["title"], {})[row["context"]] = None
        return self.assemble(rng, family, length, [(title, list(by_title[title])) for title in titles], [], rows)

    def assemble(self, rng, family, length, groups, fillers, rows):
        """groups: [(title, paragraphs)] that questions may be about -> (text, [(row, gold)])."""
        sample = [text for _, texts in groups for text in texts] + fillers
        limit = self.limit(family, rng.sample(sample, min(200, len(sample))), length)
        blocks, used, size = [], set(), 0
        for title, texts in groups:
            block = "\n\n".join(texts)
            if size + len(block) > limit and blocks:
                break
            blocks.append(block)
            used.add(title)
            size += len(block) + 2
        for filler in fillers:
            if size >= limit:
                break
            blocks.append(filler)
            size += len(filler) + 2
        rng.shuffle(blocks)
        text = "\n\n".join(blocks) + "\n"
        questions = []
        for row in rng.sample(rows, len(rows)):
            if row["title"] in used and len(questions) < QUESTIONS_PER_CONTEXT:
                shift = text.find(row["context"])
                if shift >= 0:
                    questions.append((row, [(start + shift, end + shift) for start, end in row["evidence"]]))
        return text, questions

    def paragraphs(self, rng, family, length):
        """HotpotQA-like: the paragraphs of many questions, shuffled, so that the two halves of the evidence lie far apart."""
        rows = self.corpus.answerable("hotpotqa")
        rng.shuffle(rows)
        pieces = {}
        limit = self.limit(family, [row["context"] for row in rows[:20]], length)
        included, size = [], 0
        for row in rows:
            if size >= limit:
                break
            for start, end in row["paragraphs"]:
                paragraph = row["context"][start:end].strip()
                if paragraph not in pieces:
                    pieces[paragraph] = None
                    size += len(paragraph) + 2
            included.append(row)
        order = list(pieces)
        rng.shuffle(order)
        text = "\n\n".join(order) + "\n"
        place, shift = 0, {}
        for paragraph in order:
            shift[paragraph] = place
            place += len(paragraph) + 2
        return text, [(row, moved(row, shift)) for row in included[:QUESTIONS_PER_CONTEXT]]

    def limit(self, family, texts, length):
        """Characters that make `length` tokens of text like these."""
        return self.synthetic.characters(family, "\n\n".join(texts), length)

    def document(self, family, index):
        """A whole contract or meeting."""
        rows = [row for row in self.corpus.answerable(family) if len(row["context"]) < DOCUMENT_CHARACTERS]
        random.Random(f"{self.seed}/{family}").shuffle(rows)
        row = rows[index % len(rows)]
        answers = [row["answers"]] if row["answer_spans"] else []
        parts = {"text": row["context"], "gold": row["evidence"], "answers": answers, "query": row["question"], "context_id": f"{family}-{row['title']}"}
        task = {"preset": "fact"} if family == "cuad" else {"preset": "paragraph", "granularity": "line"}
        return {**parts, **task, "note": {"source": row["id"]}}

    def absent(self, rng, length, index):
        """Prose, and a question that it does not answer."""
        preset, query = ABSENT[index % len(ABSENT)]
        query = query or rng.choice(self.corpus.rows("squad_dev"))["question"]
        text, _ = self.synthetic.prose(rng, length)
        return {"preset": preset, "query": query, "text": text, "gold": [], "answers": []}


def moved(row, shift):
    """The row's evidence in the shuffled text; `shift` says where each paragraph starts."""
    gold = []
    for start, end in row["evidence"]:
        for first, last in row["paragraphs"]:
            if first <= start < last:
                raw = row["context"][first:last]
                paragraph = raw.strip()
                lead = first + len(raw) - len(raw.lstrip())
                gold.append((shift[paragraph] + start - lead, shift[paragraph] + min(end, last) - lead))
    return gold
