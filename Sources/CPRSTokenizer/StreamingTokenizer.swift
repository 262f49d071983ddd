package import CPRSCore

/// Tokens of a text that arrives in chunks: in whatever way it was cut, exactly the tokens of the whole.
///
/// Tokens come out as soon as no later byte can change them. What stays back, and so the memory, is the last open
/// pretoken: a word, a run of white space; with markers recognised, also a possible beginning of one.
package struct StreamingTokenizer: Sendable {
    /// Text is taken in slices of this size, so that it stays in the processor's cache from stage to stage.
    private static let sliceBytes = 1 << 15

    private var validation = Utf8Validation()
    private var splitter: SpecialTokenSplitter?
    private var pieces: PieceTokenizer

    /// Starts a stream.
    package init(_ tokenizer: Tokenizer, specialTokens: Tokenizer.SpecialTokens) {
        if case .recognised = specialTokens, !tokenizer.addedTokens.isEmpty {
            self.splitter = SpecialTokenSplitter(tokenizer.addedTokens)
        }
        self.pieces = PieceTokenizer(tokenizer)
    }

    /// Takes the next bytes of the text and appends the tokens that are certain now.
    ///
    /// - Throws: `invalidText` with the offset from the start of the stream. The stream is of no use afterwards.
    package mutating func append(_ bytes: [UInt8], into tokens: inout [Token]) throws(CPRSError) {
        try self.append(bytes[...], into: &tokens)
    }

    /// As above, for a part of an array.
    package mutating func append(_ bytes: ArraySlice<UInt8>, into tokens: inout [Token]) throws(CPRSError) {
        try bytes.withUnsafeBufferPointer { (buffer) throws(CPRSError) in
            var start = 0
            while start < buffer.count {
                let end = min(start + Self.sliceBytes, buffer.count)
                try self.appendSlice(UnsafeBufferPointer(rebasing: buffer[start..<end]), &tokens)
                start = end
            }
        }
    }

    /// Ends the text and appends the last tokens.
    ///
    /// - Throws: `invalidText` if the text ends inside a character.
    package mutating func finish(into tokens: inout [Token]) throws(CPRSError) {
        try self.validation.finish()
        if var splitter = self.splitter {
            try splitter.finish { (part) throws(CPRSError) in self.pieces.append(part, &tokens) }
            self.splitter = splitter
        }
        self.pieces.finish(&tokens)
    }

    private mutating func appendSlice(
        _ bytes: UnsafeBufferPointer<UInt8>, _ tokens: inout [Token]
    ) throws(CPRSError) {
        try self.validation.append(bytes) { (text) throws(CPRSError) in
            guard self.splitter != nil else { return self.pieces.append(.text(text), &tokens) }
            try self.splitter?.append(text) { (part) throws(CPRSError) in self.pieces.append(part, &tokens) }
        }
    }
}

/// The stages below the search for markers. A marker ends a piece: nothing is normalized or cut across it.
private struct PieceTokenizer: Sendable {
    private var normalizer: Normalizer
    private var text = NormalizedText()
    private var preTokenizer = PreTokenizer()
    private var encoder: BytePairEncoder

    init(_ tokenizer: Tokenizer) {
        self.normalizer = Normalizer(isEnabled: tokenizer.isNormalized)
        self.encoder = BytePairEncoder(tokenizer.vocabulary)
    }

    mutating func append(_ part: SpecialTokenSplitter.Part, _ tokens: inout [Token]) {
        switch part {
        case .text(let bytes):
            self.normalizer.append(bytes, into: &self.text)
            self.tokenize(isComplete: false, &tokens)
        case .special(let id, let length):
            self.finish(&tokens)
            let start = self.normalizer.originalOffset
            tokens.append(Token(id: id, bytes: start..<start + length))
            self.normalizer.skip(length)
            self.text.map.resume(normalized: self.text.start, original: start + length)
        }
    }

    mutating func finish(_ tokens: inout [Token]) {
        self.normalizer.finish(into: &self.text)
        self.tokenize(isComplete: true, &tokens)
    }

    /// Takes every pretoken whose end is certain from the front of `text`.
    private mutating func tokenize(isComplete: Bool, _ tokens: inout [Token]) {
        let first = tokens.count
        let count = self.text.count
        let origin = self.text.start
        let consumed = self.text.storage.withUnsafeBufferPointer { storage in
            // `storage` is never empty: it has its slack.
            let base = storage.baseAddress!
            var start = 0
            while start < count, let end = self.preTokenizer.end(base, from: start, count: count, isComplete: isComplete) {
                self.encoder.encode(base, start..<end, origin: origin, into: &tokens)
                start = end
            }
            return start
        }
        if !self.text.map.isIdentity {
            for index in first..<tokens.count { tokens[index].bytes = self.text.map.original(tokens[index].bytes) }
        }
        self.text.drop(consumed)
        self.preTokenizer.moved(by: consumed)
    }
}
