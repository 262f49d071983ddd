/// Reads a length that stands in a prefix of fixed size, the highest byte first, over any cutting of the stream.
struct LengthPrefix: Sendable {
    /// Of the whole prefix.
    private let bytes: Int
    /// Which of them are the length.
    private let lengthBytes: Range<Int>
    private var seen = 0
    private var length = 0

    init(bytes: Int, lengthBytes: Range<Int>) {
        self.bytes = bytes
        self.lengthBytes = lengthBytes
    }

    /// Takes the next byte; the length if it is the prefix's last, which begins the next prefix.
    mutating func append(_ byte: UInt8) -> Int? {
        if self.lengthBytes ~= self.seen { self.length = self.length << 8 | Int(byte) }
        self.seen += 1
        guard self.seen == self.bytes else { return nil }
        defer { (self.seen, self.length) = (0, 0) }
        return self.length
    }
}
