/// Reading UTF-8 one scalar at a time.
///
/// Callers promise valid UTF-8; a damaged or cut sequence reads as U+FFFD of one byte instead of trapping.
extension Span where Element == UInt8 {
    /// The scalar whose first byte is at `index`, and how many bytes it takes.
    func scalar(at index: Int) -> (value: UInt32, length: Int) {
        let first = UInt32(self[index])
        if first < 0x80 { return (first, 1) }
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        guard first >= 0xC2, index + length <= self.count else { return (0xFFFD, 1) }
        var value = first & (0xFF >> UInt32(length + 1))
        for next in index + 1..<index + length { value = value << 6 | UInt32(self[next] & 0x3F) }
        return (value, length)
    }

    /// Whether `byte` stands at `index`; no byte stands beyond the end.
    func hasByte(_ byte: UInt8, at index: Int) -> Bool { index < self.count && self[index] == byte }

    /// Whether text may be cut before `index`: at a scalar, not between CR and LF, not before a combining mark.
    func isCuttable(at index: Int) -> Bool {
        guard index > 0, index < self.count else { return true }
        let byte = self[index]
        if byte < 0x80 { return byte != 0x0A || self[index - 1] != 0x0D }
        return byte >= 0xC0 && !ScalarClass.isExtending(self.scalar(at: index).value)
    }
}

/// Properties of scalars that decide where text may be cut; ASCII never reaches the Unicode tables.
enum ScalarClass {
    /// Combining marks, the two zero-width joiners and emoji skin tones: they belong to what stands before them.
    static func isExtending(_ value: UInt32) -> Bool {
        switch value {
        case ..<0x300, 0x2010...0x20CF, 0x3000...0x3029, 0x30A0...0xA66E, 0xAC00...0xD7A3, 0xFF00...0xFFFD: false
        case 0x200C, 0x200D, 0x1F3FB...0x1F3FF: true
        default:
            switch Unicode.Scalar(value)?.properties.generalCategory {
            case .nonspacingMark, .enclosingMark, .spacingMark: true
            default: false
            }
        }
    }

    /// Unicode's `White_Space`.
    static func isWhite(_ value: UInt32) -> Bool {
        switch value {
        case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
        default: false
        }
    }

    /// Scripts written without blanks, of which every sign is a word: ideographs and kana.
    static func isIdeographOrKana(_ value: UInt32) -> Bool {
        switch value {
        case 0x2E80...0x2FDF, 0x3005...0x3007, 0x3041...0x30FF, 0x31F0...0x31FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
            0xF900...0xFAFF, 0xFF66...0xFF9D, 0x1B000...0x1B16F, 0x20000...0x3FFFD:
            true
        default: false
        }
    }

    static func isLowercase(_ value: UInt32) -> Bool {
        value < 0x80 ? value >= 0x61 && value <= 0x7A : Unicode.Scalar(value)?.properties.isLowercase ?? false
    }

    static func isUppercase(_ value: UInt32) -> Bool {
        value < 0x80 ? value >= 0x41 && value <= 0x5A : Unicode.Scalar(value)?.properties.isUppercase ?? false
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    static func isASCIILetter(_ byte: UInt8) -> Bool { byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A }
}
