internal import CCPRSKernels

/// Products with packed weights, on the calling thread. Each row of a result depends on its own row of inputs alone,
/// bit for bit, however rows and panels are split.
extension Kernels {
    /// out = x · wᵀ + bias, for some of the panels; the other columns are left alone.
    ///
    /// - Parameters:
    ///   - panels: of 64 columns each; all if nil.
    ///   - bias: `[1, N]`.
    ///   - out: `[R, N]`.
    package static func multiply(
        _ x: ProductInputs, by weight: PackedMatrix, panels: Range<Int>? = nil, bias: Matrix? = nil, into out: Matrix,
        instructions: InstructionSet
    ) {
        precondition(!weight.layout.isGated && out.rows == x.rows && out.columns == weight.layout.outputs)
        precondition(bias.map { $0.columns == out.columns } ?? true)
        self.multiply(
            x, by: weight, panels: panels,
            output: cprs_output(store: CPRS_STORE_F32, data: out.start, stride: out.stride, bias: bias?.start),
            instructions)
    }

    /// residual += x · wᵀ; residual `[R, N]`.
    package static func addProduct(
        _ x: ProductInputs, by weight: PackedMatrix, to residual: Matrix, instructions: InstructionSet
    ) {
        precondition(
            !weight.layout.isGated && residual.rows == x.rows && residual.columns == weight.layout.outputs)
        self.multiply(
            x, by: weight, panels: nil,
            output: cprs_output(store: CPRS_ADD_F32, data: residual.start, stride: residual.stride, bias: nil),
            instructions)
    }

    /// out = silu(x · gateᵀ) · (x · upᵀ) for a gated pair.
    ///
    /// - Parameter out: `[R, F]` or wider; columns beyond F are left alone.
    package static func gatedProduct(
        _ x: ProductInputs, by weight: PackedMatrix, into out: BF16Matrix, instructions: InstructionSet
    ) {
        precondition(weight.layout.isGated && out.rows == x.rows && out.columns >= weight.layout.outputs)
        self.multiply(
            x, by: weight, panels: nil,
            output: cprs_output(store: CPRS_SWIGLU_BF16, data: out.start, stride: out.columns, bias: nil),
            instructions)
    }

    /// out = x · wᵀ + bias in float32, for a few outputs; x `[R, K]`, w `[N, K]`, bias `[1, N]`, out `[R, N]`.
    package static func dotRows(
        _ x: Matrix, _ w: Matrix, bias: Matrix?, into out: Matrix, instructions: InstructionSet
    ) {
        precondition(x.columns == w.columns && out.rows == x.rows && out.columns == w.rows)
        precondition(bias.map { $0.columns == out.columns } ?? true)
        cprs_dot_rows_f32(
            instructions.code, x.start, x.stride, x.rows, w.start, w.stride, w.rows, x.columns, bias?.start, out.start,
            out.stride)
    }

    private static func multiply(
        _ x: ProductInputs, by weight: PackedMatrix, panels: Range<Int>?, output: cprs_output,
        _ instructions: InstructionSet
    ) {
        let layout = weight.layout
        let panels = panels ?? 0..<layout.panels
        precondition(x.layout.inputs == layout.inputs && x.layout.group == layout.group)
        precondition(panels.lowerBound >= 0 && panels.upperBound <= layout.panels)
        switch (x.form, layout.precision) {
        case (.bf16(let start, let stride), .bf16):
            cprs_gemm_bf16(
                instructions.code, start, stride, x.rows, weight.bytes.baseAddress, layout.shape, panels.lowerBound,
                panels.upperBound, output)
        case (.int8(let start, let stride, let scales), .int8):
            cprs_gemm_int8(
                instructions.code, start, stride, scales, x.rows, weight.bytes.baseAddress, layout.shape,
                panels.lowerBound, panels.upperBound, output)
        default:
            preconditionFailure("inputs made for \(x.layout) meet a matrix of \(layout)")
        }
    }
}
