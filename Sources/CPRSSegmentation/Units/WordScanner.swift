/// Words near Unicode's rules (UAX #29, WB), each with the white space after it.
///
/// - Letters of any script, digits and `_` make one word; `'`, `’`, `.`, `:` and `·` join letters, `.`, `,` and `;` join
///   digits, so `don't`, `e.g` and `3.14` are one word each.
/// - Each ideograph, each kana and each other sign is a word of its own. Scripts written without blanks that are not
///   ideographic (Thai, Lao, Khmer, Burmese) make one word up to the next blank: there is no dictionary.
/// - Marks, joiners and format characters stay with what they follow; emoji joined by U+200D and flags stay whole.
/// - White space at the start of the text belongs to the first word.
/// - A word that reached ``maxBytes``, its white space included, ends at the next place where text may be cut.
struct WordScanner: UnitScanner {
    /// Bytes after which a word ends in any case (but never before a mark).
    static let maxBytes = 256
    /// Two scalars after the place in question.
    private static let lookAhead = 16

    /// What stands before `position` in the open unit.
    private enum Before { case nothing, letter, digit, sign, flagHalf, white }

    private(set) var position = 0
    private var start = 0
    private var before = Before.nothing
    /// The last scalar was a zero-width joiner.
    private var isJoined = false

    var settled: Int { max(self.start, self.position - 1) }

    mutating func scan(_ text: Span<UInt8>, isLast: Bool, base: Int, into ends: inout [Int]) {
        let horizon = isLast ? text.count : text.count - Self.lookAhead
        while self.position < horizon {
            let byte = text[self.position]
            if byte < 0x80, self.takePlain(text, byte, until: horizon, base: base, into: &ends) { continue }
            let (value, length) = byte < 0x80 ? (UInt32(byte), 1) : text.scalar(at: self.position)
            if self.isBoundary(text, value, length) {
                ends.append(base + self.position)
                self.start = self.position
                if self.before != .white || !ScalarClass.isWhite(value) { self.before = .nothing }
            }
            self.take(value, length)
        }
    }

    mutating func rebase(by count: Int) {
        self.position -= count
        self.start -= count
    }

    /// Whether a unit ends before the scalar `value` at `position`.
    private func isBoundary(_ text: Span<UInt8>, _ value: UInt32, _ length: Int) -> Bool {
        if self.position == self.start || ScalarClass.isExtending(value) { return false }
        if self.position - self.start >= Self.maxBytes { return text.isCuttable(at: self.position) }
        if ScalarClass.isWhite(value) || Self.isFormat(value) { return false }
        if self.isJoined, value >= 0x80 { return false }
        switch self.before {
        case .nothing: return false
        case .white, .sign: return true
        case .flagHalf: return !Self.isFlagHalf(value)
        case .letter, .digit:
            if Self.isWordScalar(value) { return false }
            let next = self.position + length
            guard next < text.count, Self.joins(value, letters: self.before == .letter) else { return true }
            let (following, _) = text.scalar(at: next)
            return self.before == .letter
                ? !Self.isWordScalar(following) || Self.isDigit(following) : !Self.isDigit(following)
        }
    }

    private mutating func take(_ value: UInt32, _ length: Int) {
        self.position += length
        self.isJoined = value == 0x200D
        if ScalarClass.isWhite(value) {
            if self.before != .nothing { self.before = .white }
        } else if ScalarClass.isIdeographOrKana(value) {
            self.before = .sign
        } else if Self.isDigit(value) {
            self.before = .digit
        } else if Self.isWordScalar(value) {
            self.before = .letter
        } else if ScalarClass.isExtending(value) || Self.isFormat(value) {
            // Keeps what it follows; after white space it stands for a sign, and so does a mark without a base. A format
            // character at the start, such as a byte order mark, belongs to what comes next.
            if self.before == .white || self.before == .nothing && !Self.isFormat(value) { self.before = .sign }
        } else if Self.isFlagHalf(value), self.before != .flagHalf {
            self.before = .flagHalf
        } else if self.before != .letter && self.before != .digit || !Self.joins(value, letters: self.before == .letter)
        {
            self.before = .sign
        }
    }

    /// The way of most ASCII text: blanks, and letters after letters or blanks, need no look at what follows.
    private mutating func takePlain(
        _ text: Span<UInt8>, _ byte: UInt8, until horizon: Int, base: Int, into ends: inout [Int]
    ) -> Bool {
        let stop = min(horizon, self.start + Self.maxBytes)
        guard self.position < stop, self.before != .nothing else { return false }
        var position = self.position + 1
        if byte == 0x20 {
            self.before = .white
        } else if ScalarClass.isASCIILetter(byte) {
            guard self.before != .flagHalf else { return false }
            if self.before == .white || self.before == .sign {
                ends.append(base + self.position)
                self.start = self.position
            }
            while position < stop, ScalarClass.isASCIILetter(text[position]) { position += 1 }
            self.before = .letter
        } else {
            return false
        }
        self.isJoined = false
        self.position = position
        return true
    }

    private static func isDigit(_ value: UInt32) -> Bool {
        value < 0x80
            ? value >= 0x30 && value <= 0x39 : Unicode.Scalar(value)?.properties.generalCategory == .decimalNumber
    }

    /// Letters, digits and connectors of scripts that write words.
    private static func isWordScalar(_ value: UInt32) -> Bool {
        if value < 0x80 {
            return value < 0x7B && (ScalarClass.isASCIILetter(UInt8(value)) || isDigit(value)) || value == 0x5F
        }
        if ScalarClass.isIdeographOrKana(value) { return false }
        switch Unicode.Scalar(value)?.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .connectorPunctuation:
            return true
        default: return false
        }
    }

    /// Format characters, save the zero-width space, which is a place to break.
    private static func isFormat(_ value: UInt32) -> Bool {
        guard value >= 0xAD, value != 0x200B else { return false }
        switch value {
        case 0xAD, 0x061C, 0x180E, 0x200E...0x200F, 0x202A...0x202E, 0x2060...0x2064, 0x2066...0x206F, 0xFEFF,
            0xE0001...0xE007F:
            return true
        default: return false
        }
    }

    private static func isFlagHalf(_ value: UInt32) -> Bool { value >= 0x1F1E6 && value <= 0x1F1FF }

    /// Signs that join two letters (MidLetter, MidNumLet) or two digits (MidNum, MidNumLet).
    private static func joins(_ value: UInt32, letters: Bool) -> Bool {
        switch value {
        case 0x27, 0x2E, 0x2019: true
        case 0x3A, 0xB7, 0x2027: letters
        case 0x2C, 0x3B: !letters
        default: false
        }
    }
}
