internal import CPRSCore
internal import CPRSTensors

/// What the causal layers make of a prompt. It depends on the prompt alone, because no token there sees a later one.
final class PromptPrefix {
    /// P.
    let tokens: Int
    /// `[P, D]`, the residual stream at the first bidirectional layer; no rows if there is none.
    let residual: MatrixStorage
    /// Of all causal layers, one after another.
    private let store: KeyValueStore

    /// Reserves room.
    ///
    /// - Throws: `invalidArgument` if there is no memory for it.
    init(_ config: Qwen2Config, tokens: Int) throws(CPRSError) {
        let start = config.bidirectionalStartLayer
        self.tokens = tokens
        self.residual = try MatrixStorage(
            rows: start < config.layers ? tokens : 0, columns: config.width, purpose: "a prompt's states")
        self.store = try KeyValueStore(
            config.attentionShape, capacity: start * KeyValueStore.room(for: tokens), purpose: "a prompt's keys")
    }

    /// Bytes of its memory.
    var byteCount: Int {
        self.store.byteCount + self.residual.matrix.rows * self.residual.matrix.columns * MemoryLayout<Float>.stride
    }

    /// The keys and values of one causal layer.
    func keyValues(layer: Int) -> KeyValues {
        self.store.window(first: layer * KeyValueStore.room(for: self.tokens), tokens: self.tokens)
    }
}

extension Qwen2Forward<PackedBackend> {
    /// Runs the causal layers over prompts alone.
    ///
    /// - Parameters:
    ///   - prompts: not empty; they fit the scratch together.
    ///   - clock: gets the time of each stage.
    /// - Returns: one for each prompt.
    /// - Throws: `invalidArgument` if there is no memory to keep them in.
    func prefixes(of prompts: [[TokenID]], clock: inout StageClock) throws(CPRSError) -> [PromptPrefix] {
        var prefixes: [PromptPrefix] = []
        for prompt in prompts { prefixes.append(try PromptPrefix(self.config, tokens: prompt.count)) }
        let windows = prompts.map { CriticWindow(prompt: $0, context: [], tags: []) }
        let batch = WindowBatch(self.config, windows, prefixes: windows.map { _ in nil })
        let residual = self.scratch.residual.matrix.rows(0..<batch.rows)
        self.embed(batch, into: residual)
        clock.lap(\.head)
        for layer in 0..<self.config.bidirectionalStartLayer {
            self.apply(layer, batch, residual, clock: &clock)
            for (window, prefix) in zip(batch.windows, prefixes) {
                self.backend.keyValues(window).copy(prefix.tokens, to: prefix.keyValues(layer: layer))
            }
        }
        guard self.config.bidirectionalStartLayer < self.config.layers else { return prefixes }
        var first = 0
        for prefix in prefixes {
            prefix.residual.matrix.copy(from: residual.rows(first..<first + prefix.tokens))
            first += prefix.tokens
        }
        return prefixes
    }
}
