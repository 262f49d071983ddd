internal import CPRSCore

/// Whether the border between two tokens survives byte-pair encoding.
///
/// Let text `u` encode to token `l` alone and `v` to `r` alone. Then `uv` encodes to `l r` unless, at some moment,
/// the token that then ended `u` and the one that then started `v` were a merge whose turn it was. These moments are
/// visited backwards: the part that was made last is undone first, until both are single bytes. The earliest moment,
/// when both are still single bytes, comes first all the same: it rejects most pairs, with one look-up in a small table.
///
/// This needs ordered merges (``Vocabulary/isOrdered``): the state at the time of rank `k` is then every merge below `k`.
/// Source: the observation of the `bpe` crate (github/rust-gems) that pairs decide the whole encoding.
struct Boundary: Sendable {
    let merges: MergeTable
    let origins: FixedTable<TokenOrigin>
    /// By two bytes: the rank of their merge.
    private let byteRanks: FixedTable<Int32>

    /// Borrows packed tables.
    ///
    /// - Throws: `modelUnusable` if an origin could lead outside the tables or round in circles.
    init(
        _ reader: PackedReader, starts: FixedTable<UInt32>, byteTokens: FixedTable<TokenID>
    ) throws(CPRSError) {
        self.origins = try reader.table(.origins, count: starts.count - 1)
        self.byteRanks = try reader.table(.byteRanks, count: 1 << 16)
        self.merges = try MergeTable(reader)
        try PackedOrigins.check(self.origins, starts, byteTokens, reader)
    }

    func pack(into writer: inout PackedWriter) {
        writer.append(self.origins, as: .origins)
        writer.append(self.byteRanks, as: .byteRanks)
        self.merges.pack(into: &writer)
    }

    /// Knows bytes only; whoever makes it fills in the origins of the other tokens.
    init(_ file: VocabularyFile) {
        let count = file.starts.count - 1
        self.merges = file.merges
        self.origins = file.storage.table(repeating: TokenOrigin(length: 0), count: count)
        for token in 0..<count {
            self.origins[token].length = file.starts[token + 1] - file.starts[token]
        }
        for merge in file.mergeList {
            self.origins[Int(merge.left)].rightPartners |= TokenOrigin.bit(merge.right)
            self.origins[Int(merge.right)].leftPartners |= TokenOrigin.bit(merge.left)
        }
        for token in file.byteTokens { self.origins[Int(token)].rank = TokenOrigin.byteRank }
        self.byteRanks = file.storage.table(repeating: MergeTable.none, count: 1 << 16)
        for (left, leftToken) in file.byteTokens.enumerated() {
            for (right, rightToken) in file.byteTokens.enumerated() {
                self.byteRanks[left << 8 | right] = self.merges.rank(leftToken, rightToken)
            }
        }
    }

    /// True if the tokens `left right`, side by side, are the encoding of their joint text.
    ///
    /// - Parameters:
    ///   - lastByte: of `left`.
    ///   - firstByte: of `right`.
    @inline(__always)
    func holds(_ left: TokenID, _ right: TokenID, _ lastByte: UInt8, _ firstByte: UInt8) -> Bool {
        let (leftOrigin, rightOrigin) = (self.origins.base + Int(left), self.origins.base + Int(right))
        if self.closesAsBytes(leftOrigin, rightOrigin, lastByte, firstByte) { return false }
        // Whole tokens never change again, so a merge of any rank would join them.
        if self.rank(left, leftOrigin, right, rightOrigin) != MergeTable.none { return false }
        return self.staysOpenBetween(left, right)
    }

    /// True if both tokens, side by side, get complete. They may be a merge then.
    func staysOpen(_ left: TokenID, _ right: TokenID, _ lastByte: UInt8, _ firstByte: UInt8) -> Bool {
        let (leftOrigin, rightOrigin) = (self.origins.base + Int(left), self.origins.base + Int(right))
        if leftOrigin.pointee.rank < 0, rightOrigin.pointee.rank < 0 { return true }
        if self.closesAsBytes(leftOrigin, rightOrigin, lastByte, firstByte) { return false }
        return self.staysOpenBetween(left, right)
    }

    /// True if the bytes on both sides merge before either merges with its own side. The limits are those of the
    /// loop below, for its last round; a single byte merges with nothing on its own side, so its limit is beyond all ranks.
    @inline(__always)
    private func closesAsBytes(
        _ leftOrigin: UnsafePointer<TokenOrigin>, _ rightOrigin: UnsafePointer<TokenOrigin>, _ lastByte: UInt8,
        _ firstByte: UInt8
    ) -> Bool {
        let rank = self.byteRanks[Int(lastByte) << 8 | Int(firstByte)]
        return rank < leftOrigin.pointee.tailRank && rank <= rightOrigin.pointee.headRank
    }

    /// True if nothing crosses the border before both tokens are complete and after both are single bytes.
    @inline(__always)
    private func staysOpenBetween(_ left: TokenID, _ right: TokenID) -> Bool {
        var (left, right) = (left, right)
        var (leftOrigin, rightOrigin) = (self.origins.base + Int(left), self.origins.base + Int(right))
        guard leftOrigin.pointee.rank >= 0 || rightOrigin.pointee.rank >= 0 else { return true }
        while true {
            // A crossing merge below this rank would have come before the merge that is undone here.
            let limit: Int32
            if leftOrigin.pointee.rank > rightOrigin.pointee.rank {
                // Of two merges of one rank the left one comes first, which is the one undone.
                limit = leftOrigin.pointee.rank
                left = leftOrigin.pointee.right
                leftOrigin = self.origins.base + Int(left)
            } else {
                // Here the crossing one is the left one.
                limit = rightOrigin.pointee.rank &+ 1
                right = rightOrigin.pointee.left
                rightOrigin = self.origins.base + Int(right)
            }
            // Bytes were seen to before.
            if leftOrigin.pointee.rank < 0, rightOrigin.pointee.rank < 0 { return true }
            if self.rank(left, leftOrigin, right, rightOrigin) < limit { return false }
        }
    }

    /// The pair's rank. Most pairs are no merge, and most of them show it by what is at hand.
    @inline(__always)
    private func rank(
        _ left: TokenID, _ leftOrigin: UnsafePointer<TokenOrigin>, _ right: TokenID,
        _ rightOrigin: UnsafePointer<TokenOrigin>
    ) -> Int32 {
        guard leftOrigin.pointee.rightPartners & TokenOrigin.bit(right) != 0,
            rightOrigin.pointee.leftPartners & TokenOrigin.bit(left) != 0
        else { return MergeTable.none }
        return self.merges.rank(left, right)
    }
}
