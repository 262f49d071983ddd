internal import CPRSCore
internal import CPRSTokenizer

/// What tokens of any text must be.
struct TokenizerChecks {
    let tokenizer: Tokenizer
    let specialTokens: Tokenizer.SpecialTokens

    init(_ tokenizer: Tokenizer, _ specialTokens: Tokenizer.SpecialTokens = .text) {
        self.tokenizer = tokenizer
        self.specialTokens = specialTokens
    }

    /// Chunks give the tokens of the whole, or the same error; ranges ascend; the tokens' bytes spell the text's normal form.
    ///
    /// - Returns: the tokens; nil if the text is refused.
    @discardableResult
    func check(_ text: [UInt8], chunkSizes: [Int]) throws -> [Token]? {
        let whole = Self.result { () throws(CPRSError) in
            try self.tokenizer.encode(text, specialTokens: self.specialTokens)
        }
        let streamed = Self.result { () throws(CPRSError) in
            var stream = StreamingTokenizer(self.tokenizer, specialTokens: self.specialTokens)
            var tokens: [Token] = []
            for chunk in cut(text, by: chunkSizes) { try stream.append(chunk, into: &tokens) }
            try stream.finish(into: &tokens)
            return tokens
        }
        switch (whole, streamed) {
        case (.success(let tokens), .success(let others)):
            try require(tokens == others, "whole \(tokens), in chunks of \(chunkSizes) \(others)")
            try require(String(validating: text, as: UTF8.self) != nil, "a text that is not UTF-8 is refused")
            try self.checkRanges(tokens, text)
            return tokens
        case (.failure(let error), .failure(let other)):
            try require(error.code == .invalidText && error.message == other.message, "\(error) and \(other)")
            try require(String(validating: text, as: UTF8.self) == nil, "valid text is taken: \(error)")
            return nil
        default: throw Violation("broken: whole \(whole), in chunks of \(chunkSizes) \(streamed)")
        }
    }

    private func checkRanges(_ tokens: [Token], _ text: [UInt8]) throws {
        var start = 0
        for token in tokens {
            try require(token.bytes.lowerBound >= start && token.bytes.upperBound <= text.count, "\(token) in order")
            start = token.bytes.lowerBound
        }
        try require(tokens.first?.bytes.lowerBound ?? 0 == 0, "the first token starts the text: \(tokens)")
    }

    /// The tokens are those of byte-pair encoding as it is defined, for text that normalization does not change and in
    /// which no marker is recognised.
    func checkAgainstReference(_ text: [UInt8], _ tokens: [Token]) throws {
        var expected: [TokenID] = []
        for piece in PreTokenizer.split(text) {
            // The definition takes quadratic time.
            guard piece.count <= 256 else { return }
            let ids = ReferenceEncoder.encode(Array(text[piece]), self.tokenizer)
            let queued = MergeQueueEncoder.encode(Array(text[piece]), self.tokenizer)
            try require(queued == ids, "the merge queue gives \(queued) at \(piece), by definition \(ids)")
            expected += ids
        }
        try require(tokens.map(\.id) == expected, "tokens \(tokens.map(\.id)), by definition \(expected)")
        let spelled = tokens.flatMap { self.tokenizer.bytes(of: $0.id) ?? [] }
        try require(spelled == text, "tokens spell the text: \(spelled)")
    }

    private static func result(_ body: () throws(CPRSError) -> [Token]) -> Result<[Token], CPRSError> {
        do throws(CPRSError) { return .success(try body()) } catch { return .failure(error) }
    }
}
