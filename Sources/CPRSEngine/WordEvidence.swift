internal import CPRSCore
internal import CPRSSegmentation
internal import CPRSTokenizer

/// What a request looks for beside the critic's scores: words, how rare they are, and how much a match counts.
package struct WordEvidence: Sendable {
    let query: QueryWords
    let table: LexicalTable
    let weights: LexicalWeights

    /// nil if the request, the model or the question gives nothing to match.
    init?(_ request: CompressionRequest, tokenizer: Tokenizer, lexicon: Lexicon?) throws(CPRSError) {
        guard let lexicon, request.canMatchWords else { return nil }
        func ids(_ text: String) throws(CPRSError) -> [TokenID] {
            try tokenizer.encode(Array(text.utf8), specialTokens: .text).map(\.id)
        }
        let format = Self.formats(in: request.instruction).joined(separator: "\n")
        let words = QueryWords(try ids(request.query), format: try ids(format), table: lexicon.table)
        guard !words.isEmpty else { return nil }
        self.query = words
        self.table = lexicon.table
        self.weights = lexicon.weights(for: request.task)
    }

    /// Formats that an instruction spells out: what stands in single quotes and has several words, as in
    /// `assignments like 'VAR XXX1 = XXX2'`. An apostrophe inside a word opens no quote.
    package static func formats(in instruction: String) -> [String] {
        var formats: [String] = []
        var open: [Character]?
        var previous: Character = " "
        for character in instruction {
            if character == "'" {
                if let text = open {
                    if text.contains(" ") { formats.append(String(text)) }
                    open = nil
                } else if previous.isWhitespace {
                    open = []
                }
            } else if character.isNewline {
                open = nil
            } else {
                open?.append(character)
            }
            previous = character
        }
        return formats
    }
}

extension CompressionRequest {
    /// The name of the preset that asks for the same, for what a model is calibrated to; `fact` if none does.
    package var task: String {
        let preset =
            Preset.all.first { $0.instruction == self.instruction }
            ?? Preset.all.first { !$0.tags.isEmpty && $0.tags == self.tags }
        return preset?.name ?? Preset.fact.name
    }
}
