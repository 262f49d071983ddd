/// Where the daemon is and how patient the client is with it.
public struct ClientConfiguration: Hashable, Sendable {
    /// Path of the daemon's Unix socket.
    public var socketPath: String
    /// How often a call that found the daemon away or busy is tried in all; at least 1. Only calls whose input is at hand.
    public var attempts: Int
    /// Pause before the second attempt; doubles with each one, or is what the daemon asks for.
    public var retryDelay: Duration
    /// Longest pause between attempts to connect.
    public var maxReconnectDelay: Duration

    /// Creates a configuration: three attempts, 50 ms apart and growing, at most 2 s between attempts to connect.
    public init(
        socketPath: String = ClientConfiguration.defaultSocketPath, attempts: Int = 3,
        retryDelay: Duration = .milliseconds(50), maxReconnectDelay: Duration = .seconds(2)
    ) {
        self.socketPath = socketPath
        self.attempts = attempts
        self.retryDelay = retryDelay
        self.maxReconnectDelay = maxReconnectDelay
    }

    /// Where the system's daemon listens.
    public static let defaultSocketPath = "/run/cprs/cprsd.sock"
}
