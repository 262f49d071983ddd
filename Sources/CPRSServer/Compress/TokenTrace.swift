internal import CPRSCore
internal import CPRSTokenizer
internal import CPRSWire

/// The scores of single tokens, for callers who ask for them.
///
/// The engine keeps tokens to itself, so the text is tokenized a second time here; windows cut the same tokens in the same
/// order.
struct TokenTrace: Sendable {
    private var tokenizer: StreamingTokenizer
    private let tagCount: Int
    private let outsideTag: Int?
    private var waiting: [Token] = []
    private var ready: [ScoredToken] = []
    /// Scores of windows that came back before the ones in front of them.
    private var early: [Int: CriticOutput] = [:]
    private var sizes: [Int: Int] = [:]
    private var nextWindow = 0

    init(tokenizer: Tokenizer, tags: [String], outsideTag: String) {
        self.tokenizer = StreamingTokenizer(tokenizer, specialTokens: .text)
        self.tagCount = tags.count
        self.outsideTag = tags.firstIndex(of: outsideTag)
    }

    mutating func append(_ bytes: [UInt8]) throws(CPRSError) { try self.tokenizer.append(bytes, into: &self.waiting) }

    mutating func finishInput() throws(CPRSError) { try self.tokenizer.finish(into: &self.waiting) }

    mutating func accept(_ output: CriticOutput, window: Int, tokens: Int) {
        self.early[window] = output
        self.sizes[window] = tokens
        while let output = self.early.removeValue(forKey: self.nextWindow) {
            let count = self.sizes.removeValue(forKey: self.nextWindow) ?? 0
            for index in 0..<count {
                self.ready.append(
                    output.scored(
                        index, token: self.waiting[index], tagCount: self.tagCount, outsideTag: self.outsideTag))
            }
            self.waiting.removeFirst(count)
            self.nextWindow += 1
        }
    }

    /// The scores since the last call.
    mutating func take() -> Cprs_V1_TokenScores? {
        guard let first = self.ready.first else { return nil }
        var scores = Cprs_V1_TokenScores()
        scores.start = UInt64(first.token.bytes.lowerBound)
        scores.lengths = self.ready.map { UInt32($0.token.bytes.count) }
        scores.scores = self.ready.map(\.score)
        scores.labels = String(self.ready.map(\.label.letter))
        self.ready.removeAll(keepingCapacity: true)
        return scores
    }
}
