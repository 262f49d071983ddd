internal import CPRSCore
internal import CPRSSegmentation
internal import CPRSTestSupport
internal import Testing

@Suite struct UnitScorerTests {
    static let tolerance: Float = 1e-6

    /// The definition, word for word.
    func naive(_ aggregation: UnitScorer.Aggregation, _ scores: [Float]) -> Float {
        let mean = { (slice: ArraySlice<Float>) in slice.reduce(0, +) / Float(slice.count) }
        switch aggregation {
        case .mean: return mean(scores[...])
        case .best: return scores.max()!
        case .bestMean(let length):
            let size = min(length, scores.count)
            return (0...scores.count - size).map { mean(scores[$0..<$0 + size]) }.max()!
        }
    }

    @Test(
        "units, tokens, scores and tags are those of the definition, in any chunking",
        arguments: [UnitScorer.Aggregation.mean, .best, .bestMean(of: 1), .bestMean(of: 3), .bestMean(of: 50)])
    func definition(aggregation: UnitScorer.Aggregation) {
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            let document = WindowerTests.Document(&random)
            guard let total = document.ends.last else { continue }
            let tokens = document.tokens.map {
                ScoredToken(
                    token: $0, label: .outside, score: Float.random(in: 0...1, using: &random),
                    tag: Int.random(in: 0...5, using: &random))
            }
            var scorer = UnitScorer(aggregation)
            var found: [ScoredUnit] = []
            var settled = 0
            for token in tokens {
                scorer.append(CollectionOfOne(token))
                let upper = max(
                    settled, min(token.token.bytes.upperBound + Int.random(in: -9...9, using: &random), total))
                scorer.append(unitEnds: document.ends.filter { $0 > settled && $0 <= upper }, settledBytes: upper)
                settled = upper
                while let unit = scorer.next() { found.append(unit) }
            }
            scorer.append(unitEnds: document.ends.filter { $0 > settled })
            scorer.finish(totalBytes: total)
            while let unit = scorer.next() { found.append(unit) }

            // Ends of units that hold no token's last byte vanish.
            let owned = Set(tokens.map { token in document.ends.first { token.token.bytes.upperBound <= $0 }! })
            let ends = document.ends.filter(owned.contains)
            #expect(found.map(\.bytes) == zip([0] + ends, ends).map { $0..<$1 }, "seed \(seed)")
            for unit in found {
                let members = tokens.filter { unit.bytes.contains($0.token.bytes.upperBound - 1) }
                let expected = self.naive(aggregation, members.map(\.score))
                #expect(unit.tokens == members.count, "seed \(seed), \(unit.bytes)")
                #expect(
                    abs(unit.score - expected) <= Self.tolerance,
                    "seed \(seed), \(unit.bytes): \(expected), \(unit.score)")
                #expect(unit.tag == members.first { $0.score == members.map(\.score).max() }?.tag, "seed \(seed)")
            }
        }
    }

    @Test("a text without tokens is one unit without a score")
    func noTokens() {
        var scorer = UnitScorer(.best)
        scorer.append(unitEnds: [3, 5])
        scorer.finish(totalBytes: 5)
        #expect(scorer.next() == ScoredUnit(bytes: 0..<5, tokens: 0, score: 0, tag: 0))
        #expect(scorer.next() == nil)
    }

    @Test("an open unit's tokens are folded before its end is known")
    func foldsOpenUnits() {
        var scorer = UnitScorer(.mean)
        for index in 0..<100_000 {
            scorer.append(
                CollectionOfOne(ScoredToken(token: Token(id: 0, bytes: index..<index + 1), label: .inside, score: 0.5)))
            scorer.append(unitEnds: [], settledBytes: index)
        }
        #expect(scorer.next() == nil)
        scorer.append(unitEnds: [100_000])
        scorer.finish(totalBytes: 100_000)
        #expect(scorer.next() == ScoredUnit(bytes: 0..<100_000, tokens: 100_000, score: 0.5, tag: 0))
    }
}
