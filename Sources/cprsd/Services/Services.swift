internal import CPRSCore
internal import CPRSScheduler
internal import CPRSServer
internal import CPRSSystemd
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// Serves requests; on shutdown turns new ones away and gives running ones `grace` to end.
struct RequestService: Service {
    let server: CompressServer
    let grace: Duration
    let logger: Logger

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.server.run() }
            group.addTask {
                try await gracefulShutdown()
                self.logger.notice("draining", metadata: ["cprs.grace_s": "\(self.grace.seconds)"])
                let drained = await self.server.stop(grace: self.grace)
                self.logger.notice("drained", metadata: ["cprs.complete": "\(drained)"])
            }
            defer { group.cancelAll() }
            // The server's end is the service's; the other task's is only the message to it.
            try await group.next()
            try await group.next()
        }
    }
}

/// Feeds the watchdog while work moves, and keeps the status line true.
struct HeartbeatService: Service {
    let notifier: ServiceNotifier
    /// The service manager's limit; nil if it does not watch.
    let watchdog: Duration?
    let maxWindow: Duration
    let metrics: DaemonMetrics
    let logger: Logger

    /// How often the status line is looked at when nobody watches.
    private static let statusPeriod = Duration.seconds(10)

    func run() async throws {
        // A third of the limit: one beat may come late and the next still be in time.
        let period = self.watchdog.map { min($0 / 3, Self.statusPeriod) } ?? Self.statusPeriod
        try? await cancelWhenGracefulShutdown {
            var shown = ""
            while true {
                self.beat(&shown)
                try await Task.sleep(for: period, tolerance: period / 10)
            }
        }
    }

    private func beat(_ shown: inout String) {
        do throws(CPRSError) {
            let isMoving = self.metrics.scheduler.statistics.isMoving(now: .now, limit: self.maxWindow)
            if self.watchdog != nil, isMoving { try self.notifier.send(.watchdog) }
            if !isMoving {
                self.logger.error("a window takes too long", metadata: ["cprs.limit_s": "\(self.maxWindow.seconds)"])
            }
            let status = self.metrics.statusLine()
            if status != shown { try self.notifier.send(.status(status)) }
            shown = status
        } catch {
            self.logger.warning("no heartbeat", metadata: ["cprs.error": "\(error)"])
        }
    }
}

/// On SIGHUP opens the model again beside the old one, checks it, and gives it to new requests.
struct ReloadService: Service {
    let signals: UnixSignalsSequence
    let open: @Sendable () throws(CPRSError) -> OpenedModel
    let models: ModelStore
    let notifier: ServiceNotifier?
    let logger: Logger

    func run() async throws {
        for await _ in self.signals.cancelOnGracefulShutdown() {
            try? self.notifier?.send(.reloading)
            do throws(CPRSError) {
                let model = try await InferenceThread.run(name: "cprs-reload", self.open)
                self.models.replace(with: model)
                self.logger.notice("model reloaded", metadata: model.metadata)
                try? self.notifier?.send(.ready)
            } catch {
                self.logger.error("reload failed, the old model stays", metadata: ["cprs.error": "\(error)"])
                try? self.notifier?.send(.ready, .status("reload failed, the old model stays: \(error.message)"))
            }
        }
    }
}

/// Serves the metrics page.
struct MetricsService: Service {
    let page: MetricsPage
    let metrics: DaemonMetrics

    func run() async throws {
        try self.page.start { self.metrics.page() }
        defer { self.page.stop() }
        try? await gracefulShutdown()
    }
}

/// Ends the daemon when nobody has asked anything for a while; a socket unit starts it again.
struct IdleExitService: Service {
    let limit: Duration
    let ledger: RequestLedger
    let logger: Logger

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                let figures = self.ledger.figures
                let idle = figures.active > 0 ? .zero : ContinuousClock.now - figures.lastActivity
                if idle >= self.limit { break }
                try await Task.sleep(for: self.limit - idle)
            }
            self.logger.notice("idle, ending", metadata: ["cprs.idle_s": "\(self.limit.seconds)"])
        }
    }
}

extension OpenedModel {
    /// For the log.
    var metadata: Logger.Metadata {
        [
            "cprs.model": "\(self.name)", "cprs.sha256": "\(self.sha256)",
            "cprs.check": "\(self.check.isGolden ? "golden" : "finite")", "cprs.check_tokens": "\(self.check.tokens)",
            "cprs.check_worst": "\(self.check.worst)",
        ]
    }
}
