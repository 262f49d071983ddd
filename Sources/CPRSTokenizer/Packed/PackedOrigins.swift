internal import CPRSCore

/// What the encoders take for granted about tokens, checked once on tables that may be damaged.
///
/// Whoever follows an origin's tokens stays inside the table and comes to an end, because parts and prefixes are shorter
/// than the whole. That the tokens are the right ones is not checked: a damaged table gives wrong tokens, whose lengths
/// still add up to the text's.
enum PackedOrigins {
    /// Checks that the starts divide `textCount` bytes into tokens.
    ///
    /// - Throws: `modelUnusable` with the first token that is not so.
    static func check(
        _ starts: FixedTable<UInt32>, textCount: Int, _ reader: PackedReader
    ) throws(CPRSError) {
        guard (2...VocabularyFile.maxID + 2).contains(starts.count) else {
            throw reader.failure("the tokens must be 1...\(VocabularyFile.maxID + 1) (got \(starts.count - 1))")
        }
        for token in 0..<starts.count - 1 where starts[token] > starts[token + 1] {
            throw reader.failure("token \(token) must end at \(starts[token]) or later (got \(starts[token + 1]))")
        }
        guard starts[0] == 0, Int(starts[starts.count - 1]) == textCount else {
            throw reader.failure(
                "the tokens must lie at 0..<\(textCount) (got \(starts[0])..<\(starts[starts.count - 1]))")
        }
    }

    /// Checks each token's origin, and that each byte's token is one byte long.
    ///
    /// - Throws: `modelUnusable` with the first token that is not so.
    static func check(
        _ origins: FixedTable<TokenOrigin>, _ starts: FixedTable<UInt32>, _ byteTokens: FixedTable<TokenID>,
        _ reader: PackedReader
    ) throws(CPRSError) {
        for token in 0..<origins.count where !Self.isSound(origins.base + token, token, starts) {
            let origin = origins[token]
            throw reader.failure(
                "token \(token) of \(starts[token + 1] - starts[token]) bytes must come from shorter tokens (got "
                    + "\(origin.left) and \(origin.right), rank \(origin.rank), prefix \(origin.prefix), "
                    + "length \(origin.length))")
        }
        for byte in 0..<256 {
            let token = byteTokens[byte]
            guard token >= 0, token < origins.count, origins[Int(token)].length == 1 else {
                throw reader.failure("the token of byte \(byte) must be one byte long (got token \(token))")
            }
        }
    }

    @inline(__always)
    private static func isSound(
        _ origin: UnsafePointer<TokenOrigin>, _ token: Int, _ starts: FixedTable<UInt32>
    ) -> Bool {
        let length = Int(starts[token + 1]) &- Int(starts[token])
        guard origin.pointee.length == length, origin.pointee.rank >= TokenOrigin.unreachable else { return false }
        if origin.pointee.prefix != -1 {
            let prefix = Self.length(origin.pointee.prefix, starts)
            guard prefix > 0, prefix < length else { return false }
        }
        guard origin.pointee.rank >= 0 else { return true }
        let (left, right) = (Self.length(origin.pointee.left, starts), Self.length(origin.pointee.right, starts))
        return left > 0 && right > 0 && left &+ right == length
    }

    /// The token's length in bytes, or 0 if there is no such token.
    @inline(__always)
    private static func length(_ token: TokenID, _ starts: FixedTable<UInt32>) -> Int {
        guard UInt(bitPattern: Int(token)) < UInt(bitPattern: starts.count &- 1) else { return 0 }
        return Int(starts[Int(token) &+ 1]) &- Int(starts[Int(token)])
    }
}
