/// Bytes as digits, as digests are written.
package enum Hexadecimal {
    /// Two lower-case digits a byte.
    package static func digits(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes that digits stand for; nil if something else is among them or one is left over.
    package static func bytes(_ digits: String) -> [UInt8]? {
        let values = digits.unicodeScalars.map { $0.isASCII ? Character($0).hexDigitValue : nil }
        guard values.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: values.count, by: 2) {
            guard let high = values[index], let low = values[index + 1] else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return bytes
    }
}
