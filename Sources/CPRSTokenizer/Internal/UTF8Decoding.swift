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

/// Appends the scalar's UTF-8.
@inline(__always)
func appendScalar(_ codePoint: UInt32, to text: inout [UInt8]) {
    switch codePoint {
    case 0..<0x80:
        text.append(UInt8(codePoint))
    case 0x80..<0x800:
        text.append(UInt8(0xC0 | codePoint >> 6))
        text.append(UInt8(0x80 | codePoint & 0x3F))
    case 0x800..<0x10000:
        text.append(UInt8(0xE0 | codePoint >> 12))
        text.append(UInt8(0x80 | codePoint >> 6 & 0x3F))
        text.append(UInt8(0x80 | codePoint & 0x3F))
    default:
        text.append(UInt8(0xF0 | codePoint >> 18))
        text.append(UInt8(0x80 | codePoint >> 12 & 0x3F))
        text.append(UInt8(0x80 | codePoint >> 6 & 0x3F))
        text.append(UInt8(0x80 | codePoint & 0x3F))
    }
}
