/// How one family of recorded vectors came out.
package struct GoldenReport: Sendable {
    /// `tokenizer`, `forward` or `spans`.
    package var family: String
    /// Vectors that match.
    package var passed = 0
    /// Vectors in the family.
    package var total = 0
    /// Largest difference of a number, for families that compare numbers.
    package var largestError: Float?
    /// The difference is that of a whole vector, relative to its size, not of one number.
    package var errorIsRelative = false
    /// The first few misses: which vector, expected, got.
    package var misses: [String] = []

    private static let reportedMisses = 5

    init(family: String) { self.family = family }

    /// Every vector matches, and there is at least one.
    package var isExact: Bool { self.passed == self.total && self.total > 0 }

    /// Counts one vector; `miss` is nil when it matches.
    mutating func record(miss: String?) {
        self.total += 1
        guard let miss else {
            self.passed += 1
            return
        }
        if self.misses.count < Self.reportedMisses { self.misses.append(miss) }
    }
}
