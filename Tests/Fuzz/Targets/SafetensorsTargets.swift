internal import CPRSCore
internal import CPRSTensors

extension FuzzTarget {
    /// Tensors of a file that is accepted lie in it, follow one another to its end and can be read.
    ///
    /// An input that starts with `{` is a header, to which its length is added, and after a zero byte the data.
    static let safetensors = FuzzTarget(name: "safetensors") { input in
        let bytes = input.first == UInt8(ascii: "{") ? safetensorsFile(input) : input
        let folder = InputFolder()
        let path = folder.write(bytes, to: "model.safetensors")
        for acceptsBytes in [false, true] {
            guard let file = try? SafetensorsFile(path: path, acceptsBytes: acceptsBytes) else { continue }
            var end = file.dataStart
            for tensor in file.stored {
                try require(tensor.offset == end, "\(tensor.name) starts at \(end): \(tensor.offset)")
                end += tensor.bytes.count
                try require(tensor.copy().elementsEqual(bytes[tensor.offset..<end]), "\(tensor.name) has its bytes")
                guard let view = tensor.view else { continue }
                try require(view.floats().count == view.elementCount, "\(tensor.name) has its elements")
            }
            try require(end == bytes.count, "the last tensor ends at \(bytes.count): \(end)")
            if let manifest = try? SafetensorsManifest(of: file) { try? manifest.verify(file) { _ in } }
        }
    }

    /// An index leads to tensors of the shards that it names, or is refused.
    static let shardIndex = FuzzTarget(name: "shard-index") { input in
        let folder = InputFolder()
        folder.write(input, to: "model.safetensors.index.json")
        for (name, tensors) in [("a", ["t", "u"]), ("b", ["v"])] {
            folder.write(Self.shard(tensors), to: "\(name).safetensors")
        }
        guard let checkpoint = try? Checkpoint(folder: folder.path) else { return }
        try require(checkpoint.files.allSatisfy { $0.path.hasPrefix(folder.path + "/") }, "shards lie in the folder")
        let stored = Set(checkpoint.files.flatMap(\.stored).map(\.name))
        try require(Set(checkpoint.tensors.keys) == stored, "\(checkpoint.tensors.keys) are what shards hold")
    }

    private static func shard(_ tensors: [String]) -> [UInt8] {
        let entries = tensors.enumerated().map {
            "\"\($1)\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\(4 * $0),\(4 * $0 + 4)]}"
        }
        return safetensorsFile(
            Array("{\(entries.joined(separator: ","))}".utf8) + [UInt8](repeating: 0, count: 1 + 4 * tensors.count))
    }
}

/// The file of a header and, after a zero byte, data.
func safetensorsFile(_ input: [UInt8]) -> [UInt8] {
    var input = FuzzInput(input)
    let header = input.part(until: 0)
    return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + input.rest
}
