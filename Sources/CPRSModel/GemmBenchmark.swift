internal import CPRSCore
internal import CPRSTensors

/// The rate of whole matrix products at the shapes of one of a model's layers, on all threads, with nothing between them.
protocol GemmBenchmark {
    /// 10⁹ operations per second over one pass through all shapes.
    func rate() -> Double
}

extension GemmBenchmark {
    /// Times one call of `body`, which multiplies and adds `multiplyAdds` times, after one that warms up.
    func rate(multiplyAdds: Int, _ body: () -> Void) -> Double {
        body()
        let start = ContinuousClock.now
        body()
        return 2e-9 * Double(multiplyAdds) / (ContinuousClock.now - start).seconds
    }
}

/// Our own products with packed weights, float32 results.
struct PackedGemmBenchmark: GemmBenchmark {
    /// Rows and panels of one block. All blocks multiply the same rows of inputs, which are in a cache as they are in the
    /// forward pass, where they were made just before.
    private static let blockRows = 96
    private static let blockPanels = 16

    private struct Product {
        let weight: PackedMatrix
        let inputs: ProductInputs
        let block: ActivationBlock
    }

    private let products: [Product]
    private let rows: Int
    private let pool: ComputePool
    private let out: MatrixStorage

    /// Packs random weights of one layer's shapes.
    ///
    /// - Throws: `invalidArgument` if there is no memory for them.
    init(_ config: Qwen2Config, recipe: PackedWeights.Recipe, rows: Int, pool: ComputePool) throws(CPRSError) {
        let shapes = [
            (inputs: config.width, outputs: config.queryWidth + 2 * config.keyWidth),
            (inputs: config.queryWidth, outputs: config.width),
            (inputs: config.width, outputs: 2 * config.feedForwardWidth),
            (inputs: config.feedForwardWidth, outputs: config.width),
        ]
        let depth = shapes.map(\.inputs).max() ?? 0
        let purpose = "the matrix product benchmark"
        let x = try MatrixStorage(rows: Self.blockRows, columns: depth, purpose: purpose)
        let norm = try MatrixStorage(rows: 1, columns: depth, purpose: purpose)
        x.matrix.fill(with: 0.5)
        norm.matrix.fill(with: 1)
        var products: [Product] = []
        for shape in shapes {
            let layout = PackedMatrix.Layout(
                outputs: shape.outputs, inputs: shape.inputs, precision: recipe.precision, group: recipe.group)
            let random = try TensorView.random(
                name: "a weight", type: .bf16, shape: [shape.outputs, shape.inputs], seed: 1, scale: 0.1, pool: pool)
            let block = try ActivationBlock(rows: Self.blockRows, layouts: [layout], instructions: .best)
            products.append(
                Product(
                    weight: try PackedMatrix(packing: [random], as: layout, pool: pool),
                    inputs: block.normalise(
                        x.matrix.columns(0..<shape.inputs), weight: norm.matrix.columns(0..<shape.inputs),
                        epsilon: 1e-6, for: layout),
                    block: block))
        }
        self.products = products
        self.rows = (rows + Self.blockRows - 1) / Self.blockRows * Self.blockRows
        self.pool = pool
        let widest = shapes.map(\.outputs).max() ?? 0
        self.out = try MatrixStorage(rows: self.rows, columns: widest, purpose: purpose)
    }

    func rate() -> Double {
        let work = self.products.reduce(0) { $0 + $1.weight.layout.outputs * $1.weight.layout.inputs } * self.rows
        return self.rate(multiplyAdds: work) { for product in self.products { self.multiply(product) } }
    }

    private func multiply(_ product: Product) {
        let layout = product.weight.layout
        let out = self.out.matrix.reshaped(rows: self.rows, columns: layout.outputs)
        let rowBlocks = self.rows / Self.blockRows
        let panelBlocks = (layout.panels + Self.blockPanels - 1) / Self.blockPanels
        self.pool.run(rowBlocks * panelBlocks) { index, _ in
            let row = index % rowBlocks * Self.blockRows
            let panel = index / rowBlocks * Self.blockPanels
            Kernels.multiply(
                product.inputs, by: product.weight, panels: panel..<min(panel + Self.blockPanels, layout.panels),
                into: out.rows(row..<row + Self.blockRows), instructions: .best)
        }
    }
}
