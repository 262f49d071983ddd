internal import CPRSCore

/// The bytes that patterns matched, ahead of the units that are being decided.
struct ForcedRanges: Sendable {
    /// Disjoint and ascending; `first` and later are still of interest.
    private var ranges: [ByteRange] = []
    private var first = 0

    /// Adds a match; matches arrive in the order of their ends.
    mutating func insert(_ match: ByteRange) {
        var match = match
        while self.ranges.count > self.first, let last = self.ranges.last, last.upperBound >= match.lowerBound {
            match = min(last.lowerBound, match.lowerBound)..<max(last.upperBound, match.upperBound)
            self.ranges.removeLast()
        }
        self.ranges.append(match)
    }

    /// Whether a match overlaps `unit`; units are asked about in document order.
    mutating func overlap(_ unit: ByteRange) -> Bool {
        while self.first < self.ranges.count, self.ranges[self.first].upperBound <= unit.lowerBound { self.first += 1 }
        if self.first > 1024, self.first > self.ranges.count / 2 {
            self.ranges.removeFirst(self.first)
            self.first = 0
        }
        return self.first < self.ranges.count && self.ranges[self.first].lowerBound < unit.upperBound
    }
}
