#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// How much of a question stands in and around each unit of a text: what a passage is about, though most of its units do not
/// name it.
///
/// A word counts n / (n + 1) of its idf, n being the units that hold it, each e times less for every `reach` tokens between
/// the middles of the two: the saturation of BM25 (Robertson, Zaragoza: The Probabilistic Relevance Framework, 3.4)
/// over a window that fades in place of one that ends.
struct PassageCoverage {
    private let words: [UInt64]
    /// What a word counts less for a unit's neighbour, between it and the next.
    private let fading: [Double]

    /// - Parameter reach: in tokens, more than 0.
    init(_ units: [ScoredUnit], reach: Double) {
        self.words = units.map(\.words)
        self.fading = zip(units, units.dropFirst()).map { exp(-Double($0.tokens + $1.tokens) / 2 / reach) }
    }

    /// The share of the question's idf around each unit, 0..<1.
    ///
    /// - Complexity: O(units) for each word of the question.
    func shares(of query: QueryWords) -> [Double] {
        var shares = Array(repeating: 0.0, count: self.words.count)
        for (word, idf) in query.idf.enumerated() where idf > 0 {
            let bit: UInt64 = 1 << UInt64(word)
            let holds = self.words.map { $0 & bit != 0 ? 1.0 : 0 }
            var counts = holds
            var before = 0.0
            for unit in self.fading.indices {
                before = (before + holds[unit]) * self.fading[unit]
                counts[unit + 1] += before
            }
            var after = 0.0
            for unit in self.fading.indices.reversed() {
                after = (after + holds[unit + 1]) * self.fading[unit]
                counts[unit] += after
            }
            for unit in shares.indices { shares[unit] += idf / query.totalIDF * (counts[unit] / (counts[unit] + 1)) }
        }
        return shares
    }
}
