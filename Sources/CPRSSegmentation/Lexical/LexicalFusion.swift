#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// How much each piece of evidence counts when a critic's score and word matches become one probability.
///
/// A logistic regression's coefficients; a model brings its own (`cprs_lexical` in its config), fitted to its scores.
package struct LexicalWeights: Hashable, Sendable {
    /// The constant term.
    package var bias: Double
    /// Times the logit of the unit's own score.
    package var critic: Double
    /// Times the logit of its best token's score.
    package var best: Double
    /// Times the share of the question's idf in the unit; of several keys (compounds) that are asked for, one is enough.
    package var covered: Double
    /// Times the square of that: what has nearly all stands out.
    package var complete: Double
    /// Times the share of the question's idf that is only in units nearby.
    package var nearby: Double
    /// Times the share of the key that is most nearly in the unit; without keys, the idf of the rarest of the question's
    /// words in the unit, over that of its rarest word.
    package var key: Double
    /// Added if every word of the format that the instruction spells out is in the unit.
    package var format: Double
    /// Times the logarithm of the unit's tokens over ``LexicalFusion/usualTokens``.
    package var length: Double
    /// What a word still counts one unit further away, 0..<1.
    package var decay: Double
    /// Least fused score of a kept unit unless the caller names one, 0...1.
    package var threshold: Float
    /// For a second look at the units of a whole text, by their granularity; others get none.
    package var feedback: [Granularity: FeedbackWeights]

    package init(
        bias: Double, critic: Double, best: Double, covered: Double, complete: Double, nearby: Double, key: Double,
        format: Double, length: Double, decay: Double, threshold: Float, feedback: [Granularity: FeedbackWeights] = [:]
    ) {
        self.bias = bias
        self.critic = critic
        self.best = best
        self.covered = covered
        self.complete = complete
        self.nearby = nearby
        self.key = key
        self.format = format
        self.length = length
        self.decay = decay
        self.threshold = threshold
        self.feedback = feedback
    }
}

/// A table and the weights that go with it: what a model brings for word matching.
package struct Lexicon: Sendable {
    package let table: LexicalTable
    /// For tasks without weights of their own.
    private let weights: LexicalWeights
    private let weightsOfTasks: [String: LexicalWeights]

    /// - Parameter tasks: weights of single tasks, by the names of their presets.
    package init(table: LexicalTable, weights: LexicalWeights, tasks: [String: LexicalWeights] = [:]) {
        self.table = table
        self.weights = weights
        self.weightsOfTasks = tasks
    }

    /// The weights for a task.
    package func weights(for task: String) -> LexicalWeights { self.weightsOfTasks[task] ?? self.weights }
}

/// Replaces units' scores by the probability that critic and word matches give together, one unit behind the input.
///
/// The words of a question stand in a unit or only nearby (``NearbyWords``). Nothing else of the text is looked at, so a
/// unit's score is final when the next unit is, and neither chunks nor windows nor what lies further away change it.
///
/// - Complexity: O(words of the question) per unit, no allocation but the queue's.
struct LexicalFusion: Sendable {
    /// Tokens of a usual sentence.
    static let usualTokens = 30.0
    /// Probabilities are taken to be this far from 0 and 1 at least.
    private static let margin = 1e-6

    private let weights: LexicalWeights
    private let query: QueryWords
    private var nearby: NearbyWords
    private var waiting: ScoredUnit?

    /// - Parameter query: must not be empty.
    init(_ query: QueryWords, weights: LexicalWeights) {
        precondition(!query.isEmpty, "a question without words has nothing to match")
        self.weights = weights
        self.query = query
        self.nearby = NearbyWords(idf: query.idf, decay: weights.decay)
    }

    /// Scores all units of a text.
    static func rescore(_ units: [ScoredUnit], _ query: QueryWords, weights: LexicalWeights) -> [ScoredUnit] {
        var fusion = LexicalFusion(query, weights: weights)
        var rescored: [ScoredUnit] = []
        rescored.reserveCapacity(units.count)
        for unit in units { if let unit = fusion.append(unit) { rescored.append(unit) } }
        if let last = fusion.finish() { rescored.append(last) }
        return rescored
    }

    /// Takes the next unit, and gives the one before with its final score.
    mutating func append(_ unit: ScoredUnit) -> ScoredUnit? {
        let fused = self.fuseWaiting(next: unit.words)
        self.waiting = unit
        return fused
    }

    /// The last unit, when no other follows.
    mutating func finish() -> ScoredUnit? { self.fuseWaiting(next: 0) }

    private mutating func fuseWaiting(next: UInt64) -> ScoredUnit? {
        guard var unit = self.waiting else { return nil }
        self.waiting = nil
        let key = self.key(in: unit.words)
        let plain = self.query.sum(of: unit.words & self.query.plain)
        let covered = (plain + key * self.query.keyIDF) / (self.query.plainIDF + self.query.keyIDF)
        let weights = self.weights
        var logit = weights.bias
        logit += weights.critic * Self.logit(unit.score)
        logit += weights.best * Self.logit(unit.bestScore)
        logit += weights.covered * covered
        logit += weights.complete * covered * covered
        logit += weights.nearby * (self.nearby.take(unit.words, next: next) / self.query.totalIDF)
        logit += weights.key * key
        if self.query.format != 0, unit.words & self.query.format == self.query.format { logit += weights.format }
        logit += weights.length * log(Double(max(1, unit.tokens)) / Self.usualTokens)
        unit.score = Self.probability(logit)
        return unit
    }

    private func key(in words: UInt64) -> Double {
        guard !self.query.keys.isEmpty else {
            var strongest = 0.0
            self.query.forEach(words) { strongest = max(strongest, self.query.idf[$0]) }
            return strongest / self.query.greatestIDF
        }
        return self.query.keys.reduce(0) { max($0, self.query.sum(of: words & $1.words) / $1.idf) }
    }

    static func probability(_ logit: Double) -> Float { Float(1 / (1 + exp(-logit))) }

    static func logit(_ score: Float) -> Double {
        let probability = min(max(Double(score), Self.margin), 1 - Self.margin)
        return log(probability / (1 - probability))
    }
}
