internal import CPRSCore

/// The bytes that patterns matched, ahead of the units that are being decided.
struct ForcedRanges: Sendable {
    /// Disjoint and ascending; those before `first` lie behind the last unit that was asked about.
    private var ranges: [ByteRange] = []
    private var first = 0

    /// Adds matches in any order; none reaches back before a unit that was asked about.
    mutating func insert(_ matches: [ByteRange]) {
        guard !matches.isEmpty else { return }
        // What is pending is bounded by the search's look-back, so merging it again with every chunk stays cheap.
        let pending = self.ranges[self.first...] + matches
        self.ranges = []
        self.first = 0
        for range in pending.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if let last = self.ranges.last, range.lowerBound <= last.upperBound {
                self.ranges[self.ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            } else {
                self.ranges.append(range)
            }
        }
    }

    /// Whether a match overlaps `unit`; units are asked about in document order.
    mutating func overlap(_ unit: ByteRange) -> Bool {
        while self.first < self.ranges.count, self.ranges[self.first].upperBound <= unit.lowerBound { self.first += 1 }
        return self.first < self.ranges.count && self.ranges[self.first].lowerBound < unit.upperBound
    }
}
