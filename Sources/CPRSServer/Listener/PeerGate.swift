internal import Glibc
internal import Synchronization

/// Counts what peers hold open, and says when it is too much; once for connections and once for the streams in them.
///
/// A connection costs a descriptor and a stream memory even when nothing is ever asked over them, so requests alone are not
/// enough to count.
package final class PeerGate: Sendable {
    private struct State {
        var open = 0
        var openOfUser: [UInt32: Int] = [:]
    }

    /// Most at a time.
    package let total: Int
    /// Most of one user, so that nobody can lock out everybody.
    package let perUser: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - total: at least 1.
    ///   - perUser: at least 1.
    package init(total: Int, perUser: Int) {
        self.total = total
        self.perUser = perUser
    }

    /// Descriptors for everything but connections: sockets, the model's files, the event loops.
    private static let reservedDescriptors = 32

    /// As many connections as this process may have descriptors for, and for one user half of them.
    package static func connections() -> PeerGate {
        var limit = rlimit()
        // Cannot fail for the own process; 1024 is what nearly every system starts with.
        let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        let descriptors = isKnown ? Int(clamping: limit.rlim_cur) : 1024
        let total = max(2, descriptors - Self.reservedDescriptors)
        return PeerGate(total: total, perUser: total / 2)
    }

    /// Several times as many streams as requests are admitted: callers beyond those should hear that they are too many, not
    /// wait unheard.
    package static func streams(_ limits: ServiceLimits) -> PeerGate {
        PeerGate(total: 4 * limits.maxStreams, perUser: 4 * limits.maxStreamsPerUser)
    }

    /// How much is open now.
    package var open: Int { self.state.withLock { $0.open } }

    /// Takes a place for this user; false if there is none.
    package func enter(_ userID: UInt32) -> Bool {
        self.state.withLock { state in
            guard state.open < self.total, state.openOfUser[userID, default: 0] < self.perUser else { return false }
            state.open += 1
            state.openOfUser[userID, default: 0] += 1
            return true
        }
    }

    /// Gives a place back.
    package func leave(_ userID: UInt32) {
        self.state.withLock { state in
            state.open -= 1
            state.openOfUser[userID, default: 1] -= 1
            if state.openOfUser[userID] == 0 { state.openOfUser[userID] = nil }
        }
    }
}
