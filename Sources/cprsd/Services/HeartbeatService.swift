internal import CPRSCore
internal import CPRSScheduler
internal import CPRSSystemd
internal import Logging
internal import ServiceLifecycle

/// Feeds the watchdog while work moves, and keeps the status line true.
struct HeartbeatService: Service {
    let manager: ServiceManager
    /// A window that computes longer is stuck.
    let maxWindow: Duration
    let metrics: DaemonMetrics
    /// What went wrong and still holds.
    let notice: Notice
    let logger: Logger

    /// How often the status line is looked at when nobody watches.
    private static let statusPeriod = Duration.seconds(10)

    func run() async throws {
        // A third of the limit: one beat may come late and the next still be in time.
        let period = self.manager.watchdog.map { min($0 / 3, Self.statusPeriod) } ?? Self.statusPeriod
        try? await cancelWhenGracefulShutdown {
            var shown = ""
            while true {
                self.beat(&shown)
                try await Task.sleep(for: period, tolerance: period / 10)
            }
        }
    }

    private func beat(_ shown: inout String) {
        if self.metrics.scheduler.statistics.isMoving(now: .now, limit: self.maxWindow) {
            if self.manager.watchdog != nil { self.manager.tell(.watchdog) }
        } else {
            self.logger.error("a window takes too long", metadata: ["cprs.limit_s": "\(self.maxWindow.seconds)"])
        }
        let status = (self.notice.text.map { $0 + "; " } ?? "") + self.metrics.statusLine()
        if status != shown { self.manager.tell(.status(status)) }
        shown = status
    }
}
