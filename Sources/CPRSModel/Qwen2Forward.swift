internal import CPRSCore
internal import CPRSTensors

/// A Qwen2 decoder from token ids to final hidden states, with a causal mask in the lower layers and none in the upper.
///
/// Legend: R rows of the batch, C of them context, D width, H query heads, KV key/value heads, HD head width,
/// F feed-forward width. Matrices are row-major, one row per token.
/// Source: Yang et al. 2024, arXiv:2407.10671 (Qwen2); arXiv:2505.18092 (the layers without a mask).
struct Qwen2Forward<Backend: LayerBackend> {
    let config: Qwen2Config
    /// `[V, D]`.
    let embedding: TensorView
    /// `[1, D]`.
    let finalNorm: MatrixStorage
    let backend: Backend
    let scratch: Qwen2Scratch
    let pool: ComputePool

    /// Runs all layers over some windows. Allocates nothing but what the pool needs to pass a phase on.
    ///
    /// - Parameters:
    ///   - batch: its ids are in the vocabulary, its rows fit the scratch.
    ///   - clock: gets the time of each stage.
    /// - Returns: `[C, D]`, the normalised hidden states of the context tokens, in the scratch.
    func run(_ batch: WindowBatch, clock: inout StageClock) -> Matrix {
        let residual = self.scratch.residual.matrix.rows(0..<batch.rows)
        self.embed(batch, into: residual)
        clock.lap(\.head)
        for layer in 0..<self.config.layers {
            if layer == self.config.bidirectionalStartLayer { batch.restoreReused(in: residual) }
            self.apply(layer, batch, residual, clock: &clock)
        }
        let hidden = residual.rows(batch.context)
        self.pool.runRows(hidden.rows, perBlock: 64) { rows in
            Kernels.rmsNorm(
                hidden.rows(rows), weight: self.finalNorm.matrix, epsilon: Float(self.config.normEpsilon),
                into: hidden.rows(rows))
        }
        return hidden
    }

    /// One layer: attention, then the feed-forward block, each added to the residual stream `[R, D]`.
    func apply(_ layer: Int, _ batch: WindowBatch, _ residual: Matrix, clock: inout StageClock) {
        let step = batch.step(layer)
        self.backend.project(residual, layer: layer, step: step, batch: batch)
        clock.lap(\.qkv)
        self.backend.attend(step: step, batch: batch)
        clock.lap(\.attention)
        self.backend.feedForward(residual, layer: layer, rows: step.active)
        clock.lap(\.mlp)
    }

    /// residual `[R, D]` = the ids' rows of the embedding.
    func embed(_ batch: WindowBatch, into residual: Matrix) {
        self.pool.runRows(residual.rows, perBlock: 64) { rows in
            for row in rows {
                let id = Int(batch.ids[row])
                Kernels.widen(
                    self.embedding, rows: id..<id + 1, columns: 0..<residual.columns,
                    into: residual.rows(row..<row + 1))
            }
        }
    }
}
