internal import CPRSCore
internal import CPRSSegmentation
internal import Testing

@Suite("units of a whole text")
struct WholeTextUnitsTests {
    private static let weights = LexicalWeights(
        bias: -4, critic: 0, best: 0, covered: 8, complete: 0, nearby: 0, key: 0, format: 0, length: 0, decay: 0,
        threshold: 0.5)

    /// Ten words; of the question's, 1 is rarer in the language than 2.
    private static func table() throws -> LexicalTable {
        let rows = (0..<10).map(Float.init)
        return try LexicalTable(
            classes: rows, idf: [0, 9, 6, 1, 1, 1, 1, 1, 1, 1], shapes: rows.map { _ in 0 }, spellings: rows,
            letters: rows.map { _ in 1 }, name: "t")
    }

    private static func units(_ words: [UInt64]) -> [ScoredUnit] {
        words.enumerated().map {
            ScoredUnit(bytes: $0 * 10..<$0 * 10 + 10, tokens: 10, score: 0.5, tag: 0, words: $1)
        }
    }

    @Test("a word that nearly every unit holds decides less than one that few do")
    func common() throws {
        let query = QueryWords([1, 2], table: try Self.table())
        // Every unit but one holds word 1; one holds word 2 alone.
        var words = [UInt64](repeating: 0b01, count: 50)
        words[20] = 0b10
        var all = WholeTextUnits(query, weights: Self.weights, feedback: nil)
        for unit in Self.units(words) { all.append(unit, forced: false) }
        var selection = BudgetSelection()
        all.select(into: &selection)
        let kept = try selection.select(budget: .maxTokens(10), totalTokens: 500, threshold: nil).kept
        #expect(kept.map(\.unit.bytes.lowerBound) == [200])
    }

    @Test("what stands around a word counts the less the further away it is, before and after alike")
    func passage() throws {
        let query = QueryWords([1, 2], table: try Self.table())
        let feedback = FeedbackWeights(bias: 0, score: 0, shared: 0, further: 0, beside: 0, passage: 1, reach: 30)
        let cases: [([UInt64], ClosedRange<Int>)] = [
            ([0, 0, 0, 0b01, 0, 0, 0, 0], 2...4), ([0b01, 0, 0, 0, 0, 0b01, 0, 0b10], 5...7),
        ]
        for (words, kept) in cases {
            var all = WholeTextUnits(query, weights: Self.weights, feedback: feedback)
            for unit in Self.units(words) { all.append(unit, forced: false) }
            var selection = BudgetSelection()
            all.select(into: &selection)
            let best = try selection.select(budget: .maxTokens(30), totalTokens: 80, threshold: nil).kept
            #expect(best.map { $0.unit.bytes.lowerBound / 10 } == Array(kept))
        }
    }

    @Test("a unit without end holds no more rare words than one that has many")
    func endless() throws {
        let rows = (0..<2000).map(Float.init)
        let table = try LexicalTable(
            classes: rows, idf: rows.map { _ in 9 }, shapes: rows.map { _ in 0 }, spellings: rows,
            letters: rows.map { _ in 1 }, name: "t")
        var scorer = UnitScorer(.mean, query: QueryWords([0], table: table), table: table, collectsRareWords: true)
        scorer.append(
            (0..<2000).map { ScoredToken(token: Token(id: TokenID($0), bytes: $0..<$0 + 1), label: .inside, score: 0) })
        scorer.finish(totalBytes: 2000)
        let unit = scorer.next()
        #expect(unit?.rareWords.count == 256)
    }

    @Test("forced units stay forced, none gets lost, and one unit alone is scored, too")
    func forced() throws {
        let query = QueryWords([1, 2], table: try Self.table())
        let feedback = FeedbackWeights(bias: 0, score: 1, shared: 1, further: 1, beside: 1, passage: 1, reach: 10)
        for (count, feedback) in [0, 1, 2, 9].flatMap({ [($0, nil), ($0, feedback)] }) {
            var all = WholeTextUnits(query, weights: Self.weights, feedback: feedback)
            for (index, unit) in Self.units([UInt64](repeating: 0b11, count: count)).enumerated() {
                all.append(unit, forced: index == 1)
            }
            var selection = BudgetSelection()
            all.select(into: &selection)
            let kept = try selection.select(budget: .ratio(1), totalTokens: max(1, 10 * count), threshold: nil).kept
            #expect(kept.map(\.unit.bytes.lowerBound) == (0..<count).map { $0 * 10 })
            #expect(kept.map(\.forced) == (0..<count).map { $0 == 1 })
            #expect(kept.allSatisfy { (0...1).contains($0.unit.score) })
        }
    }
}
