internal import CPRSCore
internal import CPRSTensors

/// Sums the wall time of a forward pass by stage, and apart from it the time in which the calling thread waited for
/// the pool's other threads.
struct StageClock {
    private(set) var timings = StageTimings()
    private let pool: ComputePool
    private var last = ContinuousClock.now
    private var waited: Duration

    init(_ pool: ComputePool) {
        self.pool = pool
        self.waited = pool.waited
    }

    /// Adds the time since the last call, or since creation, to `stage` and to the wait.
    mutating func lap(_ stage: WritableKeyPath<StageTimings, Duration>) {
        let now = ContinuousClock.now
        let wait = self.pool.waited - self.waited
        self.timings[keyPath: stage] += now - self.last - wait
        self.timings.wait += wait
        self.last = now
        self.waited += wait
    }
}

extension StageTimings {
    /// The part that `count` of `total` tokens account for.
    func share(_ count: Int, of total: Int) -> StageTimings {
        guard count < total else { return self }
        var share = StageTimings()
        for stage in [\Self.qkv, \Self.attention, \Self.mlp, \Self.head, \Self.wait] {
            share[keyPath: stage] = self[keyPath: stage] * count / total
        }
        return share
    }
}
