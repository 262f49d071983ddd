package import CPRSCore

/// A unit of text with the scores of its tokens folded into one.
package struct ScoredUnit: Hashable, Sendable {
    /// The unit's bytes in the input.
    package var bytes: ByteRange
    /// Tokens whose last byte lies in the unit.
    package var tokens: Int
    /// The aggregated score, in 0...1; 0 without tokens.
    package var score: Float
    /// The tag of the first token with the best score; 0 without tokens.
    package var tag: Int
    /// The best score of a token; 0 without tokens.
    package var bestScore: Float
    /// The question's words in the unit, one bit each (``QueryWords``); 0 unless words are matched.
    package var words: UInt64
    /// Its other words that are rare, each once; none unless they are collected.
    package var rareWords: [RareWord]

    package init(
        bytes: ByteRange, tokens: Int, score: Float, tag: Int, bestScore: Float? = nil, words: UInt64 = 0,
        rareWords: [RareWord] = []
    ) {
        self.bytes = bytes
        self.tokens = tokens
        self.score = score
        self.tag = tag
        self.bestScore = bestScore ?? score
        self.words = words
        self.rareWords = rareWords
    }
}

/// Folds token scores into unit scores, in the order of the text.
///
/// A token belongs to the unit that holds its last byte. A unit that holds no token's last byte (a word inside a token)
/// is joined to the next one, which owns that token: so every unit that comes out has a token of its own, and the
/// units still tile the text.
///
/// - Complexity: O(1) per token and unit; O(1) memory per open unit, O(n) for `bestMean(of: n)`; tokens beyond the
///   settled offset and ends beyond the last token wait.
package struct UnitScorer: Sendable {
    /// How the scores of a unit's tokens become one.
    package enum Aggregation: Hashable, Sendable {
        /// The mean of all.
        case mean
        /// The best.
        case best
        /// The best mean of any `n >= 1` consecutive tokens; the mean of all if there are fewer.
        case bestMean(of: Int)
    }

    private var fold: ScoreFold
    private var matcher: WordMatcher?
    private var fusion: LexicalFusion?
    private var waitingEnds = Queue<Int>()
    private var waitingTokens = Queue<ScoredToken>()
    private var ready = Queue<ScoredUnit>()
    private var settledBytes = 0
    private var start = 0

    /// A scorer at the start of a text.
    package init(_ aggregation: Aggregation) { self.fold = ScoreFold(aggregation) }

    /// A scorer whose units say which of the question's words they hold, and which rare ones beside them if those are
    /// collected; the scores are the critic's.
    package init(_ aggregation: Aggregation, query: QueryWords, table: LexicalTable, collectsRareWords: Bool) {
        self.init(aggregation)
        self.matcher = WordMatcher(query, table: table, collectsRareWords: collectsRareWords)
    }

    /// A scorer whose units' scores take the question's words into account; each is given out one unit later.
    package init(
        _ aggregation: Aggregation, query: QueryWords, table: LexicalTable, weights: LexicalWeights
    ) {
        self.init(aggregation)
        guard !query.isEmpty else { return }
        self.matcher = WordMatcher(query, table: table)
        self.fusion = LexicalFusion(query, weights: weights)
    }

    /// Takes the next unit ends, ascending.
    ///
    /// - Parameter settledBytes: every end at or before it was appended (``UnitSplitter/settledBytes``); without it, the
    ///   last end given, and tokens of the open unit wait until its end is known.
    package mutating func append(unitEnds: some Sequence<Int>, settledBytes: Int? = nil) {
        self.waitingEnds.append(unitEnds)
        let last = self.waitingEnds.count > 0 ? self.waitingEnds[self.waitingEnds.count - 1] : 0
        self.settledBytes = max(self.settledBytes, settledBytes ?? last, last)
        self.foldSettledTokens()
    }

    /// Takes the next scored tokens, in the order of the text.
    package mutating func append(_ tokens: some Sequence<ScoredToken>) {
        self.waitingTokens.append(tokens)
        self.foldSettledTokens()
    }

    /// Says that every token and unit end was appended, and how long the text is.
    package mutating func finish(totalBytes: Int) {
        self.settledBytes = max(self.settledBytes, totalBytes)
        self.foldSettledTokens()
        while self.waitingEnds.count > 0 { self.closeFirstUnit() }
        if self.start < totalBytes { self.close(at: totalBytes, evenEmpty: true) }
        if let unit = self.fusion?.finish() { self.ready.append(CollectionOfOne(unit)) }
    }

    /// The next unit whose every token was scored; nil if more input is needed, or all was given out.
    package mutating func next() -> ScoredUnit? {
        guard self.ready.count > 0 else { return nil }
        let unit = self.ready[0]
        self.ready.skip(1)
        return unit
    }

    private mutating func foldSettledTokens() {
        var folded = 0
        while folded < self.waitingTokens.count {
            let token = self.waitingTokens[folded]
            // The end that decides about this token lies below its last byte's end, or does not exist yet.
            guard token.token.bytes.upperBound - 1 <= self.settledBytes else { break }
            while self.waitingEnds.count > 0, self.waitingEnds[0] < token.token.bytes.upperBound {
                self.closeFirstUnit()
            }
            self.fold.add(token.score, tag: token.tag)
            self.matcher?.append(token.token.id)
            folded += 1
        }
        self.waitingTokens.skip(folded)
    }

    private mutating func closeFirstUnit() {
        let end = self.waitingEnds[0]
        self.waitingEnds.skip(1)
        self.close(at: end, evenEmpty: false)
    }

    private mutating func close(at end: Int, evenEmpty: Bool) {
        guard evenEmpty || self.fold.count > 0 else { return }
        let found = self.matcher?.takeUnit()
        let unit = ScoredUnit(
            bytes: self.start..<end, tokens: self.fold.count, score: self.fold.score, tag: self.fold.tag,
            bestScore: self.fold.best, words: found?.words ?? 0, rareWords: found?.rare ?? [])
        if self.fusion == nil {
            self.ready.append(CollectionOfOne(unit))
        } else if let fused = self.fusion?.append(unit) {
            self.ready.append(CollectionOfOne(fused))
        }
        self.start = end
        self.fold.reset()
    }
}

