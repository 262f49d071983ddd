internal import CPRSDigest
internal import CPRSWire

/// The figures of a compression, and its receipt.
public struct Summary: Hashable, Sendable {
    /// Bytes of the context.
    public var inputBytes: Int
    /// Tokens of the context.
    public var inputTokens: Int
    /// Bytes kept.
    public var keptBytes: Int
    /// Input tokens kept.
    public var keptTokens: Int
    /// Spans kept; 0 says that nothing was.
    public var keptSpans: Int
    /// Windows scored.
    public var windows: Int
    /// Bytes kept because the deadline passed before they were scored.
    public var unscoredBytes: Int
    /// The best score among what was dropped; nil if nothing was.
    public var bestDroppedScore: Float?
    /// From the request's arrival at the daemon to the last decision.
    public var elapsed: Duration
    /// To the first decision.
    public var firstDecision: Duration
    /// While at least one window waited for a thread or was being scored.
    public var scoring: Duration
    /// Tokenizing, cutting, selecting, hashing.
    public var engine: Duration
    /// Parts of the forward passes.
    public var stages: StageTimes
    /// SHA-256 of the input.
    public var inputSHA256: [UInt8]
    /// SHA-256 of the kept spans' bytes, one after the other; empty where the daemon did not hold the text.
    public var keptSHA256: [UInt8]
    /// How long a recut works; zero if the scores were not retained.
    public var recutTime: Duration

    init(_ wire: Cprs_V1_Summary) {
        self.inputBytes = Int(clamping: wire.inputBytes)
        self.inputTokens = Int(clamping: wire.inputTokens)
        self.keptBytes = Int(clamping: wire.keptBytes)
        self.keptTokens = Int(clamping: wire.keptTokens)
        self.keptSpans = Int(clamping: wire.keptSpans)
        self.windows = Int(clamping: wire.windows)
        self.unscoredBytes = Int(clamping: wire.unscoredBytes)
        self.bestDroppedScore = wire.hasBestDroppedScore ? wire.bestDroppedScore : nil
        self.elapsed = .microseconds(Int64(clamping: wire.timings.totalUs))
        self.firstDecision = .microseconds(Int64(clamping: wire.timings.firstDecisionUs))
        self.scoring = .microseconds(Int64(clamping: wire.timings.scoringUs))
        self.engine = .microseconds(Int64(clamping: wire.timings.engineUs))
        self.stages = StageTimes(wire.timings)
        self.inputSHA256 = [UInt8](wire: wire.inputSha256)
        self.keptSHA256 = [UInt8](wire: wire.keptSha256)
        self.recutTime = .seconds(Int(wire.recutSeconds))
    }

    /// Whether the receipt fits an input and what was kept of it.
    public func matches(input: [UInt8], kept: [UInt8]) -> Bool {
        func digest(_ bytes: [UInt8]) -> [UInt8] {
            var digest = SHA256Digest()
            digest.update(bytes)
            return digest.finalized()
        }
        guard digest(input) == self.inputSHA256 else { return false }
        return self.keptSHA256.isEmpty || digest(kept) == self.keptSHA256
    }
}

/// Where the forward passes spent their time: sums over windows, which may have run at the same time.
public struct StageTimes: Hashable, Sendable {
    /// Normalisation, projections, rotary embedding.
    public var qkv: Duration
    /// Scores, softmax, weighted sums.
    public var attention: Duration
    /// Attention's output projection and the feed-forward block.
    public var mlp: Duration
    /// Embedding, last normalisation, both heads.
    public var head: Duration
    /// While one compute thread waited for the others.
    public var wait: Duration

    init(_ wire: Cprs_V1_Timings) {
        self.qkv = .microseconds(Int64(clamping: wire.qkvUs))
        self.attention = .microseconds(Int64(clamping: wire.attentionUs))
        self.mlp = .microseconds(Int64(clamping: wire.mlpUs))
        self.head = .microseconds(Int64(clamping: wire.headUs))
        self.wait = .microseconds(Int64(clamping: wire.waitUs))
    }
}

/// What the daemon says when it takes a request.
public struct Acceptance: Hashable, Sendable {
    /// The daemon's name for the request; a recut takes it.
    public var requestID: String
    /// The model that scores it.
    public var model: ModelInfo
    /// Tokens in a window, prompt included.
    public var windowTokens: Int
    /// Tokens of instruction and query, paid in every window.
    public var promptTokens: Int

    init(_ wire: Cprs_V1_Accepted) {
        self.requestID = wire.requestID
        self.model = ModelInfo(wire.model)
        self.windowTokens = Int(wire.windowTokens)
        self.promptTokens = Int(wire.promptTokens)
    }
}

/// A model that the daemon runs.
public struct ModelInfo: Hashable, Sendable {
    /// The folder's name.
    public var name: String
    /// SHA-256 of the weights, 64 hexadecimal digits.
    public var sha256: String
    /// Tokens in a window that it was trained for, prompt included.
    public var trainedWindowTokens: Int
    /// Most tokens in a window, prompt included.
    public var maxWindowTokens: Int

    init(_ wire: Cprs_V1_ModelInfo) {
        self.name = wire.name
        self.sha256 = wire.sha256
        self.trainedWindowTokens = Int(wire.trainedWindowTokens)
        self.maxWindowTokens = Int(wire.maxWindowTokens)
    }
}
