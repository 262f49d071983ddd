internal import CPRSCore
internal import CPRSJSON

/// The checked contents of a safetensors file's header: no part of it is used before every field was looked at.
///
/// Layout of a file: 8 bytes of little-endian header length N, N bytes of JSON, the tensors' bytes without gaps.
/// Source: the format's description at https://github.com/huggingface/safetensors#format.
struct SafetensorsHeader {
    /// One tensor's entry.
    struct Entry {
        var name: String
        /// nil for plain bytes, U8.
        var type: ElementType?
        var shape: [Int]
        /// Offsets from the start of the file.
        var bytes: Range<Int>
    }

    /// Longest header that is read; the format's own cap.
    static let maxHeaderBytes = 100_000_000

    /// The tensors, ordered by their place in the file.
    private(set) var entries: [Entry] = []
    /// The optional `__metadata__`.
    private(set) var metadata: [String: String] = [:]

    private let path: String
    /// U8 is allowed.
    private let acceptsBytes: Bool
    /// Where the tensors' bytes begin and end.
    let data: Range<Int>

    /// Reads and checks the header of a file whose bytes are `file`.
    ///
    /// - Parameter acceptsBytes: tensors of plain bytes (U8) are allowed beside floating-point ones.
    /// - Throws: `modelUnusable`, with the file, the tensor and the values that disagree.
    init(file: UnsafeRawBufferPointer, path: String, acceptsBytes: Bool = false) throws(CPRSError) {
        self.path = path
        self.acceptsBytes = acceptsBytes
        guard file.count >= 8 else {
            throw CPRSError(
                code: .modelUnusable, message: "\(path): \(file.count) bytes, too short for a safetensors header length"
            )
        }
        let length = UInt64(littleEndian: file.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(Self.maxHeaderBytes) else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(path): header length \(length) is above the format's limit of \(Self.maxHeaderBytes)")
        }
        guard Int(length) <= file.count - 8 else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(path): header length \(length) does not fit in a file of \(file.count) bytes")
        }
        self.data = 8 + Int(length)..<file.count
        try self.readEntries(Array(file[8..<8 + Int(length)]))
        try self.checkCoverage()
    }

    private func failure(_ what: String) -> CPRSError {
        CPRSError(code: .modelUnusable, message: "\(self.path): \(what)")
    }

    private mutating func readEntries(_ json: [UInt8]) throws(CPRSError) {
        var names: Set<String> = []
        var entries: [Entry] = []
        var metadata: [String: String] = [:]
        var reader = JSONReader(json, name: "\(self.path): header")
        try reader.readObject { (reader, key) throws(CPRSError) in
            guard let name = String(validating: key, as: UTF8.self) else {
                throw self.failure("a tensor name is not valid UTF-8")
            }
            guard names.insert(name).inserted else { throw self.failure("\(name) occurs twice") }
            if name == "__metadata__" {
                metadata = try self.readMetadata(&reader)
            } else {
                entries.append(try self.readEntry(&reader, name: name))
            }
        }
        try reader.finish()
        self.entries = entries
        self.metadata = metadata
    }

    private func readMetadata(_ reader: inout JSONReader) throws(CPRSError) -> [String: String] {
        guard let object = try reader.readValue().object else { throw self.failure("__metadata__ must be an object") }
        var metadata: [String: String] = [:]
        for key in object.keys {
            guard let text = object[key]?.string else {
                throw self.failure("__metadata__ may hold only strings (\(key) is not one)")
            }
            metadata[key] = text
        }
        return metadata
    }

    private func readEntry(_ reader: inout JSONReader, name: String) throws(CPRSError) -> Entry {
        guard let object = try reader.readValue().object else { throw self.failure("\(name): must be an object") }
        if let key = object.keys.first(where: { !["dtype", "shape", "data_offsets"].contains($0) }) {
            throw self.failure("\(name): unknown member \"\(key)\"")
        }
        let type = try self.type(object["dtype"], of: name)
        let shape = try self.sizes(object["shape"], member: "shape", of: name)
        let offsets = try self.sizes(object["data_offsets"], member: "data_offsets", of: name)
        guard offsets.count == 2 else {
            throw self.failure("\(name): data_offsets must be [begin, end] (got \(offsets.count) numbers)")
        }
        guard offsets[0] <= offsets[1] else {
            throw self.failure("\(name): data_offsets begin \(offsets[0]) is after their end \(offsets[1])")
        }
        guard offsets[1] <= self.data.count else {
            throw self.failure(
                "\(name): data_offsets end \(offsets[1]) is beyond the file's \(self.data.count) bytes of data;"
                    + " the file is truncated or its header is wrong")
        }
        guard let bytes = Self.byteCount(shape, type) else {
            throw self.failure("\(name): shape \(shape) overflows a 64-bit size")
        }
        guard bytes == offsets[1] - offsets[0] else {
            throw self.failure(
                "\(name): shape \(shape) of \(type?.rawValue ?? ElementType.bytesName) needs \(bytes) bytes, data_offsets give"
                    + " \(offsets[1] - offsets[0])")
        }
        let start = self.data.lowerBound
        return Entry(name: name, type: type, shape: shape, bytes: start + offsets[0]..<start + offsets[1])
    }

    /// The element type; nil for plain bytes.
    private func type(_ value: JSONValue?, of name: String) throws(CPRSError) -> ElementType? {
        guard let text = value?.string else { throw self.failure("\(name): dtype must be a string") }
        if let type = ElementType(rawValue: text) { return type }
        if self.acceptsBytes, text == ElementType.bytesName { return nil }
        guard ElementType.unsupportedNames.contains(text) else {
            throw self.failure("\(name): unknown dtype \"\(text)\" (supported: F32, F16, BF16)")
        }
        throw self.failure("\(name): dtype \(text) is not supported (supported: F32, F16, BF16)")
    }

    private func sizes(_ value: JSONValue?, member: String, of name: String) throws(CPRSError) -> [Int] {
        guard let array = value?.array else { throw self.failure("\(name): \(member) must be an array") }
        var sizes: [Int] = []
        for element in array {
            guard let size = element.integer, size >= 0 else {
                throw self.failure("\(name): \(member) may hold only whole numbers from 0 to 2^53")
            }
            sizes.append(size)
        }
        return sizes
    }

    /// Bytes of a tensor, or nil if they do not fit an `Int`.
    private static func byteCount(_ shape: [Int], _ type: ElementType?) -> Int? {
        var bytes = type?.bytes ?? 1
        for size in shape {
            let (product, overflow) = bytes.multipliedReportingOverflow(by: size)
            if overflow { return nil }
            bytes = product
        }
        return bytes
    }

    /// Checks that the tensors follow each other from the first byte to the last: no overlap, no gap.
    private mutating func checkCoverage() throws(CPRSError) {
        self.entries.sort { ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound) }
        var end = self.data.lowerBound
        var previous = "the header"
        for entry in self.entries {
            guard entry.bytes.lowerBound >= end else {
                throw self.failure(
                    "\(entry.name) overlaps \(previous) by \(end - entry.bytes.lowerBound) bytes")
            }
            guard entry.bytes.lowerBound == end else {
                throw self.failure(
                    "\(entry.bytes.lowerBound - end) bytes between \(previous) and \(entry.name) belong to no tensor")
            }
            end = entry.bytes.upperBound
            previous = entry.name
        }
        guard end == self.data.upperBound else {
            throw self.failure("\(self.data.upperBound - end) bytes after \(previous) belong to no tensor")
        }
    }
}
