internal import CPRSCore

/// The fourth stage: a pretoken's tokens, from the cache or by the encoder that fits the vocabulary.
///
/// It belongs to one stream: the cache and the scratch are not shared.
struct BytePairEncoder: Sendable {
    private let vocabulary: Vocabulary
    private var cache = PretokenCache()
    private let backtracking: BacktrackingEncoder
    private var mergeQueue: MergeQueueEncoder

    init(_ vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
        self.backtracking = BacktrackingEncoder(vocabulary)
        self.mergeQueue = MergeQueueEncoder(vocabulary)
    }

    /// Appends the tokens of the pretoken `range` (not empty) of `text`, whose ranges then count from `origin`.
    ///
    /// Sixteen bytes can be read at the pretoken's start.
    @inline(__always)
    mutating func encode(
        _ text: UnsafePointer<UInt8>, _ range: Range<Int>, origin: Int, into tokens: inout [Token]
    ) {
        guard range.count <= PretokenCache.maxLength else {
            self.encodeUncached(text, range, origin, &tokens)
            return
        }
        let key = PretokenCache.key(text, at: range.lowerBound, length: range.count)
        let index = self.cache.index(key)
        let slot = self.cache[index]
        guard slot.key == key else {
            self.encodeAndRemember(text, range, origin, key, index, &tokens)
            return
        }
        let start = origin &+ range.lowerBound
        let end = origin &+ range.upperBound
        if slot.count == 1 {
            tokens.append(Token(id: slot.tokens.0, bytes: start..<end))
            return
        }
        let second = start &+ Int(slot.lengths.0)
        tokens.append(Token(id: slot.tokens.0, bytes: start..<second))
        if slot.count == 2 {
            tokens.append(Token(id: slot.tokens.1, bytes: second..<end))
            return
        }
        let third = second &+ Int(slot.lengths.1)
        tokens.append(Token(id: slot.tokens.1, bytes: second..<third))
        tokens.append(Token(id: slot.tokens.2, bytes: third..<end))
    }

    @inline(never)
    private mutating func encodeAndRemember(
        _ text: UnsafePointer<UInt8>, _ range: Range<Int>, _ origin: Int, _ key: PretokenCache.Key, _ index: Int,
        _ tokens: inout [Token]
    ) {
        let first = tokens.count
        self.encodeUncached(text, range, origin, &tokens)
        let found = tokens[first...]
        guard found.count <= PretokenCache.maxTokens else { return }
        var slot = PretokenCache.Slot()
        slot.key = key
        slot.count = UInt8(found.count)
        slot.tokens.0 = found[first].id
        slot.lengths.0 = UInt8(found[first].bytes.count)
        if found.count > 1 {
            slot.tokens.1 = found[first + 1].id
            slot.lengths.1 = UInt8(found[first + 1].bytes.count)
        }
        if found.count > 2 { slot.tokens.2 = found[first + 2].id }
        self.cache.insert(slot, at: index)
    }

    @inline(never)
    private mutating func encodeUncached(
        _ text: UnsafePointer<UInt8>, _ range: Range<Int>, _ origin: Int, _ tokens: inout [Token]
    ) {
        if self.vocabulary.isOrdered {
            self.backtracking.encode(text, range, origin: origin, into: &tokens)
            return
        }
        self.mergeQueue.encode(UnsafeBufferPointer(start: text + range.lowerBound, count: range.count))
        self.mergeQueue.tokens.withUnsafeBufferPointer { ids in
            tokens.append(
                contentsOf: TokenRun(
                    ids: ids, origins: self.vocabulary.boundary.origins, start: origin &+ range.lowerBound))
        }
    }
}
