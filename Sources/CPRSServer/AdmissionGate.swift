internal import CPRSCore
internal import CPRSWire
internal import Synchronization

/// Counts requests, and turns away what is too many or too late.
package final class AdmissionGate: Sendable {
    private struct State {
        var active = 0
        var admitted = 0
        var activeOfUser: [UInt32: Int] = [:]
        var isDraining = false
    }

    private let maxStreams: Int
    private let maxStreamsPerUser: Int
    private let state = Mutex(State())

    package init(limits: ServiceLimits) {
        self.maxStreams = limits.maxStreams
        self.maxStreamsPerUser = limits.maxStreamsPerUser
    }

    /// Requests that run now.
    package var active: Int { self.state.withLock { $0.active } }

    /// Requests that were let in so far.
    package var admitted: Int { self.state.withLock { $0.admitted } }

    /// Whether new requests are turned away for good.
    package var isDraining: Bool { self.state.withLock { $0.isDraining } }

    /// Runs a request if there is room for it.
    ///
    /// - Parameter retryAfter: when a caller who is turned away because others are served should try again.
    /// - Throws: `overloaded` or `draining`, with when to try again; what `body` throws.
    package func withPermit<Result>(
        userID: UInt32, retryAfter: () -> Duration? = { nil }, _ body: () async throws -> Result
    ) async throws -> Result {
        do { try self.enter(userID) } catch {
            var error = error
            if error.reason == .overloaded, let delay = retryAfter() { error.retryAfter = delay }
            throw error
        }
        defer { self.leave(userID) }
        return try await body()
    }

    /// Turns new requests away from now on.
    package func beginDraining() { self.state.withLock { $0.isDraining = true } }

    /// Waits until no request runs any more, or the task is cancelled.
    package func drained() async {
        // Happens once in a process's life, so looking now and then is simpler than being told.
        while self.active > 0, !Task.isCancelled { try? await Task.sleep(for: .milliseconds(5)) }
    }

    private func enter(_ userID: UInt32) throws(ServiceError) {
        let refusal = self.state.withLock { state -> ServiceError? in
            if state.isDraining {
                return Self.refusal(.draining, "the server is stopping; connect again", after: .seconds(1))
            }
            if state.active >= self.maxStreams {
                return Self.refusal(.overloaded, "\(self.maxStreams) requests are running, the most this server takes")
            }
            if state.activeOfUser[userID, default: 0] >= self.maxStreamsPerUser {
                return Self.refusal(
                    .overloaded,
                    "\(self.maxStreamsPerUser) requests of user \(userID) are running, the most for one user")
            }
            state.active += 1
            state.admitted += 1
            state.activeOfUser[userID, default: 0] += 1
            return nil
        }
        if let refusal { throw refusal }
    }

    private func leave(_ userID: UInt32) {
        self.state.withLock { state in
            state.active -= 1
            state.activeOfUser[userID, default: 1] -= 1
            if state.activeOfUser[userID] == 0 { state.activeOfUser[userID] = nil }
        }
    }

    private static func refusal(
        _ reason: ServiceError.Reason, _ message: String, after delay: Duration = ServiceError.overloadDelay
    ) -> ServiceError {
        var error = ServiceError(reason, message)
        error.retryAfter = delay
        return error
    }
}
