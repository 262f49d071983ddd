/// Ends after each run of blank lines; a paragraph has no greatest length.
///
/// A blank line holds only blanks and tabs. Lines end as in ``LineScanner``. Blank lines at the start of the text belong
/// to the first paragraph.
struct ParagraphScanner: UnitScanner {
    private static let lookAhead = 8
    /// Indentation longer than this does not keep a paragraph's end open, so that ends are known after bounded text.
    private static let maxIndentBytes = 256

    private(set) var position = 0
    /// Line breaks since the last byte that is not white space.
    private var breaks = 0
    /// Just after the last of those breaks.
    private var breakEnd = 0
    private var hasContent = false

    var settled: Int { self.hasContent && self.breaks > 0 ? self.breakEnd - 1 : self.position }

    mutating func scan(_ text: Span<UInt8>, isLast: Bool, base: Int, into ends: inout [Int]) {
        let horizon = isLast ? text.count : text.count - Self.lookAhead
        while self.position < horizon {
            let byte = text[self.position]
            if byte > 0x20, self.breaks == 0 {
                self.hasContent = true
                self.position += 1
            } else if byte == 0x0A || byte == 0x0D {
                self.position += byte == 0x0D && text.hasByte(0x0A, at: self.position + 1) ? 2 : 1
                self.breaks += 1
                self.breakEnd = self.position
            } else if byte == 0x20 || byte == 0x09, self.position - self.breakEnd < Self.maxIndentBytes {
                self.position += 1
            } else {
                if self.hasContent, self.breaks > 1, text.isCuttable(at: self.breakEnd) {
                    ends.append(base + self.breakEnd)
                }
                self.breaks = 0
                self.hasContent = true
                self.position += 1
            }
        }
    }

    mutating func rebase(by count: Int) {
        self.position -= count
        self.breakEnd -= count
    }
}
