/// Reads the scalar that starts at `offset` of valid UTF-8 that holds it whole.
///
/// - Returns: the code point and its length in bytes, 1...4.
@inline(__always)
func decodeScalar(_ text: UnsafePointer<UInt8>, at offset: Int) -> (codePoint: UInt32, length: Int) {
    let first = UInt32(text[offset])
    if first < 0x80 { return (first, 1) }
    let second = UInt32(text[offset &+ 1]) & 0x3F
    if first < 0xE0 { return ((first & 0x1F) << 6 | second, 2) }
    let third = UInt32(text[offset &+ 2]) & 0x3F
    if first < 0xF0 { return ((first & 0x0F) << 12 | second << 6 | third, 3) }
    return ((first & 0x07) << 18 | second << 12 | third << 6 | UInt32(text[offset &+ 3]) & 0x3F, 4)
}

/// The number of bytes of the scalar whose first byte in valid UTF-8 is `byte`.
@inline(__always)
func scalarLength(first byte: UInt8) -> Int {
    byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
}

/// Eight bytes at `offset`, wherever they lie.
@inline(__always)
func loadWord(_ text: UnsafePointer<UInt8>, at offset: Int) -> UInt64 {
    UnsafeRawPointer(text + offset).loadUnaligned(as: UInt64.self)
}

/// The top bit of every byte of a word: set nowhere means eight ASCII bytes.
let asciiMask: UInt64 = 0x8080_8080_8080_8080

/// Writes the scalar's UTF-8 and returns its length; there is room for four bytes.
@inline(__always)
func encodeScalar(_ codePoint: UInt32, into text: UnsafeMutablePointer<UInt8>) -> Int {
    func part(_ shift: UInt32) -> UInt8 { UInt8(0x80 | codePoint >> shift & 0x3F) }
    switch codePoint {
    case 0..<0x80:
        text[0] = UInt8(codePoint)
        return 1
    case 0x80..<0x800:
        (text[0], text[1]) = (UInt8(0xC0 | codePoint >> 6), part(0))
        return 2
    case 0x800..<0x10000:
        (text[0], text[1], text[2]) = (UInt8(0xE0 | codePoint >> 12), part(6), part(0))
        return 3
    default:
        (text[0], text[1], text[2], text[3]) = (UInt8(0xF0 | codePoint >> 18), part(12), part(6), part(0))
        return 4
    }
}
