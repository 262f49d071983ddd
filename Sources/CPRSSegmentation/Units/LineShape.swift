/// What the look of a line says about the line break after it.
///
/// A single break is white space inside a sentence only if the line looks like wrapped prose, that is, if all hold:
/// - the line has at most 132 columns and at least 32 (48, unless the next line begins in lower case);
/// - it is words: at most one of 16 of its columns is a sign that code and logs use, at most one of four a digit;
/// - the next line does not begin like a list item, heading, table row, quotation, record, `Name: …` or `KEY = …`;
/// - the next line begins in lower case; or it is not indented further, and its first word would not have fitted
///   (the line, a blank and that word would be longer than the next line, less eight columns for ragged edges).
/// A column is a scalar. So 70-column books stay whole, and logs, code, key-value lines and chats end at each line.
struct LineShape {
    /// Most bytes of a line that is worth a look: `maxColumns` scalars.
    static let maxBytes = 4 * maxColumns
    private static let maxColumns = 132
    private static let minColumns = 32
    private static let minColumnsBeforeCapital = 48
    private static let raggedColumns = 8

    private let columns: Int
    private let signs: Int
    private let digits: Int
    private let indent: Int

    /// Measures the line from `line` to `contentEnd`; one that is too long need not be exact.
    init(_ text: Span<UInt8>, line: Int, contentEnd: Int) {
        guard contentEnd - line <= Self.maxBytes else {
            (self.columns, self.signs, self.digits, self.indent) = (Self.maxBytes, 0, 0, 0)
            return
        }
        let weights = Self.weights.span
        var sum: UInt32 = 0
        // Three counters in one word: no line of at most `maxBytes` overflows ten bits.
        for index in line..<contentEnd { sum &+= weights[Int(text[index])] }
        self.columns = Int(sum & 0x3FF)
        self.signs = Int(sum >> 10 & 0x3FF)
        self.digits = Int(sum >> 20)
        self.indent = Self.indent(text, at: line, limit: contentEnd)
    }

    /// Whether the line runs on into the line that starts at `next`.
    func wraps(into text: Span<UInt8>, next: Int, limit: Int) -> Bool {
        guard self.columns >= Self.minColumns, self.columns <= Self.maxColumns, self.signs * 16 <= self.columns,
            self.digits * 4 <= self.columns
        else { return false }
        let indent = Self.indent(text, at: next, limit: limit)
        let first = next + indent
        guard first < limit else { return false }
        if LineOpening.isItem(text, at: first, limit: limit) { return false }
        if ScalarClass.isLowercase(text.scalar(at: first).value) { return true }
        guard self.columns >= Self.minColumnsBeforeCapital, indent <= self.indent + 1 else { return false }
        let (word, line) = Self.measure(text, from: first, limit: limit)
        return self.columns + 1 + word + Self.raggedColumns > indent + line
    }

    /// Columns of the first word and of the whole line, from `first`; neither is counted much beyond `maxColumns`.
    private static func measure(_ text: Span<UInt8>, from first: Int, limit: Int) -> (word: Int, line: Int) {
        var word: Int?
        var columns = 0
        var index = first
        while index < limit, columns < 2 * maxColumns {
            let byte = text[index]
            if byte == 0x0A || byte == 0x0D { break }
            if byte == 0x20, word == nil { word = columns }
            if byte & 0xC0 != 0x80 { columns += 1 }
            index += 1
        }
        return (word ?? columns, columns)
    }

    private static func indent(_ text: Span<UInt8>, at line: Int, limit: Int) -> Int {
        var index = line
        while index < limit, Gap.isBlank(text[index]) { index += 1 }
        return index - line
    }

    /// Per byte: 1 for a scalar's first byte, 1 << 10 for a sign of code, 1 << 20 for a digit.
    private static let weights: [UInt32] = {
        var weights = (0..<256).map { UInt32($0 & 0xC0 == 0x80 ? 0 : 1) }
        for byte in "{}[]()=<>|\\$#@&+*/;^~%".utf8 { weights[Int(byte)] += 1 << 10 }
        for byte in "0123456789".utf8 { weights[Int(byte)] += 1 << 20 }
        return weights
    }()
}

