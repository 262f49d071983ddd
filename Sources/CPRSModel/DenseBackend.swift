internal import CPRSCore
internal import CPRSTensors

/// The layers in float32 on OpenBLAS; the reference for every other backend.
///
/// It takes one window at a time, because OpenBLAS may compute a row differently among another number of rows.
final class DenseBackend: LayerBackend {
    /// Rows that go through the feed-forward block together: its inner width is the largest, so it is not kept for a
    /// whole window.
    private static let feedForwardRows = 2048

    private let weights: DenseWeights
    private let products: DenseProducts
    private let attention: BlockedAttention
    private let scratch: Qwen2Scratch
    private let epsilon: Float
    /// `[W, D]`, normalised input of the next product; W is the largest window.
    private let normed: MatrixStorage
    /// `[W, H · HD]`.
    private let queries: MatrixStorage
    /// `[W, KV · HD]`.
    private let keys: MatrixStorage
    /// `[W, KV · HD]`.
    private let values: MatrixStorage
    /// `[W, H · HD]`.
    private let attended: MatrixStorage
    /// `[min(W, feedForwardRows), F]`.
    private let gated: MatrixStorage

    /// Reserves what lies between the steps.
    ///
    /// - Throws: `invalidArgument` if there is no memory for windows of the scratch's size.
    init(_ config: Qwen2Config, weights: DenseWeights, scratch: Qwen2Scratch, pool: ComputePool) throws(CPRSError) {
        let rows = scratch.rows
        func storage(_ rows: Int, _ columns: Int) throws(CPRSError) -> MatrixStorage {
            try MatrixStorage(rows: rows, columns: columns, purpose: "a window of \(rows) tokens")
        }
        self.weights = weights
        self.products = try DenseProducts(pool: pool, config: config)
        self.attention = try BlockedAttention(pool: pool, config: config)
        self.scratch = scratch
        self.epsilon = Float(config.normEpsilon)
        self.normed = try storage(rows, config.width)
        self.queries = try storage(rows, config.queryWidth)
        self.keys = try storage(rows, config.keyWidth)
        self.values = try storage(rows, config.keyWidth)
        self.attended = try storage(rows, config.queryWidth)
        self.gated = try storage(min(rows, Self.feedForwardRows), config.feedForwardWidth)
    }

    func project(_ residual: Matrix, layer: Int, step: WindowBatch.LayerStep, batch: WindowBatch) {
        precondition(batch.windows.count == 1 && step.stored == 0..<batch.rows)
        let layer = self.weights.layers[layer]
        let rotation = self.scratch.rotation(step.stored)
        let normed = self.normed.matrix.rows(step.stored)
        // normed [T, D] = RMSNorm(residual).
        self.products.normalise(residual, weight: layer.attentionNorm.matrix, epsilon: self.epsilon, into: normed)
        // q [A, H · HD], k [T, KV · HD], v [T, KV · HD], with biases; q and k rotated by their positions.
        self.products.project([
            Projection(
                input: normed.rows(step.active), weight: layer.query, bias: layer.queryBias.matrix,
                rotation: rotation.rows(step.active), output: self.queries.matrix.rows(step.active)),
            Projection(
                input: normed, weight: layer.key, bias: layer.keyBias.matrix, rotation: rotation,
                output: self.keys.matrix.rows(step.stored)),
            Projection(
                input: normed, weight: layer.value, bias: layer.valueBias.matrix, rotation: nil,
                output: self.values.matrix.rows(step.stored)),
        ])
    }

    func attend(step: WindowBatch.LayerStep, batch: WindowBatch) {
        self.attention.run(
            queries: self.queries.matrix.rows(step.active), keys: self.keys.matrix.rows(step.stored),
            values: self.values.matrix.rows(step.stored), firstQuery: step.active.lowerBound, causal: step.causal,
            into: self.attended.matrix.rows(step.active))
    }

    func feedForward(_ residual: Matrix, layer: Int, rows: Range<Int>) {
        let layer = self.weights.layers[layer]
        let stream = residual.rows(rows)
        let hidden = self.normed.matrix.rows(rows)
        self.products.addProjection(self.attended.matrix.rows(rows), by: layer.attentionOutput, to: stream)
        self.products.normalise(stream, weight: layer.feedForwardNorm.matrix, epsilon: self.epsilon, into: hidden)
        var start = 0
        while start < stream.rows {
            let part = start..<min(start + Self.feedForwardRows, stream.rows)
            let gated = self.gated.matrix.rows(0..<part.count)
            self.products.gatedProjection(hidden.rows(part), gate: layer.gate, up: layer.up, into: gated)
            self.products.addProjection(gated, by: layer.down, to: stream.rows(part))
            start = part.upperBound
        }
    }
}
