"""One question over one context, with what must survive."""

from dataclasses import dataclass, field


@dataclass
class Item:
    """`length` is the context length that was asked for, in tokens (0: as the document is); `depth` is 0...1 or None.

    `gold` are character ranges [start, end) of the evidence. `answers` is a list of groups: every group needs one of its
    strings in the kept text. No groups: the item has no answer string (a yes/no question, a summary).
    `context_id` is shared by items over the same text, so that a baseline may index it once.
    """

    id: str
    family: str
    length: int
    preset: str
    query: str
    text: str
    gold: list
    answers: list
    lang: str = "en"
    granularity: str = ""
    depth: float | None = None
    context_id: str = ""
    made_up: bool = False
    note: dict = field(default_factory=dict)
