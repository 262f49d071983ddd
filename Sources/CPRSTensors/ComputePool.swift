internal import CCPRSKernels
package import CPRSCore
internal import Glibc
internal import Synchronization

/// A fixed number of threads that share out the blocks of one phase of work at a time.
///
/// The caller of ``run(_:_:)`` is one of the threads. Between phases workers spin for some tens of microseconds, which
/// is longer than the gaps inside a forward pass, and then sleep, so that an idle model costs nothing. Swift's
/// cooperative threads are not used: they are about as many as the cores, and arithmetic would starve everybody else.
/// One thread at a time may call ``run(_:_:)``.
package final class ComputePool {
    /// Cores that this process may run on.
    package static var availableCores: Int { cprs_available_cores() }

    /// Threads that compute, the caller included.
    package let threads: Int
    /// Time that callers of ``run(_:_:)`` have waited for the other threads, once there was no block left to take.
    package private(set) var waited = Duration.zero
    private let shared = Shared()
    private var handles: [pthread_t] = []

    /// Starts `threads - 1` workers.
    ///
    /// - Throws: `invalidArgument` if `threads` is outside 1...256 or the system refuses a thread.
    package init(threads: Int) throws(CPRSError) {
        guard (1...256).contains(threads) else {
            throw CPRSError(code: .invalidArgument, message: "threads must be in 1...256 (got \(threads))")
        }
        self.threads = threads
        Kernels.setThreadsPerProduct(1)
        for worker in 1..<max(threads, 1) {
            // Balanced by takeRetainedValue at the start of the thread.
            let start = Unmanaged.passRetained(WorkerStart(shared: self.shared, worker: worker))
            var handle = pthread_t()
            let status = pthread_create(&handle, nil, ComputePool.threadMain, start.toOpaque())
            guard status == 0 else {
                start.release()
                self.stop()
                throw CPRSError(
                    code: .invalidArgument,
                    message: "thread \(worker) of \(threads) refused (\(String(cString: strerror(status))))")
            }
            self.handles.append(handle)
        }
    }

    deinit { self.stop() }

    private func stop() {
        self.shared.stopping = true
        self.shared.publish()
        for handle in self.handles { pthread_join(handle, nil) }
        self.handles = []
    }

    /// Calls `body(block, worker)` once for every block in `0..<count`, on all threads, and returns when all are done.
    ///
    /// Blocks are taken in order by whoever is free, so put long ones first. `worker` is in `0..<threads` and belongs
    /// to one thread at a time: it names the scratch to use.
    package func run(_ count: Int, _ body: (_ block: Int, _ worker: Int) -> Void) {
        guard self.threads > 1, count > 1 else {
            for block in 0..<max(count, 0) { body(block, 0) }
            return
        }
        // No worker holds the closure after `waitForWorkers`.
        withoutActuallyEscaping(body) { body in
            let shared = self.shared
            shared.body = body
            shared.count = count
            shared.nextBlock.store(0, ordering: .relaxed)
            shared.unfinished.store(self.threads - 1, ordering: .relaxed)
            shared.publish()
            shared.takeBlocks(worker: 0)
            let idle = ContinuousClock.now
            shared.waitForWorkers()
            self.waited += ContinuousClock.now - idle
            shared.body = nil
        }
    }

    private static let threadMain: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { start in
        // Else it would be called as the thread that opened the model.
        cprs_name_thread("cprs-compute")
        // The creator passed a retained WorkerStart.
        let start = Unmanaged<WorkerStart>.fromOpaque(start!).takeRetainedValue()
        start.shared.work(worker: start.worker)
        return nil
    }
}

extension ComputePool {
    /// Calls `body` for consecutive ranges that cover `0..<rows`, on all threads.
    package func runRows(_ rows: Int, perBlock: Int, _ body: (Range<Int>) -> Void) {
        self.run((rows + perBlock - 1) / perBlock) { block, _ in
            body(block * perBlock..<min((block + 1) * perBlock, rows))
        }
    }
}

