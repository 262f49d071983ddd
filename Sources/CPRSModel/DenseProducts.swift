internal import CPRSCore
internal import CPRSTensors

/// Linear layers in float32 on OpenBLAS, straight from the checkpoint's own bytes; F16 and BF16 are widened on the way.
///
/// Each method is one phase on the pool.
final class DenseProducts {
    private let pool: ComputePool
    /// Per worker: widened weights of one block.
    private let panels: [MatrixStorage]
    /// Per worker: the `up` half of one gated block.
    private let ups: [MatrixStorage]

    /// Reserves the scratch for blocks of any product.
    ///
    /// - Throws: `invalidArgument` if there is no memory for it.
    init(pool: ComputePool, config: Qwen2Config) throws(CPRSError) {
        self.pool = pool
        let columns = BlockPlan.widestBlock(columnUnit: config.headWidth)
        var panels: [MatrixStorage] = []
        var ups: [MatrixStorage] = []
        for _ in 0..<pool.threads {
            panels.append(
                try MatrixStorage(rows: columns, columns: Kernels.panelDepth, purpose: "widened weights"))
            ups.append(try MatrixStorage(rows: BlockPlan.maxRows, columns: columns, purpose: "gated activations"))
        }
        self.panels = panels
        self.ups = ups
    }

    /// out = RMSNorm(x) · weight, row by row; all `[R, D]`.
    func normalise(_ x: Matrix, weight: Matrix, epsilon: Float, into out: Matrix) {
        self.pool.runRows(x.rows, perBlock: 64) { rows in
            Kernels.rmsNorm(x.rows(rows), weight: weight, epsilon: epsilon, into: out.rows(rows))
        }
    }

    /// Computes three independent projections.
    func project(_ projections: [3 of Projection]) {
        func plan(_ index: Int) -> BlockPlan {
            let projection = projections[index]
            return BlockPlan(
                rows: projection.input.rows, columns: projection.weight.outputs, depth: projection.weight.inputs,
                columnUnit: projection.rotation?.headWidth ?? 1)
        }
        let plans: [3 of BlockPlan] = [plan(0), plan(1), plan(2)]
        self.pool.run(plans[0].count + plans[1].count + plans[2].count) { block, worker in
            var index = 0
            var block = block
            while block >= plans[index].count {
                block -= plans[index].count
                index += 1
            }
            self.compute(projections[index], plans[index].block(block), worker: worker)
        }
    }

    private func compute(
        _ projection: Projection, _ block: (rows: Range<Int>, columns: Range<Int>), worker: Int
    ) {
        let out = projection.output.block(rows: block.rows, columns: block.columns)
        Kernels.multiply(
            projection.input.rows(block.rows), by: projection.weight, outputs: block.columns, into: out,
            accumulate: false, panel: self.panels[worker].matrix)
        Kernels.addBias(projection.bias.columns(block.columns), to: out)
        if let rotation = projection.rotation?.rows(block.rows) {
            Kernels.rope(out, cosine: rotation.cosine, sine: rotation.sine, headWidth: rotation.headWidth)
        }
    }

    /// out = silu(x · gateᵀ) · (x · upᵀ); x `[R, D]`, out `[R, F]`.
    func gatedProjection(_ x: Matrix, gate: WeightMatrix, up: WeightMatrix, into out: Matrix) {
        let plan = BlockPlan(rows: x.rows, columns: gate.outputs, depth: 2 * gate.inputs, columnUnit: 1)
        self.pool.run(plan.count) { block, worker in
            let (rows, columns) = plan.block(block)
            let panel = self.panels[worker].matrix
            let gated = out.block(rows: rows, columns: columns)
            let raised = self.ups[worker].matrix.reshaped(rows: rows.count, columns: columns.count)
            Kernels.multiply(
                x.rows(rows), by: gate, outputs: columns, into: gated, accumulate: false, panel: panel)
            Kernels.multiply(
                x.rows(rows), by: up, outputs: columns, into: raised, accumulate: false, panel: panel)
            Kernels.siluMultiply(gate: gated, up: raised, into: gated)
        }
    }

    /// residual += x · wᵀ; x `[R, K]`, residual `[R, N]`.
    func addProjection(_ x: Matrix, by weight: WeightMatrix, to residual: Matrix) {
        let plan = BlockPlan(rows: x.rows, columns: weight.outputs, depth: weight.inputs, columnUnit: 1)
        self.pool.run(plan.count) { block, worker in
            let (rows, columns) = plan.block(block)
            Kernels.multiply(
                x.rows(rows), by: weight, outputs: columns, into: residual.block(rows: rows, columns: columns),
                accumulate: true, panel: self.panels[worker].matrix)
        }
    }
}

/// out = input · weightᵀ + bias, then rotated by position if `rotation` is given.
struct Projection {
    /// `[R, K]`.
    var input: Matrix
    /// `[N, K]`.
    var weight: WeightMatrix
    /// `[1, N]`.
    var bias: Matrix
    /// Rotary tables for the same rows.
    var rotation: Rotation?
    /// `[R, N]`.
    var output: Matrix
}
