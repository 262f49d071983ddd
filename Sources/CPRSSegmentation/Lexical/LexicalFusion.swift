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
    /// Times the idf, summed, of the question's words in the unit.
    package var matched: Double
    /// Times the share of the question's idf in the unit.
    package var covered: Double
    /// Times the share of the question's idf that is only in units nearby.
    package var nearby: Double
    /// Times the idf of the rarest of the question's words in the unit, over that of its rarest word.
    package var strongest: Double
    /// Times the share of the idf of the instruction's format that is in the unit.
    package var format: Double
    /// Times the logarithm of the unit's tokens over ``LexicalFusion/usualTokens``.
    package var length: Double
    /// What a word still counts one unit further away, 0..<1.
    package var decay: Double
    /// Least fused score of a kept unit unless the caller names one, 0...1.
    package var threshold: Float

    package init(
        bias: Double, critic: Double, best: Double, matched: Double, covered: Double, nearby: Double, strongest: Double,
        format: Double, length: Double, decay: Double, threshold: Float
    ) {
        self.bias = bias
        self.critic = critic
        self.best = best
        self.matched = matched
        self.covered = covered
        self.nearby = nearby
        self.strongest = strongest
        self.format = format
        self.length = length
        self.decay = decay
        self.threshold = threshold
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
/// The words of a question stand in a unit or only nearby: those of the unit before count in full, of each one earlier
/// `decay` times that, of the unit after `decay`. Nothing else of the text is looked at, so a unit's score is final when the
/// next unit is, and neither chunks nor windows nor what lies further away change it.
///
/// - Complexity: O(words of the question) per unit, no allocation but the queue's.
struct LexicalFusion: Sendable {
    /// Tokens of a usual sentence.
    static let usualTokens = 30.0
    /// Probabilities are taken to be this far from 0 and 1 at least.
    private static let margin = 1e-6

    private let weights: LexicalWeights
    private let query: QueryWords
    /// What each word counts for the unit that waits: 1 if it was in the unit before.
    private var recent: [Double]
    private var waiting: ScoredUnit?

    /// - Parameter query: must not be empty.
    init(_ query: QueryWords, weights: LexicalWeights) {
        precondition(!query.isEmpty, "a question without words has nothing to match")
        self.weights = weights
        self.query = query
        self.recent = Array(repeating: 0, count: query.idf.count)
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
        let idf = self.query.idf
        var matched = 0.0
        var strongest = 0.0
        var format = 0.0
        var nearby = 0.0
        for word in idf.indices {
            let bit: UInt64 = 1 << UInt64(word)
            if unit.words & bit != 0 {
                matched += idf[word]
                strongest = max(strongest, idf[word])
                format += self.query.formatIDF[word]
                self.recent[word] = 1
            } else {
                nearby += idf[word] * max(self.recent[word], next & bit != 0 ? self.weights.decay : 0)
                self.recent[word] *= self.weights.decay
            }
        }
        let weights = self.weights
        var logit = weights.bias
        logit += weights.critic * Self.logit(unit.score)
        logit += weights.best * Self.logit(unit.bestScore)
        logit += weights.matched * matched
        logit += weights.covered * (matched / self.query.totalIDF)
        logit += weights.nearby * (nearby / self.query.totalIDF)
        logit += weights.strongest * (strongest / self.query.greatestIDF)
        if self.query.totalFormatIDF > 0 { logit += weights.format * (format / self.query.totalFormatIDF) }
        logit += weights.length * log(Double(max(1, unit.tokens)) / Self.usualTokens)
        unit.score = Float(1 / (1 + exp(-logit)))
        return unit
    }

    private static func logit(_ score: Float) -> Double {
        let probability = min(max(Double(score), Self.margin), 1 - Self.margin)
        return log(probability / (1 - probability))
    }
}
