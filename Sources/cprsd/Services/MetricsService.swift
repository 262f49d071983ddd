internal import ServiceLifecycle

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
