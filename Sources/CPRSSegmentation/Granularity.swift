/// How much text is kept or dropped as one piece.
package enum Granularity: String, CaseIterable, Sendable {
    case token, word, sentence, line, paragraph
    /// A line, or a member or element of JSON that shares its line with the next.
    case record
}

/// An upper limit on what is kept, counted in tokens of the input.
package enum Budget: Hashable, Sendable {
    /// At most this many tokens; at least 1.
    case maxTokens(Int)
    /// At most this part of the input's tokens, in `0 < ratio <= 1`, rounded down but never below one token.
    case ratio(Double)
}
