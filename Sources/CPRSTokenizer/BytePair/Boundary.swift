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

    /// Knows bytes only; whoever makes it fills in the origins of the other tokens.
    init(_ file: VocabularyFile) {
        let count = file.starts.count - 1
        self.merges = file.merges
        self.origins = file.storage.table(repeating: TokenOrigin(length: 0), count: count)
        for token in 0..<count {
            self.origins[token].length = Int32(file.starts[token + 1] - file.starts[token])
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
    ///   - isTogether: ask only whether both tokens get complete: the two may be a merge then.
    @inline(__always)
    func staysOpen(
        _ left: TokenID, _ right: TokenID, _ lastByte: UInt8, _ firstByte: UInt8, isTogether: Bool = false
    ) -> Bool {
        var (left, right) = (left, right)
        var (leftOrigin, rightOrigin) = (self.origins[Int(left)], self.origins[Int(right)])
        // The limits are those of the loop below, for its last round.
        let byteRank = self.byteRanks[Int(lastByte) << 8 | Int(firstByte)]
        let areBytes = leftOrigin.rank < 0 && rightOrigin.rank < 0
        if areBytes { return isTogether || byteRank == MergeTable.none }
        if byteRank < leftOrigin.tailRank && byteRank <= rightOrigin.headRank { return false }
        // Whole tokens never change again, so a merge of any rank would join them.
        if !isTogether, self.merges.rank(left, right) != MergeTable.none { return false }
        while true {
            // A crossing merge below this rank would have come before the merge that is undone here.
            let limit: Int32
            if leftOrigin.rank > rightOrigin.rank {
                // Of two merges of one rank the left one comes first, which is the one undone.
                limit = leftOrigin.rank
                left = leftOrigin.right
                leftOrigin = self.origins[Int(left)]
            } else {
                // Here the crossing one is the left one.
                limit = rightOrigin.rank &+ 1
                right = rightOrigin.left
                rightOrigin = self.origins[Int(right)]
            }
            if leftOrigin.rank < 0 && rightOrigin.rank < 0 { return true }
            if self.merges.rank(left, right) < limit { return false }
        }
    }
}
