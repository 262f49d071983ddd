internal import CPRSCore
internal import CPRSScheduler
internal import CPRSServer

/// Everything that is known of the daemon's work, for Prometheus and for `systemctl status`.
///
/// Read from the counters that the ledger and the scheduler keep anyway, and not through swift-metrics: that facade lets
/// libraries report to a back end which their user chooses, and here none of the libraries reports and there is one page.
/// It would add a process-wide registry and a second copy of every counter, which may disagree with the status line.
struct DaemonMetrics: Sendable {
    let ledger: RequestLedger
    let scheduler: WindowScheduler
    let models: ModelStore
    let service: CompressService

    /// The metrics page.
    func page() -> String {
        var page = PrometheusText()
        self.writeRequests(&page)
        self.writeScheduler(&page)
        let memory = ProcessMemory.current()
        page.gauge(
            "cprs_resident_anonymous_bytes", "Memory of this process alone.", Double(memory.anonymousBytes))
        page.gauge(
            "cprs_resident_file_bytes", "Mapped files in memory, shared between processes.", Double(memory.fileBytes))
        let model = self.models.opened
        page.gauge(
            "cprs_model_info", "The model that new requests get.", 1,
            labels: [("name", model.name), ("sha256", model.sha256)])
        return page.text
    }

    /// One line for people.
    func statusLine() -> String {
        let statistics = self.scheduler.statistics
        let figures = self.ledger.figures
        let speed = statistics.tokensPerBusySecond.map { "; \(Int($0)) tokens/s" } ?? ""
        return "\(self.models.opened.name); \(figures.active) requests running, \(figures.admitted) in all; "
            + "\(statistics.queuedWindows) windows waiting\(speed)"
    }

    private func writeRequests(_ page: inout PrometheusText) {
        let figures = self.ledger.figures
        page.counters(
            "cprs_requests_total", "Requests that ended or were refused, by RPC and outcome.",
            figures.ended.sorted { ($0.key.method, $0.key.code) < ($1.key.method, $1.key.code) }.map {
                ([("method", $0.key.method), ("code", $0.key.code)], Double($0.value))
            })
        page.gauge("cprs_requests_active", "Requests that run now.", Double(figures.active))
        page.counter("cprs_input_bytes_total", "Bytes of finished requests.", Double(figures.inputBytes))
        page.counter("cprs_input_tokens_total", "Context tokens of finished requests.", Double(figures.inputTokens))
        page.counter("cprs_kept_tokens_total", "Tokens that were kept of them.", Double(figures.keptTokens))
        page.counter(
            "cprs_unscored_bytes_total", "Bytes kept unscored because a deadline passed.",
            Double(figures.unscoredBytes))
        page.histogram(
            "cprs_first_decision_seconds", "From a request's begin to its first final bytes.", figures.firstDecisions)
        page.histogram("cprs_request_seconds", "Duration of finished compressions.", figures.durations)
        page.gauge("cprs_retained_bytes", "Texts and scores held for Recut.", Double(self.service.retainedBytes))
    }

    private func writeScheduler(_ page: inout PrometheusText) {
        let statistics = self.scheduler.statistics
        page.counter("cprs_windows_total", "Windows that were scored.", Double(statistics.windows))
        page.counter("cprs_scored_tokens_total", "Their tokens, prompts included.", Double(statistics.tokens))
        page.counter("cprs_window_failures_total", "Windows that the critic refused.", Double(statistics.failures))
        page.counter(
            "cprs_window_cancellations_total", "Windows that nobody waited for any more.",
            Double(statistics.cancellations))
        page.counter(
            "cprs_window_refusals_total", "Windows turned away by a full queue.", Double(statistics.refusals))
        page.counter("cprs_compute_seconds_total", "Time spent scoring.", statistics.busy.seconds)
        page.counter(
            "cprs_compute_wakeups_total", "Times the scoring thread looked for work.", Double(statistics.wakeUps))
        page.gauge("cprs_queued_windows", "Windows that wait.", Double(statistics.queuedWindows))
        page.gauge("cprs_queued_tokens", "Their tokens.", Double(statistics.queuedTokens))
        page.histogram("cprs_queue_wait_seconds", "A window's wait for its turn.", statistics.waits)
        page.histogram("cprs_window_seconds", "One call of the critic.", statistics.calls)
    }
}
