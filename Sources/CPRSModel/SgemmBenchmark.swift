internal import CPRSCore
internal import CPRSTensors

/// The rate of OpenBLAS itself, with its own threads, on whole matrices of one layer's shapes.
struct SgemmBenchmark: GemmBenchmark {
    /// One linear layer: `[rows, inputs]` times `[outputs, inputs]`ᵀ.
    private struct Shape {
        let inputs: Int
        let outputs: Int
    }

    private let shapes: [Shape]
    private let rows: Int
    private let threads: Int
    private let x: MatrixStorage
    private let weight: MatrixStorage
    private let out: MatrixStorage

    /// Reserves operands for the largest of the shapes.
    ///
    /// - Throws: `invalidArgument` if there is no memory for them.
    init(_ config: Qwen2Config, rows: Int, threads: Int) throws(CPRSError) {
        let shapes = [
            Shape(inputs: config.width, outputs: config.queryWidth),
            Shape(inputs: config.width, outputs: config.keyWidth),
            Shape(inputs: config.width, outputs: config.keyWidth),
            Shape(inputs: config.queryWidth, outputs: config.width),
            Shape(inputs: config.width, outputs: config.feedForwardWidth),
            Shape(inputs: config.width, outputs: config.feedForwardWidth),
            Shape(inputs: config.feedForwardWidth, outputs: config.width),
        ]
        func largest(_ value: (Shape) -> Int) -> Int { shapes.map(value).max() ?? 0 }
        let purpose = "the matrix product benchmark"
        self.x = try MatrixStorage(rows: rows, columns: largest(\.inputs), purpose: purpose)
        self.weight = try MatrixStorage(rows: 1, columns: largest { $0.inputs * $0.outputs }, purpose: purpose)
        self.out = try MatrixStorage(rows: rows, columns: largest(\.outputs), purpose: purpose)
        self.shapes = shapes
        self.rows = rows
        self.threads = threads
        self.x.matrix.fill(with: 0.5)
        self.weight.matrix.fill(with: 0.25)
    }

    func rate() -> Double {
        Kernels.setThreadsPerProduct(self.threads)
        // The forward pass multiplies on one thread per block; see ComputePool.
        defer { Kernels.setThreadsPerProduct(1) }
        let multiplyAdds = self.shapes.reduce(0) { $0 + $1.inputs * $1.outputs * self.rows }
        return 2e-9 * Double(multiplyAdds) / self.seconds { self.multiplyAll() }
    }

    private func multiplyAll() {
        for shape in self.shapes {
            Kernels.multiply(
                self.x.matrix.reshaped(rows: self.rows, columns: shape.inputs),
                transposed: self.weight.matrix.reshaped(rows: shape.outputs, columns: shape.inputs),
                into: self.out.matrix.reshaped(rows: self.rows, columns: shape.outputs))
        }
    }
}
