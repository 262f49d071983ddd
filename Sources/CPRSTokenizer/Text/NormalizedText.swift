internal import CPRSCore

/// The normalized text from the start of the open pretoken on, with the way back to the original.
struct NormalizedText: Sendable {
    /// Scratch larger than this many elements is given back after use, so that one long word does not stay paid for.
    static let keptCapacity = 1 << 20
    /// Bytes behind the text that may be read (never used), so that word-wise loads need no care at its end.
    static let slack = 16

    /// The bytes, from the open pretoken's first on, then at least ``slack`` unused ones.
    private(set) var storage = [UInt8](repeating: 0, count: Self.slack)
    /// How many bytes of `storage` are text.
    private(set) var count = 0
    /// Offset of `storage[0]` in the normalized stream.
    private(set) var start = 0
    var map = OffsetMap()

    @inline(__always)
    mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        self.reserve(bytes.count)
        self.storage.withUnsafeMutableBufferPointer { storage in
            // Both addresses exist: `storage` always has its slack, and callers never pass an empty buffer.
            (storage.baseAddress! + self.count).update(from: bytes.baseAddress!, count: bytes.count)
        }
        self.count += bytes.count
    }

    /// Appends one character; a `source` says that it is not simply the next character of the original.
    mutating func append(_ codePoint: UInt32, source: ByteRange?, resume: Int) {
        let normalizedStart = self.start + self.count
        self.reserve(4)
        self.storage.withUnsafeMutableBufferPointer { storage in
            self.count += encodeScalar(codePoint, into: storage.baseAddress! + self.count)
        }
        if let source {
            self.map.append(
                OffsetMap.Change(
                    normalizedStart: normalizedStart, normalizedEnd: self.start + self.count, source: source,
                    resume: resume))
        }
    }

    /// Drops the first `consumed` bytes: their tokens are out.
    mutating func drop(_ consumed: Int) {
        guard consumed > 0 else { return }
        self.start += consumed
        self.count -= consumed
        if self.count == 0, self.storage.count > Self.keptCapacity {
            self.storage = [UInt8](repeating: 0, count: Self.slack)
            return
        }
        self.storage.withUnsafeMutableBufferPointer { storage in
            storage.baseAddress!.update(from: storage.baseAddress! + consumed, count: self.count)
        }
    }

    private mutating func reserve(_ extra: Int) {
        let needed = self.count + extra + Self.slack
        guard needed > self.storage.count else { return }
        let grown = max(needed, self.storage.count * 2)
        self.storage.append(contentsOf: repeatElement(0, count: grown - self.storage.count))
    }
}
