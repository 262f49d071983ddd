/// Ends after each line, and after each member or element of JSON that shares its line with the next.
///
/// A comma ends a record if what stands before it ends a JSON value (`"`, `}`, `]`, a digit, `true`, `false`, `null`) and
/// `"`, `{` or `[` follows, perhaps behind blanks, which belong to the record before. Nothing is parsed: the rule works from
/// any place in a text, and on text that is not quite JSON. A record has no greatest length; lines end as in
/// ``LineScanner``.
struct RecordScanner: UnitScanner {
    /// More blanks than this between two values do not belong to compact JSON.
    private static let maxBlanks = 16
    /// The blanks and the whole scalar behind them must be seen.
    private static let lookAhead = maxBlanks + 8

    private(set) var position = 0
    var settled: Int { self.position }

    mutating func scan(_ text: Span<UInt8>, isLast: Bool, base: Int, into ends: inout [Int]) {
        let horizon = isLast ? text.count : text.count - Self.lookAhead
        var position = self.position
        while position < horizon {
            let byte = text[position]
            position += 1
            if byte > 0x2C { continue }
            if byte == 0x0A || byte == 0x0D {
                if text.isCuttable(at: position) { ends.append(base + position) }
            } else if byte == 0x2C, let end = Self.valueStart(text, after: position),
                Self.endsValue(text, before: position - 1)
            {
                ends.append(base + end)
                position = end
            }
        }
        self.position = position
    }

    mutating func rebase(by count: Int) { self.position -= count }

    /// The first byte of the value that starts at `index` or behind blanks there; nil if none does.
    private static func valueStart(_ text: Span<UInt8>, after index: Int) -> Int? {
        var start = index
        while start < text.count, start - index < Self.maxBlanks, Gap.isBlank(text[start]) { start += 1 }
        guard start < text.count else { return nil }
        return switch text[start] {
        case 0x22, 0x5B, 0x7B: start  // " [ {
        default: nil
        }
    }

    private static func endsValue(_ text: Span<UInt8>, before end: Int) -> Bool {
        guard end > 0 else { return false }
        switch text[end - 1] {
        case 0x22, 0x5D, 0x7D, 0x30...0x39: return true  // " ] } 0-9
        case 0x65, 0x6C: return Self.literals.contains { Self.holds($0, text, before: end) }  // e l
        default: return false
        }
    }

    private static let literals = ["true", "false", "null"].map { Array($0.utf8) }

    /// Whether `word`, of ASCII letters, ends at `end` and is not a part of a longer one.
    private static func holds(_ word: [UInt8], _ text: Span<UInt8>, before end: Int) -> Bool {
        let start = end - word.count
        guard start >= 0, start == 0 || !ScalarClass.isASCIILetter(text[start - 1]) else { return false }
        for (index, byte) in word.enumerated() where text[start + index] != byte { return false }
        return true
    }
}
