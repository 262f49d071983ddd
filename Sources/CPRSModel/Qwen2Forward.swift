internal import CPRSCore
internal import CPRSTensors

/// A Qwen2 decoder from token ids to final hidden states, with a causal mask in the lower layers and none in the upper.
///
/// Legend: T tokens in the window, C of them context, D width, H query heads, KV key/value heads, HD head width,
/// F feed-forward width. Every matrix is row-major float32, one row per token.
/// Source: Yang et al. 2024, arXiv:2407.10671 (Qwen2); arXiv:2505.18092 (the layers without a mask).
struct Qwen2Forward<Backend: LinearBackend> {
    let config: Qwen2Config
    let weights: Qwen2Weights<Backend.Linear>
    let backend: Backend
    let attention: BlockedAttention
    let pool: ComputePool

    /// Runs all layers over one window.
    ///
    /// Allocates nothing but what the pool needs to pass a phase on. Results depend on this window alone.
    ///
    /// - Parameters:
    ///   - window: its ids are in the vocabulary, its length within `scratch`, its context not empty.
    ///   - scratch: overwritten.
    ///   - clock: gets the time of each stage.
    /// - Returns: `[C, D]`, the normalised hidden states of the context tokens, in `scratch`.
    func run(_ window: CriticWindow, scratch: Qwen2Scratch, clock: inout StageClock) -> Matrix {
        let prompt = window.prompt.count
        let tokens = prompt + window.context.count
        let epsilon = Float(self.config.normEpsilon)
        let residual = scratch.residual.matrix.rows(0..<tokens)
        let normed = scratch.normed.matrix.rows(0..<tokens)
        let rotation = scratch.rotation(tokens)

        // residual [T, D] = the ids' rows of the embedding.
        self.embed(window, into: residual)
        clock.lap(\.head)

        for (index, layer) in self.weights.layers.enumerated() {
            let causal = index < self.config.bidirectionalStartLayer
            // Nobody reads the prompt's states after the last layer; only its keys and values are needed there.
            let active = index == self.config.layers - 1 ? prompt..<tokens : 0..<tokens
            let stream = residual.rows(active)

            // normed [T, D] = RMSNorm(residual).
            self.backend.normalise(residual, weight: layer.attentionNorm.matrix, epsilon: epsilon, into: normed)

            // q [A, H · HD], k [T, KV · HD], v [T, KV · HD], with biases; q and k rotated by their positions.
            let queries = scratch.queries.matrix.rows(active)
            let keys = scratch.keys.matrix.rows(0..<tokens)
            let values = scratch.values.matrix.rows(0..<tokens)
            self.backend.project([
                Projection(
                    input: normed.rows(active), weight: layer.query, bias: layer.queryBias.matrix,
                    rotation: rotation.rows(active), output: queries),
                Projection(
                    input: normed, weight: layer.key, bias: layer.keyBias.matrix, rotation: rotation, output: keys),
                Projection(
                    input: normed, weight: layer.value, bias: layer.valueBias.matrix, rotation: nil, output: values),
            ])
            clock.lap(\.qkv)

            // attended [A, H · HD] = softmax(q kᵀ / sqrt(HD) + mask) v, head by head.
            let attended = scratch.attended.matrix.rows(active)
            self.attention.run(
                queries: queries, keys: keys, values: values, firstQuery: active.lowerBound, causal: causal,
                into: attended)
            clock.lap(\.attention)

            // residual += attended · Woᵀ.
            self.backend.addProjection(attended, by: layer.attentionOutput, to: stream)

            // residual += W_down (silu(W_gate h) * (W_up h)), h = RMSNorm(residual); some rows at a time.
            let hidden = normed.rows(active)
            self.backend.normalise(stream, weight: layer.feedForwardNorm.matrix, epsilon: epsilon, into: hidden)
            var start = 0
            while start < stream.rows {
                let rows = start..<min(start + Qwen2Scratch.feedForwardRows, stream.rows)
                let gated = scratch.gated.matrix.rows(0..<rows.count)
                self.backend.gatedProjection(hidden.rows(rows), gate: layer.gate, up: layer.up, into: gated)
                self.backend.addProjection(gated, by: layer.down, to: stream.rows(rows))
                start = rows.upperBound
            }
            clock.lap(\.mlp)
        }

        // final [C, D] = RMSNorm(residual) of the context tokens.
        let final = normed.rows(prompt..<tokens)
        self.backend.normalise(
            residual.rows(prompt..<tokens), weight: self.weights.finalNorm.matrix, epsilon: epsilon, into: final)
        return final
    }

    /// Copies the embedding of each id, prompt first, to its row of `out` `[T, D]`.
    private func embed(_ window: CriticWindow, into out: Matrix) {
        let prompt = window.prompt.count
        self.pool.runRows(out.rows, perBlock: 64) { rows in
            for row in rows {
                let id = Int(row < prompt ? window.prompt[row] : window.context[row - prompt])
                Kernels.widen(
                    self.weights.embedding, rows: id..<id + 1, columns: 0..<out.columns, into: out.rows(row..<row + 1))
            }
        }
    }
}
