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
    /// The token of each byte, 256 of them.
    let byteTokens: FixedTable<TokenID>
    let boundary: Boundary
    let trie: PrefixTrie
    let isOrdered: Bool
    /// Keeps the memory of every table.
    private let memory: any AnyObject & Sendable
    /// The bytes of all tokens, one after the other, and where each starts; `count + 1` starts.
    private let text: FixedTable<UInt8>
    private let starts: FixedTable<UInt32>

    var merges: MergeTable { self.boundary.merges }

    /// One more than the largest id.
    var count: Int { self.starts.count - 1 }

    /// Builds the tables.
    ///
    /// - Throws: `modelUnusable` if the vocabulary has more bytes, or more distinct prefixes, than the tables can number.
    init(_ file: VocabularyFile) throws(CPRSError) {
        // Far beyond any vocabulary; the tables below keep places in 32 bits.
        guard file.text.count <= 1 << 30 else {
            throw CPRSError(
                code: .modelUnusable,
                message: "\(file.name): the tokens must have at most \(1 << 30) bytes (got \(file.text.count))")
        }
        self.memory = file.storage
        self.text = file.storage.table(file.text)
        self.starts = file.storage.table(file.starts.map { UInt32($0) })
        self.byteTokens = file.storage.table(file.byteTokens)
        self.boundary = Boundary(file)
        self.isOrdered = Self.findOrigins(file, self.boundary)
        self.trie = try Self.makeTrie(file, self.boundary.origins, self.byteTokens)
    }

    /// Borrows packed tables, which `owner` keeps alive.
    ///
    /// - Throws: `modelUnusable` for the first defect that could lead outside the tables.
    init(
        _ reader: PackedReader, isOrdered: Bool, owner: any AnyObject & Sendable
    ) throws(CPRSError) {
        self.memory = owner
        self.isOrdered = isOrdered
        self.byteTokens = try reader.table(.byteTokens, count: 256)
        self.text = try reader.table(.text)
        self.starts = try reader.table(.starts)
        try PackedOrigins.check(self.starts, textCount: self.text.count, reader)
        self.boundary = try Boundary(reader, starts: self.starts, byteTokens: self.byteTokens)
        self.trie = try PrefixTrie(reader, byteTokens: self.byteTokens, tokenCount: self.starts.count - 1)
    }

    func pack(into writer: inout PackedWriter) {
        writer.append(self.byteTokens, as: .byteTokens)
        writer.append(self.text, as: .text)
        writer.append(self.starts, as: .starts)
        self.boundary.pack(into: &writer)
        self.trie.pack(into: &writer)
    }

    /// The bytes that a token stands for; empty for an id that no token has.
    func bytes(of token: TokenID) -> [UInt8] {
        let start = Int(self.starts[Int(token)])
        let count = Int(self.starts[Int(token) + 1]) - start
        return Array(UnsafeBufferPointer(start: self.text.base + start, count: count))
    }

    /// Finds for each token the merge that gives it, and returns whether every merge comes later than its parts'.
    private static func findOrigins(_ file: VocabularyFile, _ boundary: Boundary) -> Bool {
        let origins = boundary.origins
        for (rank, merge) in file.mergeList.enumerated() {
            let (left, right) = (origins[Int(merge.left)], origins[Int(merge.right)])
            guard left.rank != TokenOrigin.unreachable, right.rank != TokenOrigin.unreachable else { return false }
            let lastByte = file.text[file.starts[Int(merge.left) + 1] - 1]
            let firstByte = file.text[file.starts[Int(merge.right)]]
            guard origins[Int(merge.result)].rank == TokenOrigin.unreachable,
                boundary.staysOpen(merge.left, merge.right, lastByte, firstByte)
            else { continue }
            origins[Int(merge.result)].left = merge.left
            origins[Int(merge.result)].right = merge.right
            origins[Int(merge.result)].rank = Int32(rank)
            origins[Int(merge.result)].headRank = left.rank < 0 ? Int32(rank) : left.headRank
            origins[Int(merge.result)].tailRank = right.rank < 0 ? Int32(rank) : right.tailRank
        }
        return true
    }

    private static func makeTrie(
        _ file: VocabularyFile, _ origins: FixedTable<TokenOrigin>, _ byteTokens: FixedTable<TokenID>
    ) throws(CPRSError) -> PrefixTrie {
        var trie = PrefixTrie(
            byteTokens: byteTokens, tokenCount: origins.count, totalBytes: file.text.count, storage: file.storage)
        let isFull: Bool = file.text.withUnsafeBufferPointer { text in
            for token in Self.byLength(origins) where origins[Int(token)].rank >= 0 {
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

    /// All tokens, the shortest first: a counting sort.
    private static func byLength(_ origins: FixedTable<TokenOrigin>) -> [TokenID] {
        let longest = (0..<origins.count).reduce(0) { max($0, Int(origins[$1].length)) }
        var next = [Int](repeating: 0, count: longest + 2)
        for token in 0..<origins.count { next[Int(origins[token].length) + 1] += 1 }
        for length in 1..<next.count { next[length] += next[length - 1] }
        var sorted = [TokenID](repeating: 0, count: origins.count)
        for token in 0..<origins.count {
            let length = Int(origins[token].length)
            sorted[next[length]] = TokenID(token)
            next[length] += 1
        }
        return sorted
    }
}
