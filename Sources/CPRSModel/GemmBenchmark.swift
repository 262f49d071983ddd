internal import CPRSCore
internal import CPRSTensors

/// The rate of whole matrix products at the shapes of a model's layers, on all threads, with nothing between them.
protocol GemmBenchmark {
    /// 10⁹ operations per second over one pass through all shapes.
    func rate() -> Double
}

extension GemmBenchmark {
    /// Seconds of one call of `body`, after one that warms up.
    func seconds(_ body: () -> Void) -> Double {
        body()
        let start = ContinuousClock.now
        body()
        return (ContinuousClock.now - start).seconds
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
        /// How many matrices of a model it stands for.
        let count: Int
    }

    private let products: [Product]
    private let rows: Int
    private let pool: ComputePool
    private let out: MatrixStorage

    /// Packs random weights, one matrix for all of the same layout.
    ///
    /// - Parameter layouts: of all of a model's matrices.
    /// - Throws: `invalidArgument` if there is no memory for them.
    init(_ layouts: [PackedMatrix.Layout], rows: Int, pool: ComputePool) throws(CPRSError) {
        let depth = layouts.map(\.inputs).max() ?? 0
        let purpose = "the matrix product benchmark"
        let x = try MatrixStorage(rows: Self.blockRows, columns: depth, purpose: purpose)
        let norm = try MatrixStorage(rows: 1, columns: depth, purpose: purpose)
        x.matrix.fill(with: 0.5)
        norm.matrix.fill(with: 1)
        var counts: [PackedMatrix.Layout: Int] = [:]
        for layout in layouts { counts[Self.plain(layout), default: 0] += 1 }
        var products: [Product] = []
        for (layout, count) in counts {
            let random = try TensorView.random(
                name: "a weight", type: .bf16, shape: [layout.outputs, layout.inputs], seed: 1, scale: 0.1, pool: pool)
            let block = try ActivationBlock(rows: Self.blockRows, layouts: [layout], instructions: .best)
            let inputs = block.normalise(
                x.matrix.columns(0..<layout.inputs), weight: norm.matrix.columns(0..<layout.inputs), epsilon: 1e-6,
                for: layout)
            products.append(
                Product(
                    weight: try PackedMatrix(packing: [random], as: layout, pool: pool), inputs: inputs, block: block,
                    count: count))
        }
        self.products = products
        self.rows = (rows + Self.blockRows - 1) / Self.blockRows * Self.blockRows
        self.pool = pool
        let widest = counts.keys.map(\.outputs).max() ?? 0
        self.out = try MatrixStorage(rows: self.rows, columns: widest, purpose: purpose)
    }

    /// A gated pair as one matrix of both halves: the same product, without the activation.
    private static func plain(_ layout: PackedMatrix.Layout) -> PackedMatrix.Layout {
        PackedMatrix.Layout(
            outputs: layout.isGated ? 2 * layout.outputs : layout.outputs, inputs: layout.inputs,
            precision: layout.precision, group: layout.group)
    }

    func rate() -> Double {
        var (multiplyAdds, seconds) = (0, 0.0)
        for product in self.products {
            let layout = product.weight.layout
            multiplyAdds += product.count * layout.outputs * layout.inputs * self.rows
            seconds += Double(product.count) * self.seconds { self.multiply(product) }
        }
        return 2e-9 * Double(multiplyAdds) / seconds
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
