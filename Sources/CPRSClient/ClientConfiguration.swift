#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// Where the daemon is and how patient the client is with it.
public struct ClientConfiguration: Hashable, Sendable {
    /// Path of the daemon's Unix socket.
    public var socketPath: String
    /// How often a call that found the daemon away or busy is tried in all; at least 1. Only calls whose input is at hand.
    public var attempts: Int
    /// Pause before the second attempt; doubles with each one up to `maxReconnectDelay`, or is what the daemon asks for.
    public var retryDelay: Duration
    /// Longest pause between attempts to connect.
    public var maxReconnectDelay: Duration
    /// How long a daemon that was reached may take to speak. One that starts on demand maps its model first.
    public var connectTimeout: Duration

    /// Creates a configuration: three attempts, 50 ms apart and growing, at most 2 s between attempts to connect, 5 s for
    /// the daemon's first word.
    public init(
        socketPath: String = ClientConfiguration.defaultSocketPath, attempts: Int = 3,
        retryDelay: Duration = .milliseconds(50), maxReconnectDelay: Duration = .seconds(2),
        connectTimeout: Duration = .seconds(5)
    ) {
        self.socketPath = socketPath
        self.attempts = attempts
        self.retryDelay = retryDelay
        self.maxReconnectDelay = maxReconnectDelay
        self.connectTimeout = connectTimeout
    }

    /// Where the system's daemon listens.
    public static let systemSocketPath = "/run/cprs/cprsd.sock"

    /// Where the user's own daemon listens, as the user's units have it; nil without `XDG_RUNTIME_DIR`.
    public static var userSocketPath: String? {
        guard let folder = getenv("XDG_RUNTIME_DIR"), folder.pointee != 0 else { return nil }
        return String(cString: folder) + "/cprs/cprsd.sock"
    }

    /// The socket that exists on this machine: the user's own, else the system's; nil if there is neither.
    public static func findSocket() -> String? {
        [Self.userSocketPath, Self.systemSocketPath].compactMap { $0 }.first { path in
            var status = stat()
            return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
        }
    }

    /// The socket that exists, or where the system's would be.
    public static var defaultSocketPath: String { Self.findSocket() ?? Self.systemSocketPath }
}
