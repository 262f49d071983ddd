internal import CCPRSKernels

/// The C kernels with their shapes checked: a wrong shape is our own mistake and ends the process.
///
/// Everything here works on the calling thread and allocates nothing.
package enum Kernels {
    /// The fastest instruction set that this processor runs; the float32 reference has no need of another.
    private static let isa = InstructionSet.best.code

    /// Root-mean-square normalisation of each row.
    ///
    /// - Parameters:
    ///   - x: `[R, D]`; may be `out`.
    ///   - weight: `[1, D]`.
    ///   - epsilon: added to the mean square before the root.
    package static func rmsNorm(_ x: Matrix, weight: Matrix, epsilon: Float, into out: Matrix) {
        precondition(x.rows == out.rows && x.columns == out.columns && weight.columns == x.columns)
        cprs_rms_norm_f32(
            self.isa, x.start, x.stride, weight.start, out.start, out.stride, x.rows, x.columns, epsilon)
    }

    /// Adds `bias` `[1, N]` to each row of `x` `[R, N]`.
    package static func addBias(_ bias: Matrix, to x: Matrix) {
        precondition(bias.columns == x.columns)
        cprs_add_bias_f32(self.isa, x.start, x.stride, bias.start, x.rows, x.columns)
    }

    /// Rotates the heads in `x` `[R, heads · HD]`; `cosine` and `sine` are `[R, HD / 2]`.
    package static func rope(_ x: Matrix, cosine: Matrix, sine: Matrix, headWidth: Int) {
        precondition(x.columns.isMultiple(of: headWidth) && headWidth.isMultiple(of: 2))
        precondition(cosine.rows == x.rows && cosine.columns == headWidth / 2 && cosine.stride == cosine.columns)
        precondition(sine.rows == x.rows && sine.columns == headWidth / 2 && sine.stride == sine.columns)
        cprs_rope_f32(
            self.isa, x.start, x.stride, cosine.start, sine.start, x.rows, x.columns / headWidth, headWidth)
    }

    /// out = silu(gate) · up, element by element; all `[R, F]`; `out` may be `gate`.
    package static func siluMultiply(gate: Matrix, up: Matrix, into out: Matrix) {
        precondition(gate.rows == up.rows && gate.columns == up.columns)
        precondition(gate.rows == out.rows && gate.columns == out.columns)
        cprs_silu_mul_f32(
            self.isa, gate.start, gate.stride, up.start, up.stride, out.start, out.stride, gate.rows, gate.columns)
    }

    /// One block of keys of an online softmax; see `cprs_softmax_block_f32`.
    ///
    /// - Parameters:
    ///   - scores: `[R, C]`; scores · log2(e) in, weights out.
    ///   - visible: row r sees the first `visible + r · visibleStep` columns, cut to 0...C; may be negative.
    ///   - maximum: `[1, R]`, -infinity at first.
    ///   - sum: `[1, R]`, 0 at first.
    ///   - accumulated: `[R, HD]`, 0 at first; rescaled when a row's maximum grows.
    package static func softmaxBlock(
        _ scores: Matrix, visible: Int, visibleStep: Int, maximum: Matrix, sum: Matrix, accumulated: Matrix
    ) {
        precondition(visibleStep >= 0)
        precondition(maximum.columns == scores.rows && sum.columns == scores.rows && accumulated.rows == scores.rows)
        cprs_softmax_block_f32(
            self.isa, scores.start, scores.stride, scores.rows, scores.columns, visible, visibleStep,
            maximum.start, sum.start, accumulated.start, accumulated.stride, accumulated.columns)
    }

    /// out = x · factor, both `[R, N]`.
    package static func scale(_ x: Matrix, by factor: Float, into out: Matrix) {
        precondition(x.rows == out.rows && x.columns == out.columns)
        withUnsafePointer(to: factor) { factor in
            cprs_scale_rows_f32(
                self.isa, x.start, x.stride, factor, 0, out.start, out.stride, x.rows, x.columns)
        }
    }

    /// out[r, :] = x[r, :] · factors[r]; `factors` is `[1, R]`.
    package static func scaleRows(_ x: Matrix, by factors: Matrix, into out: Matrix) {
        precondition(x.rows == out.rows && x.columns == out.columns && factors.columns == x.rows)
        cprs_scale_rows_f32(
            self.isa, x.start, x.stride, factors.start, 1, out.start, out.stride, x.rows, x.columns)
    }

    /// Copies a part of a stored matrix to `out` `[rows, columns]` as float32.
    package static func widen(_ tensor: TensorView, rows: Range<Int>, columns: Range<Int>, into out: Matrix) {
        precondition(tensor.shape.count == 2 && rows.count == out.rows && columns.count == out.columns)
        precondition(rows.lowerBound >= 0 && rows.upperBound <= tensor.shape[0])
        precondition(columns.lowerBound >= 0 && columns.upperBound <= tensor.shape[1])
        self.widen(
            tensor, rows: rows, columns: columns, rowLength: tensor.shape[1], into: out.start, stride: out.stride)
    }

    static func widen(
        _ tensor: TensorView, rows: Range<Int>, columns: Range<Int>, rowLength: Int,
        into out: UnsafeMutablePointer<Float>, stride: Int
    ) {
        guard !rows.isEmpty, !columns.isEmpty, let base = tensor.bytes.baseAddress else { return }
        let source = base + (rows.lowerBound * rowLength + columns.lowerBound) * tensor.type.bytes
        switch tensor.type {
        case .bf16:
            cprs_widen_bf16_f32(self.isa, source, rowLength, out, stride, rows.count, columns.count)
        case .f16:
            cprs_widen_f16_f32(self.isa, source, rowLength, out, stride, rows.count, columns.count)
        case .f32:
            // A byte copy, because the source may be unaligned.
            for row in 0..<rows.count {
                UnsafeMutableRawPointer(out + row * stride)
                    .copyMemory(from: source + row * rowLength * 4, byteCount: columns.count * 4)
            }
        }
    }
}
