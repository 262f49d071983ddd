internal import CPRSCore

/// Whether the border between two tokens survives byte-pair encoding.
///
/// Let text `u` encode to token `l` alone and `v` to `r` alone. Then `uv` encodes to `l r` unless, at some moment,
/// the token that then ended `u` and the one that then started `v` were a merge whose turn it was. These moments are
/// visited backwards: the part that was made last is undone first, until both are single bytes.
///
/// This needs ordered merges (``Vocabulary/isOrdered``): the state at the time of rank `k` is then every merge below `k`.
/// Source: the observation of the `bpe` crate (github/rust-gems) that pairs decide the whole encoding.
enum Boundary {
    /// True if the tokens `left right`, side by side, are the encoding of their joint text.
    @inline(__always)
    static func holds(
        _ left: TokenID, _ right: TokenID, _ merges: MergeTable, _ origins: FixedTable<Vocabulary.Origin>
    ) -> Bool {
        // Whole tokens never change again, so a merge of any rank would join them.
        merges.rank(left, right) == MergeTable.none && Self.staysOpen(left, right, merges, origins)
    }

    /// True if nothing crosses the border before both tokens are complete.
    @inline(__always)
    static func staysOpen(
        _ left: TokenID, _ right: TokenID, _ merges: MergeTable, _ origins: FixedTable<Vocabulary.Origin>
    ) -> Bool {
        var (left, right) = (left, right)
        var (leftOrigin, rightOrigin) = (origins[Int(left)], origins[Int(right)])
        while true {
            // A crossing merge below this rank would have come before the merge that is undone here.
            let limit: Int32
            if leftOrigin.rank > rightOrigin.rank {
                // Of two merges of one rank the left one comes first, which is the one undone.
                limit = leftOrigin.rank
                left = leftOrigin.right
                leftOrigin = origins[Int(left)]
            } else {
                guard rightOrigin.rank >= 0 else { return true }
                // Here the crossing one is the left one.
                limit = rightOrigin.rank + 1
                right = rightOrigin.left
                rightOrigin = origins[Int(right)]
            }
            if merges.rank(left, right) < limit { return false }
        }
    }
}
