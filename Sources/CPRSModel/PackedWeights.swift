package import CPRSCore
package import CPRSTensors

/// A critic's weights in the kernels' packed layout: what a packed model file holds and what ``PackedBackend`` runs on.
package struct PackedWeights {
    /// One layer's weights.
    package struct Layer {
        /// `[1, D]`, before attention.
        package let attentionNorm: MatrixStorage
        /// `[(H + 2 KV) · HD, D]`: queries, keys, values.
        package let qkv: PackedMatrix
        /// `[1, (H + 2 KV) · HD]`.
        package let qkvBias: MatrixStorage
        /// `[D, H · HD]`.
        package let attentionOutput: PackedMatrix
        /// `[1, D]`, before the feed-forward block.
        package let feedForwardNorm: MatrixStorage
        /// A gated pair `[F, D]`.
        package let gateUp: PackedMatrix
        /// `[D, F]`.
        package let down: PackedMatrix

        package init(
            attentionNorm: MatrixStorage, qkv: PackedMatrix, qkvBias: MatrixStorage, attentionOutput: PackedMatrix,
            feedForwardNorm: MatrixStorage, gateUp: PackedMatrix, down: PackedMatrix
        ) {
            self.attentionNorm = attentionNorm
            self.qkv = qkv
            self.qkvBias = qkvBias
            self.attentionOutput = attentionOutput
            self.feedForwardNorm = feedForwardNorm
            self.gateUp = gateUp
            self.down = down
        }
    }

    package let layers: [Layer]
    /// `[V, D]`, as in the checkpoint; rows are widened when a token needs them.
    package let embedding: TensorView
    /// `[1, D]`.
    package let finalNorm: MatrixStorage
    /// `[4, D]`.
    package let labelHead: MatrixStorage
    /// `[1, 4]`.
    package let labelBias: MatrixStorage
    /// `[V, D]`; nil when the model has none, and then there are no tag logits.
    package let lmHead: TensorView?

    /// Of all packed matrices.
    var layouts: [PackedMatrix.Layout] {
        self.layers.flatMap { [$0.qkv.layout, $0.attentionOutput.layout, $0.gateUp.layout, $0.down.layout] }
    }

    /// int8 if any matrix is.
    package var precision: Precision { self.layouts.contains { $0.precision == .int8 } ? .int8 : .bf16 }

    /// Puts the weights of a layout together.
    ///
    /// - Parameters:
    ///   - tied: the embedding is used as the LM head.
    ///   - floats: gives an item of ``PackedModelLayout/Content/floats(_:)``; `packed` and `table` those of the others.
    init(
        _ layout: PackedModelLayout, tied: Bool,
        floats: (PackedModelLayout.Item) throws(CPRSError) -> MatrixStorage,
        packed: (PackedModelLayout.Item) throws(CPRSError) -> PackedMatrix,
        table: (PackedModelLayout.Item) throws(CPRSError) -> TensorView
    ) throws(CPRSError) {
        var layers: [Layer] = []
        for layer in layout.layers {
            layers.append(
                Layer(
                    attentionNorm: try floats(layer.attentionNorm), qkv: try packed(layer.qkv),
                    qkvBias: try floats(layer.qkvBias), attentionOutput: try packed(layer.attentionOutput),
                    feedForwardNorm: try floats(layer.feedForwardNorm), gateUp: try packed(layer.gateUp),
                    down: try packed(layer.down)))
        }
        self.layers = layers
        self.embedding = try table(layout.embedding)
        self.finalNorm = try floats(layout.finalNorm)
        self.labelHead = try floats(layout.labelHead)
        self.labelBias = try floats(layout.labelBias)
        if tied {
            self.lmHead = self.embedding
        } else if let item = layout.lmHead {
            self.lmHead = try table(item)
        } else {
            self.lmHead = nil
        }
    }

    /// Packs a checkpoint's weights in memory.
    ///
    /// - Parameters:
    ///   - tensors: the checkpoint's; ``Qwen2Tensors/check(_:in:)`` has approved them.
    ///   - pool: packs in parallel; the result does not depend on it.
    /// - Throws: `invalidArgument` if the packing is not possible or there is no memory for it; `modelUnusable` with the
    ///   tensor and index of a weight that is not finite.
    package init(
        packing tensors: [String: TensorView], config: Qwen2Config, as packing: Packing, pool: ComputePool
    ) throws(CPRSError) {
        func views(_ item: PackedModelLayout.Item) throws(CPRSError) -> [TensorView] {
            var views: [TensorView] = []
            for spec in item.sources {
                guard let tensor = tensors[spec.name] else { preconditionFailure("\(spec.name) was not checked") }
                try tensor.checkPackable(pool: pool)
                views.append(tensor)
            }
            return views
        }
        let hasLMHead = tensors[Qwen2Tensors(config).lmHead.name] != nil
        try self.init(
            PackedModelLayout(config, hasLMHead: hasLMHead, packing: packing), tied: config.tiedEmbeddings,
            floats: { (item) throws(CPRSError) in try MatrixStorage(joining: views(item)) },
            packed: { (item) throws(CPRSError) in
                try PackedMatrix(packing: views(item), as: item.packedLayout, pool: pool)
            },
            table: { (item) throws(CPRSError) in try views(item)[0] })
    }
}

extension TensorView {
    /// Checks that every element is finite in bfloat16.
    ///
    /// - Throws: `modelUnusable` with the first that is not.
    func checkPackable(pool: ComputePool) throws(CPRSError) {
        guard let bad = self.firstUnpackable(pool: pool) else { return }
        throw CPRSError(
            code: .modelUnusable,
            message: "\(self.name): element \(bad.index) is \(bad.value), which is not finite in bfloat16")
    }
}
