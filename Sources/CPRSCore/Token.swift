/// A token's index in the vocabulary.
public typealias TokenID = Int32

/// A half-open range of UTF-8 byte offsets, counted from the start of the caller's input.
public typealias ByteRange = Range<Int>

/// One token and the bytes of the original input that it stands for.
public struct Token: Hashable, Sendable {
    /// Index in the vocabulary.
    public var id: TokenID
    /// Offsets into the original input, before any normalisation. May start or end inside a character.
    public var bytes: ByteRange

    /// Creates a token.
    public init(id: TokenID, bytes: ByteRange) {
        self.id = id
        self.bytes = bytes
    }
}
