/// For whom a window is scored: what the queue is fair by.
package struct WorkOwner: Hashable, Sendable {
    /// How urgently somebody waits for the answer; chosen by the client.
    package enum Urgency: Int, CaseIterable, Hashable, Sendable {
        /// A person or an agent waits.
        case interactive = 0
        /// Nobody waits; gets at least ``FairQueue/batchShare`` of the tokens while interactive work is waiting.
        case batch = 1
    }

    /// The peer's user id, from the kernel (`SO_PEERCRED`), never from the client's words.
    package var user: UInt32
    /// Names the request among those of its user.
    package var request: UInt64
    /// How urgently somebody waits.
    package var urgency: Urgency

    package init(user: UInt32, request: UInt64, urgency: Urgency = .interactive) {
        self.user = user
        self.request = request
        self.urgency = urgency
    }
}
