/// Canonical decomposition and composition of single characters, from the generated tables.
///
/// Source: Unicode Standard Annex 15; Hangul by the arithmetic of the Unicode Standard, section 3.12.
struct NormalizationTable: Sendable {
    static let shared = NormalizationTable()

    /// The character may compose with the one before it.
    static let mayJoin: UInt16 = 0x100
    /// NFC never keeps the character.
    static let isReplaced: UInt16 = 0x200

    /// By code point: the combining class in the low byte, and the two flags above. Zero means that text may be cut
    /// before the character.
    let properties: FixedTable<UInt16>
    private let storage = TableStorage()
    private let decompositions: [UInt32: (UInt32, UInt32)]
    private let compositions: [UInt64: UInt32]

    private init() {
        let ranges = UnicodeTables.normalization
        let last = Int(ranges[ranges.count - 2])
        self.properties = self.storage.table(repeating: 0, count: last + 1)
        for index in stride(from: 0, to: ranges.count, by: 3) {
            for codePoint in ranges[index]...ranges[index + 1] {
                self.properties[Int(codePoint)] = UInt16(ranges[index + 2])
            }
        }
        var decompositions: [UInt32: (UInt32, UInt32)] = [:]
        for index in stride(from: 0, to: UnicodeTables.decompositions.count, by: 3) {
            let entry = UnicodeTables.decompositions[index..<index + 3]
            decompositions[entry[index]] = (entry[index + 1], entry[index + 2])
        }
        self.decompositions = decompositions
        var compositions: [UInt64: UInt32] = [:]
        for index in stride(from: 0, to: UnicodeTables.compositions.count, by: 3) {
            let entry = UnicodeTables.compositions[index..<index + 3]
            compositions[UInt64(entry[index]) << 32 | UInt64(entry[index + 1])] = entry[index + 2]
        }
        self.compositions = compositions
    }

    @inline(__always)
    func properties(of codePoint: UInt32) -> UInt16 {
        Int(codePoint) < self.properties.count ? self.properties[Int(codePoint)] : 0
    }

    @inline(__always)
    func combiningClass(of codePoint: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: self.properties(of: codePoint)) }

    /// Calls `body` with each character of the full canonical decomposition, in order.
    func decompose(_ codePoint: UInt32, _ body: (UInt32) -> Void) {
        let properties = self.properties(of: codePoint)
        if properties != 0, properties & Self.isReplaced == 0 {
            // What has a combining class, or may join, and is kept is not composed of anything.
            body(codePoint)
        } else if let index = Hangul.syllableIndex(codePoint) {
            body(Hangul.leadBase + index / Hangul.perLead)
            body(Hangul.vowelBase + index % Hangul.perLead / Hangul.tailCount)
            if index % Hangul.tailCount != 0 { body(Hangul.tailBase + index % Hangul.tailCount) }
        } else if let (first, second) = self.decompositions[codePoint] {
            // Only the first part of a pair decomposes further, so the recursion is as deep as the table: three.
            self.decompose(first, body)
            if second != 0 { body(second) }
        } else {
            body(codePoint)
        }
    }

    /// The character that the pair composes to, if there is one.
    func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
        guard self.properties(of: second) & Self.mayJoin != 0 else { return nil }
        return Hangul.compose(first, second) ?? self.compositions[UInt64(first) << 32 | UInt64(second)]
    }
}

/// Hangul syllables: lead consonant, vowel and optional tail consonant.
private enum Hangul {
    static let syllableBase: UInt32 = 0xAC00
    static let leadBase: UInt32 = 0x1100
    static let vowelBase: UInt32 = 0x1161
    /// One before the first tail, so that tail 0 means none.
    static let tailBase: UInt32 = 0x11A7
    static let leadCount: UInt32 = 19
    static let vowelCount: UInt32 = 21
    static let tailCount: UInt32 = 28
    static let perLead = Self.vowelCount * Self.tailCount

    static func syllableIndex(_ codePoint: UInt32) -> UInt32? {
        let index = codePoint &- Self.syllableBase
        return index < Self.leadCount * Self.perLead ? index : nil
    }

    static func compose(_ first: UInt32, _ second: UInt32) -> UInt32? {
        let lead = first &- Self.leadBase
        let vowel = second &- Self.vowelBase
        if lead < Self.leadCount, vowel < Self.vowelCount {
            return Self.syllableBase + lead * Self.perLead + vowel * Self.tailCount
        }
        let tail = second &- Self.tailBase
        if let index = Self.syllableIndex(first), index % Self.tailCount == 0, tail > 0, tail < Self.tailCount {
            return first + tail
        }
        return nil
    }
}
