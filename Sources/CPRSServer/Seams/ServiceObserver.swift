internal import CPRSCore
package import CPRSWire

/// Is told what happens to requests; for logs and metrics. Never sees text.
package protocol ServiceObserver: Sendable {
    /// Called on the request's task; must return at once.
    func record(_ event: ServiceEvent)
}

/// What happened to a request.
package enum ServiceEvent: Sendable {
    /// It was admitted.
    case admitted(RequestName)
    /// It was turned away: what it asks for cannot be, too many run, or the server is stopping.
    case refused(RequestName, ServiceError)
    /// Its first bytes became final, so long after it began.
    case firstDecision(RequestName, after: Duration)
    /// It ended well.
    case finished(RequestName, RequestFigures)
    /// It ended well and compressed nothing: `CountTokens`.
    case answered(RequestName)
    /// It ended with an error; `cancelled` when the caller went away.
    case failed(RequestName, ServiceError)
}

/// What a request is called in logs.
package struct RequestName: Hashable, Sendable {
    /// The RPC's name.
    package var method: String
    /// The server's name for it; empty if it was turned away.
    package var id: String
    /// The caller's name for it; may be empty.
    package var clientRequestID: String
    /// Who asked.
    package var client: ClientIdentity
}

/// The figures of a finished request.
package struct RequestFigures: Hashable, Sendable {
    package var inputBytes = 0
    package var inputTokens = 0
    package var keptTokens = 0
    package var windows = 0
    package var unscoredBytes = 0
    package var elapsed: Duration = .zero
}

/// An observer that looks away.
package struct SilentObserver: ServiceObserver {
    package init() {}
    package func record(_ event: ServiceEvent) {}
}
