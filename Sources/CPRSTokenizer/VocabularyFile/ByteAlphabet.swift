/// The byte-level alphabet: vocabularies spell every byte as one visible character.
///
/// Printable Latin-1 bytes stand for themselves; the other 68 are U+0100, U+0101, ... in ascending order.
/// Source: GPT-2's published vocabulary; the convention of every byte-level BPE file since.
enum ByteAlphabet {
    /// By code point, 0..<0x144: the byte, or -1.
    private static let bytes: [Int16] = {
        var bytes = [Int16](repeating: -1, count: 0x144)
        var next = 0x100
        for byte in 0..<256 {
            let isPrintable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || byte >= 0xAE
            if isPrintable {
                bytes[byte] = Int16(byte)
            } else {
                bytes[next] = Int16(byte)
                next += 1
            }
        }
        return bytes
    }()

    /// Appends the bytes that `spelling` (UTF-8) stands for; false if it uses a character outside the alphabet.
    static func decode(_ spelling: some Collection<UInt8>, into bytes: inout [UInt8]) -> Bool {
        let table = Self.bytes
        var lead: UInt8?
        for byte in spelling {
            let codePoint: Int
            if let first = lead {
                codePoint = Int(first & 0x1F) << 6 | Int(byte & 0x3F)
                guard byte & 0xC0 == 0x80 else { return false }
                lead = nil
            } else if byte < 0x80 {
                codePoint = Int(byte)
            } else {
                // The alphabet ends at U+0143, so two-byte characters suffice.
                guard (0xC2...0xC5).contains(byte) else { return false }
                lead = byte
                continue
            }
            guard codePoint < table.count, table[codePoint] >= 0 else { return false }
            bytes.append(UInt8(table[codePoint]))
        }
        return lead == nil
    }
}
