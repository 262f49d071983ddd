internal import CPRSCore
package import CPRSWire
internal import Synchronization

/// Counts requests, and turns away what is too many or too late.
package final class AdmissionGate: Sendable {
    private struct State {
        var active = 0
        var activeOfUser: [UInt32: Int] = [:]
        var isDraining = false
        var waiters: [CheckedContinuation<Void, Never>] = []
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

    /// Whether new requests are turned away for good.
    package var isDraining: Bool { self.state.withLock { $0.isDraining } }

    /// Runs a request if there is room for it.
    ///
    /// - Throws: `overloaded` or `draining`, with when to try again; what `body` throws.
    package func withPermit<Result>(
        userID: UInt32, _ body: () async throws -> Result
    ) async throws -> Result {
        try self.enter(userID)
        defer { self.leave(userID) }
        return try await body()
    }

    /// Turns new requests away from now on.
    package func beginDraining() {
        let waiters = self.state.withLock { state in
            state.isDraining = true
            return Self.waitersIfIdle(&state)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Waits until draining has begun and no request runs any more.
    package func drained() async {
        await withCheckedContinuation { continuation in
            let isDone = self.state.withLock { state in
                if state.isDraining, state.active == 0 { return true }
                state.waiters.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
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
                    .overloaded, "\(self.maxStreamsPerUser) requests of user \(userID) are running, the most for one user")
            }
            state.active += 1
            state.activeOfUser[userID, default: 0] += 1
            return nil
        }
        if let refusal { throw refusal }
    }

    private func leave(_ userID: UInt32) {
        let waiters = self.state.withLock { state in
            state.active -= 1
            state.activeOfUser[userID, default: 1] -= 1
            if state.activeOfUser[userID] == 0 { state.activeOfUser[userID] = nil }
            return Self.waitersIfIdle(&state)
        }
        for waiter in waiters { waiter.resume() }
    }

    private static func waitersIfIdle(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        guard state.isDraining, state.active == 0 else { return [] }
        defer { state.waiters = [] }
        return state.waiters
    }

    private static func refusal(
        _ reason: ServiceError.Reason, _ message: String, after delay: Duration = ServiceError.overloadDelay
    ) -> ServiceError {
        var error = ServiceError(reason, message)
        error.retryAfter = delay
        return error
    }
}
