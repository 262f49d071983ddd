package import CPRSCore
package import CPRSTensors

/// A critic's weights in the kernels' packed layout: what a packed model file holds and what ``PackedBackend`` runs on.
package struct PackedWeights {
    /// How the linear layers are packed.
    package struct Recipe: Hashable, Sendable {
        /// bf16 or int8.
        package var precision: Precision
        /// int8: inputs that share a scale, a multiple of 16; 0 if all inputs of an output do.
        package var group: Int

        package init(precision: Precision, group: Int = 0) {
            self.precision = precision
            self.group = group
        }
    }

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

    /// int8 if any matrix is.
    package var precision: Precision {
        let matrices = self.layers.flatMap { [$0.qkv, $0.attentionOutput, $0.gateUp, $0.down] }
        return matrices.contains { $0.layout.precision == .int8 } ? .int8 : .bf16
    }

    package init(
        layers: [Layer], embedding: TensorView, finalNorm: MatrixStorage, labelHead: MatrixStorage,
        labelBias: MatrixStorage, lmHead: TensorView?
    ) {
        self.layers = layers
        self.embedding = embedding
        self.finalNorm = finalNorm
        self.labelHead = labelHead
        self.labelBias = labelBias
        self.lmHead = lmHead
    }

    /// Packs a checkpoint's weights in memory.
    ///
    /// - Parameters:
    ///   - tensors: the checkpoint's; ``Qwen2Tensors/check(_:in:)`` has approved them.
    ///   - pool: packs in parallel; the result does not depend on it.
    /// - Throws: `invalidArgument` if the recipe's group is out of range or there is no memory for it.
    package init(
        packing tensors: [String: TensorView], config: Qwen2Config, recipe: Recipe, pool: ComputePool
    ) throws(CPRSError) {
        guard recipe.group >= 0, recipe.group.isMultiple(of: 16) else {
            throw CPRSError(
                code: .invalidArgument, message: "group must be 0 or a multiple of 16 (got \(recipe.group))")
        }
        let names = Qwen2Tensors(config)
        func view(_ spec: TensorSpec) -> TensorView {
            guard let tensor = tensors[spec.name] else { preconditionFailure("\(spec.name) was not checked") }
            return tensor
        }
        func vector(_ spec: TensorSpec) throws(CPRSError) -> MatrixStorage { try MatrixStorage(widening: view(spec)) }
        func packed(
            _ specs: [TensorSpec], outputs: Int, inputs: Int, isGated: Bool = false
        ) throws(CPRSError) -> PackedMatrix {
            let layout = PackedMatrix.Layout(
                outputs: outputs, inputs: inputs, precision: recipe.precision, group: recipe.group, isGated: isGated)
            return try PackedMatrix(packing: specs.map(view), as: layout, pool: pool)
        }
        let attentionWidth = config.queryWidth + 2 * config.keyWidth
        var layers: [Layer] = []
        for layer in names.layers {
            let bias = try MatrixStorage(rows: 1, columns: attentionWidth, purpose: "the q, k and v biases")
            bias.matrix.fill(from: [layer.queryBias, layer.keyBias, layer.valueBias].flatMap { view($0).floats() })
            layers.append(
                Layer(
                    attentionNorm: try vector(layer.attentionNorm),
                    qkv: try packed(
                        [layer.query, layer.key, layer.value], outputs: attentionWidth, inputs: config.width),
                    qkvBias: bias,
                    attentionOutput: try packed(
                        [layer.attentionOutput], outputs: config.width, inputs: config.queryWidth),
                    feedForwardNorm: try vector(layer.feedForwardNorm),
                    gateUp: try packed(
                        [layer.gate, layer.up], outputs: config.feedForwardWidth, inputs: config.width, isGated: true),
                    down: try packed([layer.down], outputs: config.width, inputs: config.feedForwardWidth)))
        }
        self.init(
            layers: layers, embedding: view(names.embedding), finalNorm: try vector(names.finalNorm),
            labelHead: try vector(names.labelHead), labelBias: try vector(names.labelBias),
            lmHead: config.tiedEmbeddings ? view(names.embedding) : tensors[names.lmHead.name])
    }
}
