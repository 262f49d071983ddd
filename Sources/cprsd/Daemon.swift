internal import CPRSCore
internal import CPRSScheduler
internal import CPRSServer
internal import CPRSSystemd
internal import Logging
internal import ServiceLifecycle
internal import UnixSignals

/// Joins everything: sockets, model, scheduler, services, and what the service manager wants to hear.
struct Daemon: Sendable {
    let configuration: DaemonConfiguration
    let environment: [String: String]
    let logger: Logger

    /// Serves until SIGTERM, SIGINT or idleness.
    ///
    /// Order: sockets first, so that a second daemon is refused before it maps a model, and clients that come early wait in
    /// the backlog; then the model and its check; then `READY=1`.
    ///
    /// - Throws: what a configuration, a socket or a model that is of no use throws.
    func run() async throws {
        let manager = ServiceManager(
            notifier: try ServiceNotifier(environment: self.environment),
            watchdog: try WatchdogInterval.current(environment: self.environment))
        // From now on SIGHUP is a reload, even while the model is being opened.
        let signals = await UnixSignalsSequence(trapping: .sighup)
        let sockets = try DaemonSockets.open(self.configuration, environment: self.environment)
        let (services, scheduler): ([ServiceGroupConfiguration.ServiceConfiguration], WindowScheduler)
        do {
            (services, scheduler) = try await self.prepare(sockets, manager, signals)
        } catch {
            // Once they run, the services remove them.
            sockets.removeFiles()
            throw error
        }
        try await self.group(services).run()
        scheduler.close(CPRSError(code: .cancelled, message: "the daemon is stopping"))
    }

    /// Opens and checks the model, and says READY: the sockets listen already.
    private func prepare(
        _ sockets: DaemonSockets, _ manager: ServiceManager, _ signals: UnixSignalsSequence
    ) async throws -> ([ServiceGroupConfiguration.ServiceConfiguration], WindowScheduler) {
        manager.tell(.status("opening the model"))
        let choice = try ModelChoice(self.configuration)
        let open = { @Sendable () throws(CPRSError) in try OpenedModel.open(choice) }
        let model = try await InferenceThread.run(name: "cprs-open", open)
        self.logger.notice("model opened", metadata: model.metadata)

        let scheduler = try WindowScheduler(limits: self.configuration.queue)
        let models = ModelStore(model, scheduler: scheduler)
        let ledger = RequestLedger(logger: self.logger)
        let service = CompressService(models: models, limits: self.configuration.service, observer: ledger)
        let server = try CompressServer(socket: sockets.requests, service: service, access: self.configuration.access)
        let metrics = DaemonMetrics(ledger: ledger, scheduler: scheduler, models: models, service: service)
        let notice = Notice()
        let reload = ReloadService(
            signals: signals, open: open, models: models, manager: manager, notice: notice, logger: self.logger)
        let heartbeat = HeartbeatService(
            manager: manager, maxWindow: self.configuration.maxWindow, metrics: metrics, notice: notice,
            logger: self.logger)
        let services = self.services(server, reload, metrics, heartbeat, metricsSocket: sockets.metrics)

        server.health.set(isServing: true)
        manager.tell(.ready, .status(metrics.statusLine()))
        self.logger.notice(
            "ready", metadata: ["cprs.socket": "\(sockets.requests.path ?? "passed by the service manager")"])
        return (services, scheduler)
    }

    /// In the order of their start; they stop in the reverse one: first the requests, so that the rest works to the end.
    private func services(
        _ server: CompressServer, _ reload: ReloadService, _ metrics: DaemonMetrics, _ heartbeat: HeartbeatService,
        metricsSocket: ListeningSocket?
    ) -> [ServiceGroupConfiguration.ServiceConfiguration] {
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = []
        func add(_ service: any Service, whenDone: Termination) {
            services.append(.init(service: service, successTerminationBehavior: whenDone))
        }
        if heartbeat.manager.isPresent { add(heartbeat, whenDone: .ignore) }
        if let metricsSocket {
            add(MetricsService(page: MetricsPage(socket: metricsSocket), metrics: metrics), whenDone: .ignore)
        }
        add(reload, whenDone: .ignore)
        add(RestService(ledger: metrics.ledger), whenDone: .ignore)
        if let limit = self.configuration.idleExit {
            add(
                IdleExitService(limit: limit, ledger: metrics.ledger, logger: self.logger),
                whenDone: .gracefullyShutdownGroup)
        }
        add(
            RequestService(
                server: server, grace: self.configuration.grace, manager: heartbeat.manager, logger: self.logger),
            whenDone: .gracefullyShutdownGroup)
        return services
    }

    private typealias Termination = ServiceGroupConfiguration.ServiceConfiguration.TerminationBehavior

    private func group(_ services: [ServiceGroupConfiguration.ServiceConfiguration]) -> ServiceGroup {
        var group = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: Self.quiet(self.logger))
        // Beyond the requests' own grace, for closing connections.
        group.maximumGracefulShutdownDuration = self.configuration.grace + .seconds(5)
        return ServiceGroup(configuration: group)
    }

    /// The service group logs every step at levels that are for its developers.
    private static func quiet(_ logger: Logger) -> Logger {
        var logger = logger
        logger.logLevel = max(logger.logLevel, .warning)
        return logger
    }
}
