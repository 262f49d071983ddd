/// The units of a whole text with the question's words in each, for a selection that waits for the end in any case.
///
/// What the text itself says about rarity is known then: a word that half of it holds, such as the name it is about, tells
/// little. Scores that are given out earlier cannot know that.
///
/// - Complexity: 56 bytes for each unit.
package struct WholeTextUnits: Sendable {
    private let query: QueryWords
    private let weights: LexicalWeights
    private var units: [ScoredUnit] = []
    private var forced: [Bool] = []

    package init(_ query: QueryWords, weights: LexicalWeights) {
        self.query = query
        self.weights = weights
    }

    /// Remembers the next unit, with the critic's scores alone.
    package mutating func append(_ unit: ScoredUnit, forced: Bool) {
        self.units.append(unit)
        self.forced.append(forced)
    }

    /// Hands all to a selection, with their final scores.
    package func select(into selection: inout BudgetSelection) {
        let units = LexicalFusion.rescore(self.units, self.query, weights: self.weights)
        for (unit, forced) in zip(units, self.forced) { selection.append(unit, forced: forced) }
    }
}
