"""Instructions per task and the prompt of one window.

The first wording of each task is the preset; the others teach that the words may change.
Every instruction names its tag except those of the tasks `pair`, `paragraph` and `keyword`, whose presets name none.
"""

MARKER_START, MARKER_END = "<|im_start|>", "<|im_end|>"
RULE = "\n## tagging rule:\n- "
EXPERT = "You are an expert for information extraction, your task is to extract "

INSTRUCTIONS = {
    "fact": (
        EXPERT
        + "some sentences from the documents as the supporting facts of the user's question."
        + RULE
        + "tag the supporting facts with 'fact'",
        "Extract the sentences that support answering the question." + RULE + "tag the supporting facts with 'fact'",
        "Find the sentences of the document that answer the user's question." + RULE + "mark them as 'fact'",
        "Keep every sentence that helps to answer the question.",
    ),
    "needle": (
        EXPERT
        + "the 'needles' in the format of 'One of the special magic {type_needle_v} for {key} is: {value}.' "
        + "from the documents to answer user's question."
        + RULE
        + "tag the needles with 'needle'",
        "Extract the sentences that state the value the user asks for." + RULE + "tag them with 'needle'",
        "Find the hidden statement about the key in the question." + RULE + "tag the statement with 'needle'",
    ),
    "chain": (
        EXPERT
        + "the assigment chains like 'VAR XXX1 = XXX2' from the documents to answer the question of the user."
        + RULE
        + "tag the assignment chains with 'chain'",
        "Extract all variable assignments needed to answer the question." + RULE + "tag the assignments with 'chain'",
        "Find the assignments in the text." + RULE + "tag the assignment chains with 'chain'",
    ),
    "pair": (
        "Extract the {key}:{value} pair for the key in user's question",
        "Find the entry whose key the user names." + RULE + "tag the pair with 'pair'",
        "Extract the key and value that the question asks for.",
    ),
    "paragraph": (
        "Retrieve chunks or paragraphs from the document that are related to the user's query.",
        "Extract the paragraphs that are relevant to the question." + RULE + "tag them with 'paragraph'",
        "Keep whole paragraphs that deal with the user's request.",
    ),
    "keyword": (
        "你是一个信息抽取的专家，你的任务是抽取文档内容中的关键词",
        "Extract the keywords of the document that the user asks for." + RULE + "tag the keywords with 'keyword'",
        EXPERT + "the names and key phrases from the documents." + RULE + "tag the keywords with 'keyword'",
    ),
}
LOCAL_FACT_INSTRUCTIONS = {
    "zh": ("从文档中抽取能够回答用户问题的句子。" + RULE + "用'fact'标注",),
    "ja": ("質問に答えるために必要な文を文書から抜き出してください。" + RULE + "'fact'",),
}
TAGS = tuple(INSTRUCTIONS)
OUTSIDE_TAG = "outside"


def prompt_ids(tokenizer, instruction, query):
    """Token ids of everything before the window's text. Markers are special, instruction and query are plain text."""
    start, end = tokenizer.token_to_id(MARKER_START), tokenizer.token_to_id(MARKER_END)

    def text(value):
        return tokenizer.encode(value).ids

    return [
        *(start, *text("system\n" + instruction), end, *text("\n")),
        *(start, *text("user\n" + query), end, *text("\n")),
        *(start, *text("context\n")),
    ]


def tag_id(tokenizer, tag):
    """The LM head scores a tag at the first token of its word."""
    return tokenizer.encode(tag).ids[0]
