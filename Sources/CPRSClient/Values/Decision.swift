public import CPRSCore
internal import CPRSWire

/// What became final since the decision before.
public struct Decision: Hashable, Sendable {
    /// Every byte before this offset is decided; only grows.
    public var finalBytes: Int
    /// Pieces that stay, in the order of the input. Everything else before `finalBytes` is dropped.
    public var kept: [KeptSpan]
    /// A preview: the final selection comes at the end.
    public var isProvisional: Bool
    /// Scores of the tokens that were scored meanwhile, if asked for.
    public var tokenScores: [TokenScore]

    init(_ wire: Cprs_V1_Decisions) {
        self.finalBytes = Int(clamping: wire.finalBytes)
        self.kept = wire.kept.map(KeptSpan.init)
        self.isProvisional = wire.provisional
        self.tokenScores = wire.hasTokenScores ? TokenScore.list(wire.tokenScores) : []
    }
}

/// A piece of the input that stays.
public struct KeptSpan: Hashable, Sendable {
    /// Offsets into the input.
    public var bytes: ByteRange
    /// Mean score of its tokens, 0...1.
    public var score: Float
    /// Category word; nil when the request has no tags.
    public var tag: String?
    /// Input tokens in it.
    public var tokens: Int
    /// Kept because the caller asked for it, not for its score.
    public var isForced: Bool
    /// Kept because the deadline passed before it was scored.
    public var isUnscored: Bool
    /// The document that holds its first byte; nil when chunks named none.
    public var documentID: String?
    /// Where that document starts in the input.
    public var documentStart: Int
    /// Its bytes, if asked for.
    public var text: [UInt8]?

    init(_ wire: Cprs_V1_KeptSpan) {
        self.bytes = wire.bytes
        self.score = wire.score
        self.tag = wire.tag.isEmpty ? nil : wire.tag
        self.tokens = Int(clamping: wire.tokens)
        self.isForced = wire.forced
        self.isUnscored = wire.unscored
        self.documentID = wire.documentID.isEmpty ? nil : wire.documentID
        self.documentStart = Int(clamping: wire.documentStart)
        self.text = wire.text.isEmpty ? nil : [UInt8](wire: wire.text)
    }
}

/// One token's score.
public struct TokenScore: Hashable, Sendable {
    /// Bytes of the token.
    public var byteCount: Int
    /// P(tag) · P(kept).
    public var score: Float
    /// The most probable label.
    public var label: BIOE

    fileprivate static func list(_ wire: Cprs_V1_TokenScores) -> [TokenScore] {
        zip(zip(wire.lengths, wire.scores), wire.labels).map { pair, letter in
            TokenScore(byteCount: Int(pair.0), score: pair.1, label: BIOE(letter: letter) ?? .outside)
        }
    }
}
