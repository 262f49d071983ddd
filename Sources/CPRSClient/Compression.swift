internal import AsyncAlgorithms
internal import CPRSWire
internal import GRPCCore
internal import Synchronization

/// A compression under way: its decisions, in order, as they become final.
///
/// The call starts when the first decision is asked for, and the daemon computes no faster than decisions are taken. Ending
/// the loop early, or cancelling the task that loops, cancels the call and frees the daemon within one window.
public struct Compression: AsyncSequence, Sendable {
    typealias Messages = RPCAsyncSequence<Cprs_V1_CompressResponse, any Error>

    private let call: @Sendable (@escaping @Sendable (Messages) async throws -> Void) async throws -> Void
    private let notes: Notes

    /// - Parameters:
    ///   - onAcceptance: called when the daemon has taken the request.
    ///   - call: performs the RPC, and hands its messages to the closure.
    init(
        onAcceptance: (@Sendable (Acceptance) -> Void)? = nil,
        _ call: @escaping @Sendable (@escaping @Sendable (Messages) async throws -> Void) async throws -> Void
    ) {
        self.call = call
        self.notes = Notes(onAcceptance)
    }

    /// What the daemon said when it took the request; nil before it did.
    public var acceptance: Acceptance? { self.notes.state.withLock { $0.acceptance } }

    /// The figures; nil before the last decision was taken.
    public var summary: Summary? { self.notes.state.withLock { $0.summary } }

    /// Starts the call. Loop over a compression once; each loop is a call of its own.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(call: self.call, notes: self.notes) }

    /// The decisions of one call.
    public struct AsyncIterator: AsyncIteratorProtocol {
        private let running: RunningCall

        init(
            call: @escaping @Sendable (@escaping @Sendable (Messages) async throws -> Void) async throws -> Void,
            notes: Notes
        ) {
            self.running = RunningCall(call: call, notes: notes)
        }

        /// The next decision; nil after the last one.
        ///
        /// - Throws: how the call failed.
        public mutating func next() async throws(ClientError) -> Decision? { try await self.running.next() }
    }

    /// What arrives beside decisions.
    final class Notes: Sendable {
        let state = Mutex<(acceptance: Acceptance?, summary: Summary?)>((nil, nil))
        private let onAcceptance: (@Sendable (Acceptance) -> Void)?

        init(_ onAcceptance: (@Sendable (Acceptance) -> Void)?) { self.onAcceptance = onAcceptance }

        func take(_ acceptance: Acceptance) {
            self.state.withLock { $0.acceptance = acceptance }
            self.onAcceptance?(acceptance)
        }
    }
}

/// A call that ends with whoever iterates over it.
private final class RunningCall: Sendable {
    private let decisions: AsyncThrowingChannel<Decision, any Error>
    private let task: Task<Void, Never>

    init(
        call:
            @escaping @Sendable (@escaping @Sendable (Compression.Messages) async throws -> Void) async throws -> Void,
        notes: Compression.Notes
    ) {
        let decisions = AsyncThrowingChannel<Decision, any Error>()
        self.decisions = decisions
        self.task = Task {
            do {
                try await call { messages in
                    for try await message in messages {
                        switch message.part {
                        case .accepted(let accepted):
                            notes.take(Acceptance(accepted))
                        case .decisions(let wire): await decisions.send(Decision(wire))
                        case .summary(let summary): notes.state.withLock { $0.summary = Summary(summary) }
                        case nil: break
                        }
                    }
                }
                decisions.finish()
            } catch {
                decisions.fail(error)
            }
        }
    }

    deinit { self.task.cancel() }

    func next() async throws(ClientError) -> Decision? {
        do {
            var iterator = self.decisions.makeAsyncIterator()
            return try await withTaskCancellationHandler {
                let decision = try await iterator.next()
                // A cancelled wait ends like the last decision; a caller must be able to tell.
                if decision == nil { try Task.checkCancellation() }
                return decision
            } onCancel: {
                self.task.cancel()
            }
        } catch {
            throw ClientError(any: error)
        }
    }
}
