/// Ends after each `\n`, `\r\n` or lone `\r`; a line has no greatest length.
///
/// Other vertical white space (U+000B, U+000C, U+0085, U+2028, U+2029) does not end a line.
struct LineScanner: UnitScanner {
    /// The CR of a CRLF, or the whole scalar after the line's end, must be seen.
    private static let lookAhead = 8

    private(set) var position = 0
    var settled: Int { self.position }

    mutating func scan(_ text: Span<UInt8>, isLast: Bool, base: Int, into ends: inout [Int]) {
        let horizon = isLast ? text.count : text.count - Self.lookAhead
        var position = self.position
        while position < horizon {
            let byte = text[position]
            position += 1
            if byte > 0x0D { continue }
            if byte == 0x0A || byte == 0x0D, text.isCuttable(at: position) { ends.append(base + position) }
        }
        self.position = position
    }

    mutating func rebase(by count: Int) { self.position -= count }
}
