internal import CPRSCore
internal import Logging
internal import ServiceLifecycle

/// Ends the daemon when nobody has asked anything for a while; a socket unit starts it again.
struct IdleExitService: Service {
    let limit: Duration
    let ledger: RequestLedger
    let logger: Logger

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            try await self.ledger.sleepUntilIdle(for: self.limit)
            self.logger.notice("idle, ending", metadata: ["cprs.idle_s": "\(self.limit.seconds)"])
        }
    }
}
