internal import Dispatch
internal import Synchronization

/// A task that a thread outside Swift's pool waits for: the command line is synchronous, the client library is not.
struct Blocking<Success: Sendable>: Sendable {
    private let task: Task<Void, Never>
    private let answer: Answer

    private final class Answer: Sendable {
        let result = Mutex<Result<Success, any Error>?>(nil)
        let isThere = DispatchSemaphore(value: 0)
    }

    /// Starts the task.
    init(_ body: @escaping @Sendable () async throws -> Success) {
        let answer = Answer()
        self.answer = answer
        self.task = Task {
            let result: Result<Success, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            answer.result.withLock { $0 = result }
            answer.isThere.signal()
        }
    }

    /// Asks the task to end early.
    func cancel() { self.task.cancel() }

    /// Waits for the task; call it once.
    func wait() throws -> Success {
        self.answer.isThere.wait()
        // Set before the signal.
        return try self.answer.result.withLock { $0 }!.get()
    }
}
