package import CPRSCore

/// A strict pull reader over one JSON document (RFC 8259), for files that somebody else wrote.
///
/// It exists beside Foundation's decoder for three reasons: it refuses duplicate keys and `NaN`, it names the byte
/// offset of every defect, and a 5 MB vocabulary takes tens of milliseconds because its strings stay bytes.
/// Nesting is limited to ``maxDepth``; the input is never trusted.
package struct JSONReader {
    /// Deepest nesting that is read; deeper documents are refused rather than risking the stack.
    package static let maxDepth = 128

    /// What the document is called in messages: usually the file's path.
    package let name: String
    private let bytes: [UInt8]
    /// Offset of the next unread byte.
    package private(set) var offset = 0
    private var depth = 0

    /// Starts reading at the first byte of `bytes`.
    package init(_ bytes: [UInt8], name: String) {
        self.bytes = bytes
        self.name = name
    }

    /// The error for a defect at byte `offset`.
    package func failure(_ what: String, at offset: Int) -> CPRSError {
        CPRSError(code: .modelUnusable, message: "\(self.name): \(what) at byte \(offset)")
    }
}

// MARK: - Structure

extension JSONReader {
    /// The next value's first byte, after white space; does not consume it.
    package mutating func peek() throws(CPRSError) -> UInt8 {
        self.skipWhitespace()
        guard self.offset < self.bytes.count else { throw self.failure("the document ends early", at: self.offset) }
        return self.bytes[self.offset]
    }

    /// Reads an object, calling `member` at each value with its key; `member` must consume the value.
    ///
    /// Duplicate keys are the callback's to refuse: only it knows whether remembering them all is worth the memory.
    package mutating func readObject(
        _ member: (_ reader: inout Self, _ key: [UInt8]) throws(CPRSError) -> Void
    ) throws(CPRSError) {
        try self.open(UInt8(ascii: "{"), "an object")
        if try self.peek() == UInt8(ascii: "}") {
            self.close()
            return
        }
        while true {
            let key = try self.readStringBytes()
            try self.expect(UInt8(ascii: ":"), "':'")
            try member(&self, key)
            if try self.separator(or: UInt8(ascii: "}")) { return }
        }
    }

    /// Reads an array, calling `element` at each value; `element` must consume it.
    package mutating func readArray(_ element: (_ reader: inout Self) throws(CPRSError) -> Void) throws(CPRSError) {
        try self.open(UInt8(ascii: "["), "an array")
        if try self.peek() == UInt8(ascii: "]") {
            self.close()
            return
        }
        while true {
            try element(&self)
            if try self.separator(or: UInt8(ascii: "]")) { return }
        }
    }

    /// Checks that nothing but white space is left.
    package mutating func finish() throws(CPRSError) {
        self.skipWhitespace()
        guard self.offset == self.bytes.count else { throw self.failure("surplus text", at: self.offset) }
    }

    private mutating func open(_ byte: UInt8, _ what: String) throws(CPRSError) {
        try self.expect(byte, what)
        self.depth += 1
        guard self.depth <= Self.maxDepth else {
            throw self.failure("nesting deeper than \(Self.maxDepth)", at: self.offset)
        }
    }

    private mutating func close() {
        self.offset += 1
        self.depth -= 1
    }

    private mutating func separator(or end: UInt8) throws(CPRSError) -> Bool {
        let byte = try self.peek()
        if byte == end {
            self.close()
            return true
        }
        guard byte == UInt8(ascii: ",") else {
            throw self.failure("expected ',' or '\(Character(Unicode.Scalar(end)))'", at: self.offset)
        }
        self.offset += 1
        return false
    }

    private mutating func expect(_ byte: UInt8, _ what: String) throws(CPRSError) {
        guard try self.peek() == byte else { throw self.failure("expected \(what)", at: self.offset) }
        self.offset += 1
    }

