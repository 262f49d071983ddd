package import CPRSCore

/// Byte-pair encoding with a queue of possible merges, for merge lists that are not ordered.
///
/// Exactly the definition: of all possible merges the one of the lowest rank is done, the leftmost of equals.
/// O(n log n) time and O(n) memory.
package struct MergeQueueEncoder: Sendable {
    /// A possible merge; compares as `rank`, then `position`.
    private struct Candidate: Comparable {
        var rank: Int32
        var position: Int32
        /// What stood there when it was found; if that has changed, the candidate is void.
        var left: TokenID
        var right: TokenID

        static func < (one: Self, other: Self) -> Bool {
            (one.rank, one.position) < (other.rank, other.position)
        }
    }

    private let vocabulary: Vocabulary
    /// The tokens of the last text.
    private(set) var tokens: [TokenID] = []

    init(_ vocabulary: Vocabulary) { self.vocabulary = vocabulary }

    /// The tokens of one pretoken, whatever encoder the vocabulary is ordered for.
    package static func encode(_ text: [UInt8], _ tokenizer: Tokenizer) -> [TokenID] {
        var encoder = Self(tokenizer.vocabulary)
        text.withUnsafeBufferPointer { encoder.encode($0) }
        return encoder.tokens
    }

    /// Encodes `text` into ``tokens``.
    mutating func encode(_ text: UnsafeBufferPointer<UInt8>) {
        self.tokens = text.map { self.vocabulary.byteTokens[Int($0)] }
        var previous = (0..<text.count).map { Int32($0 - 1) }
        var next = (0..<text.count).map { Int32($0 + 1) }
        var queue = BinaryHeap<Candidate>()
        for position in 0..<max(text.count - 1, 0) { self.propose(position, position + 1, &queue) }
        while let candidate = queue.popFirst() {
            let left = Int(candidate.position)
            guard self.tokens[left] == candidate.left, Int(next[left]) < text.count else { continue }
            let right = Int(next[left])
            guard self.tokens[right] == candidate.right else { continue }
            self.tokens[left] = self.vocabulary.merges.merge(candidate.left, candidate.right).result
            self.tokens[right] = -1
            next[left] = next[right]
            if Int(next[left]) < text.count {
                previous[Int(next[left])] = Int32(left)
                self.propose(left, Int(next[left]), &queue)
            }
            if previous[left] >= 0 { self.propose(Int(previous[left]), left, &queue) }
        }
        self.tokens.removeAll { $0 < 0 }
    }

    private func propose(_ left: Int, _ right: Int, _ queue: inout BinaryHeap<Candidate>) {
        let (rank, result) = self.vocabulary.merges.merge(self.tokens[left], self.tokens[right])
        guard rank != MergeTable.none, self.isJoin(result, self.tokens[left], self.tokens[right]) else { return }
        queue.insert(
            Candidate(rank: rank, position: Int32(left), left: self.tokens[left], right: self.tokens[right]))
    }

    /// Whether the result is a token as long as its parts, which a damaged packed table does not promise.
    @inline(__always)
    private func isJoin(_ result: TokenID, _ left: TokenID, _ right: TokenID) -> Bool {
        let origins = self.vocabulary.boundary.origins
        guard UInt32(bitPattern: result) < UInt32(truncatingIfNeeded: origins.count) else { return false }
        return origins[Int(result)].length == origins[Int(left)].length + origins[Int(right)].length
    }
}

/// The smallest first.
private struct BinaryHeap<Element: Comparable> {
    private var elements: [Element] = []

    mutating func insert(_ element: Element) {
        self.elements.append(element)
        var index = self.elements.count - 1
        while index > 0, self.elements[index] < self.elements[(index - 1) / 2] {
            self.elements.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func popFirst() -> Element? {
        guard let first = self.elements.first else { return nil }
        let last = self.elements.removeLast()
        if self.elements.isEmpty { return first }
        self.elements[0] = last
        var index = 0
        while true {
            var smallest = index
            for child in [2 * index + 1, 2 * index + 2]
            where child < self.elements.count && self.elements[child] < self.elements[smallest] { smallest = child }
            if smallest == index { return first }
            self.elements.swapAt(index, smallest)
            index = smallest
        }
    }
}
