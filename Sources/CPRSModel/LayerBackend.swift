internal import CPRSCore
internal import CPRSTensors

/// One layer's work in one precision; the seam at which packed kernels replace the float32 reference.
///
/// A backend owns the layers' weights and what lies between its steps: queries, keys, values, attended values. Only the
/// residual stream `[R, D]`, float32, is everybody's. Each step may use all threads of the pool.
protocol LayerBackend {
    /// Normalises rows `step.stored`, projects them to q, k and v with biases, rotates q and k by their positions.
    func project(_ residual: Matrix, layer: Int, step: WindowBatch.LayerStep, batch: WindowBatch)

    /// attended = softmax(q kᵀ / sqrt(HD) + mask) v for rows `step.active`, head by head, within each window.
    func attend(step: WindowBatch.LayerStep, batch: WindowBatch)

    /// residual += attended · Woᵀ, then residual += W_down (silu(W_gate h) * (W_up h)), h = RMSNorm(residual), for
    /// some rows.
    func feedForward(_ residual: Matrix, layer: Int, rows: Range<Int>)
}
