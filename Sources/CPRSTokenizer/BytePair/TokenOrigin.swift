internal import CPRSCore

/// How a token came to be, and which merges it may be part of. 64 bytes, so that one look-up is one cache line.
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
    /// Sets of the tokens that merge with it from the left and from the right, one bit for 64th of all tokens.
    var leftPartners: UInt64 = 0
    var rightPartners: UInt64 = 0
    /// In bytes.
    var length: Int
    private var padding = (0, 0)

    init(length: Int) { self.length = length }

    /// A token's bit in the sets of partners.
    @inline(__always)
    static func bit(_ token: TokenID) -> UInt64 { 1 << UInt64((UInt32(bitPattern: token) &* 0x9E37_79B1) >> 26) }
}
