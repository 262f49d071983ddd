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
    /// The tokens so far.
    private(set) var tokens: [TokenID] = []
    /// One bit for each place in the text: set where going on is known to lead nowhere.
    private var deadEnds: [UInt64] = []

    init(_ vocabulary: Vocabulary) { self.vocabulary = vocabulary }

    /// Encodes `text`, which is not empty, into ``tokens``.
    mutating func encode(_ text: UnsafeBufferPointer<UInt8>) {
        // Not empty, so there is an address.
        let base = text.baseAddress!
        let count = text.count
        let (trie, merges) = (self.vocabulary.trie, self.vocabulary.merges)
        let (origins, lengths) = (self.vocabulary.origins, self.vocabulary.lengths)
        self.tokens.removeAll(keepingCapacity: true)
        var candidate = trie.longestPrefix(base, from: 0, to: count)
        if Int(lengths[Int(candidate)]) == count {
            self.tokens.append(candidate)
            return
        }
        self.clearDeadEnds(count)
        var start = 0
        var previous: TokenID = -1
        while true {
            let end = start &+ Int(lengths[Int(candidate)])
            let fits =
                self.deadEnds[end >> 6] >> UInt64(end & 63) & 1 == 0
                && (previous < 0 || Boundary.holds(previous, candidate, merges, origins))
            if fits {
                self.tokens.append(candidate)
                if end == count { return }
                previous = candidate
                start = end
                candidate = trie.longestPrefix(base, from: start, to: count)
                continue
            }
            candidate = origins[Int(candidate)].prefix
            if candidate >= 0 { continue }
            // Nothing fits here, so the token before was wrong. The first place always has an encoding: it has a
            // token, for otherwise the text would have none.
            self.deadEnds[start >> 6] |= 1 << UInt64(start & 63)
            start &-= Int(lengths[Int(previous)])
            candidate = previous
            self.tokens.removeLast()
            previous = self.tokens.last ?? -1
        }
    }

    /// Gives back memory beyond what ordinary text needs.
    mutating func shrink() {
        if self.tokens.capacity > NormalizedText.keptCapacity { self.tokens = [] }
        if self.deadEnds.capacity > NormalizedText.keptCapacity / 64 { self.deadEnds = [] }
    }

    private mutating func clearDeadEnds(_ count: Int) {
        let words = count / 64 + 1
        if self.deadEnds.count < words {
            self.deadEnds = [UInt64](repeating: 0, count: words)
            return
        }
        for word in 0..<words { self.deadEnds[word] = 0 }
    }
}
