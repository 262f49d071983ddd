internal import CPRSCore
internal import CPRSSegmentation
internal import CPRSTestSupport
internal import Testing

@Suite struct BudgetSelectionTests {
    static func units(_ random: inout SeededGenerator) -> [(unit: ScoredUnit, forced: Bool)] {
        var offset = 0
        return (0..<Int.random(in: 0...40, using: &random)).map { _ in
            let length = Int.random(in: 1...9, using: &random)
            defer { offset += length }
            let unit = ScoredUnit(
                bytes: offset..<offset + length, tokens: Int.random(in: 1...8, using: &random),
                // Few distinct scores, so that ties are frequent.
                score: Float(Int.random(in: 0...6, using: &random)) / 6, tag: Int.random(in: 0...3, using: &random))
            return (unit, Int.random(in: 0..<10, using: &random) == 0)
        }
    }

    /// The rule, one unit at a time: again and again the best that still fits.
    func naive(_ units: [(unit: ScoredUnit, forced: Bool)], limit: Int, threshold: Float?) -> [Int]? {
        var kept = units.indices.filter { units[$0].forced }
        var used = kept.map { units[$0].unit.tokens }.reduce(0, +)
        if used > limit { return nil }
        while true {
            var best: Int?
            for index in units.indices where !kept.contains(index) && used + units[index].unit.tokens <= limit {
                if let threshold, units[index].unit.score < threshold { continue }
                if best.map({ units[$0].unit.score < units[index].unit.score }) ?? true { best = index }
            }
            guard let best else { return kept.sorted() }
            kept.append(best)
            used += units[best].unit.tokens
        }
    }

    @Test("the selection is the greedy one, never above the budget, in the order of the text")
    func greedy() throws {
        for seed in 0..<1000 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let units = Self.units(&random)
            let limit = Int.random(in: 1...120, using: &random)
            let threshold: Float? = seed % 2 == 0 ? nil : 0.5
            var selection = BudgetSelection()
            for (unit, forced) in units { selection.append(unit, forced: forced) }
            guard let expected = self.naive(units, limit: limit, threshold: threshold) else {
                let error = #expect(throws: CPRSError.self) {
                    _ = try selection.select(budget: .maxTokens(limit), totalTokens: 0, threshold: threshold)
                }
                let minimum = units.filter(\.forced).map(\.unit.tokens).reduce(0, +)
                #expect(error?.code == .budgetTooSmall)
                #expect(error?.message.contains("at least \(minimum) tokens") == true)
                continue
            }
            let found = try selection.select(budget: .maxTokens(limit), totalTokens: 0, threshold: threshold).kept
            #expect(found.map(\.unit) == expected.map { units[$0].unit }, "seed \(seed)")
            #expect(found.map(\.forced) == expected.map { units[$0].forced }, "seed \(seed)")
            #expect(found.map(\.unit.tokens).reduce(0, +) <= limit, "seed \(seed)")
        }
    }

    @Test("a ratio is a part of the input's tokens, rounded down, but at least one token")
    func ratios() throws {
        #expect(try Budget.ratio(0.5).limit(totalTokens: 101) == 50)
        #expect(try Budget.ratio(1).limit(totalTokens: 7) == 7)
        #expect(try Budget.ratio(0.001).limit(totalTokens: 10) == 1)
    }

    @Test(
        "a budget out of range is refused with its value",
        arguments: [
            (Budget.maxTokens(0), "got 0"), (.maxTokens(-3), "got -3"), (.ratio(0), "got 0.0"),
            (.ratio(1.5), "got 1.5"),
            (.ratio(.nan), "got nan"), (.ratio(-.infinity), "got -inf"),
        ])
    func badBudgets(budget: Budget, expected: String) {
        let error = #expect(throws: CPRSError.self) { try budget.limit(totalTokens: 10) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(expected) == true)
    }

    @Test("a unit comes back as it went in, far into a large input too")
    func roundTrip() throws {
        let unit = ScoredUnit(bytes: 1 << 47..<(1 << 47) + 12, tokens: 3, score: 0.25, tag: 32767)
        var selection = BudgetSelection()
        selection.append(unit, forced: true)
        let found = try selection.select(budget: .maxTokens(3), totalTokens: 3, threshold: 1).kept
        #expect(found.map(\.unit) == [unit])
        #expect(found.map(\.forced) == [true])
    }
}
