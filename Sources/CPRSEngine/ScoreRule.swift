internal import CPRSCore
internal import CPRSPatterns
internal import CPRSSegmentation

/// Our own decoding: a unit (token, word, sentence, line, record, paragraph) is kept when its score passes the threshold,
/// when it is among the best that fit the budget, or when a pattern of the caller matches in it.
struct ScoreRule: DecisionRule {
    private let threshold: Float?
    private let budget: Budget?
    /// Where the ends of units come from; when both are nil, from the session's sentence ends.
    private var tokenUnits: TokenUnits?
    private var splitter: UnitSplitter?
    private var scorer: UnitScorer
    private var search: PatternSearch?
    private var forced = ForcedRanges()
    /// Scored units that a match may still reach.
    private var waiting: [ScoredUnit] = []
    private var selection = BudgetSelection()
    /// With a budget, units whose scores wait for the rarity of the question's words in the whole text.
    private var unscored: WholeTextUnits?
    private var merger: SpanMerger
    private var ready: [KeptSpan] = []
    private var decidedBytes = 0
    private var total: ContextSize?
    private var isFinished = false
    private var bestDroppedUnit: Float?

    /// - Parameters:
    ///   - defaultThreshold: least score of a kept unit when neither the caller nor a budget sets a bound.
    ///   - words: what to match in every unit; has its own default threshold.
    init(
        _ request: CompressionRequest, patterns: PatternSet, defaultThreshold: Float,
        words: WordEvidence?
    ) {
        let unit = request.unit
        let leastScore = words?.weights.threshold ?? defaultThreshold
        self.budget = request.budget
        self.threshold = request.threshold ?? (request.budget == nil ? leastScore : nil)
        switch unit {
        case .token: self.tokenUnits = TokenUnits()
        case .sentence: break
        case .word, .line, .paragraph, .record: self.splitter = UnitSplitter(unit)
        }
        if let words, request.budget != nil {
            let feedback = words.weights.feedback[unit]
            self.scorer = UnitScorer(
                request.aggregation, query: words.query, table: words.table,
                collectsRareWords: feedback?.comparesRareWords ?? false)
            self.unscored = WholeTextUnits(words.query, weights: words.weights, feedback: feedback)
        } else if let words {
            self.scorer = UnitScorer(
                request.aggregation, query: words.query, table: words.table, weights: words.weights)
        } else {
            self.scorer = UnitScorer(request.aggregation)
        }
        self.search = patterns.isEmpty ? nil : PatternSearch(patterns)
        self.merger = SpanMerger(granularity: unit, minTokens: request.minSpanTokens ?? 0, tags: request.tags)
    }

    var bestDroppedScore: Float? {
        [self.bestDroppedUnit, self.merger.bestDroppedScore].compactMap { $0 }.max()
    }

    mutating func append(text: [UInt8], tokens: [Token], sentences: UnitEnds) {
        var ends = UnitEnds()
        self.tokenUnits?.append(text: text, tokens: tokens, into: &ends)
        self.splitter?.append(text, into: &ends.offsets)
        if let splitter = self.splitter { ends.settledBytes = splitter.settledBytes }
        self.take(self.usesSentences ? sentences : ends)
        var matches: [ByteRange] = []
        self.search?.append(text, into: &matches)
        self.forced.insert(matches)
    }

    mutating func finish(tokens: [Token], sentences: UnitEnds, total: ContextSize) {
        var ends = UnitEnds()
        self.tokenUnits?.append(text: [], tokens: tokens, into: &ends)
        self.tokenUnits?.finish(totalBytes: total.bytes, into: &ends)
        self.splitter?.finish(into: &ends.offsets)
        self.take(self.usesSentences ? sentences : ends)
        var matches: [ByteRange] = []
        self.search?.finish(into: &matches)
        self.forced.insert(matches)
        self.total = total
    }

    mutating func accept(_ tokens: [ScoredToken]) { self.scorer.append(tokens) }

    mutating func takeDecisions(allScored: Bool) throws(CPRSError) -> Decisions {
        if allScored, let total = self.total { self.scorer.finish(totalBytes: total.bytes) }
        while let unit = self.scorer.next() { self.waiting.append(unit) }
        self.decideWaiting()
        if let total = self.total, self.decidedBytes == total.bytes, !self.isFinished { try self.decideRest(total) }
        var decisions = Decisions()
        swap(&decisions.kept, &self.ready)
        if self.budget == nil || self.isFinished { decisions.finalBytes = self.merger.openStart ?? self.decidedBytes }
        return decisions
    }

    private var usesSentences: Bool { self.tokenUnits == nil && self.splitter == nil }

    private mutating func take(_ ends: UnitEnds) {
        self.scorer.append(unitEnds: ends.offsets, settledBytes: ends.settledBytes)
    }

    /// Decides every waiting unit that no later match can reach.
    private mutating func decideWaiting() {
        let settled = self.search?.settledBytes ?? Int.max
        var decided = 0
        for unit in self.waiting {
            guard unit.bytes.upperBound <= settled || self.total != nil else { break }
            let forced = self.forced.overlap(unit.bytes)
            self.decidedBytes = unit.bytes.upperBound
            decided += 1
            if self.unscored != nil {
                self.unscored?.append(unit, forced: forced)
            } else if self.budget != nil {
                self.selection.append(unit, forced: forced)
            } else if forced || unit.score >= self.threshold ?? 0 {
                self.merger.append(unit, forced: forced, into: &self.ready)
            } else {
                self.drop(unit)
                self.merger.close(into: &self.ready)
            }
        }
        self.waiting.removeFirst(decided)
    }

    private mutating func drop(_ unit: ScoredUnit) {
        self.bestDroppedUnit = max(self.bestDroppedUnit ?? 0, unit.score)
    }

    /// Every unit is known: makes the selection that needed all of them, and ends the last span.
    private mutating func decideRest(_ total: ContextSize) throws(CPRSError) {
        if let budget = self.budget {
            self.unscored?.select(into: &self.selection)
            self.unscored = nil
            let selected = try self.selection.select(
                budget: budget, totalTokens: total.tokens, threshold: self.threshold)
            for (unit, forced) in selected.kept { self.merger.append(unit, forced: forced, into: &self.ready) }
            self.bestDroppedUnit = selected.bestDroppedScore
            self.selection = BudgetSelection()
        }
        self.merger.close(into: &self.ready)
        self.isFinished = true
    }
}

extension CompressionRequest {
    /// The unit that is decided about: whole sentences where tokens or words were asked to grow to them.
    fileprivate var unit: Granularity {
        self.wholeSentences && (self.granularity == .token || self.granularity == .word) ? .sentence : self.granularity
    }

    /// How the scores of a unit's tokens become the unit's.
    fileprivate var aggregation: UnitScorer.Aggregation {
        if self.unit != self.granularity { return .best }
        switch self.granularity {
        case .token, .word, .sentence: return .mean
        case .line, .paragraph, .record: return .bestMean(of: Self.evidenceTokens)
        }
    }

    /// Whether units are large enough to hold words of the question beside the evidence. A word that is kept alone is
    /// the answer, which the question does not contain, so there the critic judges alone.
    package var canMatchWords: Bool {
        switch self.granularity {
        case .token, .word: false
        case .sentence, .line, .paragraph, .record: self.decoding == .default && self.matchesWords
        }
    }

    /// Tokens of a short piece of evidence: one such piece is reason enough to keep a long line or a paragraph.
    private static let evidenceTokens = 12
}
