internal import CPRSCore

/// Finds the longest token that a text starts with.
///
/// A trie whose edges lie in one hash table. A node that is a token has that token's id as its number, so that walking
/// needs no second look-up; the other nodes are numbered from the vocabulary's size on. The first two bytes, where the
/// trie is bushy, are one look-up in a plain table.
struct PrefixTrie: Sendable {
    private struct Edge: BitwiseCopyable, Sendable {
        /// `parent << 8 | byte`; all bits set where there is none.
        var key: UInt32
        /// The child's number, and the top bit if it has children.
        var child: UInt32
    }

    /// Largest node number: a key keeps 24 bits for it, and the last one would look like an empty edge.
    static let maxNode: UInt32 = 1 << 24 - 2
    private static let noEdge = Edge(key: .max, child: 0)
    private static let hasChildren: UInt32 = 1 << 31
    private static let missing = UInt32.max

    private let tokenCount: UInt32
    /// By the first byte: the token of that byte.
    private let bytes: FixedTable<TokenID>
    /// By the first byte, then the second: the node of both, or ``missing``.
    private let pairs: FixedTable<UInt32>
    private let edges: FixedTable<Edge>
    private let edgeShift: UInt32
    private var nextNode: UInt32

    /// An empty trie.
    ///
    /// - Parameters:
    ///   - byteTokens: the token of each byte, 256 of them.
    ///   - tokenCount: every token is below it.
    ///   - totalBytes: the sum of the lengths of all tokens that will be inserted, a bound on the nodes.
    init(byteTokens: FixedTable<TokenID>, tokenCount: Int, totalBytes: Int, storage: TableStorage) {
        self.tokenCount = UInt32(tokenCount)
        self.nextNode = UInt32(tokenCount)
        self.bytes = byteTokens
        self.pairs = storage.table(repeating: Self.missing, count: 1 << 16)
        let slots = MergeTable.powerOfTwo(atLeast: totalBytes + 16)
        self.edges = storage.table(repeating: Self.noEdge, count: slots)
        self.edgeShift = UInt32(32 - slots.trailingZeroBitCount)
    }

    /// Borrows a packed trie.
    ///
    /// - Parameter byteTokens: the token of each byte, 256 of them.
    /// - Throws: `modelUnusable` if a table's form is damaged. Nodes are not looked at: a damaged one leads to a wrong
    ///   token below `tokenCount`.
    init(
        _ reader: PackedReader, byteTokens: FixedTable<TokenID>, tokenCount: Int
    ) throws(CPRSError) {
        self.tokenCount = UInt32(tokenCount)
        self.nextNode = Self.maxNode
        self.bytes = byteTokens
        self.pairs = try reader.table(.triePairs, count: 1 << 16)
        let edges: FixedTable<Edge> = try reader.table(.trieEdges)
        guard MergeTable.isPowerOfTwo(edges.count), edges.count <= 1 << 31 else {
            throw reader.failure("the number of trie edges must be a power of two up to 2^31 (got \(edges.count))")
        }
        // Without an empty slot a look-up would never end.
        guard (0..<edges.count).contains(where: { edges[$0].key == .max }) else {
            throw reader.failure("no slot for a trie edge is empty")
        }
        self.edges = edges
        self.edgeShift = UInt32(32 - edges.count.trailingZeroBitCount)
    }

    func pack(into writer: inout PackedWriter) {
        writer.append(self.pairs, as: .triePairs)
        writer.append(self.edges, as: .trieEdges)
    }

    /// Inserts a token of at least two bytes. Shorter tokens must have been inserted before longer ones.
    ///
    /// - Returns: the longest token that is a proper prefix of it, or nil if the node numbers are used up.
    mutating func insert(_ token: TokenID, _ text: UnsafeBufferPointer<UInt8>) -> TokenID? {
        let pair = Int(text[0]) << 8 | Int(text[1])
        var prefix = self.bytes[Int(text[0])]
        var link = self.pairs.base + pair
        if link.pointee == Self.missing {
            guard let node = self.newNode(for: token, isLast: text.count == 2) else { return nil }
            link.pointee = node
        }
        for index in 2..<max(text.count, 2) {
            let parent = link.pointee & ~Self.hasChildren
            link.pointee |= Self.hasChildren
            if parent < self.tokenCount { prefix = TokenID(bitPattern: parent) }
            let edge = self.edge(parent, text[index])
            if edge.pointee.key == .max {
                guard let node = self.newNode(for: token, isLast: index == text.count - 1) else { return nil }
                edge.pointee = Edge(key: parent << 8 | UInt32(text[index]), child: node)
            }
            // The child lies behind the key: `Edge` has two fields of one type, without padding.
            link = UnsafeMutableRawPointer(edge).assumingMemoryBound(to: UInt32.self) + 1
        }
        return prefix
    }

    /// The longest token that the text from `start` to `limit` (not empty) begins with, and where it ends.
    @inline(__always)
    func longestPrefix(
        _ text: UnsafePointer<UInt8>, from start: Int, to limit: Int
    ) -> (token: TokenID, end: Int) {
        var best = UInt32(bitPattern: self.bytes[Int(text[start])])
        var end = start &+ 1
        guard end < limit else { return (TokenID(bitPattern: best), end) }
        var link = self.pairs[Int(text[start]) << 8 | Int(text[end])]
        guard link != Self.missing else { return (TokenID(bitPattern: best), end) }
        var offset = start &+ 2
        while true {
            let node = link & ~Self.hasChildren
            if node < self.tokenCount { (best, end) = (node, offset) }
            guard link >= Self.hasChildren, offset < limit else { break }
            let edge = self.edge(node, text[offset]).pointee
            if edge.key == .max { break }
            link = edge.child
            offset &+= 1
        }
        return (TokenID(bitPattern: best), end)
    }

    /// The edge from `parent` by `byte`, or the empty place where it would go.
    @inline(__always)
    private func edge(_ parent: UInt32, _ byte: UInt8) -> UnsafeMutablePointer<Edge> {
        let key = parent << 8 | UInt32(byte)
        // A node's edges lie near one another, so that texts of few different bytes touch few cache lines.
        var index = Int(truncatingIfNeeded: (parent &* 0x9E37_79B1) >> self.edgeShift) &+ Int(byte)
        index &= self.edges.count &- 1
        while true {
            let edge = self.edges.base + index
            if edge.pointee.key == key || edge.pointee.key == .max { return edge }
            index = (index &+ 1) & (self.edges.count &- 1)
        }
    }

    private mutating func newNode(for token: TokenID, isLast: Bool) -> UInt32? {
        if isLast { return UInt32(token) }
        guard self.nextNode < Self.maxNode else { return nil }
        defer { self.nextNode += 1 }
        return self.nextNode
    }
}
