internal import CPRSCore
internal import CPRSDigest

/// The input's digest, and the text that is not decided yet.
struct HeldText: Sendable {
    /// Most bytes that are held.
    let capacityBytes: Int
    private var input = SHA256Digest()
    private var kept = SHA256Digest()
    private var bytes: [UInt8] = []
    /// Offset of the first byte of `bytes`.
    private var start = 0
    /// Bytes at the front of `bytes` that are decided but not removed yet.
    private var released = 0
    /// False once there was more than `capacityBytes`: the text of what is decided later is not known.
    private(set) var isComplete = true
    /// Bytes of the input.
    private(set) var count = 0

    init(capacity: Int) { self.capacityBytes = capacity }

    mutating func append(_ piece: [UInt8]) {
        self.input.update(piece)
        self.count += piece.count
        guard self.isComplete else { return }
        if self.bytes.count - self.released + piece.count > self.capacityBytes {
            self.isComplete = false
            self.bytes = []
            return
        }
        self.bytes += piece
    }

    /// The text of a kept span, which joins the digest of what is kept; nil if it is not held. Spans come in order.
    mutating func keep(_ span: ByteRange) -> ArraySlice<UInt8>? {
        guard self.isComplete else { return nil }
        let text = self.bytes[(span.lowerBound - self.start)..<(span.upperBound - self.start)]
        self.kept.update(text)
        return text
    }

    /// Text that may be looked at before it is decided; nil if it is not held.
    func peek(_ span: ByteRange) -> ArraySlice<UInt8>? {
        guard self.isComplete, span.lowerBound >= self.start + self.released else { return nil }
        return self.bytes[(span.lowerBound - self.start)..<(span.upperBound - self.start)]
    }

    /// Lets go of everything before `offset`.
    mutating func release(before offset: Int) {
        guard self.isComplete else { return }
        self.released = max(self.released, offset - self.start)
        if self.released > self.bytes.count / 2 {
            self.bytes.removeFirst(self.released)
            self.start += self.released
            self.released = 0
        }
    }

    /// SHA-256 of the input.
    var inputDigest: [UInt8] { self.input.finalized() }
    /// SHA-256 of the kept spans' bytes, one after the other; nil if not all of them were held.
    var keptDigest: [UInt8]? { self.isComplete ? self.kept.finalized() : nil }
}