/// How a line begins.
enum LineOpening {
    /// A list item, heading, table row, quotation, rule, code, record, `Name: …` or `KEY = …`.
    static func isItem(_ text: Span<UInt8>, at first: Int, limit: Int) -> Bool {
        let byte = text[first]
        switch byte {
        case UInt8(ascii: "#"), UInt8(ascii: "|"), UInt8(ascii: ">"), UInt8(ascii: "<"), UInt8(ascii: "{"),
            UInt8(ascii: "}"), UInt8(ascii: "@"), UInt8(ascii: "$"), UInt8(ascii: "\\"), UInt8(ascii: "="),
            UInt8(ascii: "["):
            return true
        case UInt8(ascii: "-"), UInt8(ascii: "*"), UInt8(ascii: "+"):
            return follows(text, first + 1, limit) { Gap.isBlankOrBreak($0) }
                || follows(text, first + 1, limit) { $0 == byte } && follows(text, first + 2, limit) { $0 == byte }
        case UInt8(ascii: "`"): return follows(text, first + 1, limit) { $0 == byte }
        case UInt8(ascii: "("): return isBracketedNumber(text, at: first + 1, limit: limit)
        case 0x80...:
            switch text.scalar(at: first).value {
            case 0x2022, 0x2023, 0x25AA, 0x25CF, 0x25E6: return true
            default: return false
            }
        default: return isNumbered(text, at: first, limit: limit) || isKey(text, at: first, limit: limit)
        }
    }

    private static func follows(_ text: Span<UInt8>, _ index: Int, _ limit: Int, _ test: (UInt8) -> Bool) -> Bool {
        index < limit && test(text[index])
    }

    /// `a)`, `iv)` or `12)` after the opening bracket.
    private static func isBracketedNumber(_ text: Span<UInt8>, at first: Int, limit: Int) -> Bool {
        var index = first
        while index < min(first + 4, limit), ScalarClass.isASCIILetter(text[index]) || ScalarClass.isDigit(text[index])
        {
            index += 1
        }
        return index > first && follows(text, index, limit) { $0 == UInt8(ascii: ")") }
    }

    /// `1. `, `1) `, `a) `, and dates or times such as `2024-01-05`, `12:30`.
    private static func isNumbered(_ text: Span<UInt8>, at first: Int, limit: Int) -> Bool {
        var index = first
        while index < min(first + 4, limit), ScalarClass.isDigit(text[index]) { index += 1 }
        let hasDigits = index > first
        // Four digits and a dot are a year at the end of a sentence.
        let isYear = index == first + 4
        if !hasDigits, ScalarClass.isASCIILetter(text[index]) { index += 1 }
        guard index > first, index + 1 < limit else { return false }
        let blankNext = Gap.isBlankOrBreak(text[index + 1])
        switch text[index] {
        case UInt8(ascii: ")"): return blankNext
        case UInt8(ascii: "."): return hasDigits && blankNext && !isYear
        case UInt8(ascii: "-"), UInt8(ascii: ":"), UInt8(ascii: "/"):
            return hasDigits && ScalarClass.isDigit(text[index + 1])
        default: return false
        }
    }

    /// A capital, at most 24 more letters, digits and joining signs in up to three words, then `: ` or `=`; before
    /// `=`, lower case will do.
    private static func isKey(_ text: Span<UInt8>, at first: Int, limit: Int) -> Bool {
        var index = first
        var blanks = 0
        while index < min(first + 25, limit - 1) {
            let byte = text[index]
            if byte == UInt8(ascii: ":") {
                return ScalarClass.isUppercase(UInt32(text[first])) && Gap.isBlankOrBreak(text[index + 1])
            }
            if byte == UInt8(ascii: "=") { return index > first }
            if Gap.isBlank(byte) {
                blanks += 1
                if blanks > 3 { return false }
            } else if !isKeyByte(byte) {
                return false
            }
            index += 1
        }
        return false
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        ScalarClass.isASCIILetter(byte) || ScalarClass.isDigit(byte) || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: ".")
    }
}
