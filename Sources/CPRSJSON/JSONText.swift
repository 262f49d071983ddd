/// Pieces of JSON (RFC 8259) for what this project writes.
package enum JSONText {
    /// A number; JSON has no NaN or infinity, so those become null.
    package static func number(_ value: Float) -> String { value.isFinite ? "\(value)" : "null" }

    /// A number; JSON has no NaN or infinity, so those become null.
    package static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }

    /// A string in quotes.
    package static func quoted(_ text: String) -> String {
        String(decoding: self.quoted(Array(text.utf8)), as: UTF8.self)
    }

    /// UTF-8 in quotes, with the escapes that JSON demands and no others.
    package static func quoted(_ text: [UInt8]) -> [UInt8] {
        var out: [UInt8] = [UInt8(ascii: "\"")]
        out.reserveCapacity(text.count + 2)
        for byte in text {
            switch byte {
            case UInt8(ascii: "\""): out += Array("\\\"".utf8)
            case UInt8(ascii: "\\"): out += Array("\\\\".utf8)
            case UInt8(ascii: "\n"): out += Array("\\n".utf8)
            case UInt8(ascii: "\r"): out += Array("\\r".utf8)
            case UInt8(ascii: "\t"): out += Array("\\t".utf8)
            case 0..<0x20:
                let hex = String(byte, radix: 16)
                out += Array(("\\u" + String(repeating: "0", count: 4 - hex.count) + hex).utf8)
            default: out.append(byte)
            }
        }
        out.append(UInt8(ascii: "\""))
        return out
    }
}
