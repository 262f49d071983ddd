#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#endif

/// A value behind a lock that a thread can sleep on until the value changes.
///
/// `Synchronization.Mutex` cannot be waited on, and polling would wake an idle machine.
// Unchecked: `state` is read and written only between lock and unlock; the pointers are constant.
final class Monitor<State>: @unchecked Sendable {
    private var state: State
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    init(_ state: sending State) {
        self.state = state
        // With default attributes neither call can fail on Linux.
        pthread_mutex_init(self.mutex, nil)
        pthread_cond_init(self.changed, nil)
    }

    deinit {
        pthread_cond_destroy(self.changed)
        pthread_mutex_destroy(self.mutex)
        self.changed.deallocate()
        self.mutex.deallocate()
    }

    /// Runs `body` alone.
    func withLock<Result>(_ body: (inout State) throws -> sending Result) rethrows -> sending Result {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        return try body(&self.state)
    }

    /// Runs `body` alone, again and again until it answers; sleeps between until ``wake()``.
    func wait<Result>(until body: (inout State) -> sending Result?) -> sending Result {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        while true {
            if let result = body(&self.state) { return result }
            pthread_cond_wait(self.changed, self.mutex)
        }
    }

    /// Wakes the thread that waits.
    func wake() { pthread_cond_signal(self.changed) }
}
