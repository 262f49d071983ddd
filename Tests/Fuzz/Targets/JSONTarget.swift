internal import CPRSCore
internal import CPRSJSON

extension FuzzTarget {
    /// What is accepted means the same when it is written again; skipping a value accepts no less than reading it.
    static let json = FuzzTarget(name: "json") { input in
        var skipping = JSONReader(input, name: "input")
        let isSkipped = (try? Self.skipAll(&skipping)) != nil
        guard let value = try? JSONValue(input, name: "input") else { return }
        try require(isSkipped, "skipValue() refuses what readValue() takes")
        let text = Self.text(value)
        let again = try? JSONValue(text, name: "written again")
        try require(again == value, "\(String(decoding: text, as: UTF8.self)) is read as \(String(describing: again))")
        if case .integer(let number) = value {
            var reader = JSONReader(Array("\(number)".utf8), name: "number")
            let read = try? reader.readInteger()
            try require(read == number, "readInteger() reads \(number) as \(String(describing: read))")
        }
    }

    private static func skipAll(_ reader: inout JSONReader) throws(CPRSError) {
        try reader.skipValue()
        try reader.finish()
    }

    private static func text(_ value: JSONValue) -> [UInt8] {
        switch value {
        case .null: Array("null".utf8)
        case .bool(let bool): Array("\(bool)".utf8)
        case .integer(let number): Array("\(number)".utf8)
        case .number(let number): Array("\(number)".utf8)
        case .string(let string): JSONText.quoted(Array(string.utf8))
        case .array(let elements):
            [UInt8(ascii: "[")] + elements.map(Self.text).joined(separator: [UInt8(ascii: ",")])
                + [UInt8(ascii: "]")]
        case .object(let object):
            [UInt8(ascii: "{")]
                + object.keys.map { key in
                    JSONText.quoted(Array(key.utf8)) + [UInt8(ascii: ":")] + Self.text(object[key] ?? .null)
                }.joined(separator: [UInt8(ascii: ",")]) + [UInt8(ascii: "}")]
        }
    }
}
