package import CPRSCore

/// A JSON document in memory, for small files; members keep their order and are unique.
package enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    /// Parses a whole document.
    ///
    /// - Throws: `modelUnusable` with the byte offset of the first defect; duplicate keys are one.
    package init(_ bytes: [UInt8], name: String) throws(CPRSError) {
        var reader = JSONReader(bytes, name: name)
        self = try reader.readValue()
        try reader.finish()
    }
}

/// An object's members in the order of the file.
package struct JSONObject: Hashable, Sendable {
    /// Keys in the order of the file.
    package private(set) var keys: [String] = []
    private var values: [String: JSONValue] = [:]

    /// The value of `key`, or nil.
    package subscript(key: String) -> JSONValue? { self.values[key] }

    fileprivate mutating func insert(_ value: JSONValue, for key: String) -> Bool {
        self.keys.append(key)
        return self.values.updateValue(value, forKey: key) == nil
    }
}

extension JSONReader {
    /// Reads one value of any kind, with everything below it.
    package mutating func readValue() throws(CPRSError) -> JSONValue {
        switch try self.peek() {
        case UInt8(ascii: "{"):
            var object = JSONObject()
            try self.readObject { (reader, key) throws(CPRSError) in
                let start = reader.offset
                let name = String(decoding: key, as: UTF8.self)
                guard object.insert(try reader.readValue(), for: name) else {
                    throw reader.failure("the key \"\(name)\" a second time, its value", at: start)
                }
            }
            return .object(object)
        case UInt8(ascii: "["):
            var array: [JSONValue] = []
            try self.readArray { (reader) throws(CPRSError) in array.append(try reader.readValue()) }
            return .array(array)
        case UInt8(ascii: "\""): return .string(try self.readString())
        case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool(try self.readBool())
        case UInt8(ascii: "n"):
            _ = try self.readNull()
            return .null
        default:
            let number = try self.readNumber()
            // Exact below 2^53, which covers every size that a config or header may state.
            return Int(exactly: number).map { abs($0) < 1 << 53 ? .integer($0) : .number(number) } ?? .number(number)
        }
    }
}

extension JSONValue {
    /// The value as a whole number, or nil.
    package var integer: Int? { if case .integer(let value) = self { value } else { nil } }
    /// The value as a number, whole or not, or nil.
    package var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
    /// The value as text, or nil.
    package var string: String? { if case .string(let value) = self { value } else { nil } }
    /// The value as a truth value, or nil.
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    /// The value as an array, or nil.
    package var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    /// The value as an object, or nil.
    package var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// The value is `null`.
    package var isNull: Bool { self == .null }
}
