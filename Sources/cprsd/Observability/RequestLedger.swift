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
        /// Requests that ended or were refused, by RPC and by how: `OK` or the reason of the error.
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

        fileprivate static let success = "OK"

        fileprivate mutating func end(_ name: RequestName, _ code: String) {
            self.ended[Outcome(method: name.method, code: code), default: 0] += 1
        }
    }

    struct Outcome: Hashable, Sendable {
        var method: String
        var code: String
    }

    private let state = Mutex(Figures())
    private let logger: Logger
    /// An element each time that the last running request ended, or one if that was not looked at in between; for one reader.
    let rests: AsyncStream<Void>
    private let restsContinuation: AsyncStream<Void>.Continuation

    init(logger: Logger) {
        self.logger = logger
        (self.rests, self.restsContinuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    var figures: Figures { self.state.withLock { $0 } }

    /// Returns when no request has run for so long.
    func sleepUntilIdle(for limit: Duration) async throws {
        while true {
            let figures = self.figures
            let idle = figures.active > 0 ? .zero : ContinuousClock.now - figures.lastActivity
            if idle >= limit { return }
            try await Task.sleep(for: limit - idle)
        }
    }

    func record(_ event: ServiceEvent) {
        let rests = self.state.withLock { figures in
            let wasActive = figures.active > 0
            Self.count(event, in: &figures)
            return wasActive && figures.active == 0
        }
        if rests { self.restsContinuation.yield() }
        self.log(event)
    }

    private static func count(_ event: ServiceEvent, in figures: inout Figures) {
        figures.lastActivity = .now
        switch event {
        case .admitted:
            figures.admitted += 1
            figures.active += 1
        case .refused(let name, let error): figures.end(name, error.reason.rawValue)
        case .firstDecision(_, let delay): figures.firstDecisions.observe(delay)
        case .finished(let name, let request):
            figures.active -= 1
            figures.end(name, Figures.success)
            figures.inputBytes += UInt64(request.inputBytes)
            figures.inputTokens += UInt64(request.inputTokens)
            figures.keptTokens += UInt64(request.keptTokens)
            figures.unscoredBytes += UInt64(request.unscoredBytes)
            figures.durations.observe(request.elapsed)
        case .answered(let name):
            figures.active -= 1
            figures.end(name, Figures.success)
        case .failed(let name, let error):
            figures.active -= 1
            figures.end(name, error.reason.rawValue)
        }
    }

    private func log(_ event: ServiceEvent) {
        switch event {
        case .admitted(let name): self.logger.debug("request admitted", metadata: Self.metadata(name))
        case .refused(let name, let error):
            var metadata = Self.metadata(name)
            metadata["cprs.error"] = "\(error.reason.rawValue)"
            // Overload and draining are the daemon's matter; what was wrong with a request is its sender's.
            let level: Logger.Level = error.retryAfter == nil ? .info : .notice
            self.logger.log(level: level, "request refused", metadata: metadata)
        case .firstDecision: break
        case .answered(let name): self.logger.debug("request answered", metadata: Self.metadata(name))
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
        var metadata: Logger.Metadata = ["cprs.method": "\(name.method)", "cprs.user": "\(name.client.userID)"]
        if !name.id.isEmpty { metadata["cprs.request"] = "\(name.id)" }
        if !name.clientRequestID.isEmpty { metadata["cprs.client_request"] = "\(name.clientRequestID)" }
        return metadata
    }
}
