internal import Synchronization

/// Lets one task at a time do what takes long, in the order in which they came.
///
/// Swift's pool has about as many threads as the machine has cores, and its queue makes no difference between a step of a
/// microsecond and one of a tenth of a second. Of the costly steps at most one is in that queue; the others wait here.
final class Turns: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Waits for a turn; ``give()`` must follow. A cancelled task waits as well, which takes no longer than the turns before.
    func take() async {
        await withCheckedContinuation { turn in
            let isFree = self.state.withLock { state in
                guard state.isTaken else {
                    state.isTaken = true
                    return true
                }
                state.waiting.append(turn)
                return false
            }
            if isFree { turn.resume() }
        }
    }

    /// Ends a turn.
    func give() {
        let next = self.state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.isTaken = false
            return nil
        }
        next?.resume()
    }
}
