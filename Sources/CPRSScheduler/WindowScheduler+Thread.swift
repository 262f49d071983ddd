internal import CPRSCore

extension WindowScheduler {
    /// The thread: takes what is next, computes it, answers; ends when the scheduler is closed.
    static func serve(_ monitor: Monitor<State>) {
        while let batch = Self.next(monitor) {
            let began = ContinuousClock.now
            // A batch is never empty and shares one critic.
            let results = batch[0].critic.score(batch.map(\.window))
            Self.finish(batch, results, took: .now - began, monitor)
        }
    }

    /// Sleeps until there is work; nil once the scheduler is closed.
    private static func next(_ monitor: Monitor<State>) -> [Work]? {
        monitor.wait { state -> [Work]?? in
            state.statistics.wakeUps += 1
            if state.closed != nil { return .some(nil) }
            guard let first = state.queue.popNext() else { return nil }
            let batch = Self.batch(after: first, &state.queue)
            let now = ContinuousClock.now
            state.statistics.runningSince = now
            for work in batch { state.statistics.waits.observe(now - work.submitted) }
            return batch
        }
    }

    /// Adds the windows that follow `first` and fit into the same call.
    private static func batch(after first: Work, _ queue: inout FairQueue<Work>) -> [Work] {
        var batch = [first]
        var tokens = first.tokens
        while tokens < first.critic.batchTokens, queue.count > 0,
            let next = queue.popNext(where: {
                $0.critic === first.critic && tokens + $0.tokens <= first.critic.batchTokens
            })
        {
            batch.append(next)
            tokens += next.tokens
        }
        return batch
    }

    private static func finish(
        _ batch: [Work], _ results: [Result<CriticOutput, CPRSError>], took duration: Duration,
        _ monitor: Monitor<State>
    ) {
        let waiters = monitor.withLock { state in
            state.statistics.runningSince = nil
            state.statistics.busy += duration
            state.statistics.calls.observe(duration)
            for (work, result) in zip(batch, results) {
                switch result {
                case .success:
                    state.statistics.windows += 1
                    state.statistics.tokens += UInt64(work.tokens)
                case .failure: state.statistics.failures += 1
                }
            }
            return batch.map { state.waiters.removeValue(forKey: $0.number)?.answer }
        }
        for (answer, result) in zip(waiters, results) { answer?.resume(returning: result) }
    }
}
