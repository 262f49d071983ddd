package import CPRSCore

/// A piece of the input that stays.
package struct KeptSpan: Hashable, Sendable {
    /// Offsets into the input.
    package var bytes: ByteRange
    /// Input tokens in it.
    package var tokens: Int
    /// Score, 0...1.
    package var score: Float
    /// Category word, or nil when the request has no tags.
    package var tag: String?
    /// Kept because the caller asked for it, not for its score.
    package var forced: Bool

    package init(bytes: ByteRange, tokens: Int, score: Float, tag: String?, forced: Bool) {
        self.bytes = bytes
        self.tokens = tokens
        self.score = score
        self.tag = tag
        self.forced = forced
    }
}
