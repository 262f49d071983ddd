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

    init(_ vocabulary: Vocabulary) { self.vocabulary = vocabulary }

    /// Appends the tokens of `text[range]`, which is not empty; their ranges are those in `text` plus `origin`.
    func encode(_ text: UnsafePointer<UInt8>, _ range: Range<Int>, origin: Int, into tokens: inout [Token]) {
        let start = text + range.lowerBound
        // On the stack for ordinary pretokens.
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: range.count / 64 + 1) { deadEnds in
            deadEnds.initialize(repeating: 0)
            withUnsafeTemporaryAllocation(of: TokenID.self, capacity: range.count) { stack in
                // Neither is empty, so both have an address.
                let count = self.search(start, range.count, stack.baseAddress!, deadEnds.baseAddress!)
                tokens.append(
                    contentsOf: TokenRun(
                        ids: UnsafeBufferPointer(start: stack.baseAddress!, count: count),
                        origins: self.vocabulary.boundary.origins, start: origin &+ range.lowerBound))
            }
        }
    }

    /// Writes the tokens of the text to `stack` and returns how many there are.
    ///
    /// - Parameters:
    ///   - text: `length` bytes, at least one.
    ///   - stack: room for `length` tokens.
    ///   - deadEnds: one zero bit for each place in the text; set where going on is known to lead nowhere.
    private func search(
        _ text: UnsafePointer<UInt8>, _ length: Int, _ stack: UnsafeMutablePointer<TokenID>,
        _ deadEnds: UnsafeMutablePointer<UInt64>
    ) -> Int {
        let (trie, boundary, byteTokens) = (self.vocabulary.trie, self.vocabulary.boundary, self.vocabulary.byteTokens)
        let origins = boundary.origins
        var count = 0
        var start = 0
        var (candidate, end) = Self.longestToken(text, 0, length, trie, origins, byteTokens)
        while true {
            var fits = deadEnds[end >> 6] >> UInt64(end & 63) & 1 == 0
            if fits, count > 0 {
                fits = boundary.holds(stack[count &- 1], candidate, text[start &- 1], text[start])
            }
            if fits {
                stack[count] = candidate
                count &+= 1
                if end == length { return count }
                start = end
                (candidate, end) = Self.longestToken(text, start, length, trie, origins, byteTokens)
                continue
            }
            candidate = origins[Int(candidate)].prefix
            if candidate >= 0 {
                end = start &+ Int(origins[Int(candidate)].length)
                continue
            }
            // Nothing fits here, so the token before was wrong. There is one: at the first place something fits,
            // for every text has an encoding, unless the tables are damaged.
            guard count > 0 else { return self.bytes(text, length, stack) }
            deadEnds[start >> 6] |= 1 << UInt64(start & 63)
            end = start
            count &-= 1
            candidate = stack[count]
            start &-= Int(origins[Int(candidate)].length)
        }
    }

    /// The longest token that the text from `start` to `limit` (not empty) begins with, and where it ends: its own
    /// length further on, which the search relies on. The trie of a damaged packed tokenizer may say otherwise; then
    /// the first byte's token stands in.
    @inline(__always)
    private static func longestToken(
        _ text: UnsafePointer<UInt8>, _ start: Int, _ limit: Int, _ trie: PrefixTrie,
        _ origins: FixedTable<TokenOrigin>, _ byteTokens: FixedTable<TokenID>
    ) -> (token: TokenID, end: Int) {
        let (token, end) = trie.longestPrefix(text, from: start, to: limit)
        if origins[Int(token)].length == end &- start { return (token, end) }
        return (byteTokens[Int(text[start])], start &+ 1)
    }

    /// Encodes each byte as its own token.
    @inline(never)
    private func bytes(_ text: UnsafePointer<UInt8>, _ length: Int, _ stack: UnsafeMutablePointer<TokenID>) -> Int {
        for index in 0..<length { stack[index] = self.vocabulary.byteTokens[Int(text[index])] }
        return length
    }
}

/// Tokens whose ranges follow one another.
struct TokenRun: Sequence, IteratorProtocol {
    let ids: UnsafeBufferPointer<TokenID>
    let origins: FixedTable<TokenOrigin>
    /// Where the next token starts.
    var start: Int
    private var index = 0

    init(ids: UnsafeBufferPointer<TokenID>, origins: FixedTable<TokenOrigin>, start: Int) {
        self.ids = ids
        self.origins = origins
        self.start = start
    }

    /// Exact, so that an array makes room once.
    var underestimatedCount: Int { self.ids.count - self.index }

    @inline(__always)
    mutating func next() -> Token? {
        guard self.index < self.ids.count else { return nil }
        let id = self.ids[self.index]
        let end = self.start &+ Int(self.origins[Int(id)].length)
        defer {
            self.index &+= 1
            self.start = end
        }
        return Token(id: id, bytes: self.start..<end)
    }
}
