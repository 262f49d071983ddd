internal import CPRSCore
internal import CPRSTensors

/// The forward pass in some precision, as the critic sees it.
protocol WindowForward {
    /// Runs windows that fit the scratch together and have context.
    ///
    /// - Returns: `[C, D]`, the normalised hidden states of the context tokens of all windows, in order.
    /// - Throws: `invalidArgument` if memory is refused.
    func run(_ windows: [CriticWindow], clock: inout StageClock) throws(CPRSError) -> Matrix
    /// Drops everything that outlives a window, after values that were not finite.
    func forget()
    /// How the cache of prompts does.
    var prefixStatistics: PrefixStatistics { get }
}

/// f32: nothing outlives a window.
struct DenseForward: WindowForward {
    let forward: Qwen2Forward<DenseBackend>

    var prefixStatistics: PrefixStatistics { PrefixStatistics() }

    func run(_ windows: [CriticWindow], clock: inout StageClock) throws(CPRSError) -> Matrix {
        self.forward.run(
            WindowBatch(self.forward.config, windows, prefixes: windows.map { _ in nil }), clock: &clock)
    }

    func forget() {}
}

/// bf16 and int8, with what is known of the prompts.
final class PackedForward: WindowForward {
    private let forward: Qwen2Forward<PackedBackend>
    private let reusesPrefixes: Bool
    private var cache = PrefixCache()

    init(forward: Qwen2Forward<PackedBackend>, reusesPrefixes: Bool) {
        self.forward = forward
        self.reusesPrefixes = reusesPrefixes && forward.config.bidirectionalStartLayer > 0
    }

    var prefixStatistics: PrefixStatistics { self.cache.statistics }

    func run(_ windows: [CriticWindow], clock: inout StageClock) throws(CPRSError) -> Matrix {
        let prefixes = try self.prefixes(of: windows, clock: &clock)
        return self.forward.run(WindowBatch(self.forward.config, windows, prefixes: prefixes), clock: &clock)
    }

    func forget() {
        self.cache.clear()
        self.forward.backend.scratch.keyValues.clear()
    }

    /// The prefix of each window's prompt, computed now if it is not known; nil if it has none or there is no reuse.
    private func prefixes(
        of windows: [CriticWindow], clock: inout StageClock
    ) throws(CPRSError) -> [PromptPrefix?] {
        guard self.reusesPrefixes else { return windows.map { _ in nil } }
        var known: [[TokenID]: PromptPrefix] = [:]
        var missing: [[TokenID]] = []
        for prompt in windows.map(\.prompt) where !prompt.isEmpty && known[prompt] == nil {
            if let prefix = self.cache.find(prompt) {
                known[prompt] = prefix
            } else if !missing.contains(prompt) {
                missing.append(prompt)
            }
        }
        if !missing.isEmpty {
            let computed = try self.forward.prefixes(of: missing, clock: &clock)
            for (prompt, prefix) in zip(missing, computed) {
                known[prompt] = prefix
                self.cache.insert(prefix, for: prompt)
            }
        }
        return windows.map { known[$0.prompt] }
    }
}
