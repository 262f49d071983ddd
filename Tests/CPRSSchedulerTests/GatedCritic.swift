import CPRSCore
import CPRSTestSupport
import Glibc
import Synchronization

/// A fake critic whose calls are counted and can be held.
final class GatedCritic: TokenCritic {
    let limits = CriticLimits(maxWindowTokens: 4096, trainedWindowTokens: 256, vocabularySize: 1 << 20)
    private let inner = FakeCritic()
    private let gate: Gate

    init(_ gate: Gate) { self.gate = gate }

    deinit { self.gate.criticIsGone() }

    func score(_ window: CriticWindow) throws(CPRSError) -> CriticOutput {
        self.gate.pass(window)
        if window.context.first == Self.poison { throw CPRSError(code: .modelUnusable, message: "poison") }
        return try self.inner.score(window)
    }

    func score(_ windows: [CriticWindow]) throws(CPRSError) -> [CriticOutput] {
        self.gate.note(batch: windows.compactMap(\.context.first))
        if windows.contains(where: { $0.context.first == Self.poison }) {
            throw CPRSError(code: .modelUnusable, message: "poison in a batch")
        }
        var outputs: [CriticOutput] = []
        for window in windows { outputs.append(try self.score(window)) }
        return outputs
    }

    /// A window that begins with it fails.
    static let poison: TokenID = 666
}

/// What a test sees and controls of a ``GatedCritic``.
final class Gate: Sendable {
    private struct State {
        var isOpen = true
        var entered: [TokenID] = []
        var batches: [[TokenID]] = []
        var goneCritics = 0
    }

    private let state = Mutex(State())

    /// Holds every call that begins from now on.
    func shut() { self.state.withLock { $0.isOpen = false } }
    func open() { self.state.withLock { $0.isOpen = true } }

    /// First context tokens of the windows whose calls began.
    var entered: [TokenID] { self.state.withLock { $0.entered } }
    /// First context tokens of the windows of each call that took several.
    var batches: [[TokenID]] { self.state.withLock { $0.batches } }
    var goneCritics: Int { self.state.withLock { $0.goneCritics } }

    func pass(_ window: CriticWindow) {
        self.state.withLock { $0.entered.append(window.context.first ?? -1) }
        while !self.state.withLock({ $0.isOpen }) { usleep(200) }
    }

    func note(batch: [TokenID]) { self.state.withLock { $0.batches.append(batch) } }

    func criticIsGone() { self.state.withLock { $0.goneCritics += 1 } }
}

/// Waits until a condition holds, for ten seconds at most.
func eventually(_ condition: () -> Bool) async -> Bool {
    for _ in 0..<10_000 {
        if condition() { return true }
        try? await Task.sleep(for: .milliseconds(1))
    }
    return condition()
}
