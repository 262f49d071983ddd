/// The units of a whole text with the question's words in each, for a selection that waits for the end in any case.
///
/// What the text itself says about rarity is known then: a word that half of it holds, such as the name it is about, tells
/// little. Scores that are given out earlier cannot know that, nor what the best units say about the others.
///
/// - Complexity: 80 bytes for each unit, and 16 for each of its rare words where a second look compares them.
package struct WholeTextUnits: Sendable {
    private let query: QueryWords
    private let weights: LexicalWeights
    private let feedback: FeedbackWeights?
    private var units: [ScoredUnit] = []
    private var rareWords = UnitWords()
    private var forced: [Bool] = []

    /// - Parameter feedback: for a second look at the scores, which needs the units' rare words; nil: there is none.
    package init(_ query: QueryWords, weights: LexicalWeights, feedback: FeedbackWeights?) {
        self.query = query
        self.weights = weights
        self.feedback = feedback
    }

    /// Remembers the next unit, with the critic's scores alone.
    package mutating func append(_ unit: ScoredUnit, forced: Bool) {
        self.rareWords.append(unit.rareWords)
        self.units.append(unit)
        self.units[self.units.count - 1].rareWords = []
        self.forced.append(forced)
    }

    /// Hands all to a selection, with their final scores.
    package func select(into selection: inout BudgetSelection) {
        let query = self.query.narrowed(to: self.units)
        var units = LexicalFusion.rescore(self.units, query, weights: self.weights)
        if let feedback = self.feedback {
            units =
                RelevanceFeedback(
                    units, rareWords: self.rareWords, query: query, weights: feedback, decay: self.weights.decay
                ).rescored()
        }
        for (unit, forced) in zip(units, self.forced) { selection.append(unit, forced: forced) }
    }
}
