internal import CPRSCore

/// Byte-pair encoding from left to right, in linear time.
///
/// A sequence of reachable tokens is the encoding of its text exactly if every two neighbours are the encoding of theirs
/// (``Boundary``). So a text is encoded by taking the longest token that fits and has a good border to the one before,
/// and going back where none has. For each place the tokens before it are unique (they are the encoding of that
/// prefix), so a place that once led nowhere never needs a second visit: that bounds the work.
/// Source: the idea of github/rust-gems, `crates/bpe`; needs ``Vocabulary/isOrdered``.
struct BacktrackingEncoder: Sendable {
    private let vocabulary: Vocabulary
    /// One bit for each place in the text: set where going on is known to lead nowhere. Empty while there is none.
    private var deadEnds: [UInt64] = []

    init(_ vocabulary: Vocabulary) { self.vocabulary = vocabulary }

    /// Appends the tokens of `text[range]`, which is not empty; their ranges are those in `text` plus `origin`.
    mutating func encode(
        _ text: UnsafePointer<UInt8>, _ range: Range<Int>, origin: Int, into tokens: inout [Token]
    ) {
        let (trie, boundary) = (self.vocabulary.trie, self.vocabulary.boundary)
        let origins = boundary.origins
        let first = tokens.count
        let limit = range.upperBound
        var start = range.lowerBound
        var previous: TokenID = -1
        var (candidate, end) = trie.longestPrefix(text, from: start, to: limit)
        while true {
            if !self.isDeadEnd(end &- range.lowerBound)
                && (previous < 0 || boundary.staysOpen(previous, candidate, text[start &- 1], text[start]))
            {
                tokens.append(Token(id: candidate, bytes: start &+ origin..<end &+ origin))
                if end == limit { break }
                previous = candidate
                start = end
                (candidate, end) = trie.longestPrefix(text, from: start, to: limit)
                continue
            }
            candidate = origins[Int(candidate)].prefix
            if candidate >= 0 {
                end = start &+ Int(origins[Int(candidate)].length)
                continue
            }
            // Nothing fits here, so the token before was wrong. There is one: at the first place something fits,
            // for every text has an encoding.
            self.markDeadEnd(start &- range.lowerBound, of: range.count)
            end = start
            start &-= Int(origins[Int(previous)].length)
            candidate = previous
            tokens.removeLast()
            previous = tokens.count > first ? tokens[tokens.count &- 1].id : -1
        }
        if !self.deadEnds.isEmpty {
            self.deadEnds.removeAll(keepingCapacity: range.count <= NormalizedText.keptCapacity)
        }
    }

    @inline(__always)
    private func isDeadEnd(_ place: Int) -> Bool {
        !self.deadEnds.isEmpty && self.deadEnds[place >> 6] >> UInt64(place & 63) & 1 != 0
    }

    @inline(never)
    private mutating func markDeadEnd(_ place: Int, of count: Int) {
        if self.deadEnds.isEmpty { self.deadEnds.append(contentsOf: repeatElement(0, count: count / 64 + 1)) }
        self.deadEnds[place >> 6] |= 1 << UInt64(place & 63)
    }
}
