/// A set of Unicode scalars, made for a fast test of membership.
struct ScalarSet: Sendable {
    /// One bit per ASCII scalar: 0...63, 64...127. Final: `isNegated` does not apply to it.
    private let ascii: (low: UInt64, high: UInt64)
    /// First and last scalars of disjoint ranges, ascending, for scalars from U+0080.
    private let lowers: [UInt32]
    private let uppers: [UInt32]
    /// Categories whose scalars from U+0080 belong to the set.
    let categories: ScalarCategories
    private let isNegated: Bool

    /// Whether the set holds `scalar`, whose category is `category`.
    @inline(__always)
    func contains(_ scalar: UInt32, category: ScalarCategories) -> Bool {
        if scalar < 64 { return self.ascii.low >> UInt64(scalar) & 1 != 0 }
        if scalar < 128 { return self.ascii.high >> UInt64(scalar - 64) & 1 != 0 }
        return self.containsWide(scalar, category: category)
    }

    private func containsWide(_ scalar: UInt32, category: ScalarCategories) -> Bool {
        if !self.categories.isDisjoint(with: category) { return !self.isNegated }
        // Binary search for the first range that ends at or after the scalar.
        var low = 0
        var high = self.uppers.count
        while low < high {
            let middle = (low + high) / 2
            if self.uppers[middle] < scalar { low = middle + 1 } else { high = middle }
        }
        let isInRanges = low < self.lowers.count && self.lowers[low] <= scalar
        return isInRanges != self.isNegated
    }

    /// Calls `body` with every byte that can begin a scalar of the set, and perhaps with some lead bytes more.
    func forEachFirstByte(_ body: (UInt8) -> Void) {
        for byte in UInt8(0)..<128 where self.contains(UInt32(byte), category: []) { body(byte) }
        if self.isNegated || !self.categories.isEmpty {
            for byte in UInt8(0xC2)...0xF4 { body(byte) }
        } else {
            for (lower, upper) in zip(self.lowers, self.uppers) {
                for byte in UTF8Scalar.leadByte(of: lower)...UTF8Scalar.leadByte(of: upper) { body(byte) }
            }
        }
    }
}

extension ScalarSet {
    /// Collects the members of a class.
    struct Builder: Hashable {
        private var ranges: [ClosedRange<UInt32>] = []
        private var categories: ScalarCategories = []

        init() {}

        init(_ scalar: Unicode.Scalar) { self.ranges = [scalar.value...scalar.value] }

        init(_ categories: ScalarCategories, negated: Bool) {
            self.categories = negated ? categories.complement : categories
        }

        /// `\s`: the property White_Space; `\S`: all the rest.
        static func whiteSpace(negated: Bool) -> Self {
            let spaces: [ClosedRange<UInt32>] = [
                0x09...0x0D, 0x20...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
                0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000,
            ]
            var builder = Self()
            var start: UInt32 = 0
            for range in spaces {
                builder.ranges.append(negated ? start...range.lowerBound - 1 : range)
                start = range.upperBound + 1
            }
            if negated { builder.ranges.append(start...0x10FFFF) }
            return builder
        }

        mutating func insert(_ range: ClosedRange<UInt32>) { self.ranges.append(range) }

        mutating func formUnion(_ other: Self) {
            self.ranges += other.ranges
            self.categories.formUnion(other.categories)
        }

        /// The set of the members, or of all other scalars; with all case variants of the members if asked.
        func build(negated: Bool, ignoringCase: Bool) -> ScalarSet {
            var ranges = Self.merge(self.ranges)
            if ignoringCase {
                ranges = Self.merge(ranges + CaseFolding.variants(of: ranges).map { $0...$0 })
            }
            var ascii: (low: UInt64, high: UInt64) = (0, 0)
            for value in UInt32(0)..<128 {
                let isMember =
                    !self.categories.isDisjoint(with: ScalarCategories.ofASCII[Int(value)])
                    || ranges.contains(where: { $0.contains(value) })
                guard isMember != negated else { continue }
                if value < 64 { ascii.low |= 1 << UInt64(value) } else { ascii.high |= 1 << UInt64(value - 64) }
            }
            let wide = ranges.filter { $0.upperBound >= 0x80 }
            return ScalarSet(
                ascii: ascii, lowers: wide.map { max($0.lowerBound, 0x80) }, uppers: wide.map(\.upperBound),
                categories: self.categories, isNegated: negated)
        }

        private static func merge(_ ranges: [ClosedRange<UInt32>]) -> [ClosedRange<UInt32>] {
            var merged: [ClosedRange<UInt32>] = []
            for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
                if let last = merged.last, range.lowerBound <= last.upperBound + 1 {
                    merged[merged.count - 1] = last.lowerBound...max(last.upperBound, range.upperBound)
                } else {
                    merged.append(range)
                }
            }
            return merged
        }
    }
}
