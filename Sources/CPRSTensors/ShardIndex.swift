internal import CPRSCore
internal import CPRSJSON

/// `model.safetensors.index.json`: which file holds which tensor.
struct ShardIndex {
    /// Largest index that is read; the one of a 7B model has 30 KB.
    static let maxBytes = 16 << 20

    /// Tensor name to file name.
    private(set) var files: [String: String] = [:]
    /// The file names, sorted, each once.
    var fileNames: [String] { Set(self.files.values).sorted() }

    /// Parses and checks an index.
    ///
    /// - Throws: `modelUnusable` if `weight_map` is missing, empty, or names anything but a plain file name.
    init(_ bytes: [UInt8], path: String) throws(CPRSError) {
        func failure(_ what: String) -> CPRSError { CPRSError(code: .modelUnusable, message: "\(path): \(what)") }
        guard let root = try JSONValue(bytes, name: path).object else { throw failure("must be an object") }
        guard let map = root["weight_map"]?.object else { throw failure("weight_map must be an object") }
        guard !map.keys.isEmpty else { throw failure("weight_map is empty") }
        for name in map.keys {
            guard let file = map[name]?.string else { throw failure("weight_map: \(name) must name a file") }
            // A name with a slash could lead out of the folder; "." and ".." are folders.
            let plain = !file.isEmpty && file != "." && file != ".." && !file.utf8.contains { $0 == 0x2F || $0 == 0 }
            guard plain else {
                throw failure("weight_map: \(name) must name a file in the same folder (got \"\(file)\")")
            }
            self.files[name] = file
        }
    }
}
