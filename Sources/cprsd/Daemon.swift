internal import CPRSCore
internal import CPRSRuntime
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

    /// Names of the sockets in the socket unit; a socket of any other name serves requests.
    private static let metricsSocketName = "metrics"

    /// Serves until SIGTERM, SIGINT or idleness.
    ///
    /// Order: sockets first, so that a second daemon is refused before it maps a model, and clients that come early wait in
    /// the backlog; then the model and its check; then `READY=1`.
    ///
    /// - Throws: what a configuration, a socket or a model that is of no use throws.
    func run() async throws {
        let notifier = try ServiceNotifier(environment: self.environment)
        let watchdog = try WatchdogInterval.current(environment: self.environment)
        // From now on SIGHUP is a reload, even while the model is being opened.
        let signals = await UnixSignalsSequence(trapping: .sighup)
        let (requests, metricsSocket) = try self.sockets()
        do {
            try? notifier?.send(.status("opening the model"))
            let open = try self.modelOpener()
            let model = try await InferenceThread.run(name: "cprs-open", open)
            self.logger.notice("model opened", metadata: model.metadata)
            let scheduler = try WindowScheduler(limits: self.configuration.queue)
            let models = ModelStore(model, scheduler: scheduler)
            let ledger = RequestLedger(logger: self.logger)
            let service = CompressService(models: models, limits: self.configuration.service, observer: ledger)
            let server = try CompressServer(socket: requests, service: service, access: self.configuration.access)
            let metrics = DaemonMetrics(ledger: ledger, scheduler: scheduler, models: models, service: service)

            var services: [ServiceGroupConfiguration.ServiceConfiguration] = []
            if let notifier {
                services.append(
                    .init(
                        service: HeartbeatService(
                            notifier: notifier, watchdog: watchdog, maxWindow: self.configuration.maxWindow,
                            metrics: metrics, logger: self.logger),
                        successTerminationBehavior: .ignore))
            }
            if let metricsSocket {
                services.append(
                    .init(service: MetricsService(page: MetricsPage(socket: metricsSocket), metrics: metrics)))
            }
            services.append(
                .init(
                    service: ReloadService(
                        signals: signals, open: open, models: models, notifier: notifier, logger: self.logger),
                    successTerminationBehavior: .ignore))
            if let limit = self.configuration.idleExit {
                services.append(
                    .init(
                        service: IdleExitService(limit: limit, ledger: ledger, logger: self.logger),
                        successTerminationBehavior: .gracefullyShutdownGroup))
            }
            services.append(
                .init(
                    service: RequestService(server: server, grace: self.configuration.grace, logger: self.logger),
                    successTerminationBehavior: .gracefullyShutdownGroup))
            server.health.set(isServing: true)
            try? notifier?.send(.ready, .status(metrics.statusLine()))
            self.logger.notice(
                "ready", metadata: ["cprs.socket": "\(requests.path ?? "passed by the service manager")"])
            try await self.group(services).run()
            try? notifier?.send(.stopping)
            scheduler.close(CPRSError(code: .cancelled, message: "the daemon is stopping"))
        } catch {
            requests.removeFile()
            metricsSocket?.removeFile()
            throw error
        }
    }

    /// Services stop in the reverse of this order: first the requests, so that the rest still works while they end.
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

    private func modelOpener() throws(CPRSError) -> @Sendable () throws(CPRSError) -> OpenedModel {
        let configuration = self.configuration
        let folder: String
        if let configured = configuration.modelFolder {
            folder = configured
        } else {
            folder = try ModelLocation.defaultFolder()
        }
        return { () throws(CPRSError) in
            try OpenedModel.open(
                folder: folder, threads: configuration.threads, windowTokens: configuration.windowTokens)
        }
    }

    /// The sockets for requests and for metrics: passed ones, else our own.
    private func sockets() throws(CPRSError) -> (requests: ListeningSocket, metrics: ListeningSocket?) {
        let passed = try PassedSocket.all(environment: self.environment)
        let forRequests = passed.filter { $0.name != Self.metricsSocketName }
        guard forRequests.count <= 1 else {
            throw CPRSError(
                code: .invalidArgument,
                message: "one socket for requests may be passed (got \(forRequests.count): "
                    + "\(forRequests.map(\.name).joined(separator: ", "))); name the other one '\(Self.metricsSocketName)'"
            )
        }
        let requests: ListeningSocket
        if let socket = forRequests.first {
            requests = try .inherited(socket.descriptor)
        } else {
            requests = try .open(
                path: self.configuration.socketPath, mode: self.configuration.socketMode,
                groupID: self.configuration.socketGroup)
        }
        if let socket = passed.first(where: { $0.name == Self.metricsSocketName }) {
            return (requests, try .inherited(socket.descriptor))
        }
        guard let path = self.configuration.metricsSocketPath else { return (requests, nil) }
        do throws(CPRSError) {
            let metrics = try ListeningSocket.open(
                path: path, mode: self.configuration.socketMode, groupID: self.configuration.socketGroup)
            return (requests, metrics)
        } catch {
            requests.removeFile()
            throw error
        }
    }
}
