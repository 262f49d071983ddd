internal import CPRSCore
internal import CPRSTensors
internal import Glibc
internal import Synchronization
internal import Testing

@Suite("compute pool")
struct ComputePoolTests {
    @Test("every block runs exactly once, on a worker in range", arguments: [1, 2, 3, 5], [0, 1, 2, 7, 1000])
    func everyBlockOnce(threads: Int, count: Int) throws {
        let pool = try ComputePool(threads: threads)
        let storage = try MatrixStorage(rows: 1, columns: max(count, 1), purpose: "counts")
        let runs = storage.matrix
        let badWorkers = Atomic<Int>(0)
        for _ in 0..<20 {
            pool.run(count) { block, worker in
                // Each element has one writer, unless a block runs twice; then the count is wrong, too.
                runs[0, block] += 1
                if !(0..<threads).contains(worker) { badWorkers.add(1, ordering: .relaxed) }
            }
        }
        withExtendedLifetime(storage) { #expect((0..<count).allSatisfy { runs[0, $0] == 20 }) }
        #expect(badWorkers.load(ordering: .relaxed) == 0)
    }

    @Test("one worker never runs two blocks at a time")
    func workersAreExclusive() throws {
        let pool = try ComputePool(threads: 4)
        let busy = (0..<4).map { _ in Flag() }
        let clashes = Atomic<Int>(0)
        pool.run(500) { _, worker in
            if busy[worker].isSet.exchange(true, ordering: .acquiringAndReleasing) {
                clashes.add(1, ordering: .relaxed)
            }
            usleep(20)
            busy[worker].isSet.store(false, ordering: .releasing)
        }
        #expect(clashes.load(ordering: .relaxed) == 0)
    }

    @Test("workers that have gone to sleep wake for the next phase")
    func wakesSleepers() throws {
        let pool = try ComputePool(threads: 3)
        for _ in 0..<5 {
            usleep(20_000)
            let done = Atomic<Int>(0)
            pool.run(64) { _, _ in done.add(1, ordering: .relaxed) }
            #expect(done.load(ordering: .relaxed) == 64)
        }
    }

    @Test("all threads take part while there is work")
    func allThreadsWork() throws {
        let pool = try ComputePool(threads: 3)
        let blocks = (0..<3).map { _ in Counter() }
        pool.run(60) { _, worker in
            blocks[worker].value.add(1, ordering: .relaxed)
            usleep(1000)
        }
        #expect(blocks.allSatisfy { $0.value.load(ordering: .relaxed) > 0 })
    }

    @Test("a thread count outside 1...256 is refused", arguments: [-1, 0, 257, .max])
    func refusesThreads(threads: Int) throws {
        let error = try #require(throws: CPRSError.self) { try ComputePool(threads: threads) }
        #expect(error.code == .invalidArgument && error.message.contains("1...256 (got \(threads))"))
    }

    private final class Flag: Sendable { let isSet = Atomic<Bool>(false) }
    private final class Counter: Sendable { let value = Atomic<Int>(0) }
}
