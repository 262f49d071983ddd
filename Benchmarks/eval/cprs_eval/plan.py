"""How many items of which length: quick, standard, full."""

from . import documents, synthetic

KI = 1024
NIAH = tuple(synthetic.NIAH)
SHORT = ("vt", "passkey", "number", "kv", "kv_lines")
DOCUMENTS = ("squad", "hotpot", "zh", "ja", "cuad", "qmsum", "no_evidence")
FAMILIES = (*NIAH, *SHORT, "grid", *DOCUMENTS)

# preset -> family or group -> [(context tokens, items)]; 0 tokens: the document as it is.
PRESETS = {
    "quick": {
        "niah": [(4, 2)], "short": [(4, 2)], "grid": [(32, 2)],
        "squad": [(32, 4)], "hotpot": [(32, 3)], "zh": [(8, 3)], "ja": [(8, 3)], "cuad": [(0, 2)], "qmsum": [(0, 1)], "no_evidence": [(4, 4)],
    },
    "standard": {
        "niah": [(4, 5), (8, 3), (16, 2), (32, 1), (64, 1), (128, 1)],
        "short": [(4, 5), (16, 2), (64, 1), (128, 1)],
        "grid": [(32, 15), (64, 5), (128, 3), (256, 2), (512, 1), (1024, 1)],
        "squad": [(32, 20), (128, 4)], "hotpot": [(32, 20), (128, 4)],
        "zh": [(8, 12)], "ja": [(8, 12)], "cuad": [(0, 12)], "qmsum": [(0, 10)], "no_evidence": [(8, 12)],
    },
    "full": {
        "niah": [(4, 20), (8, 20), (16, 15), (32, 10), (64, 10), (128, 10)],
        "short": [(4, 20), (8, 20), (16, 15), (32, 10), (64, 10), (128, 10)],
        "grid": [(32, 15), (64, 15), (128, 15), (256, 15), (512, 15), (1024, 15)],
        "squad": [(32, 100), (128, 50)], "hotpot": [(32, 100), (128, 50)],
        "zh": [(8, 50), (32, 20)], "ja": [(8, 50), (32, 20)], "cuad": [(0, 60)], "qmsum": [(0, 40)], "no_evidence": [(8, 40), (32, 8)],
    },
}  # fmt: skip
# Longest context for the embedding baseline on made-up tasks; on documents it always runs.
MINILM_TOKENS = {"quick": 0, "standard": 20 * KI, "full": 200 * KI}


def group(family):
    return "niah" if family in NIAH else "short" if family in SHORT else family


def items(preset, families, corpus, count, seed, lengths=None, limit=None):
    """Yields items, short ones first, so that a run that is cut off has a few of everything.

    lengths: only these context lengths, in tokens. limit: at most so many items of each family and length.
    """
    made = synthetic.Maker(corpus, count, seed)
    real = documents.Maker(corpus, count, seed, made)
    cells = [(length * KI, number, family) for family in families for length, number in PRESETS[preset][group(family)]]
    for length, number, family in sorted(cells, key=lambda cell: cell[0] or 12 * KI):
        if not lengths or length in lengths:
            maker = real if family in DOCUMENTS else made
            for index in range(min(number, limit or number)):
                yield maker.make(family, length, index, number)
