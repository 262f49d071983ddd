internal import CPRSCore

/// The first stage: lets whole, valid characters through and keeps back a character that the chunk cut.
///
/// What is valid is Table 3-7 of the Unicode Standard: no overlong forms, no surrogates, nothing above U+10FFFF.
struct Utf8Validation: Sendable {
    /// The bytes of a character whose end has not arrived, at most three.
    private var cut: [UInt8] = []
    /// How many bytes have been let through.
    private(set) var accepted = 0

    /// Checks the next bytes of the stream and hands the valid characters on, a cut one of the last chunk first.
    ///
    /// - Throws: `invalidText` with the offset, from the start of the stream, of the first byte that no valid text
    ///   has there; what `next` throws.
    mutating func append(
        _ bytes: UnsafeBufferPointer<UInt8>,
        next: (UnsafeBufferPointer<UInt8>) throws(CPRSError) -> Void
    ) throws(CPRSError) {
        guard let base = bytes.baseAddress else { return }
        var start = 0
        while !self.cut.isEmpty, start < bytes.count {
            self.cut.append(base[start])
            start += 1
            try self.passCutCharacter(next)
        }
        var end = start
        while end < bytes.count {
            end = Self.skipASCII(base, from: end, to: bytes.count)
            guard end < bytes.count else { break }
            let left = UnsafeBufferPointer(start: base + end, count: bytes.count - end)
            switch Self.character(left) {
            case .whole(let length): end += length
            case .cut:
                self.cut.append(contentsOf: left)
                try self.pass(UnsafeBufferPointer(start: base + start, count: end - start), next)
                return
            case .invalid:
                throw self.failure(at: self.accepted + end - start, byte: base[end])
            }
        }
        try self.pass(UnsafeBufferPointer(start: base + start, count: end - start), next)
    }

    /// Checks that the stream does not end inside a character.
    func finish() throws(CPRSError) {
        guard let first = self.cut.first else { return }
        throw CPRSError(
            code: .invalidText,
            message: "the text ends inside the UTF-8 character that starts at byte \(self.accepted) "
                + "(0x\(String(first, radix: 16, uppercase: true)), \(self.cut.count) of \(scalarLength(first: first)) bytes)",
            details: .init(byteOffset: self.accepted))
    }

    private mutating func passCutCharacter(
        _ next: (UnsafeBufferPointer<UInt8>) throws(CPRSError) -> Void
    ) throws(CPRSError) {
        // A copy, because `pass` changes the state that the characters lie in.
        let character = self.cut
        let state = character.withUnsafeBufferPointer { Self.character($0) }
        switch state {
        case .cut: return
        case .invalid: throw self.failure(at: self.accepted, byte: character[0])
        case .whole:
            self.cut.removeAll(keepingCapacity: true)
            try withBytes(of: character) { (buffer) throws(CPRSError) in try self.pass(buffer, next) }
        }
    }

    private mutating func pass(
        _ text: UnsafeBufferPointer<UInt8>, _ next: (UnsafeBufferPointer<UInt8>) throws(CPRSError) -> Void
    ) throws(CPRSError) {
        guard !text.isEmpty else { return }
        self.accepted += text.count
        try next(text)
    }

    private func failure(at offset: Int, byte: UInt8) -> CPRSError {
        CPRSError(
            code: .invalidText,
            message: "the text is not valid UTF-8 at byte \(offset) (0x\(String(byte, radix: 16, uppercase: true)) "
                + "does not start a valid character)",
            details: .init(byteOffset: offset))
    }
}

extension Utf8Validation {
    private enum Character { case whole(length: Int), cut, invalid }

    @inline(__always)
    private static func skipASCII(_ text: UnsafePointer<UInt8>, from start: Int, to end: Int) -> Int {
        var offset = start
        while offset &+ 8 <= end, loadWord(text, at: offset) & asciiMask == 0 { offset &+= 8 }
        while offset < end, text[offset] < 0x80 { offset &+= 1 }
        return offset
    }

    /// What the first bytes of `text` (not empty) are.
    @inline(__always)
    private static func character(_ text: UnsafeBufferPointer<UInt8>) -> Character {
        let first = text[0]
        // The second byte's range is narrower after E0 (overlong), ED (surrogates), F0 (overlong), F4 (too large).
        let (length, low, high): (Int, UInt8, UInt8) =
            switch first {
            case 0x00..<0x80: (1, 0, 0)
            case 0xC2...0xDF: (2, 0x80, 0xBF)
            case 0xE0: (3, 0xA0, 0xBF)
            case 0xED: (3, 0x80, 0x9F)
            case 0xE1...0xEF: (3, 0x80, 0xBF)
            case 0xF0: (4, 0x90, 0xBF)
            case 0xF1...0xF3: (4, 0x80, 0xBF)
            case 0xF4: (4, 0x80, 0x8F)
            default: (0, 0, 0)
            }
        if length == 1 { return .whole(length: 1) }
        if length == 0 { return .invalid }
        if text.count > 1, text[1] < low || text[1] > high { return .invalid }
        var index = 2
        while index < min(length, text.count) {
            if text[index] & 0xC0 != 0x80 { return .invalid }
            index &+= 1
        }
        return text.count < length ? .cut : .whole(length: length)
    }
}

/// `withUnsafeBufferPointer` with this package's typed error.
@inline(__always)
func withBytes<Result>(
    of bytes: [UInt8], _ body: (UnsafeBufferPointer<UInt8>) throws(CPRSError) -> Result
) throws(CPRSError) -> Result {
    try bytes.withUnsafeBufferPointer { (buffer) throws(CPRSError) in try body(buffer) }
}
