internal import ServiceLifecycle

/// Gives freed memory back to the system when no request has run for a moment, so that the daemon holds as much at rest
/// as it did at the last one.
struct RestService: Service {
    /// Long enough that a client's next request rarely begins in it.
    private static let moment = Duration.seconds(1)

    let ledger: RequestLedger

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            for await _ in self.ledger.rests { try await self.giveBackMemory() }
        }
    }

    private func giveBackMemory() async throws {
        // While a request runs, its end is the next rest.
        while case let figures = self.ledger.figures, figures.active == 0 {
            let idle = ContinuousClock.now - figures.lastActivity
            if idle >= Self.moment { return FreedMemory.giveBackAll() }
            try await Task.sleep(for: Self.moment - idle)
        }
    }
}
