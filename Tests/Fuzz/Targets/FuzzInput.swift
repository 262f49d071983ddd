/// Takes an input apart from its front: a few choices, then what is left.
struct FuzzInput {
    private var bytes: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { self.bytes = bytes[...] }

    /// What was not taken yet.
    var rest: [UInt8] { Array(self.bytes) }

    /// The next byte; 0 when nothing is left.
    mutating func byte() -> UInt8 { self.bytes.popFirst() ?? 0 }

    /// A little-endian number of so many bytes.
    mutating func number(bytes count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(self.byte()) << (8 * $1) }
    }

    /// Everything before the next `end`, which is taken too.
    mutating func part(until end: UInt8) -> [UInt8] {
        let part = Array(self.bytes.prefix { $0 != end })
        self.bytes = self.bytes.dropFirst(part.count + 1)
        return part
    }

    /// The next bytes, at most so many.
    mutating func take(_ count: Int) -> [UInt8] {
        let taken = Array(self.bytes.prefix(count))
        self.bytes = self.bytes.dropFirst(taken.count)
        return taken
    }

    /// Sizes of chunks, for ``cut(_:by:)``.
    mutating func chunkSizes() -> [Int] { (0...Int(self.byte() % 4)).map { _ in Int(self.byte()) + 1 } }
}

/// `bytes` in chunks of these sizes, which are repeated as often as needed.
func cut(_ bytes: [UInt8], by sizes: [Int]) -> [[UInt8]] {
    var chunks: [[UInt8]] = []
    var start = 0
    while start < bytes.count {
        let end = min(bytes.count, start + sizes[chunks.count % sizes.count])
        chunks.append(Array(bytes[start..<end]))
        start = end
    }
    return chunks
}
