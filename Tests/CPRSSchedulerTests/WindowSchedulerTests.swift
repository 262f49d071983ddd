import CPRSCore
import CPRSScheduler
import CPRSTestSupport
import Testing

@Suite("the window scheduler")
struct WindowSchedulerTests {
    static let limits = QueueLimits(total: 64, perUser: 48)

    static func critic(_ gate: Gate, batchTokens: Int = 0) -> SharedCritic {
        SharedCritic(GatedCritic(gate), batchTokens: batchTokens)
    }

    static func window(_ id: TokenID, length: Int = 4) -> CriticWindow {
        CriticWindow(prompt: [1, 2], context: Array(repeating: id, count: length), tags: [])
    }

    static func owner(_ user: UInt32 = 1, _ request: UInt64 = 1) -> WorkOwner {
        WorkOwner(user: user, request: request)
    }

    @Test("results are those of the critic called directly, from many tasks at once")
    func results() async throws {
        let scheduler = try WindowScheduler(limits: Self.limits)
        let critic = Self.critic(Gate())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in 0..<40 as Range<TokenID> {
                group.addTask {
                    let output = try await scheduler.score(
                        Self.window(id), with: critic, for: Self.owner(UInt32(id % 4), UInt64(id)))
                    #expect(output.labelLogits == (try FakeCritic().score(Self.window(id))).labelLogits)
                }
            }
            try await group.waitForAll()
        }
        let statistics = scheduler.statistics
        #expect(statistics.windows == 40 && statistics.tokens == 240 && statistics.queuedWindows == 0)
        #expect(statistics.waits.count == 40 && statistics.calls.count == 40)
        #expect(statistics.runningSince == nil)
    }

    @Test("a failing window fails its own caller and nobody else")
    func failure() async throws {
        let scheduler = try WindowScheduler(limits: Self.limits)
        let critic = Self.critic(Gate())
        await #expect(throws: CPRSError.self) {
            try await scheduler.score(Self.window(GatedCritic.poison), with: critic, for: Self.owner())
        }
        _ = try await scheduler.score(Self.window(5), with: critic, for: Self.owner())
        #expect(scheduler.statistics.failures == 1 && scheduler.statistics.windows == 1)
    }

    @Test("a full queue answers overloaded at once and names the bound")
    func overloaded() async throws {
        let scheduler = try WindowScheduler(limits: QueueLimits(total: 2, perUser: 2))
        let gate = Gate()
        gate.shut()
        let critic = Self.critic(gate)
        func submit(_ id: TokenID) -> Task<CriticOutput, any Error> {
            Task { try await scheduler.score(Self.window(id), with: critic, for: Self.owner()) }
        }
        let running = submit(0)
        try #require(await eventually { gate.entered.count == 1 })
        let waiting = [submit(1), submit(2)]
        try #require(await eventually { scheduler.statistics.queuedWindows == 2 })
        let error = await #expect(throws: CPRSError.self) {
            try await scheduler.score(Self.window(9), with: critic, for: Self.owner())
        }
        #expect(error?.code == .overloaded)
        #expect(error?.message.contains("at most 2") == true)
        gate.open()
        for task in [running] + waiting { _ = try await task.value }
        #expect(scheduler.statistics.refusals == 1)
    }

    @Test("cancelled work is dropped before it is computed, and its caller hears at once")
    func cancelled() async throws {
        let scheduler = try WindowScheduler(limits: Self.limits)
        let gate = Gate()
        gate.shut()
        let critic = Self.critic(gate)
        let running = Task { try await scheduler.score(Self.window(1), with: critic, for: Self.owner()) }
        try #require(await eventually { gate.entered == [1] })
        let waiting = Task { try await scheduler.score(Self.window(2), with: critic, for: Self.owner()) }
        try #require(await eventually { scheduler.statistics.queuedWindows == 1 })
        waiting.cancel()
        running.cancel()
        for task in [waiting, running] {
            let error = await #expect(throws: CPRSError.self) { try await task.value }
            #expect(error?.code == .cancelled)
        }
        let early = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await scheduler.score(Self.window(3), with: critic, for: Self.owner())
        }
        await #expect(throws: CPRSError.self) { try await early.value }
        gate.open()
        _ = try await scheduler.score(Self.window(4), with: critic, for: Self.owner())
        #expect(gate.entered == [1, 4])
        #expect(scheduler.statistics.cancellations == 3)
    }

    @Test("closing answers every waiter exactly once, and later windows too", arguments: 1...5)
    func close(seed: UInt64) async throws {
        let scheduler = try WindowScheduler(limits: Self.limits)
        let gate = Gate()
        gate.shut()
        let critic = Self.critic(gate)
        let tasks = (0..<30 as Range<TokenID>).map { id in
            Task { try await scheduler.score(Self.window(id), with: critic, for: Self.owner(UInt32(id) % 3)) }
        }
        try #require(await eventually { gate.entered.count == 1 && scheduler.statistics.queuedWindows == 29 })
        var generator = SeededGenerator(seed: seed)
        for task in tasks.shuffled(using: &generator).prefix(10) { task.cancel() }
        scheduler.close(CPRSError(code: .overloaded, message: "stopping"))
        gate.open()
        // A continuation that is resumed twice traps, one that is never resumed hangs the test.
        var codes: [CPRSError.Code: Int] = [:]
        var succeeded = 0
        for task in tasks {
            switch await task.result {
            case .success: succeeded += 1
            case .failure(let error): codes[(error as? CPRSError)?.code ?? .internal, default: 0] += 1
            }
        }
        #expect(succeeded <= 1)
        #expect(codes[.cancelled] == 10 && codes[.overloaded] == 20 - succeeded, "\(codes)")
        await #expect(throws: CPRSError.self) {
            try await scheduler.score(Self.window(1), with: critic, for: Self.owner())
        }
    }

    @Test("requests that began with an old critic end with it, and its memory goes with the last of them")
    func swap() async throws {
        let scheduler = try WindowScheduler(limits: Self.limits)
        let (oldGate, newGate) = (Gate(), Gate())
        var old: SharedCritic? = Self.critic(oldGate)
        let new = Self.critic(newGate)
        oldGate.shut()
        let onOld = [old].compactMap(\.self).flatMap { critic in
            (1...3 as ClosedRange<TokenID>).map { id in
                Task { try await scheduler.score(Self.window(id), with: critic, for: Self.owner()) }
            }
        }
        try #require(await eventually { scheduler.statistics.queuedWindows == 2 })
        let onNew = Task { try await scheduler.score(Self.window(7), with: new, for: Self.owner(2)) }
        try #require(await eventually { scheduler.statistics.queuedWindows == 3 })
        old = nil
        #expect(oldGate.goneCritics == 0)
        oldGate.open()
        for task in onOld { _ = try await task.value }
        _ = try await onNew.value
        #expect(Set(oldGate.entered) == [1, 2, 3] && newGate.entered == [7])
        // The tasks hold the critic until they are gone themselves.
        #expect(newGate.goneCritics == 0)
    }

    @Test("short windows of one critic share a call up to its token bound, with unchanged results")
    func batches() async throws {
        let scheduler = try WindowScheduler(limits: Self.limits)
        let gate = Gate()
        gate.shut()
        let critic = Self.critic(gate, batchTokens: 20)
        func submit(_ id: TokenID) -> Task<CriticOutput, any Error> {
            Task { try await scheduler.score(Self.window(id), with: critic, for: Self.owner()) }
        }
        var tasks = [submit(0)]
        try #require(await eventually { gate.entered.count == 1 })
        for id in 1..<7 {
            tasks.append(submit(TokenID(id)))
            // One after the other: tasks of their own would queue in any order.
            try #require(await eventually { scheduler.statistics.queuedWindows == id })
        }
        gate.open()
        for (id, task) in tasks.enumerated() {
            let expected = try FakeCritic().score(Self.window(TokenID(id)))
            #expect(try await task.value.labelLogits == expected.labelLogits)
        }
        // Six tokens each: the first alone, for it was alone when it came; then three, then three.
        #expect(scheduler.statistics.windows == 7 && scheduler.statistics.calls.count == 3)
        #expect(gate.batches == [[1, 2, 3], [4, 5, 6]])
    }

    /// Holds the thread with window 0, queues windows by `submit`, and lets them go.
    private func batched(
        batchTokens: Int, _ submit: (WindowScheduler, SharedCritic, Gate) async throws -> [Task<Bool, Never>]
    ) async throws -> (gate: Gate, succeeded: [Bool]) {
        let scheduler = try WindowScheduler(limits: Self.limits)
        let gate = Gate()
        gate.shut()
        let critic = Self.critic(gate, batchTokens: batchTokens)
        let first = Self.submit(0, scheduler, critic, Self.owner(99))
        try #require(await eventually { gate.entered.count == 1 })
        let tasks = try await submit(scheduler, critic, gate)
        gate.open()
        _ = await first.value
        var succeeded: [Bool] = []
        for task in tasks { succeeded.append(await task.value) }
        return (gate, succeeded)
    }

    private static func submit(
        _ id: TokenID, _ scheduler: WindowScheduler, _ critic: SharedCritic, _ owner: WorkOwner
    ) -> Task<Bool, Never> {
        Task { (try? await scheduler.score(Self.window(id), with: critic, for: owner)) != nil }
    }

    @Test("a window in a batch that fails, or is cancelled, holds up and fails no other")
    func batchNeighbours() async throws {
        let (gate, succeeded) = try await self.batched(batchTokens: 60) { scheduler, critic, _ in
            let ids: [TokenID] = [1, GatedCritic.poison, 2, 3]
            var tasks: [Task<Bool, Never>] = []
            for id in ids {
                tasks.append(Self.submit(id, scheduler, critic, Self.owner()))
                let count = tasks.count
                try #require(await eventually { scheduler.statistics.queuedWindows == count })
            }
            tasks[2].cancel()
            try #require(await eventually { scheduler.statistics.queuedWindows == 3 })
            return tasks
        }
        #expect(succeeded == [true, false, false, true])
        #expect(gate.batches == [[1, GatedCritic.poison, 3]])
    }

    @Test("a batch is filled in the queue's order: users in turn, interactive work before batch work")
    func batchOrder() async throws {
        let (gate, succeeded) = try await self.batched(batchTokens: 24) { scheduler, critic, _ in
            let works: [(TokenID, WorkOwner)] = [
                (30, WorkOwner(user: 3, request: 1, urgency: .batch)), (10, Self.owner(1)), (11, Self.owner(1)),
                (12, Self.owner(1)), (20, Self.owner(2)), (21, Self.owner(2)), (22, Self.owner(2)),
            ]
            var tasks: [Task<Bool, Never>] = []
            for (id, owner) in works {
                tasks.append(Self.submit(id, scheduler, critic, owner))
                let count = tasks.count
                try #require(await eventually { scheduler.statistics.queuedWindows == count })
            }
            return tasks
        }
        #expect(succeeded.allSatisfy { $0 })
        // Six tokens each, so four to a batch; 30 only when no interactive window is left.
        #expect(gate.batches == [[10, 20, 11, 21], [12, 22, 30]])
    }

    @Test("an idle scheduler does not wake up")
    func idle() async throws {
        let scheduler = try WindowScheduler(limits: Self.limits)
        _ = try await scheduler.score(Self.window(1), with: Self.critic(Gate()), for: Self.owner())
        try #require(await eventually { scheduler.statistics.runningSince == nil })
        try await Task.sleep(for: .milliseconds(20))
        let before = scheduler.statistics.wakeUps
        try await Task.sleep(for: .milliseconds(300))
        #expect(scheduler.statistics.wakeUps == before)
    }

    @Test("a call that runs too long is told apart from idleness")
    func progress() async throws {
        let scheduler = try WindowScheduler(limits: Self.limits)
        let gate = Gate()
        gate.shut()
        let critic = Self.critic(gate)
        #expect(scheduler.statistics.isMoving(now: .now, limit: .zero))
        let task = Task { try await scheduler.score(Self.window(1), with: critic, for: Self.owner()) }
        try #require(await eventually { gate.entered.count == 1 })
        let later = ContinuousClock.now + .seconds(10)
        #expect(!scheduler.statistics.isMoving(now: later, limit: .seconds(5)))
        #expect(scheduler.statistics.isMoving(now: later, limit: .seconds(60)))
        gate.open()
        _ = try await task.value
        try #require(await eventually { scheduler.statistics.isMoving(now: later, limit: .seconds(5)) })
    }
}
