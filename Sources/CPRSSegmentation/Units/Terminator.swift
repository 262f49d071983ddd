/// A sign that may end a sentence.
enum Terminator {
    /// `.`: ends only before white space, and not after an abbreviation or before lower case.
    case dot
    /// `!` or `?`: ends before white space or an ideograph.
    case mark
    /// `…`: as a dot, without abbreviations.
    case ellipsis
    /// Ends whatever follows: the full stops of scripts that put no blank after it.
    case full

    init?(_ value: UInt32) {
        switch value {
        case 0x2E: self = .dot
        case 0x21, 0x3F, 0x203C, 0x2047...0x2049: self = .mark
        case 0x2026: self = .ellipsis
        // Armenian, Arabic, Urdu, Devanagari, Tibetan, Burmese, Ethiopic, Khmer, ideographic, full- and half-width.
        case 0x0589, 0x061F, 0x06D4, 0x0964, 0x0965, 0x0F0D, 0x104A, 0x104B, 0x1362, 0x1367, 0x17D4, 0x17D5, 0x3002,
            0xFF01, 0xFF0E, 0xFF1F, 0xFF61:
            self = .full
        default: return nil
        }
    }

    /// Signs that carry a sentence on after a terminator (SContinue in UAX #29, without the hyphen).
    static func continues(_ value: UInt32) -> Bool {
        switch value {
        case 0x2C, 0x3A, 0x3B, 0x2013, 0x2014, 0x055D, 0x060C, 0x3001, 0xFF0C, 0xFF1A, 0xFF1B, 0xFF64: true
        default: false
        }
    }

    /// Quotes and brackets that close; `full` leaves out those that open in Chinese and Japanese.
    static func closes(_ value: UInt32, afterFull full: Bool) -> Bool {
        switch value {
        case 0x22, 0x27, 0x29, 0x2A, 0x5D, 0x5F, 0x7D, 0xBB, 0x2019, 0x201D, 0x203A, 0x3009, 0x300B, 0x300D, 0x300F,
            0x3011, 0x3015, 0x3017, 0xFF09, 0xFF3D, 0xFF5D, 0xFF63:
            true
        case 0xAB, 0x201C: !full
        default: false
        }
    }
}

/// One or more terminators in a row, with the closing signs after them.
struct TerminatorRun {
    /// Just after the last terminator.
    private(set) var end: Int
    /// Just after the closing signs.
    private(set) var closersEnd: Int
    /// One of the terminators needs no white space after it.
    private(set) var isFull = false
    /// One of the terminators is `!` or `?`.
    private(set) var isMark = false
    /// The run is a single `.`.
    let isSingleDot: Bool

    /// Reads the run that starts at `first`, up to `limit`.
    init(_ text: Span<UInt8>, at first: Int, limit: Int, maxClosers: Int) {
        var index = first
        var count = 0
        while index < limit {
            let (value, length) = text.scalar(at: index)
            if let terminator = Terminator(value) {
                self.isFull = self.isFull || terminator == .full
                self.isMark = self.isMark || terminator == .mark
                count += 1
            } else if !ScalarClass.isExtending(value) {
                break
            }
            index += length
        }
        self.isSingleDot = count == 1 && text[first] == 0x2E
        self.end = index
        count = 0
        while index < limit, count < maxClosers {
            let (value, length) = text.scalar(at: index)
            guard Terminator.closes(value, afterFull: self.isFull) || ScalarClass.isExtending(value) else { break }
            count += 1
            index += length
        }
        self.closersEnd = index
    }

    /// Whether a sentence can end here although `next` follows without white space.
    func endsWithoutGap(before next: UInt32) -> Bool {
        if self.isFull { return !(next < 0x80 && next >= 0x30 && next <= 0x39 || next >= 0xFF10 && next <= 0xFF19) }
        return self.isMark && ScalarClass.isIdeographOrKana(next)
    }
}

/// The white space after a place.
struct Gap {
    /// Where a unit ends that owns this white space: after the last line break, or after the blanks if there is none.
    let end: Int
    /// The next byte that is not white space.
    let next: Int
    /// Line breaks in it; two or more make a blank line. U+2029 counts as two.
    let breaks: Int
    /// Nothing but white space follows.
    let isEndOfText: Bool

    /// Reads white space from `first`, up to `limit` or a byte beyond it.
    init(_ text: Span<UInt8>, at first: Int, limit: Int) {
        var index = first
        var breakEnd = first
        var breaks = 0
        while index < limit {
            let (value, length) = text.scalar(at: index)
            guard ScalarClass.isWhite(value) else { break }
            index += length
            guard value == 0x0A || value == 0x0D || Self.isUnicodeBreak(value) else { continue }
            if value == 0x0D, text.hasByte(0x0A, at: index) { index += 1 }
            breaks += value == 0x2029 ? 2 : 1
            breakEnd = index
        }
        self.next = index
        self.breaks = breaks
        self.isEndOfText = index >= text.count
        self.end = self.isEndOfText || breaks == 0 ? index : breakEnd
    }

    static func isUnicodeBreak(_ value: UInt32) -> Bool { value == 0x85 || value == 0x2028 || value == 0x2029 }
    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
    static func isBlankOrBreak(_ byte: UInt8) -> Bool { byte == 0x20 || byte >= 0x09 && byte <= 0x0D }
}
