internal import ServiceLifecycle

/// Gives freed memory back to the system when no request has run for a moment, so that the daemon holds as much at rest
/// as it did at the last one.
struct RestService: Service {
    /// Long enough that a client's next request rarely begins in it.
    private static let moment = Duration.seconds(1)

    let ledger: RequestLedger

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            for await _ in self.ledger.rests {
                try await self.ledger.sleepUntilIdle(for: Self.moment)
                FreedMemory.giveBackAll()
            }
        }
    }
}
