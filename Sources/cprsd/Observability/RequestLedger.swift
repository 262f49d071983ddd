internal import CPRSCore
internal import CPRSScheduler
internal import CPRSServer
internal import CPRSWire
internal import Logging
internal import Synchronization

/// Counts what happens to requests and logs it, without a word of their text.
final class RequestLedger: ServiceObserver {
    /// The figures so far.
    struct Figures: Sendable {
        /// Requests that ended, by RPC and by how: `ok` or the reason of the error.
        var ended: [Outcome: UInt64] = [:]
        var admitted: UInt64 = 0
        var active = 0
        var inputBytes: UInt64 = 0
        var inputTokens: UInt64 = 0
        var keptTokens: UInt64 = 0
        var unscoredBytes: UInt64 = 0
        var firstDecisions = Histogram(bounds: Histogram.seconds)
        var durations = Histogram(bounds: Histogram.seconds)
        /// When a request last began or ended.
        var lastActivity = ContinuousClock.now
    }

    struct Outcome: Hashable, Sendable {
        var method: String
        var code: String
    }

    private let state = Mutex(Figures())
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    var figures: Figures { self.state.withLock { $0 } }

    func record(_ event: ServiceEvent) {
        self.state.withLock { Self.count(event, in: &$0) }
        self.log(event)
    }

    private static func count(_ event: ServiceEvent, in figures: inout Figures) {
        figures.lastActivity = .now
        switch event {
        case .admitted:
            figures.admitted += 1
            figures.active += 1
        case .refused(_, let error): figures.ended[Outcome(method: "", code: error.reason.rawValue), default: 0] += 1
        case .firstDecision(_, let delay): figures.firstDecisions.observe(delay)
        case .finished(let name, let request):
            figures.active -= 1
            figures.ended[Outcome(method: name.method, code: "OK"), default: 0] += 1
            figures.inputBytes += UInt64(request.inputBytes)
            figures.inputTokens += UInt64(request.inputTokens)
            figures.keptTokens += UInt64(request.keptTokens)
            figures.unscoredBytes += UInt64(request.unscoredBytes)
            figures.durations.observe(request.elapsed)
        case .failed(let name, let error):
            figures.active -= 1
            figures.ended[Outcome(method: name.method, code: error.reason.rawValue), default: 0] += 1
        }
    }

    private func log(_ event: ServiceEvent) {
        switch event {
        case .admitted(let name): self.logger.debug("request admitted", metadata: Self.metadata(name))
        case .refused(let client, let error):
            self.logger.notice(
                "request refused",
                metadata: ["cprs.user": "\(client.userID)", "cprs.error": "\(error.reason.rawValue)"])
        case .firstDecision: break
        case .finished(let name, let figures):
            var metadata = Self.metadata(name)
            metadata["cprs.bytes"] = "\(figures.inputBytes)"
            metadata["cprs.tokens"] = "\(figures.inputTokens)"
            metadata["cprs.kept_tokens"] = "\(figures.keptTokens)"
            metadata["cprs.windows"] = "\(figures.windows)"
            metadata["cprs.ms"] = "\(Int(figures.elapsed.seconds * 1000))"
            self.logger.info("request finished", metadata: metadata)
        case .failed(let name, let error):
            var metadata = Self.metadata(name)
            // The message of an error may quote the request; its kind cannot.
            metadata["cprs.error"] = "\(error.reason.rawValue)"
            let level: Logger.Level = error.reason == .internal ? .error : .info
            self.logger.log(level: level, "request failed", metadata: metadata)
        }
    }

    private static func metadata(_ name: RequestName) -> Logger.Metadata {
        ["cprs.method": "\(name.method)", "cprs.request": "\(name.id)", "cprs.user": "\(name.client.userID)"]
    }
}
