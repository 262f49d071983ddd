internal import CPRSCore
internal import CPRSServer
internal import CPRSTestSupport
internal import Synchronization

/// Scores without a model, as slowly as a test needs, and remembers for whom.
final class FakeScoring: WindowScoring {
    private struct State {
        var windows = 0
        var running = 0
        var mostRunning = 0
        var cancelled = 0
        var clients: [ClientIdentity] = []
    }

    private let delay: Duration
    private let failure: CPRSError?
    private let state = Mutex(State())

    init(delay: Duration = .zero, failure: CPRSError? = nil) {
        self.delay = delay
        self.failure = failure
    }

    /// Windows that were asked for.
    var windows: Int { self.state.withLock { $0.windows } }
    /// Most windows at a time.
    var mostRunning: Int { self.state.withLock { $0.mostRunning } }
    /// Windows that nobody waited for any more.
    var cancelled: Int { self.state.withLock { $0.cancelled } }
    /// For whom windows were asked for.
    var clients: Set<ClientIdentity> { self.state.withLock { Set($0.clients) } }

    func score(_ window: CriticWindow, for client: ClientIdentity) async throws(CPRSError) -> CriticOutput {
        self.state.withLock { state in
            state.windows += 1
            state.running += 1
            state.mostRunning = max(state.mostRunning, state.running)
            state.clients.append(client)
        }
        defer { self.state.withLock { $0.running -= 1 } }
        if self.delay > .zero {
            do { try await Task.sleep(for: self.delay) } catch {
                self.state.withLock { $0.cancelled += 1 }
                throw CPRSError(code: .cancelled, message: "the caller stopped waiting")
            }
        }
        if let failure = self.failure { throw failure }
        return try FakeCritic().score(window)
    }
}
