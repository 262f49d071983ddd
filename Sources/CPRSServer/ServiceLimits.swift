internal import CPRSWire

/// How much of the machine requests may take.
package struct ServiceLimits: Hashable, Sendable {
    /// Requests at a time, of all users.
    package var maxStreams: Int
    /// Requests at a time, of one user.
    package var maxStreamsPerUser: Int
    /// Bytes of a context; nil for no limit.
    package var maxContextBytes: Int?
    /// Bytes of one message. A request may have some ten of them waiting in memory.
    package var maxMessageBytes: Int
    /// Windows of one request that are scored or wait to be scored.
    package var maxWindowsInFlight: Int
    /// Bytes of text that are held for one request until they are decided; beyond it the receipt lacks the digest of what
    /// was kept, and a request for the text fails.
    package var maxHeldBytes: Int
    /// Bytes of texts and scores that are held for `Recut`, of all users.
    package var maxRetainedBytes: Int
    /// How long they are held.
    package var retention: Duration

    /// 128 streams, 64 of one user, contexts of any length, messages of 4 MiB, 4 windows in flight, 64 MiB held for a
    /// request, 64 MiB for `Recut` over 5 minutes.
    package static let defaults = ServiceLimits()

    package init() {
        self.maxStreams = 128
        self.maxStreamsPerUser = 64
        self.maxContextBytes = nil
        self.maxMessageBytes = WireLimits.maxMessageBytes
        self.maxWindowsInFlight = 4
        self.maxHeldBytes = 64 << 20
        self.maxRetainedBytes = 64 << 20
        self.retention = .seconds(300)
    }
}
