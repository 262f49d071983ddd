/// One scalar read from bytes that may be anything.
///
/// Source: Unicode Standard, table 3-7 (well-formed UTF-8 byte sequences).
struct UTF8Scalar {
    /// The scalar, or ``invalid``.
    var value: UInt32
    /// 1...4; 1 for a byte that begins no well-formed sequence.
    var byteCount: Int

    /// Stands for a byte that is not part of well-formed UTF-8; matches nothing.
    static let invalid = UInt32.max

    /// Reads the scalar at `index`; needs its bytes to lie in `bytes`, or it is invalid.
    @inline(__always)
    init(in bytes: UnsafeBufferPointer<UInt8>, at index: Int) {
        let lead = bytes[index]
        if lead < 0x80 {
            self.value = UInt32(lead)
            self.byteCount = 1
        } else {
            self = Self.wide(in: bytes, at: index, lead: lead)
        }
    }

    private init(value: UInt32, byteCount: Int) {
        self.value = value
        self.byteCount = byteCount
    }

    private static func wide(in bytes: UnsafeBufferPointer<UInt8>, at index: Int, lead: UInt8) -> Self {
        let broken = Self(value: Self.invalid, byteCount: 1)
        guard let count = Self.byteCount(lead: lead), index + count <= bytes.count else { return broken }
        var value = UInt32(lead) & (0x7F >> UInt32(count))
        for offset in 1..<count {
            let byte = bytes[index + offset]
            guard byte & 0xC0 == 0x80 else { return broken }
            value = value << 6 | UInt32(byte & 0x3F)
        }
        let minimum: UInt32 = count == 2 ? 0x80 : count == 3 ? 0x800 : 0x10000
        guard value >= minimum, Unicode.Scalar(value) != nil else { return broken }
        return Self(value: value, byteCount: count)
    }

    /// The length that a lead byte announces, or nil if it is none.
    static func byteCount(lead: UInt8) -> Int? {
        switch lead {
        case 0..<0x80: 1
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: nil
        }
    }

    /// The first byte of a scalar's UTF-8.
    static func leadByte(of value: UInt32) -> UInt8 {
        switch value {
        case 0..<0x80: UInt8(value)
        case 0x80..<0x800: UInt8(0xC0 | value >> 6)
        case 0x800..<0x10000: UInt8(0xE0 | value >> 12)
        default: UInt8(0xF0 | value >> 18 & 7)
        }
    }

    /// How many of `bytes` can be read without knowing what follows: all but a sequence that has only begun, and but
    /// a last `\r`, whose meaning for `$` hangs on the next byte. At most three bytes are left over.
    static func readableCount(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        guard let last = bytes.last else { return 0 }
        if last == UInt8(ascii: "\r") { return bytes.count - 1 }
        for distance in 1...min(3, bytes.count) {
            let byte = bytes[bytes.count - distance]
            if byte & 0xC0 == 0x80 { continue }
            let announced = Self.byteCount(lead: byte) ?? 1
            return announced > distance ? bytes.count - distance : bytes.count
        }
        return bytes.count
    }

    /// The scalar that ends just before `index`, or nil at index 0.
    static func value(before index: Int, in bytes: UnsafeBufferPointer<UInt8>) -> UInt32? {
        guard index > 0 else { return nil }
        for distance in 1...min(4, index) where bytes[index - distance] & 0xC0 != 0x80 {
            let scalar = Self(in: bytes, at: index - distance)
            return scalar.byteCount == distance ? scalar.value : Self.invalid
        }
        return Self.invalid
    }
}
