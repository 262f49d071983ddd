internal import CPRSCore

/// How a token came to be. 32 bytes, so that one look-up is one cache line.
struct TokenOrigin: BitwiseCopyable, Sendable {
    /// `rank` of a single byte.
    static let byteRank: Int32 = -1
    /// `rank` of a token that no merge gives.
    static let unreachable: Int32 = -2

    /// The two tokens that its last merge joined; -1 for a single byte.
    var left: TokenID = -1
    var right: TokenID = -1
    /// That merge's rank.
    var rank: Int32 = Self.unreachable
    /// The rank of the merge that took its first byte, and of the one that took its last; for a single byte, which
    /// no merge has taken yet, the greatest number.
    var headRank = Int32.max
    var tailRank = Int32.max
    /// The longest reachable token that is a proper prefix of this one; -1 for a single byte.
    var prefix: TokenID = -1
    /// In bytes.
    var length: Int32 = 0
    private var padding: Int32 = 0

    init(length: Int) { self.length = Int32(length) }
}