/// The scores of one open unit, folded.
private struct ScoreFold: Sendable {
    private let aggregation: UnitScorer.Aggregation
    private(set) var count = 0
    /// Tag of the first token with the best score.
    private(set) var tag = 0
    private(set) var best: Float = 0
    private var sum = 0.0
    private var bestSum = 0.0
    /// The last `n` scores of `bestMean(of: n)`; the place of token `i` is `i % n`.
    private var recent: [Float]

    init(_ aggregation: UnitScorer.Aggregation) {
        self.aggregation = aggregation
        self.recent = []
        if case .bestMean(let length) = aggregation {
            precondition(length >= 1, "bestMean(of:) needs at least one token (got \(length))")
        }
    }

    mutating func add(_ score: Float, tag: Int) {
        if self.count == 0 || score > self.best { (self.best, self.tag) = (score, tag) }
        self.sum += Double(score)
        self.count += 1
        guard case .bestMean(let length) = self.aggregation else { return }
        if self.recent.count < length {
            self.recent.append(score)
            self.bestSum = self.sum
        } else {
            let place = (self.count - 1) % length
            self.sum -= Double(self.recent[place])
            self.recent[place] = score
            self.bestSum = max(self.bestSum, self.sum)
        }
    }

    mutating func reset() {
        (self.count, self.tag, self.best, self.sum, self.bestSum) = (0, 0, 0, 0, 0)
        self.recent.removeAll(keepingCapacity: true)
    }

    var score: Float {
        guard self.count > 0 else { return 0 }
        return switch self.aggregation {
        case .mean: Float(self.sum / Double(self.count))
        case .best: self.best
        case .bestMean: Float(self.bestSum / Double(self.recent.count))
        }
    }
}
