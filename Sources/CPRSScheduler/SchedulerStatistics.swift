internal import CPRSCore

/// What the scheduler has done and what it is doing.
package struct SchedulerStatistics: Sendable {
    /// Windows that were scored.
    package var windows: UInt64 = 0
    /// Their tokens, prompts included.
    package var tokens: UInt64 = 0
    /// Windows that the critic refused.
    package var failures: UInt64 = 0
    /// Windows that nobody waited for any more, before or while they were scored.
    package var cancellations: UInt64 = 0
    /// Windows that were turned away because the queue was full.
    package var refusals: UInt64 = 0
    /// Time that the thread spent in critics.
    package var busy: Duration = .zero
    /// Times that the thread woke up to look for work.
    package var wakeUps: UInt64 = 0
    /// Windows that wait now.
    package var queuedWindows = 0
    /// Their tokens.
    package var queuedTokens = 0
    /// When the call that runs now began; nil when the thread is idle.
    package var runningSince: ContinuousClock.Instant?
    /// From submission to the start of scoring.
    package var waits = Histogram(bounds: Histogram.seconds)
    /// One call of the critic.
    package var calls = Histogram(bounds: Histogram.seconds)

    package init() {}

    /// Tokens a second while computing; nil before the first window.
    package var tokensPerBusySecond: Double? {
        self.busy > .zero && self.tokens > 0 ? Double(self.tokens) / self.busy.seconds : nil
    }

    /// How long what waits now will take at the speed so far; between a tenth of a second and a minute.
    package var backlog: Duration {
        guard let speed = self.tokensPerBusySecond else { return .seconds(1) }
        return min(max(.seconds(Double(self.queuedTokens) / speed), .milliseconds(100)), .seconds(60))
    }

    /// Whether work moves: idle, or the running call began less than `limit` ago.
    package func isMoving(now: ContinuousClock.Instant, limit: Duration) -> Bool {
        self.runningSince.map { now - $0 < limit } ?? true
    }
}
