internal import Synchronization

/// A sentence that stays in the status line until it is no longer true.
final class Notice: Sendable {
    private let state = Mutex<String?>(nil)

    /// What is said; nil for nothing.
    var text: String? {
        get { self.state.withLock { $0 } }
        set { self.state.withLock { $0 = newValue } }
    }
}
