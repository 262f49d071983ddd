package import CPRSSegmentation

/// A ready-made instruction: what to keep, under which tag, in which units.
///
/// Instructions are those of the technical report (arXiv:2505.18092), which models of this kind are trained on; a model
/// trained on another wording of one states it in its config and it is used instead (see ``resolved(trained:)``).
package struct Preset: Hashable, Sendable {
    /// What the caller types: `fact`, `needle` …
    package var name: String
    /// The system turn of the prompt.
    package var instruction: String
    /// The category words that the LM head is read at.
    package var tags: [String]
    /// The unit that is kept or dropped as a whole.
    package var granularity: Granularity
    /// Whether the instruction makes sense only with a question.
    package var needsQuery: Bool
    /// Whether words of the question, or of a format that the instruction spells out, tell where evidence is.
    package var matchesWords: Bool
}

extension Preset {
    /// Every preset, in the order that help texts list them.
    package static let all: [Preset] = [.fact, .needle, .chain, .pair, .keyword, .paragraph]

    /// Sentences that support the answer to the question.
    package static let fact = Preset(
        name: "fact",
        instruction: Self.expert(
            "extract some sentences from the documents as the supporting facts of the user's question",
            rule: "tag the supporting facts with 'fact'"),
        tags: ["fact"], granularity: .sentence, needsQuery: true, matchesWords: true)

    /// Single planted statements, as in needle-in-a-haystack tests.
    package static let needle = Preset(
        name: "needle",
        instruction: Self.expert(
            "extract the 'needles' in the format of 'One of the special magic {type_needle_v} for {key} is: {value}.' "
                + "from the documents to answer user's question",
            rule: "tag the needles with 'needle'"),
        tags: ["needle"], granularity: .sentence, needsQuery: true, matchesWords: true)

    /// Chains of assignments between variables. The misspelling is the report's, and what its models were trained on.
    package static let chain = Preset(
        name: "chain",
        instruction: Self.expert(
            "extract the assigment chains like 'VAR XXX1 = XXX2' from the documents to answer the question of the user",
            rule: "tag the assignment chains with 'chain'"),
        tags: ["chain"], granularity: .sentence, needsQuery: true, matchesWords: true)

    /// One key and its value.
    package static let pair = Preset(
        name: "pair", instruction: "Extract the {key}:{value} pair for the key in user's question",
        tags: [], granularity: .record, needsQuery: true, matchesWords: true)

    /// The words that carry the document's meaning.
    package static let keyword = Preset(
        name: "keyword", instruction: "你是一个信息抽取的专家，你的任务是抽取文档内容中的关键词",
        tags: [], granularity: .word, needsQuery: false, matchesWords: false)

    /// Whole paragraphs about the question; by line and within a budget, stretches of lines.
    package static let paragraph = Preset(
        name: "paragraph",
        instruction: "Retrieve chunks or paragraphs from the document that are related to the user's query.",
        tags: [], granularity: .paragraph, needsQuery: true, matchesWords: true)

    /// The preset of that name, or nil.
    package static func named(_ name: String) -> Preset? { Self.all.first { $0.name == name } }

    /// This preset in the wording that a model was trained on.
    ///
    /// - Parameter trained: `cprs_instruction` of the model's config; replaces the instruction when it names the same tag.
    package func resolved(trained: String?) -> Preset {
        guard let trained, !self.tags.isEmpty, Self.tags(in: trained) == self.tags else { return self }
        var preset = self
        preset.instruction = trained
        return preset
    }

    /// The tag words that an instruction's tagging rule names: every `with 'word'`.
    package static func tags(in instruction: String) -> [String] {
        var tags: [String] = []
        for piece in Self.pieces(of: instruction, after: "with '") {
            if let end = piece.firstIndex(of: "'"), end != piece.startIndex {
                let tag = String(piece[..<end])
                if !tags.contains(tag) { tags.append(tag) }
            }
        }
        return tags
    }

    private static func pieces(of text: String, after marker: String) -> [Substring] {
        var pieces: [Substring] = []
        var rest = text[...]
        while let start = rest.firstRange(of: marker) {
            rest = rest[start.upperBound...]
            pieces.append(rest)
        }
        return pieces
    }

    private static func expert(_ task: String, rule: String) -> String {
        "You are an expert for information extraction, your task is to \(task).\n## tagging rule:\n- \(rule)"
    }
}
