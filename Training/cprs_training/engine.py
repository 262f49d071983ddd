"""Scores texts with the engine itself, through a cprsd of its own: its units and numbers, many times faster than here."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]


class Engine:
    """A daemon over a model folder; ends with the `with` block."""

    def __init__(self, cprsd, folder, threads):
        sys.path.insert(0, str(REPOSITORY / "Benchmarks" / "eval"))
        from cprs_eval import daemon

        self.protocol = daemon
        self.daemon = daemon.Daemon(cprsd, folder, threads)

    def __enter__(self):
        self.daemon.__enter__()
        self.client = self.protocol.Client(self.daemon.socket, REPOSITORY / "Protos")
        return self

    def __exit__(self, *reason):
        self.daemon.__exit__(*reason)

    def score(self, item):
        """An Item -> (P(keep) [tokens], token ranges of its units, their byte ranges).

        A token belongs to the unit that holds its last byte; a unit without a token of its own is left out.
        """
        scored = self.client.score(SimpleNamespace(text=item.text, preset=item.task, query=item.query, granularity=item.granularity))
        messages = self.client.messages
        everything = messages.Selection(threshold=0.0, match_words=False)
        answers = self.client.stub.Recut(messages.RecutRequest(request_id=scored.request, selection=everything))
        ends = np.array([end for _, end in self.client.collect(answers)[1]])
        last = np.append(scored.starts[1:], len(item.text.encode())) - 1
        bounds = np.concatenate([[0], np.searchsorted(last, ends)]).tolist()
        edges = np.concatenate([[0], ends]).tolist()
        kept = [index for index in range(len(ends)) if bounds[index] < bounds[index + 1]]
        return scored.scores, [tuple(bounds[i : i + 2]) for i in kept], [tuple(edges[i : i + 2]) for i in kept]