private final class WorkerStart {
    let shared: Shared
    let worker: Int

    init(shared: Shared, worker: Int) {
        self.shared = shared
        self.worker = worker
    }
}

/// What the caller and the workers both see. `body`, `count` and `stopping` are written before `phase` advances and
/// read after, which orders them.
private final class Shared {
    /// Spins before sleeping; a spin is about 15 ns, so this is some 60 µs.
    private static let spins = 4000

    var body: ((Int, Int) -> Void)?
    var count = 0
    var stopping = false
    let nextBlock = Atomic<Int>(0)
    /// Workers that have not finished this phase.
    let unfinished = Atomic<Int>(0)
    private let phase = Atomic<Int>(0)
    private let sleepers = Atomic<Int>(0)
    private let callerSleeps = Atomic<Bool>(false)
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let phaseChanged = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let workersDone = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init() {
        pthread_mutex_init(self.lock, nil)
        pthread_cond_init(self.phaseChanged, nil)
        pthread_cond_init(self.workersDone, nil)
    }

    deinit {
        pthread_cond_destroy(self.workersDone)
        pthread_cond_destroy(self.phaseChanged)
        pthread_mutex_destroy(self.lock)
        self.workersDone.deallocate()
        self.phaseChanged.deallocate()
        self.lock.deallocate()
    }

    /// Starts a phase. Sequential consistency, here and below, because each side writes its own flag and then reads
    /// the other's: a sleeper is either counted here or sees the new phase before it sleeps.
    func publish() {
        self.phase.add(1, ordering: .sequentiallyConsistent)
        guard self.sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
        pthread_mutex_lock(self.lock)
        pthread_cond_broadcast(self.phaseChanged)
        pthread_mutex_unlock(self.lock)
    }

    func takeBlocks(worker: Int) {
        guard let body = self.body else { return }
        while true {
            let block = self.nextBlock.add(1, ordering: .relaxed).oldValue
            guard block < self.count else { return }
            body(block, worker)
        }
    }

    func waitForWorkers() {
        for _ in 0..<Self.spins {
            if self.unfinished.load(ordering: .acquiring) == 0 { return }
            cprs_spin_hint()
        }
        pthread_mutex_lock(self.lock)
        self.callerSleeps.store(true, ordering: .sequentiallyConsistent)
        while self.unfinished.load(ordering: .sequentiallyConsistent) > 0 {
            pthread_cond_wait(self.workersDone, self.lock)
        }
        self.callerSleeps.store(false, ordering: .sequentiallyConsistent)
        pthread_mutex_unlock(self.lock)
    }

    func work(worker: Int) {
        var seen = 0
        while true {
            seen = self.waitForPhase(after: seen)
            if self.stopping { return }
            self.takeBlocks(worker: worker)
            let left = self.unfinished.subtract(1, ordering: .sequentiallyConsistent).newValue
            if left == 0, self.callerSleeps.load(ordering: .sequentiallyConsistent) {
                pthread_mutex_lock(self.lock)
                pthread_cond_signal(self.workersDone)
                pthread_mutex_unlock(self.lock)
            }
        }
    }

    private func waitForPhase(after seen: Int) -> Int {
        for _ in 0..<Self.spins {
            let phase = self.phase.load(ordering: .acquiring)
            if phase != seen { return phase }
            cprs_spin_hint()
        }
        pthread_mutex_lock(self.lock)
        defer { pthread_mutex_unlock(self.lock) }
        self.sleepers.add(1, ordering: .sequentiallyConsistent)
        defer { self.sleepers.subtract(1, ordering: .sequentiallyConsistent) }
        while true {
            let phase = self.phase.load(ordering: .sequentiallyConsistent)
            if phase != seen { return phase }
            pthread_cond_wait(self.phaseChanged, self.lock)
        }
    }
}
