internal import CPRSCore
internal import CPRSEngine
internal import CPRSWire

/// Where a request's wall time went.
struct RequestTimings: Sendable {
    let began = ContinuousClock.now
    private var firstDecision: Duration?
    private var scoring: Duration = .zero
    private var scoringSince: ContinuousClock.Instant?
    private var engine: Duration = .zero

    /// Time since the request began.
    var elapsed: Duration { ContinuousClock.now - self.began }

    /// Notes a step of the engine.
    mutating func engineRan(for time: Duration) { self.engine += time }

    /// Notes that a window was handed out and none was before.
    mutating func scoringBegan() { self.scoringSince = ContinuousClock.now }

    /// Notes that no window is out any more.
    mutating func scoringPaused() {
        if let since = self.scoringSince { self.scoring += ContinuousClock.now - since }
        self.scoringSince = nil
    }

    /// Notes that bytes became final; returns how long it took if they were the first.
    mutating func decided() -> Duration? {
        guard self.firstDecision == nil else { return nil }
        self.firstDecision = self.elapsed
        return self.firstDecision
    }

    /// As they travel.
    func wire(_ stages: StageTimings, total: Duration) -> Cprs_V1_Timings {
        var timings = Cprs_V1_Timings()
        timings.totalUs = total.microseconds
        timings.firstDecisionUs = (self.firstDecision ?? total).microseconds
        timings.scoringUs = self.scoring.microseconds
        timings.engineUs = self.engine.microseconds
        timings.qkvUs = stages.qkv.microseconds
        timings.attentionUs = stages.attention.microseconds
        timings.mlpUs = stages.mlp.microseconds
        timings.headUs = stages.head.microseconds
        timings.waitUs = stages.wait.microseconds
        return timings
    }
}
