package import CPRSCore

/// Scores the windows of all requests, one call at a time, in a fair order, on a thread of its own.
///
/// Tasks wait, the thread computes; between them lies a ``FairQueue``. Every submitted window is answered exactly once: by
/// its result, by `cancelled`, or by what ``close(_:)`` was given. A window that nobody waits for is dropped before it is
/// computed; one that is being computed is computed to its end and its result dropped.
package final class WindowScheduler: Sendable {
    let monitor: Monitor<State>

    /// Starts the thread, which sleeps until the first window.
    ///
    /// - Parameter limits: windows that may wait; further ones are answered `overloaded`.
    /// - Throws: `internal` if the system refuses a thread.
    package init(limits: QueueLimits) throws(CPRSError) {
        let monitor = Monitor(State(queue: FairQueue(limits: limits)))
        self.monitor = monitor
        // The thread holds the state, not the scheduler, so that letting go of the scheduler ends both.
        try InferenceThread.start(name: "cprs-inference") { Self.serve(monitor) }
    }

    deinit { self.close(CPRSError(code: .cancelled, message: "the scheduler is gone")) }

    /// The figures so far.
    package var statistics: SchedulerStatistics {
        self.monitor.withLock { state in
            var statistics = state.statistics
            statistics.queuedWindows = state.queue.count
            statistics.queuedTokens = state.queue.cost
            return statistics
        }
    }

    /// Scores one window; suspends until its turn has come and gone.
    ///
    /// - Throws: `overloaded` if the queue is full, saying when to try again; `cancelled` at once when the task is cancelled;
    ///   what the critic throws; what ``close(_:)`` was given.
    package func score(
        _ window: CriticWindow, with critic: SharedCritic, for owner: WorkOwner
    ) async throws(CPRSError) -> CriticOutput {
        let number = self.monitor.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        let work = Work(number: number, window: window, critic: critic, submitted: .now)
        return try await withTaskCancellationHandler {
            await withCheckedContinuation { self.submit(work, for: owner, $0) }
        } onCancel: {
            self.cancel(number)
        }.get()
    }

    /// Takes no more windows, and answers those that wait with `error`; the running ones are computed to their end.
    package func close(_ error: CPRSError) {
        let answers = self.monitor.withLock { state in
            if state.closed == nil { state.closed = error }
            let queued = state.waiters.filter { state.queue.remove($0.value.ticket) != nil }
            for number in queued.keys { state.waiters[number] = nil }
            return queued.values.map(\.answer)
        }
        self.monitor.wake()
        for answer in answers { answer.resume(returning: .failure(error)) }
    }

    private func submit(_ work: Work, for owner: WorkOwner, _ answer: Answer) {
        let refusal = self.monitor.withLock { state -> CPRSError? in
            if let closed = state.closed { return closed }
            // A task is marked cancelled before its handler runs: either this sees the mark, or the handler, which takes the
            // lock after this, finds the waiter.
            if Task.isCancelled {
                state.statistics.cancellations += 1
                return Self.cancelled
            }
            guard let ticket = state.queue.append(work, for: owner, cost: work.tokens) else {
                state.statistics.refusals += 1
                return Self.overloaded(state)
            }
            state.waiters[work.number] = Waiter(answer: answer, ticket: ticket)
            return nil
        }
        if let refusal {
            answer.resume(returning: .failure(refusal))
        } else {
            self.monitor.wake()
        }
    }

    private func cancel(_ number: UInt64) {
        let answer = self.monitor.withLock { state -> Answer? in
            guard let waiter = state.waiters.removeValue(forKey: number) else { return nil }
            _ = state.queue.remove(waiter.ticket)
            state.statistics.cancellations += 1
            return waiter.answer
        }
        answer?.resume(returning: .failure(Self.cancelled))
    }

    private static var cancelled: CPRSError { CPRSError(code: .cancelled, message: "nobody waits for this window") }

    private static func overloaded(_ state: State) -> CPRSError {
        var statistics = state.statistics
        statistics.queuedTokens = state.queue.cost
        let delay = statistics.backlog
        return CPRSError(
            code: .overloaded,
            message: "\(state.queue.count) windows wait, and at most \(state.queue.limits.total), "
                + "\(state.queue.limits.perUser) of one user, may; try again in \(Int(delay.seconds * 1000)) ms",
            details: .init(retryAfter: delay))
    }
}

extension WindowScheduler {
    typealias Answer = CheckedContinuation<Result<CriticOutput, CPRSError>, Never>

    /// A window and what it is scored with.
    struct Work: Sendable {
        var number: UInt64
        var window: CriticWindow
        var critic: SharedCritic
        var submitted: ContinuousClock.Instant

        var tokens: Int { self.window.prompt.count + self.window.context.count }
    }

    /// Somebody who waits for a window.
    struct Waiter {
        var answer: Answer
        var ticket: FairQueue<Work>.Ticket
    }

    struct State {
        var queue: FairQueue<Work>
        /// By number of the work, from submission to answer; whoever takes an entry out answers it.
        var waiters: [UInt64: Waiter] = [:]
        var lastNumber: UInt64 = 0
        var statistics = SchedulerStatistics()
        /// Why no more windows are taken.
        var closed: CPRSError?
    }
}
