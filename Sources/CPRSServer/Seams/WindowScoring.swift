package import CPRSCore

/// Scores windows for many requests at once; the seam between a service and whatever computes.
package protocol WindowScoring: Sendable {
    /// Scores one window.
    ///
    /// Suspends while it waits for its turn. When the calling task is cancelled it returns within the time of one window.
    ///
    /// - Throws: `overloaded` if the queue is full; `cancelled`; what the critic throws.
    func score(_ window: CriticWindow, for client: ClientIdentity) async throws(CPRSError) -> CriticOutput
}

/// On whose behalf a window is scored.
package struct ClientIdentity: Hashable, Sendable {
    /// How urgent a request is.
    package enum RequestClass: String, CaseIterable, Sendable {
        /// Somebody waits.
        case interactive
        /// Nobody waits.
        case batch
    }

    /// User id of the peer process, as the kernel reports it.
    package var userID: UInt32
    /// How urgent the request is.
    package var requestClass: RequestClass

    package init(userID: UInt32, requestClass: RequestClass = .interactive) {
        self.userID = userID
        self.requestClass = requestClass
    }
}
