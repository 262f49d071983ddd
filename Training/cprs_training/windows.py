"""Builds labelled training windows: prompt, then text with or without evidence, with hard negatives beside it."""

import random
from collections import defaultdict

import numpy as np

from .critic import BEGIN, END, INSIDE, OUTSIDE
from .prompts import INSTRUCTIONS, LOCAL_FACT_INSTRUCTIONS, prompt_ids, tag_id
from .synthetic import Maker

LONGEST_QUERY = 64
IGNORED = -100


class WindowMaker:
    """Windows of any length from one seeded stream of random choices.

    settings: "tasks" {task: weight}, "evidence": share of windows that hold evidence, "made_evidence" that of made-up ones,
    "sources" {file: weight}: how often a question file is drawn compared with its number of questions.
    """

    def __init__(self, tokenizer, dataset, nouns, adjectives, settings, seed):
        self.rng = random.Random(seed)
        self.tokenizer, self.dataset, self.settings = tokenizer, dataset, settings
        self.maker = Maker(self.rng, nouns, adjectives)
        self.newlines = [tokenizer.encode(text).ids for text in ("\n", "\n\n")]
        self.tags = {task: tag_id(tokenizer, task) for task in INSTRUCTIONS}
        self.by_title, self.by_source, self.plain = defaultdict(list), defaultdict(list), []
        for index, document in enumerate(dataset.documents):
            self.by_source[document.source].append(index)
            self.by_title[document.source, document.title].append(index)
            if document.source.startswith("haystack/"):
                self.plain.append(index)
        self.plain_sources = sorted({dataset.documents[index].source for index in self.plain})
        self.questions, self.weights = defaultdict(lambda: defaultdict(list)), {}
        for question in dataset.questions:
            if question.spans:
                source = dataset.documents[question.document].source
                self.questions[question.task][source].append(question)
        for task, sources in self.questions.items():
            weights = settings["sources"]
            self.weights[task] = [len(rows) ** 0.5 * weights.get(name, 1.0) for name, rows in sources.items()]

    def window(self, length):
        """(ids, BIOE labels with IGNORED on the prompt, tag id) of at most `length` tokens."""
        tasks = self.settings["tasks"]
        task = self.rng.choices(list(tasks), list(tasks.values()))[0]
        if task in self.questions:
            query, lang, segments = self.question_window(task, length)
        else:
            query, lang, segments = self.made_window(task, length)
        prompt = prompt_ids(self.tokenizer, self.instruction(task, lang), query)
        ids = np.concatenate([segment for segment, _ in segments])
        labels = np.concatenate([label for _, label in segments])
        room = length - len(prompt)
        first = 0
        if len(ids) > room:
            first = self.crop(labels, len(ids) - room)
        ids, labels = ids[first : first + room], labels[first : first + room]
        return (
            np.concatenate([np.array(prompt, np.int64), ids.astype(np.int64)]),
            np.concatenate([np.full(len(prompt), IGNORED), labels]),
            self.tags[task],
        )

    def crop(self, labels, surplus):
        """First token of a random stretch; one that keeps the first gold span is preferred."""
        gold = np.flatnonzero(labels != OUTSIDE)
        if len(gold) == 0:
            return self.rng.randrange(surplus + 1)
        room = len(labels) - surplus
        low, high = max(0, gold[0] + 40 - room), min(surplus, gold[0])
        return self.rng.randint(int(min(low, high)), int(high))

    def instruction(self, task, lang):
        wordings = INSTRUCTIONS[task]
        if task == "fact" and lang in LOCAL_FACT_INSTRUCTIONS and self.rng.random() < 0.3:
            wordings = LOCAL_FACT_INSTRUCTIONS[lang]
        return wordings[0] if self.rng.random() < 0.5 else self.rng.choice(wordings)

    def question_window(self, task, length):
        rng = self.rng
        sources = self.questions[task]
        question = rng.choice(sources[rng.choices(list(sources), self.weights[task])[0]])
        document = self.dataset.documents[question.document]
        query = self.shortened(question.text)
        room = length - 64
        with_evidence = rng.random() < self.settings["evidence"]
        gold = self.stretch(question, document, room, with_evidence)
        used = sum(len(ids) for ids, _ in gold)
        segments = [gold] if gold else []
        while used < room:
            filler = self.filler(question.document, document, room)
            used += len(filler[0])
            segments.append([filler])
        rng.shuffle(segments)
        newline = rng.choice(self.newlines)
        gap = (np.array(newline, np.int32), np.full(len(newline), OUTSIDE))
        return query, document.lang, [part for segment in segments for part in (*segment, gap)]

    def shortened(self, query):
        encoding = self.tokenizer.encode(query)
        if len(encoding.ids) <= LONGEST_QUERY:
            return query
        return query[: encoding.offsets[LONGEST_QUERY][0]]

    def stretch(self, question, document, room, with_evidence):
        """A run of sentences around one gold span, or, without evidence, often the same text minus the gold."""
        rng = self.rng
        labels = span_labels(len(document.ids), question.spans)
        if not with_evidence and rng.random() < 0.4:
            return []
        start, end = rng.choice(question.spans)
        sentences = document.sentences
        first = int(np.searchsorted(sentences, start, side="right")) - 1
        last = int(np.searchsorted(sentences, end, side="left"))
        limit = room * rng.uniform(0.3, 1.0)
        first, last = self.grow(sentences, first, last, limit)
        run = slice(int(sentences[first]), int(sentences[last]))
        ids, labels = document.ids[run], labels[run]
        if not with_evidence:
            outside = labels == OUTSIDE
            ids, labels = ids[outside], labels[outside]
        return [(ids, labels)] if len(ids) else []

    def grow(self, sentences, first, last, limit):
        """Adds neighbouring sentences on random sides while the run stays within `limit` tokens."""
        while True:
            sides = []
            if first > 0 and sentences[last] - sentences[first - 1] <= limit:
                sides.append((first - 1, last))
            if last + 1 < len(sentences) and sentences[last + 1] - sentences[first] <= limit:
                sides.append((first, last + 1))
            if not sides:
                return first, last
            first, last = self.rng.choice(sides)

    def filler(self, index, document, room):
        """A run of sentences of another document: same article, same source, or any plain text of the language."""
        rng, draw = self.rng, self.rng.random()
        candidates = self.by_title[document.source, document.title] if draw < 0.4 else []
        if len(candidates) < 2 or len(document.ids) > 4 * room:
            candidates = self.by_source[document.source]
        if draw > 0.92 and document.lang == "en":
            candidates = self.plain
        other = index
        for _ in range(8):
            other = rng.choice(candidates)
            if other != index:
                break
        if other == index:
            other = rng.choice(self.plain)
        chosen = self.dataset.documents[other]
        first = rng.randrange(len(chosen.sentences) - 1)
        first, last = self.grow(chosen.sentences, first, first + 1, min(room, rng.choice((60, 150, 300))))
        ids = chosen.ids[chosen.sentences[first] : chosen.sentences[last]][:room]
        return ids, np.full(len(ids), OUTSIDE)

    def made_window(self, task, length):
        """Statements between the sentences of a plain text, or alone; without evidence, the gold statements are left out."""
        rng = self.rng
        made = self.maker.make(task, length - 70)
        # Every source of plain text counts alike, whatever the number of its documents.
        document = self.dataset.documents[rng.choice(self.by_source[rng.choice(self.plain_sources)])]
        statements = made.statements
        if rng.random() > self.settings["made_evidence"]:
            statements = [statement for statement in statements if not statement[1]]
        lines = []
        for text, is_gold in statements:
            encoding = self.tokenizer.encode(text + made.joint)
            ids = np.array(encoding.ids, np.int32)
            spans = [(0, sum(start < len(text) for start, _ in encoding.offsets))] if is_gold else []
            lines.append((ids, span_labels(len(ids), spans)))
        if not made.ordered:
            rng.shuffle(lines)
        room = max(0, length - 70 - sum(len(ids) for ids, _ in lines))
        segments = [] if made.alone else self.sentences(document, room, made.repetitive)
        places = [rng.randint(0, len(segments)) for _ in lines]
        for place, line in sorted(zip(places, reversed(lines)), key=lambda pair: pair[0], reverse=True):
            segments.insert(place, line)
        if not segments:
            newline = np.array(self.newlines[0], np.int32)
            segments = [(newline, np.full(len(newline), OUTSIDE))]
        return made.query, document.lang, segments

    def sentences(self, document, room, repetitive):
        """[(ids, labels)] of consecutive sentences within `room` tokens, or of a few lines over and over."""
        first, segments, used = self.rng.randrange(len(document.sentences) - 1), [], 0
        last = len(document.sentences) - 1
        if repetitive:
            last = min(last, first + self.rng.randrange(1, 5))
        index = first
        while used < room:
            start, end = document.sentence(index)
            ids = document.ids[start:end]
            if repetitive:
                ids = np.concatenate([ids, np.array(self.newlines[0], np.int32)])
            segments.append((ids, np.full(len(ids), OUTSIDE)))
            used, index = used + len(ids), index + 1
            if index == last:
                if not repetitive:
                    break
                index = first
        return segments


def span_labels(length, spans):
    labels = np.full(length, OUTSIDE)
    for start, end in spans:
        labels[start:end] = INSIDE
        labels[end - 1] = END
        labels[start] = BEGIN
    return labels
