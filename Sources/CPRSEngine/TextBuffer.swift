internal import CPRSCore

/// The part of the context that decisions still need.
struct TextBuffer: Sendable {
    /// Offset of the first byte that is held.
    private(set) var start = 0
    private var bytes: [UInt8] = []
    /// Bytes at the front that were released but not yet removed; removing them one by one would be quadratic.
    private var released = 0

    /// Offset after the last byte that is held.
    var end: Int { self.start + self.bytes.count - self.released }

    mutating func append(_ text: [UInt8]) { self.bytes += text }

    /// The bytes of a range that is held.
    subscript(range: ByteRange) -> ArraySlice<UInt8> {
        let shift = self.released - self.start
        return self.bytes[range.lowerBound + shift..<range.upperBound + shift]
    }

    /// Whether a character may start at `offset`: the byte there does not continue one.
    func isScalarBoundary(_ offset: Int) -> Bool {
        guard offset < self.end else { return true }
        return self.bytes[offset + self.released - self.start] & 0xC0 != 0x80
    }

    /// Lets go of everything before `offset`.
    mutating func release(before offset: Int) {
        guard offset > self.start else { return }
        self.released += offset - self.start
        self.start = offset
        if self.released > self.bytes.count / 2 {
            self.bytes.removeFirst(self.released)
            self.released = 0
        }
    }
}
