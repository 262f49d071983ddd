internal import CCPRSOpenBLAS

extension Kernels {
    /// out = x · wᵀ, or out += x · wᵀ.
    ///
    /// - Parameters:
    ///   - x: `[M, K]`.
    ///   - w: `[N, K]`, as checkpoints store linear layers.
    ///   - out: `[M, N]`.
    ///   - accumulate: add to what `out` holds.
    package static func multiply(_ x: Matrix, transposed w: Matrix, into out: Matrix, accumulate: Bool = false) {
        precondition(x.columns == w.columns && out.rows == x.rows && out.columns == w.rows)
        guard out.rows > 0, out.columns > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, self.size(x.rows), self.size(w.rows), self.size(x.columns), 1,
            x.start, self.size(x.stride), w.start, self.size(w.stride), accumulate ? 1 : 0, out.start,
            self.size(out.stride))
    }

    /// out = x · v, or out += x · v; `x` `[M, K]`, `v` `[K, N]`, `out` `[M, N]`.
    package static func multiply(_ x: Matrix, _ v: Matrix, into out: Matrix, accumulate: Bool = false) {
        precondition(x.columns == v.rows && out.rows == x.rows && out.columns == v.columns)
        guard out.rows > 0, out.columns > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, self.size(x.rows), self.size(v.columns), self.size(x.columns),
            1, x.start, self.size(x.stride), v.start, self.size(v.stride), accumulate ? 1 : 0, out.start,
            self.size(out.stride))
    }

    /// Threads that OpenBLAS starts inside one product, for the whole process.
    ///
    /// It takes every core unless told otherwise. ``ComputePool`` sets 1, because its workers each multiply a block of
    /// their own, and OpenBLAS's waiting threads would spin on the cores that they need. More is for measuring
    /// OpenBLAS itself.
    package static func setThreadsPerProduct(_ threads: Int) { openblas_set_num_threads(self.size(threads)) }

    /// OpenBLAS counts in 32 bits; ``Matrix`` sizes come from configs that are limited to less.
    private static func size(_ value: Int) -> Int32 {
        precondition(value <= Int(Int32.max), "matrix size \(value)")
        return Int32(value)
    }
}
