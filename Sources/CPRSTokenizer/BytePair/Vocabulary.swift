internal import CPRSCore

/// What the encoders need to know about a vocabulary, in flat tables.
///
/// A token is *reachable* if encoding its own bytes gives it back. Where a token appears in the encoding of any text, the
/// merges inside it are the ones of its own encoding, because no other merge crosses its borders; hence only reachable
/// tokens ever appear, and each has exactly one last merge, whatever the merges list says.
///
/// The fast encoder needs more: every merge must come later in the list than those that make its two parts
/// (``isOrdered``). Vocabularies that training produced are so; others are encoded by the merge queue.
final class Vocabulary: Sendable {
    /// How a token came to be; see ``BacktrackingEncoder``.
    struct Origin: BitwiseCopyable, Sendable {
        /// The two tokens that its last merge joined.
        var left: TokenID
        var right: TokenID
        /// That merge's rank; ``byteRank`` for a single byte, ``unreachable`` where no merge gives the token.
        var rank: Int32
        /// The longest reachable token that is a proper prefix of this one; -1 for a single byte.
        var prefix: TokenID
    }

    static let byteRank: Int32 = -1
    static let unreachable: Int32 = -2

    /// The token of each byte, 256 of them.
    let byteTokens: [TokenID]
    let merges: MergeTable
    let origins: FixedTable<Origin>
    /// Bytes in each token.
    let lengths: FixedTable<UInt16>
    let trie: PrefixTrie
    let isOrdered: Bool
    /// The bytes of all tokens, one after the other, and where each starts; `count + 1` starts.
    private let text: [UInt8]
    private let starts: [Int]

    /// One more than the largest id.
    var count: Int { self.starts.count - 1 }

    /// Builds the tables.
    ///
    /// - Throws: `modelUnusable` if the vocabulary has more distinct prefixes than the trie can number.
    init(_ file: VocabularyFile) throws(CPRSError) {
        self.text = file.text
        self.starts = file.starts
        self.byteTokens = file.byteTokens
        self.merges = file.merges
        let count = file.starts.count - 1
        let origins = FixedTable(
            repeating: Origin(left: -1, right: -1, rank: Self.unreachable, prefix: -1), count: count)
        let lengths = FixedTable<UInt16>(repeating: 0, count: count)
        for token in 0..<count { lengths[token] = UInt16(file.starts[token + 1] - file.starts[token]) }
        for token in file.byteTokens { origins[Int(token)].rank = Self.byteRank }
        self.isOrdered = Self.findOrigins(file, origins)
        self.origins = origins
        self.lengths = lengths
        self.trie = try Self.makeTrie(file, origins, lengths)
    }

    /// The bytes that a token stands for; empty for an id that no token has.
    func bytes(of token: TokenID) -> ArraySlice<UInt8> {
        self.text[self.starts[Int(token)]..<self.starts[Int(token) + 1]]
    }

    /// Finds for each token the merge that gives it, and returns whether every merge comes later than its parts'.
    private static func findOrigins(_ file: VocabularyFile, _ origins: FixedTable<Origin>) -> Bool {
        for (rank, merge) in file.mergeList.enumerated() {
            let (left, right) = (origins[Int(merge.left)], origins[Int(merge.right)])
            guard left.rank != Self.unreachable, right.rank != Self.unreachable else { return false }
            let isFirst = origins[Int(merge.result)].rank == Self.unreachable
            guard isFirst, Boundary.staysOpen(merge.left, merge.right, file.merges, origins) else { continue }
            origins[Int(merge.result)].left = merge.left
            origins[Int(merge.result)].right = merge.right
            origins[Int(merge.result)].rank = Int32(rank)
        }
        return true
    }

    private static func makeTrie(
        _ file: VocabularyFile, _ origins: FixedTable<Origin>, _ lengths: FixedTable<UInt16>
    ) throws(CPRSError) -> PrefixTrie {
        let longest = (0..<lengths.count).reduce(0) { max($0, Int(lengths[$1])) }
        // Tokens by length, shortest first: a counting sort.
        var next = [Int](repeating: 0, count: longest + 2)
        for token in 0..<lengths.count { next[Int(lengths[token]) + 1] += 1 }
        for length in 1..<next.count { next[length] += next[length - 1] }
        var sorted = [TokenID](repeating: 0, count: lengths.count)
        for token in 0..<lengths.count {
            sorted[next[Int(lengths[token])]] = TokenID(token)
            next[Int(lengths[token])] += 1
        }
        var trie = PrefixTrie(byteTokens: file.byteTokens, tokenCount: lengths.count, totalBytes: file.text.count)
        let isFull: Bool = file.text.withUnsafeBufferPointer { text in
            for token in sorted where origins[Int(token)].rank >= 0 {
                let bytes = UnsafeBufferPointer(rebasing: text[file.starts[Int(token)]..<file.starts[Int(token) + 1]])
                guard let prefix = trie.insert(token, bytes) else { return true }
                origins[Int(token)].prefix = prefix
            }
            return false
        }
        guard !isFull else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(file.name): the vocabulary has more than \(PrefixTrie.maxNode) distinct prefixes")
        }
        return trie
    }
}
