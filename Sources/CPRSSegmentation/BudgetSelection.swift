package import CPRSCore

/// Chooses the best-scored units of a whole text within a budget.
///
/// Units that must stay come first; then the others, best score first, ties in the order of the text. A unit that does
/// not fit is passed over and smaller ones after it may still fit. The result is never above the budget.
///
/// - Complexity: 24 bytes for each unit; O(units · log units) once at the end.
package struct BudgetSelection: Sendable {
    /// A unit in 24 bytes. Offsets need 48 bits (256 TiB), which leaves 15 bits for the tag and one for `forced`.
    private struct Record: Sendable {
        private let lowerTagForced: UInt64
        private let upper: Int
        let tokens: UInt32
        let score: Float

        init(_ unit: ScoredUnit, forced: Bool) {
            let lower = UInt64(unit.bytes.lowerBound)
            precondition(lower < 1 << 48, "a unit must start below 2^48 bytes (got \(lower))")
            precondition(0..<1 << 15 ~= unit.tag, "a tag must be in 0..<32768 (got \(unit.tag))")
            self.lowerTagForced = lower << 16 | UInt64(unit.tag) << 1 | (forced ? 1 : 0)
            self.upper = unit.bytes.upperBound
            self.tokens = UInt32(clamping: unit.tokens)
            // NaN has no place in an order; it means that nothing is known in the unit's favour.
            self.score = unit.score.isNaN ? -.infinity : unit.score
        }

        var isForced: Bool { self.lowerTagForced & 1 == 1 }

        var unit: ScoredUnit {
            ScoredUnit(
                bytes: Int(self.lowerTagForced >> 16)..<self.upper, tokens: Int(self.tokens), score: self.score,
                tag: Int(self.lowerTagForced >> 1 & 0x7FFF))
        }
    }

    private var records: [Record] = []

    package init() {}

    /// Remembers the next unit, in the order of the text; `forced` units stay whatever their score.
    package mutating func append(_ unit: ScoredUnit, forced: Bool) { self.records.append(Record(unit, forced: forced)) }

    /// The units that stay, in the order of the text, and the best score among those that do not.
    ///
    /// - Parameters:
    ///   - totalTokens: tokens of the whole input, of which `Budget.ratio` is a part.
    ///   - threshold: units that are not forced need at least this score; nil lets every unit compete.
    /// - Throws: `invalidArgument` if the budget is out of range; `budgetTooSmall`, naming the least that would do, if
    ///   the forced units alone exceed it.
    package func select(
        budget: Budget, totalTokens: Int, threshold: Float?
    ) throws(CPRSError) -> (kept: [(unit: ScoredUnit, forced: Bool)], bestDroppedScore: Float?) {
        let limit = try budget.limit(totalTokens: totalTokens)
        var isKept = self.records.map(\.isForced)
        var used = self.records.reduce(0) { $0 + ($1.isForced ? Int($1.tokens) : 0) }
        guard used <= limit else {
            throw CPRSError(
                code: .budgetTooSmall,
                message: "what must be kept has \(used) tokens, more than the budget of \(limit); "
                    + "allow at least \(used) tokens or force less",
                details: .init(minimumTokens: used))
        }
        let candidates = self.records.indices.filter { index in
            !isKept[index] && threshold.map { self.records[index].score >= $0 } ?? true
        }
        for index in candidates.sorted(by: self.isBetter) where used + Int(self.records[index].tokens) <= limit {
            isKept[index] = true
            used += Int(self.records[index].tokens)
        }
        let kept = self.records.indices.filter { isKept[$0] }.map {
            (unit: self.records[$0].unit, forced: self.records[$0].isForced)
        }
        return (kept, self.records.indices.lazy.filter { !isKept[$0] }.map { self.records[$0].score }.max())
    }

    private func isBetter(_ left: Int, _ right: Int) -> Bool {
        let (leftScore, rightScore) = (self.records[left].score, self.records[right].score)
        return leftScore > rightScore || leftScore == rightScore && left < right
    }
}

extension Budget {
    /// The budget in tokens: `maxTokens` itself, or `ratio` of `totalTokens` rounded down, but at least 1.
    ///
    /// - Throws: `invalidArgument` if `maxTokens` is below 1 or `ratio` is not in `0 < ratio <= 1`.
    package func limit(totalTokens: Int) throws(CPRSError) -> Int {
        switch self {
        case .maxTokens(let tokens):
            guard tokens >= 1 else {
                throw CPRSError(
                    code: .invalidArgument, message: "max_tokens must be at least 1 (got \(tokens))",
                    details: .init(field: "maxTokens"))
            }
            return tokens
        case .ratio(let ratio):
            guard ratio > 0, ratio <= 1 else {
                throw CPRSError(
                    code: .invalidArgument, message: "ratio must be above 0 and at most 1 (got \(ratio))",
                    details: .init(field: "ratio"))
            }
            return max(1, Int(ratio * Double(totalTokens)))
        }
    }
}
