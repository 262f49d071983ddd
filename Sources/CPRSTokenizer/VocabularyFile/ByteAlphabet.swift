/// The byte-level alphabet: vocabularies spell every byte as one visible character.
///
/// Printable Latin-1 bytes stand for themselves; the other 68 are U+0100, U+0101, ... in ascending order.
/// Source: GPT-2's published vocabulary; the convention of every byte-level BPE file since.
struct ByteAlphabet {
    /// By code point, 0..<0x144: the byte, or -1.
    private let bytes: [Int16]

    init() {
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
        self.bytes = bytes
    }

    /// Writes the bytes that `spelling` (UTF-8) stands for and returns how many; nil if it uses a character outside
    /// the alphabet. There are never more than `spelling` has.
    func decode(_ spelling: UnsafeBufferPointer<UInt8>, into output: UnsafeMutableBufferPointer<UInt8>) -> Int? {
        precondition(output.count >= spelling.count, "room for \(output.count) of \(spelling.count) bytes")
        return self.bytes.withUnsafeBufferPointer { table in
            var count = 0
            var offset = 0
            while offset < spelling.count {
                var codePoint = Int(spelling[offset])
                offset &+= 1
                if codePoint >= 0x80 {
                    // The alphabet ends at U+0143, so two-byte characters suffice.
                    guard (0xC2...0xC5).contains(codePoint), offset < spelling.count, spelling[offset] & 0xC0 == 0x80
                    else { return nil }
                    codePoint = (codePoint & 0x1F) << 6 | Int(spelling[offset] & 0x3F)
                    offset &+= 1
                }
                guard codePoint < table.count, table[codePoint] >= 0 else { return nil }
                output[count] = UInt8(truncatingIfNeeded: table[codePoint])
                count &+= 1
            }
            return count
        }
    }
}
