/// Which scalars differ only in case.
///
/// Built on first use from the standard library's case mappings: two scalars are variants when the lower case of their
/// upper case is the same, where both mappings are single scalars. That is Unicode's simple case folding (statuses C
/// and S of CaseFolding.txt), but for the dotless i, which must be left out by name.
enum CaseFolding {
    /// For every scalar that has variants: all of them, itself included.
    static let equivalents: [UInt32: [UInt32]] = {
        var groups: [UInt32: [UInt32]] = [:]
        // No scalar from U+20000 on has case: those planes hold ideographs, tags and private use.
        for value in UInt32(0)..<0x20000 {
            guard let scalar = Unicode.Scalar(value), scalar.properties.changesWhenCaseMapped else { continue }
            groups[Self.fold(scalar), default: []].append(value)
        }
        var equivalents: [UInt32: [UInt32]] = [:]
        for group in groups.values where group.count > 1 {
            for value in group { equivalents[value] = group }
        }
        return equivalents
    }()

    private struct CasedScalar {
        var value: UInt32
        var variants: [UInt32]
        /// The least and the greatest of `variants`.
        var span: ClosedRange<UInt32>
    }

    /// All scalars that have variants, ascending.
    private static let casedScalars: [CasedScalar] = Self.equivalents.sorted { $0.key < $1.key }.map {
        CasedScalar(value: $0, variants: $1, span: ($1.min() ?? $0)...($1.max() ?? $0))
    }

    /// The variants of the members of `ranges`, but for those in the same range as the member.
    static func variants(of ranges: [ClosedRange<UInt32>]) -> [UInt32] {
        var found: [UInt32] = []
        for range in ranges {
            var index = Self.firstCased(from: range.lowerBound)
            while index < Self.casedScalars.count, Self.casedScalars[index].value <= range.upperBound {
                let span = Self.casedScalars[index].span
                if span.lowerBound < range.lowerBound || span.upperBound > range.upperBound {
                    found += Self.casedScalars[index].variants
                }
                index += 1
            }
        }
        return found
    }

    private static func firstCased(from scalar: UInt32) -> Int {
        var low = 0
        var high = Self.casedScalars.count
        while low < high {
            let middle = (low + high) / 2
            if Self.casedScalars[middle].value < scalar { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private static func fold(_ scalar: Unicode.Scalar) -> UInt32 {
        if scalar == "\u{131}" { return scalar.value }
        let upper = Self.single(scalar.properties.uppercaseMapping) ?? scalar
        return (Self.single(upper.properties.lowercaseMapping) ?? upper).value
    }

    private static func single(_ mapping: String) -> Unicode.Scalar? {
        mapping.unicodeScalars.count == 1 ? mapping.unicodeScalars.first : nil
    }
}
