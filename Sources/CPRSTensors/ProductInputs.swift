internal import CCPRSKernels
package import CPRSCore

/// Rows of activations in the form in which one packed matrix multiplies them; a view into an ``ActivationBlock`` or
/// into the activations themselves.
package struct ProductInputs {
    enum Form {
        /// `[R, K']`.
        case bf16(UnsafePointer<UInt16>, stride: Int)
        /// `[R, K']` and scales `[R, groups]`.
        case int8(UnsafePointer<UInt8>, stride: Int, scales: UnsafePointer<Float>)
    }

    let form: Form
    /// R.
    package let rows: Int
    let layout: PackedMatrix.Layout
}

/// One worker's memory for rows of activations on their way into a packed matrix: rounded to bf16, or quantised.
///
/// Each call overwrites what the one before returned.
package final class ActivationBlock {
    private let instructions: InstructionSet
    private let rows: Int
    private let stride: Int
    private let groups: Int
    private let memory: OwnedMemory
    private let scales: MatrixStorage

    /// Reserves room for `rows` rows of inputs of any of the `layouts`.
    ///
    /// - Throws: `invalidArgument` if there is no memory for it.
    package init(rows: Int, layouts: [PackedMatrix.Layout], instructions: InstructionSet) throws(CPRSError) {
        self.instructions = instructions
        self.rows = rows
        self.stride = layouts.map(\.paddedInputs).max() ?? 0
        self.groups = layouts.map(\.groups).max() ?? 1
        self.memory = try OwnedMemory(
            elements: rows, each: self.stride * MemoryLayout<UInt16>.stride, purpose: "a block of activations")
        self.scales = try MatrixStorage(rows: rows, columns: self.groups, purpose: "scales of activations")
    }

    /// RMSNorm(x) · weight for a product with a matrix of `layout`; x `[R, K]`, weight `[1, K]`.
    package func normalise(
        _ x: Matrix, weight: Matrix, epsilon: Float, for layout: PackedMatrix.Layout
    ) -> ProductInputs {
        precondition(x.columns == layout.inputs && weight.columns == layout.inputs)
        self.check(rows: x.rows, layout)
        if layout.precision == .int8 {
            let out = self.memory.base.assumingMemoryBound(to: UInt8.self)
            let scales = self.scales.matrix.start
            cprs_rms_norm_int8(
                self.instructions.code, x.start, x.stride, weight.start, epsilon, x.rows, x.columns, layout.group,
                out, layout.paddedInputs, scales)
            return ProductInputs(
                form: .int8(out, stride: layout.paddedInputs, scales: scales), rows: x.rows, layout: layout)
        }
        let out = self.memory.base.assumingMemoryBound(to: UInt16.self)
        cprs_rms_norm_bf16(
            self.instructions.code, x.start, x.stride, weight.start, epsilon, x.rows, x.columns, out,
            layout.paddedInputs)
        return ProductInputs(form: .bf16(out, stride: layout.paddedInputs), rows: x.rows, layout: layout)
    }

    /// x for a product with a matrix of `layout`: x itself if that is bf16.
    ///
    /// - Parameter x: `[R, K']`, zero beyond column K; must outlive the result.
    package func convert(_ x: BF16Matrix, for layout: PackedMatrix.Layout) -> ProductInputs {
        precondition(x.columns == layout.paddedInputs)
        guard layout.precision == .int8 else {
            return ProductInputs(form: .bf16(x.start, stride: x.columns), rows: x.rows, layout: layout)
        }
        self.check(rows: x.rows, layout)
        let out = self.memory.base.assumingMemoryBound(to: UInt8.self)
        let scales = self.scales.matrix.start
        cprs_quantize_bf16(
            self.instructions.code, x.start, x.columns, x.rows, layout.inputs, layout.group, out, layout.paddedInputs,
            scales)
        return ProductInputs(
            form: .int8(out, stride: layout.paddedInputs, scales: scales), rows: x.rows, layout: layout)
    }

    private func check(rows: Int, _ layout: PackedMatrix.Layout) {
        precondition(rows <= self.rows && layout.paddedInputs <= self.stride && layout.groups <= self.groups)
    }
}
