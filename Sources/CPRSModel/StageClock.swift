internal import CPRSCore

/// Sums the wall time of a forward pass by stage.
struct StageClock {
    private(set) var timings = StageTimings()
    private var last = ContinuousClock.now

    /// Adds the time since the last call, or since creation, to `stage`.
    mutating func lap(_ stage: WritableKeyPath<StageTimings, Duration>) {
        let now = ContinuousClock.now
        self.timings[keyPath: stage] += now - self.last
        self.last = now
    }
}
