internal import CPRSCore
internal import CPRSJSON
internal import CPRSTokenizer

/// Reads the files that recorded vectors are kept in.
enum VectorFile {
    /// One JSON object a line.
    static func records(_ path: String) throws(CPRSError) -> [JSONObject] {
        var records: [JSONObject] = []
        for (index, line) in try FileBytes.read(path).split(separator: UInt8(ascii: "\n")).enumerated() {
            let name = "\(path):\(index + 1)"
            guard let object = try JSONValue(Array(line), name: name).object else {
                throw CPRSError(code: .modelUnusable, message: "\(name): is not a JSON object")
            }
            records.append(object)
        }
        return records
    }

    /// Little-endian float32 numbers.
    static func floats(_ path: String) throws(CPRSError) -> [Float] {
        let bytes = try FileBytes.read(path)
        return stride(from: 0, to: bytes.count - bytes.count % 4, by: 4).map { start in
            let bits = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
            return Float(bitPattern: bits)
        }
    }
}

extension JSONObject {
    /// A member that must be text.
    func text(_ key: String) throws(CPRSError) -> String { try self.member(key, \.string) }

    /// A member that must be a list of token ids.
    func tokenIDs(_ key: String) throws(CPRSError) -> [TokenID] {
        try self.list(key) { $0.integer.flatMap { TokenID(exactly: $0) } }
    }

    /// A member that must be a string of label letters.
    func labels(_ key: String) throws(CPRSError) -> [BIOE] {
        try self.member(key) { value in
            let labels = value.string?.map { BIOE(letter: $0) }
            return labels?.contains(nil) == false ? labels?.compactMap { $0 } : nil
        }
    }

    /// A member that must be a list of `[start, end]` pairs of code point offsets into a text.
    func ranges(_ key: String, in text: CodePointOffsets) throws(CPRSError) -> [ByteRange] {
        try self.list(key) { pair in
            guard let ends = pair.array, ends.count == 2, let start = ends[0].integer, let end = ends[1].integer else {
                return nil
            }
            return text.bytes(start, end)
        }
    }

    /// A member that must be a list, every element of which can be read.
    func list<Element>(_ key: String, _ read: (JSONValue) -> Element?) throws(CPRSError) -> [Element] {
        try self.member(key) { value in
            let elements = value.array?.map(read)
            return elements?.contains { $0 == nil } == false ? elements?.compactMap { $0 } : nil
        }
    }

    func member<Value>(_ key: String, _ read: (JSONValue) -> Value?) throws(CPRSError) -> Value {
        guard let value = self[key].flatMap(read) else {
            throw CPRSError(code: .modelUnusable, message: "a vector lacks \"\(key)\", or it has the wrong type")
        }
        return value
    }
}

/// Offsets in Unicode code points, as Python counts, to and from UTF-8 bytes.
struct CodePointOffsets {
    /// Byte offset of every code point, then the length.
    let byteOffsets: [Int]

    init(_ text: String) {
        var offsets: [Int] = [0]
        for scalar in text.unicodeScalars { offsets.append(offsets[offsets.count - 1] + UTF8.width(scalar)) }
        self.byteOffsets = offsets
    }

    /// The bytes from one code point to another, or nil if there are no such code points.
    func bytes(_ start: Int, _ end: Int) -> ByteRange? {
        guard start >= 0, start <= end, end < self.byteOffsets.count else { return nil }
        return self.byteOffsets[start]..<self.byteOffsets[end]
    }

    /// `range` grown outward to whole code points.
    func grown(_ range: ByteRange) -> ByteRange {
        let start = self.byteOffsets.last { $0 <= range.lowerBound } ?? 0
        let end = self.byteOffsets.first { $0 >= range.upperBound } ?? start
        return start..<end
    }
}
