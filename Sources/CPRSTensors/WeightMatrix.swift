package import CPRSCore

/// A linear layer's weight `[N, K]`, ready to multiply: in place where its bytes allow it, else widened piece by piece.
package struct WeightMatrix {
    /// The stored matrix.
    package let tensor: TensorView
    /// Number of outputs, N.
    package var outputs: Int { self.tensor.shape[0] }
    /// Number of inputs, K.
    package var inputs: Int { self.tensor.shape[1] }
    /// The float32 matrix if there is one in memory, else nil: F16 and BF16 are widened during the product.
    let inPlace: Matrix?
    private let copy: MatrixStorage?

    /// Bytes that had to be copied because an F32 tensor was not aligned to 4 bytes in its file; otherwise 0.
    package var copiedBytes: Int { self.copy == nil ? 0 : self.tensor.byteCount }

    /// Prepares `tensor`, which must have two axes.
    ///
    /// - Throws: `invalidArgument` if an unaligned matrix must be copied and there is no memory for it.
    package init(_ tensor: TensorView) throws(CPRSError) {
        precondition(tensor.shape.count == 2, "\(tensor.name): \(tensor.shape)")
        self.tensor = tensor
        let (rows, columns) = (tensor.shape[0], tensor.shape[1])
        guard tensor.type == .f32, let base = tensor.bytes.baseAddress else {
            self.inPlace = nil
            self.copy = nil
            return
        }
        // A header of odd length leaves all the tensors behind it unaligned. BLAS wants aligned floats.
        if !tensor.isUnaligned {
            self.copy = nil
            let start = UnsafeMutableRawPointer(mutating: base).assumingMemoryBound(to: Float.self)
            self.inPlace = Matrix(start: start, rows: rows, columns: columns, stride: columns)
        } else {
            let copy = try MatrixStorage(rows: rows, columns: columns, purpose: "a copy of \(tensor.name)")
            Kernels.widen(tensor, rows: 0..<rows, columns: 0..<columns, into: copy.matrix)
            self.copy = copy
            self.inPlace = copy.matrix
        }
    }
}

extension Kernels {
    /// Elements of K that are widened at a time; OpenBLAS cuts K into pieces of this order itself.
    package static let panelDepth = 1024

    /// out = x · w[outputs]ᵀ, or out += …; F16 and BF16 rows are widened through `panel`.
    ///
    /// - Parameters:
    ///   - x: `[M, K]`.
    ///   - outputs: rows of `weight` to multiply by.
    ///   - out: `[M, outputs.count]`.
    ///   - panel: scratch of at least `outputs.count · min(K, panelDepth)` elements, one per thread.
    package static func multiply(
        _ x: Matrix, by weight: WeightMatrix, outputs: Range<Int>, into out: Matrix, accumulate: Bool, panel: Matrix
    ) {
        if let matrix = weight.inPlace {
            self.multiply(x, transposed: matrix.rows(outputs), into: out, accumulate: accumulate)
            return
        }
        var start = 0
        while start < weight.inputs {
            let depth = start..<min(start + self.panelDepth, weight.inputs)
            let piece = panel.reshaped(rows: outputs.count, columns: depth.count)
            self.widen(weight.tensor, rows: outputs, columns: depth, into: piece)
            self.multiply(
                x.columns(depth), transposed: piece, into: out, accumulate: accumulate || start > 0)
            start = depth.upperBound
        }
    }
}
