internal import CPRSCore
internal import CPRSWire
internal import Synchronization

/// The recordings of finished requests: bounded in bytes and in time, each for its own user.
final class RecutStore: Sendable {
    private struct Entry {
        var recording: Recording
        var userID: UInt32
        var expires: ContinuousClock.Instant
    }

    private struct State {
        var entries: [String: Entry] = [:]
        /// Ids of `entries`, oldest first.
        var order: [String] = []
        var byteCount = 0
        /// Who owned what is gone, so that "expired" can be told apart from "never existed"; oldest first.
        var gone: [String: UInt32] = [:]
        var goneOrder: [String] = []
    }

    /// Ids of gone recordings that are remembered.
    private static let rememberedIDs = 4096

    private let capacity: Int
    private let retention: Duration
    private let state = Mutex(State())

    init(capacity: Int, retention: Duration) {
        self.capacity = capacity
        self.retention = retention
    }

    /// Most bytes of one recording, so that a single request cannot push out all the others.
    var maxRecordingBytes: Int { self.capacity / 2 }

    /// Bytes held.
    var byteCount: Int { self.state.withLock { $0.byteCount } }

    /// Holds a recording, at the cost of older ones; returns for how long.
    func insert(_ recording: Recording, id: String, userID: UInt32) -> Duration {
        guard recording.isComplete, recording.byteCount <= self.maxRecordingBytes else { return .zero }
        self.state.withLock { state in
            Self.removeExpired(&state)
            while state.byteCount + recording.byteCount > self.capacity, let oldest = state.order.first {
                Self.remove(oldest, &state)
            }
            state.entries[id] = Entry(
                recording: recording, userID: userID, expires: ContinuousClock.now + self.retention)
            state.order.append(id)
            state.byteCount += recording.byteCount
        }
        return self.retention
    }

    /// A recording of this user.
    ///
    /// - Throws: `expired` if it is no longer held; `notFound` if this user never had one of that id.
    func recording(id: String, userID: UInt32) throws(ServiceError) -> Recording {
        let (entry, owner) = self.state.withLock { state in
            Self.removeExpired(&state)
            return (state.entries[id], state.gone[id])
        }
        if let entry, entry.userID == userID { return entry.recording }
        if owner == userID {
            throw ServiceError(
                .expired, "the scores of request '\(id)' are no longer held; send the context again",
                field: "request_id")
        }
        throw ServiceError(
            .notFound, "no request '\(id)' of this user has retained scores", field: "request_id")
    }

    /// Lets go of everything whose time is over.
    func removeExpired() { self.state.withLock { Self.removeExpired(&$0) } }

    private static func removeExpired(_ state: inout State) {
        let now = ContinuousClock.now
        while let oldest = state.order.first, let entry = state.entries[oldest], entry.expires <= now {
            Self.remove(oldest, &state)
        }
    }

    private static func remove(_ id: String, _ state: inout State) {
        guard let entry = state.entries.removeValue(forKey: id) else { return }
        state.order.removeAll { $0 == id }
        state.byteCount -= entry.recording.byteCount
        state.gone[id] = entry.userID
        state.goneOrder.append(id)
        if state.goneOrder.count > Self.rememberedIDs { state.gone[state.goneOrder.removeFirst()] = nil }
    }
}
