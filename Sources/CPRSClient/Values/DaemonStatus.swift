internal import CPRSWire

/// How busy the daemon is.
public struct DaemonStatus: Hashable, Sendable {
    /// The model that a request would get now.
    public var model: ModelInfo
    /// False while the daemon is stopping: new requests are refused.
    public var isServing: Bool
    /// Time since it started.
    public var uptime: Duration
    /// Requests that run now.
    public var activeRequests: Int
    /// Requests that were admitted since it started.
    public var admittedRequests: Int
    /// Windows that wait to be scored.
    public var queuedWindows: Int
    /// Their tokens, prompts included.
    public var queuedTokens: Int
    /// Windows that were scored.
    public var scoredWindows: Int
    /// Their tokens, prompts included.
    public var scoredTokens: Int
    /// Tokens that one second of scoring took so far; nil before the first window.
    public var tokensPerSecond: Double?
    /// Requests at a time, of all users.
    public var maxRequests: Int
    /// Requests at a time, of one user.
    public var maxRequestsPerUser: Int

    init(_ wire: Cprs_V1_GetStatusResponse) {
        self.model = ModelInfo(wire.model)
        self.isServing = wire.serving
        self.uptime = .milliseconds(Int64(clamping: wire.uptimeMs))
        self.activeRequests = Int(wire.activeRequests)
        self.admittedRequests = Int(clamping: wire.admittedRequests)
        self.queuedWindows = Int(clamping: wire.queuedWindows)
        self.queuedTokens = Int(clamping: wire.queuedTokens)
        self.scoredWindows = Int(clamping: wire.scoredWindows)
        self.scoredTokens = Int(clamping: wire.scoredTokens)
        self.tokensPerSecond = wire.tokensPerSecond > 0 ? wire.tokensPerSecond : nil
        self.maxRequests = Int(wire.limits.maxStreams)
        self.maxRequestsPerUser = Int(wire.limits.maxStreamsPerUser)
    }
}