    private mutating func skipWhitespace() {
        while self.offset < self.bytes.count {
            switch self.bytes[self.offset] {
            case 0x20, 0x09, 0x0A, 0x0D: self.offset += 1
            default: return
            }
        }
    }
}

// MARK: - Scalars

extension JSONReader {
    /// Reads a string and returns its UTF-8, escapes resolved.
    package mutating func readStringBytes() throws(CPRSError) -> [UInt8] {
        try self.expect(UInt8(ascii: "\""), "a string")
        let start = self.offset
        while self.offset < self.bytes.count {
            switch self.bytes[self.offset] {
            case UInt8(ascii: "\""):
                defer { self.offset += 1 }
                return Array(self.bytes[start..<self.offset])
            case UInt8(ascii: "\\"):
                return try self.readEscapedString(from: start)
            case 0..<0x20:
                throw self.failure("an unescaped control character", at: self.offset)
            default:
                self.offset += 1
            }
        }
        throw self.failure("an unterminated string starts", at: start - 1)
    }

    /// Reads a string as Unicode text; refuses invalid UTF-8.
    package mutating func readString() throws(CPRSError) -> String {
        let start = self.offset
        let bytes = try self.readStringBytes()
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw self.failure("a string that is not valid UTF-8 starts", at: start)
        }
        return text
    }

    /// Reads a number; refuses `NaN`, `Infinity` and anything out of a double's range.
    package mutating func readNumber() throws(CPRSError) -> Double {
        let start = self.offset
        let text = try self.numberText()
        guard Self.isNumber(text), let value = Double(text), value.isFinite else {
            throw self.failure("'\(text)' is not a finite number", at: start)
        }
        return value
    }

    /// Reads a number without fraction or exponent that fits an `Int`.
    package mutating func readInteger() throws(CPRSError) -> Int {
        _ = try self.peek()
        let start = self.offset
        var index = start
        let negative = self.bytes[index] == UInt8(ascii: "-")
        if negative { index += 1 }
        var value = 0
        let digits = index
        while index < self.bytes.count, case 0x30...0x39 = self.bytes[index] {
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(Int(self.bytes[index] - 0x30))
            guard !overflow, !carry else { throw self.failure("an integer too large for 64 bits", at: start) }
            value = sum
            index += 1
        }
        let leadingZero = index - digits > 1 && self.bytes[digits] == 0x30
        let continues = index < self.bytes.count && Self.continuesNumber(self.bytes[index])
        guard index > digits, !leadingZero, !continues else {
            throw self.failure("'\(try self.numberText())' is not an integer", at: start)
        }
        self.offset = index
        return negative ? -value : value
    }

    /// Reads `true` or `false`.
    package mutating func readBool() throws(CPRSError) -> Bool {
        let value = try self.peek() == UInt8(ascii: "t")
        try self.readWord(value ? "true" : "false")
        return value
    }

    /// Consumes `null` if it comes next.
    package mutating func readNull() throws(CPRSError) -> Bool {
        guard try self.peek() == UInt8(ascii: "n") else { return false }
        try self.readWord("null")
        return true
    }

    /// Consumes one value of any kind.
    package mutating func skipValue() throws(CPRSError) {
        switch try self.peek() {
        case UInt8(ascii: "{"): try self.readObject { (reader, _) throws(CPRSError) in try reader.skipValue() }
        case UInt8(ascii: "["): try self.readArray { (reader) throws(CPRSError) in try reader.skipValue() }
        case UInt8(ascii: "\""): _ = try self.readStringBytes()
        case UInt8(ascii: "t"), UInt8(ascii: "f"): _ = try self.readBool()
        case UInt8(ascii: "n"): _ = try self.readNull()
        default: _ = try self.readNumber()
        }
    }

    /// Whether `byte` belongs to a number, or to a word such as `NaN` that other writers put in its place.
    private static func continuesNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."): true
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        default: false
        }
    }

    private mutating func readWord(_ word: StaticString) throws(CPRSError) {
        let length = word.utf8CodeUnitCount
        let end = self.offset + length
        guard end <= self.bytes.count,
            self.bytes[self.offset..<end].elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: length))
        else { throw self.failure("expected '\(word)'", at: self.offset) }
        self.offset = end
    }

    private mutating func numberText() throws(CPRSError) -> String {
        _ = try self.peek()
        let start = self.offset
        while self.offset < self.bytes.count, Self.continuesNumber(self.bytes[self.offset]) { self.offset += 1 }
        guard self.offset > start else { throw self.failure("expected a value", at: start) }
        return String(decoding: self.bytes[start..<self.offset], as: UTF8.self)
    }

    /// The grammar of RFC 8259 section 6, which is narrower than what `Double` accepts.
    private static func isNumber(_ text: String) -> Bool {
        var rest = text.utf8[...]
        func digits() -> Int {
            let count = rest.prefix { (0x30...0x39).contains($0) }.count
            rest = rest.dropFirst(count)
            return count
        }
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        let leadingZero = rest.first == 0x30
        let whole = digits()
        if whole == 0 || (leadingZero && whole > 1) { return false }
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            if digits() == 0 { return false }
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
            if digits() == 0 { return false }
        }
        return rest.isEmpty
    }

    private mutating func readEscapedString(from start: Int) throws(CPRSError) -> [UInt8] {
        var text = Array(self.bytes[start..<self.offset])
        while self.offset < self.bytes.count {
            let byte = self.bytes[self.offset]
            self.offset += 1
            switch byte {
            case UInt8(ascii: "\""): return text
            case 0..<0x20: throw self.failure("an unescaped control character", at: self.offset - 1)
            case UInt8(ascii: "\\"): text.append(contentsOf: String(try self.readEscape()).utf8)
            default: text.append(byte)
            }
        }
        throw self.failure("an unterminated string starts", at: start - 1)
    }

    private mutating func readEscape() throws(CPRSError) -> Character {
        let at = self.offset - 1
        guard self.offset < self.bytes.count else { throw self.failure("the document ends early", at: self.offset) }
        defer { self.offset += 1 }
        switch self.bytes[self.offset] {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{08}"
        case UInt8(ascii: "f"): return "\u{0C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return Character(try self.readUnicodeEscape(at: at))
        default: throw self.failure("an unknown escape", at: at)
        }
    }

    /// Reads the four digits after `\u` and, for a high surrogate, its partner; leaves `offset` on the last digit.
    private mutating func readUnicodeEscape(at: Int) throws(CPRSError) -> Unicode.Scalar {
        let first = try self.readHex4(at: at)
        guard (0xD800..<0xE000).contains(first) else {
            // Outside the surrogates every 16-bit value is a scalar.
            return Unicode.Scalar(first)!
        }
        guard first < 0xDC00, self.offset + 2 < self.bytes.count,
            self.bytes[self.offset + 1] == UInt8(ascii: "\\"), self.bytes[self.offset + 2] == UInt8(ascii: "u")
        else { throw self.failure("a lone surrogate", at: at) }
        self.offset += 2
        let second = try self.readHex4(at: at)
        guard (0xDC00..<0xE000).contains(second) else { throw self.failure("a lone surrogate", at: at) }
        let value = 0x10000 + (UInt32(first) - 0xD800) << 10 + (UInt32(second) - 0xDC00)
        // A surrogate pair always yields 0x10000...0x10FFFF.
        return Unicode.Scalar(value)!
    }

    private mutating func readHex4(at: Int) throws(CPRSError) -> UInt16 {
        guard self.offset + 4 < self.bytes.count else { throw self.failure("a short \\u escape", at: at) }
        var value: UInt16 = 0
        for _ in 0..<4 {
            self.offset += 1
            guard let digit = Character(Unicode.Scalar(self.bytes[self.offset])).hexDigitValue else {
                throw self.failure("a \\u escape with a non-hexadecimal digit", at: at)
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }
}
